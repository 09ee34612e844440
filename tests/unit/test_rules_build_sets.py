"""From a plan to sets, through JSON; all at once or bit by bit."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from firewalld_py.rules.build import Plan, RulesetBuilder, build_ruleset
from firewalld_py.rules.build_rule import PlanError
from firewalld_py.rules.build_sets import MAX_SETS, SetsBuilder
from firewalld_py.rules.changes import Changes
from firewalld_py.rules.machine import NEEDS_SOURCE_MAC
from firewalld_py.rules.matches import Interfaces
from firewalld_py.rules.matches_sets import AddTarget, RemoveTarget, SetMatch
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.sets import ADDED
from tests.plans import a_set, networks, plan, rule

HOST = bytes((32,))


def built(a_plan: Plan) -> Ruleset:
    return build_ruleset(json.loads(json.dumps(a_plan)))


def octets(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def test_a_set_is_what_the_plan_says() -> None:
    elements = networks("10.0.0.0/8", "192.0.2.1", "fd00::/64")
    made = built(plan(sets={"b": a_set(*elements, maximum=5, lifetime=60.0, counters=True)}))
    of = made.sets["b"]
    assert (of.name, of.words, of.maximum, of.lifetime) == ("b", ["address"], 5, 60.0)
    assert of.counting
    assert of.static_count() == 3
    for text in ("10.1.1.1", "192.0.2.1", "fd00::1"):
        assert of.contains(octets(text), 0.0)
    assert not of.contains(octets("192.0.2.2"), 0.0)


def test_records_of_many_elements_come_in_one_piece() -> None:
    records = b"".join(packed + lengths for packed, lengths in networks("10.0.0.0/8", "11.0.0.0/8"))
    data = {**a_set(), "elements": [[4, records.hex()]]}
    assert built(plan(sets={"b": data})).sets["b"].static_count() == 2


def test_conditions_and_targets_speak_of_sets() -> None:
    a_rule = rule(
        "continue",
        ("!set", ["b", ["src"]]),
        targets=[
            ("add", ["b", ["src"], 60]),
            ("add", ["b", ["dst"], None]),
            ("remove", ["p", ["dst", "sport"]]),
        ],
    )
    sets = {"b": a_set(lifetime=7.0), "p": a_set(type_=("network", "port"))}
    made = built(plan([a_rule], sets=sets))
    (a_match,) = made.filter_forward.rules[0].matches
    assert isinstance(a_match, SetMatch)
    assert a_match.inverted
    assert a_match.the_set is made.sets["b"]
    targets = made.filter_forward.rules[0].targets
    assert targets is not None
    first, second, third = targets
    assert isinstance(first, AddTarget)
    assert isinstance(second, AddTarget)
    assert (first.lifetime, second.lifetime) == (60.0, 7.0)
    assert isinstance(third, RemoveTarget)
    assert third.the_set is made.sets["p"]


@pytest.mark.parametrize(
    "change",
    [
        {"type": ["adress"]},
        {"type": []},
        {"maximum": "many"},
        {"elements": [[4, "0a00000008ff"]]},
        {"elements": [[4, "0a00000108"]]},
        {"elements": [[4, "0a000000080a00000008"]]},
        {"elements": [[0, "08"]]},
    ],
)
def test_what_is_no_set_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        built(plan(sets={"b": {**a_set(), **change}}))


@pytest.mark.parametrize(
    "value",
    [
        ["b", ["sport"]],
        ["b", ["src", "dport"]],
        ["b", []],
        ["c", ["src"]],
        ["b", ["source"]],
        ["b"],
    ],
)
def test_a_condition_must_fit_its_set(value: Any) -> None:
    with pytest.raises(PlanError):
        built(plan([rule("accept", ("set", value))], sets={"b": a_set()}))
    with pytest.raises(PlanError):
        built(plan([rule("accept", targets=[("remove", value)])], sets={"b": a_set()}))


def test_elements_of_no_set_are_refused() -> None:
    with pytest.raises(PlanError):
        RulesetBuilder([], {}).put_elements("b", 4, b"\n\0\0\0\x08")
    with pytest.raises(PlanError):
        RulesetBuilder([], {}).declare_sets(["b"])


def test_sets_are_bounded() -> None:
    builder = SetsBuilder(Interfaces([], Changes()), Changes())
    for number in range(MAX_SETS):
        builder.declare(str(number), a_set())
    with pytest.raises(ValueError, match="too many"):
        builder.declare("one more", a_set())
    with pytest.raises(ValueError, match="twice"):
        builder.declare("1", a_set())


def test_a_rule_set_takes_over_what_was_added_to_the_one_before() -> None:
    before = built(plan(sets={"b": a_set(), "gone": a_set(), "other": a_set()}))
    for of in before.sets.values():
        assert of.add(octets("203.0.113.9"), HOST, 50.0, 0.0) == ADDED
    sets = {"b": a_set(maximum=1), "new": a_set(), "other": a_set(type_=("port",))}
    after = built(plan(sets=sets))
    after.carry_over(before)
    assert after.sets["b"].contains(octets("203.0.113.9"), 49.0)
    assert after.sets["new"].dynamic.count == after.sets["other"].dynamic.count == 0
    assert before.release(1_000_000)
    assert after.sets["b"].contains(octets("203.0.113.9"), 49.0)
    changes = after.interfaces.changes.count
    after.expire_elements(50.0, 10)
    assert after.sets["b"].dynamic.count == 0
    assert after.interfaces.changes.count == changes + 1


def test_the_static_elements_of_a_retired_rule_set_are_freed_bit_by_bit() -> None:
    pairs = [(bytes((10, 0, 0, n, 0, 53, 1, 17)), bytes((32, 16))) for n in range(30)]
    made = built(plan(sets={"p": a_set(*pairs, type_=("address", "port"))}))
    turns = 1
    while not made.release(10):
        turns += 1
    assert turns > 30 // 10
    assert made.sets["p"].static.slots == []


def test_a_rule_set_needs_source_macs_if_some_set_is_asked_for_one_or_given_one() -> None:
    sets = {"m": a_set(type_=("mac",)), "b": a_set()}
    asking = rule("drop", ("set", ["m", ["source_mac"]]))
    giving = rule("continue", targets=[("add", ["m", ["source_mac"], None])])
    assert built(plan([asking], sets=sets)).needs == NEEDS_SOURCE_MAC
    assert built(plan([giving], sets=sets)).needs == NEEDS_SOURCE_MAC
    assert built(plan([rule("drop", ("set", ["b", ["src"]]))], sets=sets)).needs == 0
