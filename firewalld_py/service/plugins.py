"""Helpers that other packages bring along: found by their entry points, checked, and guarded.

A package announces each of its helpers in the group `firewalld_py.helpers`, under the helper's
name: a subclass of Helper, or whatever else gives one when it is called without arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from firewalld_py.conntrack.expectation import Policy
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Helper, Readable
from firewalld_py.conntrack.helpers.control_ports import OF_MODULE
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP
from firewalld_py.policy.names import HELPER_NAME
from firewalld_py.service.plugin_guard import YEAR_S, GuardedHelper, Report, fault_words

GROUP: Final = "firewalld_py.helpers"
NAME: Final = re.compile(HELPER_NAME)
MAX_EXPECTED: Final = 255  # of one class, as NF_CT_EXPECT_MAX_CNT


class PluginError(Exception):
    """What is wrong with a helper that a package brings."""


def load_helpers(report: Report) -> list[Helper]:
    """The helpers of all installed packages; each that cannot be taken is reported and left out."""
    found: dict[str, Helper] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            found[point.name] = GuardedHelper(_loaded(point, found), report)
        except PluginError as error:
            report(point.name, f"of {_package(point)} is left out: {error}")
    return list(found.values())


def with_plugins(helpers: Iterable[Helper]) -> dict[str, Readable]:
    """What connections each helper can read, built in or not; for policy/, by name."""
    return {**READABLE, **{helper.name: helper.readable for helper in helpers}}


def _loaded(point: EntryPoint, others: Iterable[str]) -> Helper:
    """The helper of an entry point. Raises PluginError."""
    if point.name in READABLE or point.name in OF_MODULE:
        raise PluginError("a built-in helper has this name")
    if point.name in others:
        raise PluginError("another package has brought a helper of this name")
    try:
        helper = point.load()()
        _check(point.name, helper)
    except PluginError:
        raise
    except (Exception, SystemExit) as fault:
        raise PluginError(f"loading it raised {fault_words(fault)}") from fault
    assert isinstance(helper, Helper)
    return helper


def _check(name: str, helper: object) -> None:
    """Raises PluginError for a helper that the core could not work with."""
    if not isinstance(helper, Helper):
        raise PluginError(f"{GROUP} wants a Helper, and this gives a {type(helper).__name__}")
    if not NAME.fullmatch(name):
        raise PluginError("a name has 15 letters, digits, dots, - or _ at most")
    if helper.name != name:
        raise PluginError(f"the helper calls itself {helper.name!r:.40}")
    possible = {(version, p) for version in (IPV4, IPV6) for p in (IPPROTO_TCP, IPPROTO_UDP)}
    if not helper.readable or not frozenset(helper.readable) <= possible:
        raise PluginError("readable holds pairs of 4 or 6 and the number of TCP or UDP")
    if not helper.policies or not all(_is_bounded(policy) for policy in helper.policies):
        raise PluginError(f"each policy allows 1 to {MAX_EXPECTED} for at most a year")


def _is_bounded(policy: object) -> bool:
    return (
        isinstance(policy, Policy)
        and 1 <= policy.maximum <= MAX_EXPECTED
        and 0 < policy.timeout_s <= YEAR_S
    )


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
