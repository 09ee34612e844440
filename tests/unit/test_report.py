"""What a worker tells of a decision: log lines and answers that are due."""

from __future__ import annotations

from typing import Final

from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.protocols import HOOK_INPUT
from firewalld_py.pipeline import Decision
from firewalld_py.rules.build import Plan
from firewalld_py.service.messages import RejectEvent
from firewalld_py.service.nfqueue import HEAD_OCTETS
from firewalld_py.service.report import log_events, reject_event
from tests import wire
from tests.plans import firewall, log, plan, rule

SYN: Final = wire.ip(wire.CLIENT4, wire.SERVER4, wire.TCP, wire.tcp("S", 1000, dport=23))
XMAS: Final = wire.ip(wire.CLIENT4, wire.SERVER4, wire.TCP, wire.tcp("FPU"))
META: Final = PacketMeta(HOOK_INPUT, in_index=2, out_index=3, mark=9)


def decided(a_plan: Plan, data: bytes = SYN) -> Decision:
    return firewall(a_plan).handle(data, META, 0.0)


def test_a_log_line_carries_all_that_is_known() -> None:
    a_rule = rule(
        "drop", name="no telnet", log=log("telnet ", level=5), targets=[("mark", [1, 0xFF])]
    )
    (event,) = log_events(decided(plan(input_=[a_rule])), 1700000000.5)
    assert (event.time, event.action, event.level, event.prefix) == (
        1700000000.5, "drop", 5, "telnet "
    )  # fmt: skip
    assert (event.table, event.chain, event.rule) == ("filter", "input", "no telnet")
    assert (event.file, event.line) == ("rules.yaml", 1)
    assert (event.state, event.direction, event.reason) == ("NEW", "original", "rule")
    assert (event.in_index, event.out_index, event.mark) == (2, 3, 1)
    assert (event.length, event.head, event.suppressed) == (len(SYN), SYN, 0)


def test_the_reason_of_an_invalid_packet_is_what_is_wrong_with_it() -> None:
    (event,) = log_events(decided(plan(input_=[rule("drop", log=log())]), XMAS), 0.0)
    assert (event.state, event.reason) == ("INVALID", "tcp_flags")


def test_a_rule_that_only_logs_says_what_became_of_the_packet() -> None:
    rules = [rule("continue", log=log("seen ")), rule("reject", log=log("no "))]
    events = log_events(decided(plan(input_=rules)), 0.0)
    assert [(event.prefix, event.action) for event in events] == [
        ("seen ", "reject"), ("no ", "reject")
    ]  # fmt: skip
    (event,) = log_events(decided(plan(input_=[rule("continue", log=log())])), 0.0)
    assert event.action == "accept"


def test_a_raw_line_has_its_own_table_and_action() -> None:
    raw = [rule("notrack", log=log())]
    (event,) = log_events(decided(plan(policy="drop", prerouting=raw)), 0.0)
    assert (event.table, event.chain, event.action) == ("raw", "prerouting", "notrack")
    assert event.state == "UNTRACKED"


def test_a_packet_that_raw_dropped_has_no_state() -> None:
    (event,) = log_events(decided(plan(prerouting=[rule("drop", log=log())])), 0.0)
    assert (event.state, event.action) == ("", "drop")


def test_the_number_of_suppressed_lines_is_told() -> None:
    judge = firewall(plan(input_=[rule("drop", log=log(rate=1.0, burst=1))]))
    decisions = [judge.handle(SYN, META, now) for now in (0.0, 0.0, 0.0, 5.0)]
    told = [[event.suppressed for event in log_events(entry, 0.0)] for entry in decisions]
    assert told == [[0], [], [], [2]]


def test_of_a_long_packet_the_head_is_told() -> None:
    long = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(bytes(4000)))
    (event,) = log_events(decided(plan(input_=[rule("drop", log=log())]), long), 0.0)
    assert (event.length, event.head) == (len(long), long[:HEAD_OCTETS])


def test_nothing_to_log_is_no_event() -> None:
    assert log_events(decided(plan()), 0.0) == []


def test_a_reject_tells_what_to_answer_and_to_what() -> None:
    reject = {"with": "tcp-reset", "rate": 1.0, "burst": 1}
    decision = decided(plan(input_=[rule("reject", reject=reject)]))
    assert reject_event(decision) == RejectEvent("tcp-reset", HOOK_INPUT, 2, 3, SYN)
