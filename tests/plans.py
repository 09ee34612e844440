"""Plans (what policy/compile.py hands to rules/build.py) in a few words, for tests."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.build import Plan, build_ruleset


def rule(
    verdict: str,
    *matches: tuple[str, Any],
    name: str = "",
    targets: Sequence[tuple[str, Any]] = (),
    **more: Any,
) -> Plan:
    """One rule; a match is (kind, value), inverted if the kind begins with "!".

    `targets` are (kind, value); `more` are the plan's log, template, reject and chain.
    """
    assert more.keys() <= {"log", "template", "reject", "chain"}, more
    return {
        "name": name or verdict,
        "file": "rules.yaml",
        "line": 1,
        "match": [[kind.removeprefix("!"), kind.startswith("!"), value] for kind, value in matches],
        "log": None,
        "targets": [list(target) for target in targets],
        "template": None,
        "verdict": verdict,
        "reject": {"with": "port-unreachable", "rate": 50.0, "burst": 100}
        if verdict == "reject"
        else None,
        **more,
    }


def log(prefix: str = "", rate: float = 10.0, burst: int = 20, level: int = 4) -> Plan:
    """A rule's `log`."""
    return {"prefix": prefix, "level": level, "rate": rate, "burst": burst}


def template(
    zone: int | None = None, helper: str = "", timeouts: dict[str, int] | None = None
) -> Plan:
    """A raw rule's `template`; `zone` is None where it says nothing of it."""
    return {"zone": zone, "helper": helper, "timeouts": timeouts}


def plan(
    forward: list[Plan] | None = None,
    policy: str = "accept",
    *,
    prerouting: list[Plan] | None = None,
    raw_output: list[Plan] | None = None,
    input_: list[Plan] | None = None,
    output: list[Plan] | None = None,
    interfaces: list[str] | None = None,
    chains: dict[str, list[Plan]] | None = None,
    sets: dict[str, Plan] | None = None,
) -> Plan:
    """A whole plan with these rules; `policy` is that of all filter chains.

    `chains` are those that rules lead to, by places such as "filter/web"; `sets` are by name.
    """
    return {
        "interfaces": interfaces or [],
        "raw": {"prerouting": prerouting or [], "output": raw_output or []},
        "filter": {
            name: {"policy": policy, "rules": rules or []}
            for name, rules in (("input", input_), ("forward", forward), ("output", output))
        },
        "chains": chains or {},
        "sets": sets or {},
    }


def a_set(
    *elements: tuple[bytes, bytes],
    type_: tuple[str, ...] = ("address",),
    maximum: int = 65536,
    lifetime: float = 0.0,
    counters: bool = False,
) -> Plan:
    """A set; its static elements are octets and their lengths, in the order that sets want."""
    return {
        "type": list(type_),
        "maximum": maximum,
        "lifetime": lifetime,
        "counters": counters,
        "elements": [[len(packed), (packed + lengths).hex()] for packed, lengths in elements],
    }


def networks(*texts: str) -> list[tuple[bytes, bytes]]:
    """Addresses and networks as elements of a set."""
    parsed = [ipaddress.ip_network(text) for text in texts]
    return [(one.network_address.packed, bytes((one.prefixlen,))) for one in parsed]


def firewall(a_plan: Plan | None = None, settings: Settings | None = None) -> Firewall:
    """A firewall with an empty state table; without a plan it accepts everything."""
    return Firewall(build_ruleset(a_plan or plan()), Conntrack(settings or Settings()))
