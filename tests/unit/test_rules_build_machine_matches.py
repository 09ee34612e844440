"""Builders of the matches that know their machine: what a plan says, and what is no plan."""

from __future__ import annotations

import pytest

from firewalld_py.policy.compile import _ORDER
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.build_machine_matches import MACHINE_BUILDERS
from firewalld_py.rules.build_rule import PlanError
from firewalld_py.rules.machine import NEEDS_SOURCE_MAC, Machine
from firewalld_py.rules.matches_link import PacketTypeMatch, SourceMacMatch
from tests.plans import plan, rule


def test_link_matches_are_built_as_the_plan_says() -> None:
    mac = MACHINE_BUILDERS["source_mac"](True, ["020000000001"], Machine())
    assert isinstance(mac, SourceMacMatch)
    assert (mac.inverted, mac.addresses) == (True, frozenset([b"\2\0\0\0\0\1"]))
    machine = Machine()
    kind = MACHINE_BUILDERS["packet_type"](False, [2, 4], machine)
    assert isinstance(kind, PacketTypeMatch)
    assert (kind.types, kind.machine) == (6, machine)


def test_every_kind_has_a_place_in_the_order() -> None:
    assert set(MACHINE_BUILDERS) <= set(_ORDER)


def test_a_rule_set_needs_what_its_rules_need() -> None:
    assert build_ruleset(plan([rule("drop", ("packet_type", [2]))])).needs == 0
    asking = plan(prerouting=[rule("drop", ("!source_mac", ["020000000001"]))])
    assert build_ruleset(asking).needs == NEEDS_SOURCE_MAC
    asking = plan(chains={"filter/web": [rule("drop", ("source_mac", ["020000000001"]))]})
    assert build_ruleset(asking).needs == NEEDS_SOURCE_MAC


@pytest.mark.parametrize(
    "match",
    [
        ("source_mac", 5),
        ("source_mac", ["0200000000"]),
        ("source_mac", ["02000000000x"]),
        ("packet_type", ["two"]),
        ("packet_type", [8]),
        ("packet_type", None),
        ("src_type", None),
        ("dst_type", "x"),
        ("reverse_path", 1),
        ("reverse_path", [1]),
        ("time", None),
        ("time", [0, 1, 2]),
        ("time", [0, 1, 2, 3, 4, 5, True, 0, [["x", 1]]]),
    ],
)
def test_what_no_compiler_makes_is_refused(match: tuple[str, object]) -> None:
    with pytest.raises(PlanError):
        build_ruleset(plan([rule("drop", match)]))
