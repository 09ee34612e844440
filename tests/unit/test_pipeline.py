"""The way of a packet: the five steps in their order, and all that a decision says."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import ESTABLISHED, INVALID, NEW, STATE_NAMES, UNTRACKED
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.protocols import HOOK_FORWARD, HOOK_INPUT, HOOK_OUTPUT, HOOK_PREROUTING
from firewalld_py.packet.reasons import REASON_NAMES
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.rules.build import build_ruleset
from tests import wire
from tests.plans import firewall, log, plan, rule, template

QUESTION: Final = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(dport=53))
ANSWER: Final = wire.ip(wire.SERVER4, wire.CLIENT4, wire.UDP, wire.udp(sport=53, dport=40000))
SYN: Final = wire.ip(wire.CLIENT4, wire.SERVER4, wire.TCP, wire.tcp("S", 1000, dport=23))
XMAS: Final = wire.ip(wire.CLIENT4, wire.SERVER4, wire.TCP, wire.tcp("FPU", dport=23))
TO_53: Final = ("dport", [[53, 53]])


def sent(to: Firewall, data: bytes, hook: int = HOOK_FORWARD, now: float = 0.0) -> Decision:
    return to.handle(data, PacketMeta(hook), now)


def said(decision: Decision) -> tuple[str, str]:
    return decision.verdict_name(), decision.reason_name()


def test_a_rule_decides() -> None:
    judge = firewall(plan([rule("accept", TO_53, name="dns")], policy="drop"))
    decision = sent(judge, QUESTION)
    assert said(decision) == ("accept", "rule")
    assert decision.rule is not None
    assert (decision.rule.name, decision.chain.table, decision.chain.name) == (
        "dns", "filter", "forward"
    )  # fmt: skip
    assert decision.info.state == NEW
    assert decision.packet.dport == 53


def test_the_policy_decides_what_no_rule_does() -> None:
    decision = sent(firewall(plan(policy="drop")), QUESTION)
    assert said(decision) == ("drop", "policy")
    assert decision.rule is None


@pytest.mark.parametrize(
    ("hook", "raw", "filter_"),
    [
        (HOOK_INPUT, "prerouting", "input"),
        (HOOK_FORWARD, "prerouting", "forward"),
        (HOOK_OUTPUT, "output", "output"),
        (HOOK_PREROUTING, "prerouting", "forward"),
    ],
)
def test_the_hook_says_which_chains_a_packet_goes_through(
    hook: int, raw: str, filter_: str
) -> None:
    judge = firewall(plan(policy="drop"))
    decision = sent(judge, QUESTION, hook)
    assert decision.chain.name == filter_
    hit = [chain for chain in judge.ruleset.chains() if chain.policy_hits]
    assert [(chain.table, chain.name) for chain in hit] == [("raw", raw), ("filter", filter_)]


def test_a_dropped_first_packet_leaves_no_connection_behind() -> None:
    judge = firewall(plan([rule("drop", TO_53)]))
    assert sent(judge, QUESTION).info.state == NEW
    assert judge.conntrack.table.size == 0
    assert sent(judge, ANSWER).info.state == NEW


def test_an_accepted_first_packet_leaves_one_and_its_answer_is_established() -> None:
    judge = firewall(plan([rule("accept", TO_53), rule("accept", ("state", ESTABLISHED))], "drop"))
    assert sent(judge, QUESTION).info.state == NEW
    decision = sent(judge, ANSWER)
    assert said(decision) == ("accept", "rule")
    assert decision.info.state == ESTABLISHED


def test_what_raw_drops_is_never_tracked_and_meets_no_filter_rule() -> None:
    judge = firewall(plan([rule("accept")], prerouting=[rule("drop", TO_53, name="early")]))
    decision = sent(judge, QUESTION)
    assert said(decision) == ("drop", "rule")
    assert (decision.chain.table, decision.chain.name) == ("raw", "prerouting")
    assert decision.rule is not None
    assert decision.rule.name == "early"
    assert decision.info.state not in STATE_NAMES
    assert judge.ruleset.filter_forward.rules[0].hits == 0


def test_what_raw_accepts_or_leaves_open_is_tracked() -> None:
    for verdict in ("accept", "continue"):
        judge = firewall(plan(prerouting=[rule(verdict), rule("drop", ("proto", [6]))]))
        assert sent(judge, QUESTION).info.state == NEW


def test_what_is_exempted_in_raw_is_untracked_whatever_is_wrong_with_it() -> None:
    judge = firewall(
        plan([rule("accept", ("state", UNTRACKED))], "drop", prerouting=[rule("notrack")])
    )
    for data in (QUESTION, ANSWER, XMAS, b"\x45", b""):
        decision = sent(judge, data)
        assert said(decision) == ("accept", "rule")
        assert decision.info.state == UNTRACKED
    assert judge.conntrack.table.size == 0


def test_an_invalid_packet_has_a_reason_and_rules_judge_it_like_any_other() -> None:
    rules = [rule("drop", ("state", INVALID), name="junk")]
    decision = sent(firewall(plan(rules)), XMAS)
    assert said(decision) == ("drop", "rule")
    assert REASON_NAMES[decision.info.reason] == "tcp_flags"
    decision = sent(firewall(plan()), XMAS)
    assert said(decision) == ("accept", "policy")
    assert REASON_NAMES[decision.info.reason] == "tcp_flags"


def test_a_mark_goes_from_the_packet_through_raw_and_filter_into_the_decision() -> None:
    judge = firewall(
        plan(
            [rule("accept", ("mark", [[0x113, 0xFFF]]), targets=[("mark", [0x4000, 0xF000])])],
            "drop",
            prerouting=[rule("continue", ("mark", [[3, 0xF]]), targets=[("mark", [0x110, 0xFF0])])],
        )
    )
    decision = judge.handle(QUESTION, PacketMeta(mark=0x0003), 0.0)
    assert (said(decision), decision.mark) == (("accept", "rule"), 0x4113)


def test_a_mark_is_the_packets_and_not_the_connections() -> None:
    judge = firewall(plan([rule("continue", TO_53, targets=[("mark", [1, 1])])]))
    assert sent(judge, QUESTION).mark == 1
    assert sent(judge, ANSWER).mark == 0


def test_a_reject_is_a_drop_that_is_answered_as_often_as_its_limit_allows() -> None:
    limited = {"with": "tcp-reset", "rate": 1.0, "burst": 2}
    judge = firewall(plan([rule("reject", reject=limited)]))
    answered = []
    for now in (0.0, 0.0, 0.0, 0.5, 1.0):
        decision = sent(judge, SYN, now=now)
        assert (decision.verdict, said(decision)) == (0, ("reject", "rule"))
        answered.append(decision.reject_with)
    assert answered == ["tcp-reset", "tcp-reset", "", "", "tcp-reset"]
    assert judge.conntrack.table.size == 0


def test_log_lines_of_both_tables_come_with_their_chains_in_order() -> None:
    judge = firewall(
        plan(
            [rule("continue", log=log("b ")), rule("drop", log=log("c "))],
            prerouting=[rule("continue", log=log("a "))],
        )
    )
    decision = sent(judge, QUESTION)
    assert decision.logs is not None
    lines = [(chain.table, hit.rule.log.prefix) for chain, hit in decision.logs if hit.rule.log]
    assert lines == [("raw", "a "), ("filter", "b "), ("filter", "c ")]
    assert sent(firewall(plan([rule("drop")])), QUESTION).logs is None


def test_a_raw_drop_is_logged_once() -> None:
    judge = firewall(plan(prerouting=[rule("drop", log=log())]))
    logs = sent(judge, QUESTION).logs
    assert logs is not None
    assert len(logs) == 1


def test_a_helper_that_raw_assigns_is_the_new_connections() -> None:
    judge = firewall(plan(prerouting=[rule("continue", template=template(helper="ftp"))]))
    connection = sent(judge, tcp("S", 1, 0)).info.connection
    assert connection is not None
    assert connection.helper() == "ftp"


def tcp(flags: str, seq: int, ack: int, *, reply: bool = False) -> bytes:
    ends, ports = (wire.CLIENT4, wire.SERVER4), (40000, 80)
    if reply:
        ends, ports = ends[::-1], ports[::-1]
    octets = wire.tcp(flags, seq, ack, sport=ports[0], dport=ports[1])
    return wire.ip(*ends, wire.TCP, octets)


def test_a_full_table_makes_invalid_what_would_open_a_connection_and_the_others_go_on() -> None:
    judge = firewall(plan([rule("drop", ("state", INVALID))]), Settings(maximum=1))
    for segment in (tcp("S", 1, 0), tcp("SA", 9, 2, reply=True), tcp("A", 2, 10)):
        assert said(sent(judge, segment)) == ("accept", "policy")
    decision = sent(judge, QUESTION)
    assert (said(decision), REASON_NAMES[decision.info.reason]) == (("drop", "rule"), "table_full")
    assert said(sent(judge, tcp("A", 10, 2, reply=True))) == ("accept", "policy")


def test_a_rule_set_is_replaced_between_two_packets_and_connections_stay() -> None:
    judge = firewall(plan([rule("accept", TO_53)], "drop"))
    assert said(sent(judge, QUESTION)) == ("accept", "rule")
    judge.ruleset = build_ruleset(plan([rule("accept", ("state", ESTABLISHED))], "drop"))
    assert said(sent(judge, SYN)) == ("drop", "policy")
    assert said(sent(judge, ANSWER)) == ("accept", "rule")


@pytest.mark.parametrize("data", [b"", b"\x45", b"\x60" * 40, bytes(60), b"\xff" * 1500])
def test_octets_that_are_no_packet_are_invalid_and_judged(data: bytes) -> None:
    decision = sent(firewall(plan([rule("drop", ("state", INVALID))])), data)
    assert said(decision) == ("drop", "rule")
    assert REASON_NAMES[decision.info.reason] != "ok"


@pytest.mark.parametrize("hook", [HOOK_INPUT, HOOK_FORWARD])
def test_a_datagram_that_came_in_fragments_is_still_one_as_a_whole(hook: int) -> None:
    judge = firewall(plan(prerouting=[rule("drop", ("fragment", True), TO_53)]))
    whole = wire.udp(bytes(40), dport=53)
    pieces = [
        wire.ipv4(wire.CLIENT4, wire.SERVER4, wire.UDP, whole[:24], fragment=0x2000),
        wire.ipv4(wire.CLIENT4, wire.SERVER4, wire.UDP, whole[24:], fragment=3),
    ]
    assert sent(judge, pieces[0], hook).held
    decision = sent(judge, pieces[1], hook)
    assert said(decision) == ("drop", "rule")
    assert (decision.packet.was_fragmented, decision.packet.fragment) == (True, False)
    assert said(sent(judge, QUESTION, hook)) == ("accept", "policy")
