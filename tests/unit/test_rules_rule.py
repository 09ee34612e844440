"""A rule by itself: whether packets meet it, and whether all of a connection fare alike."""

from __future__ import annotations

from typing import Any

import pytest

from firewalld_py.conntrack.connection import ESTABLISHED, INVALID, NEW, CtInfo
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.rule import Rule
from tests import wire
from tests.plans import log, plan, rule, template

QUESTION = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(dport=53))
TO_53 = ("dport", [[53, 53]])
TO_80 = ("dport", [[80, 80]])
MARKED = ("mark", [[1, 1]])


def made(a_rule: Plan) -> Rule:
    return build_ruleset(plan([a_rule])).filter_forward.rules[0]


def is_met(a_rule: Plan, mark: int = 0) -> bool:
    return made(a_rule).is_met(parse(QUESTION, PacketMeta()), CtInfo(NEW), mark)


def test_all_conditions_have_to_be_met() -> None:
    assert is_met(rule("drop"))
    assert is_met(rule("drop", TO_53, ("proto", [17])))
    assert not is_met(rule("drop", TO_53, ("proto", [6])))
    assert is_met(rule("drop", TO_53, MARKED), mark=1)
    assert not is_met(rule("drop", TO_53, MARKED))


@pytest.mark.parametrize(
    ("a_rule", "lets"),
    [
        (rule("accept", ("state", ESTABLISHED)), True),
        (rule("drop", ("state", ESTABLISHED | INVALID)), True),
        (rule("accept", ("!state", NEW)), True),
        (rule("accept", ("!state", ESTABLISHED)), False),
        (rule("accept", ("state", NEW)), False),
        (rule("continue", ("state", ESTABLISHED)), False),
        (rule("accept", ("state", ESTABLISHED), TO_53), False),
        (rule("accept"), False),
    ],
)
def test_answers_are_let_through_by_a_rule_that_asks_for_nothing_else(
    a_rule: Plan, lets: bool
) -> None:
    assert made(a_rule).lets_answers_through() == lets


@pytest.mark.parametrize(
    ("more", "steady"),
    [
        ({}, True),
        ({"targets": [("mark", [1, 1])]}, False),
        ({"log": log("x")}, False),
        ({"template": template(zone=1)}, False),
    ],
)
def test_a_rule_is_steady_that_does_nothing_but_judge(more: dict[str, Any], steady: bool) -> None:
    assert made(rule("accept", TO_53, **more)).is_steady() == steady
    assert not made(rule("accept", MARKED, **more)).is_steady()


def test_whether_others_of_a_connection_may_meet_it_is_asked_of_steady_conditions() -> None:
    packet, info = parse(QUESTION, PacketMeta()), CtInfo(ESTABLISHED)
    assert made(rule("drop", TO_53, MARKED)).may_be_met(packet, info)
    assert not made(rule("drop", TO_80, MARKED)).may_be_met(packet, info)
