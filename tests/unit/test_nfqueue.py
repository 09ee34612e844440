"""The queue's callback: every packet gets its verdict, in batches where they are equal."""

from __future__ import annotations

import traceback
from typing import Final

import pytest
from scapy.layers.inet import IP, fragment

from firewalld_py.packet.protocols import HOOK_FORWARD
from firewalld_py.packet.reasons import INTERNAL_ERROR, REASON_NAMES
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.machine import NEEDS_SOURCE_MAC
from firewalld_py.rules.matches import Match
from firewalld_py.rules.verdicts import ACCEPT, DROP
from firewalld_py.service.nfqueue import MAX_EVENTS, Judge
from tests import wire
from tests.plans import firewall, log, plan, rule

COPY_RANGE: Final = 2048
TO_80: Final = ("dport", [[80, 80]])
TO_53: Final = ("dport", [[53, 53]])


class Queue:
    """The kernel's side as the judge sees it: verdicts in the order in which they were given."""

    def __init__(self) -> None:
        self.verdicts: list[tuple[str, int, int]] = []  # how, packet id, verdict or mark
        self.faults: list[str] = []

    def send_batch(self, packet_id: int, verdict: int) -> None:
        self.verdicts.append(("batch", packet_id, verdict))

    def send_one(self, packet_id: int, verdict: int, mark: int) -> None:
        self.verdicts.append(("one", packet_id, verdict))
        if mark >= 0:
            self.verdicts.append(("mark", packet_id, mark))

    def report_fault(self, fault: Exception) -> None:
        self.faults.append(traceback.format_exc())


class Waiting:
    """One packet that waits in the queue."""

    def __init__(
        self, packet_id: int, data: bytes, mark: int = 0, hardware: bytes | None = None
    ) -> None:
        self._data = data
        self._hardware = hardware
        self.asked = 0  # how often its hardware address was asked for
        self.id = packet_id
        self.hook = HOOK_FORWARD
        self.indev = 2
        self.outdev = 3
        self.mark = mark

    def get_payload(self) -> bytes:
        return self._data

    def get_hw(self) -> bytes | None:
        self.asked += 1
        return self._hardware


class Bench:
    """A judge over rules, and packets numbered as they come."""

    def __init__(self, a_plan: Plan, fail_verdict: int = DROP, batch: int = 64) -> None:
        self.queue = Queue()
        self.firewall: Firewall = firewall(a_plan)
        self.judge = Judge(self.firewall, self.queue, self.queue, fail_verdict, COPY_RANGE, batch)
        self._last_id = 0

    def send(self, *ports: int, mark: int = 0, size: int = 0) -> None:
        """One UDP packet to each of the ports."""
        for port in ports:
            self._last_id += 1
            datagram = wire.udp(bytes(size), sport=1000 + self._last_id, dport=port)
            data = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, datagram)
            self.judge.judge(Waiting(self._last_id, data[:COPY_RANGE], mark))

    def send_data(self, data: bytes) -> None:
        """One packet as it stands."""
        self._last_id += 1
        self.judge.judge(Waiting(self._last_id, data))


def fragments(dport: int, octets: int = 48) -> list[bytes]:
    """A datagram in pieces of 24 octets."""
    whole = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(bytes(octets), dport=dport))
    return [bytes(piece) for piece in fragment(IP(whole), fragsize=24)]  # type: ignore[no-untyped-call]


def test_fragments_get_the_verdict_of_their_datagram_one_by_one() -> None:
    bench = Bench(plan([rule("drop", TO_53)]))
    for data in fragments(80):
        bench.send_data(data)
    bench.judge.flush()
    assert bench.queue.verdicts == [("one", 1, ACCEPT), ("one", 2, ACCEPT), ("batch", 3, ACCEPT)]
    for data in fragments(53):
        bench.send_data(data)
    bench.judge.flush()
    assert bench.queue.verdicts[3:] == [("one", 4, DROP), ("one", 5, DROP), ("batch", 6, DROP)]


def test_held_fragments_neither_block_other_packets_nor_are_judged_by_their_batches() -> None:
    bench = Bench(plan())
    bench.send(80)
    first, *others = fragments(80)
    bench.send_data(first)
    assert bench.queue.verdicts == [("batch", 1, ACCEPT)]
    bench.send(80)
    assert bench.queue.verdicts[1:] == [("one", 3, ACCEPT)]
    for data in others:
        bench.send_data(data)
    bench.judge.flush()
    assert bench.queue.verdicts[2:] == [
        ("one", 2, ACCEPT),
        ("one", 4, ACCEPT),
        ("batch", 5, ACCEPT),
    ]
    bench.send(80)
    bench.judge.flush()
    assert bench.queue.verdicts[-1] == ("batch", 6, ACCEPT)


def test_fragments_whose_datagram_never_comes_whole_are_dropped_after_30_seconds() -> None:
    bench = Bench(plan())
    bench.send_data(fragments(80)[0])
    bench.judge.now = 29.9
    bench.judge.drop_stale_fragments()
    assert bench.queue.verdicts == []
    bench.judge.now = 30.0
    bench.judge.drop_stale_fragments()
    assert bench.queue.verdicts == [("one", 1, DROP)]
    assert not bench.judge.held


def test_an_overlap_drops_all_that_was_held() -> None:
    bench = Bench(plan())
    first, second, _third = fragments(80)
    bench.send_data(first)
    overlapping = bytearray(second)
    overlapping[7] -= 1
    bench.send_data(bytes(overlapping))
    bench.judge.drop_stale_fragments()
    assert bench.queue.verdicts == [("one", 2, DROP), ("one", 1, DROP)]


def test_equal_verdicts_wait_and_go_as_one_batch() -> None:
    bench = Bench(plan())
    bench.send(80, 80, 80)
    assert bench.queue.verdicts == []
    bench.judge.flush()
    assert bench.queue.verdicts == [("batch", 3, ACCEPT)]


def test_a_batch_that_is_full_goes_at_once() -> None:
    bench = Bench(plan(), batch=2)
    bench.send(80, 80, 80)
    assert bench.queue.verdicts == [("batch", 2, ACCEPT)]
    bench.judge.flush()
    assert bench.queue.verdicts == [("batch", 2, ACCEPT), ("batch", 3, ACCEPT)]


def test_nothing_is_flushed_twice() -> None:
    bench = Bench(plan())
    bench.send(80)
    bench.judge.flush()
    bench.judge.flush()
    assert bench.queue.verdicts == [("batch", 1, ACCEPT)]


def test_a_different_verdict_flushes_those_before_it_because_a_batch_covers_all_ids() -> None:
    bench = Bench(plan([rule("drop", TO_53)]))
    bench.send(80, 80, 53, 80)
    assert bench.queue.verdicts == [("batch", 2, ACCEPT), ("batch", 3, DROP)]
    bench.judge.flush()
    assert bench.queue.verdicts[2:] == [("batch", 4, ACCEPT)]


def test_equal_drops_are_a_batch_too() -> None:
    bench = Bench(plan(policy="drop"))
    bench.send(80, 53, 80)
    bench.judge.flush()
    assert bench.queue.verdicts == [("batch", 3, DROP)]


def test_a_packet_with_a_new_mark_is_judged_by_itself_after_those_before_it() -> None:
    bench = Bench(plan([rule("accept", TO_53, targets=[("mark", [7, 0xFF])])]))
    bench.send(80, 53, 80)
    bench.judge.flush()
    assert bench.queue.verdicts == [
        ("batch", 1, ACCEPT),
        ("one", 2, ACCEPT),
        ("mark", 2, 7),
        ("batch", 3, ACCEPT),
    ]


def test_a_mark_that_stays_the_same_needs_no_verdict_of_its_own() -> None:
    bench = Bench(plan([rule("accept", TO_53, targets=[("mark", [7, 0xFF])])]))
    bench.send(53, mark=7)
    bench.judge.flush()
    assert bench.queue.verdicts == [("batch", 1, ACCEPT)]


def test_a_dropped_packet_needs_no_mark() -> None:
    bench = Bench(plan([rule("drop", TO_53, targets=[("mark", [7, 0xFF])])]))
    bench.send(53)
    bench.judge.flush()
    assert bench.queue.verdicts == [("batch", 1, DROP)]


def failing(*before: Plan) -> Bench:
    """A judge whose last rule raises for whatever comes to it."""
    bench = Bench(plan([*before, rule("accept", name="raises")]))
    bench.firewall.ruleset.filter_forward.rules[-1].matches.append(Match(False))
    return bench


def test_an_exception_gives_the_fail_verdict_is_counted_and_reported() -> None:
    bench = failing(rule("accept", TO_80))
    bench.send(80, 53, 80)
    bench.judge.flush()
    assert bench.queue.verdicts == [
        ("batch", 1, ACCEPT), ("batch", 2, DROP), ("batch", 3, ACCEPT)
    ]  # fmt: skip
    assert bench.judge.by_reason[INTERNAL_ERROR] == 1
    assert (bench.judge.packets, bench.judge.accepted, bench.judge.dropped) == (3, 2, 1)
    (fault,) = bench.queue.faults
    assert "NotImplementedError" in fault
    assert "handle" in fault


def test_an_exception_gives_accept_where_the_administrator_wants_to_fail_open() -> None:
    bench = failing()
    judge = Judge(bench.firewall, bench.queue, bench.queue, ACCEPT, COPY_RANGE, 64)
    bench.judge = judge
    bench.send(53, 53)
    judge.flush()
    assert bench.queue.verdicts == [("batch", 2, ACCEPT)]
    assert judge.by_reason[INTERNAL_ERROR] == 2


def test_a_packet_whose_octets_cannot_be_had_gets_the_fail_verdict() -> None:
    class Torn(Waiting):
        def get_payload(self) -> bytes:
            raise OSError("no payload")

    bench = Bench(plan())
    bench.judge.judge(Torn(1, b""))
    bench.judge.flush()
    assert bench.queue.verdicts == [("batch", 1, DROP)]
    assert "no payload" in bench.queue.faults[0]


def test_packets_octets_verdicts_and_reasons_are_counted() -> None:
    bench = Bench(plan([rule("drop", TO_53)]))
    bench.send(80, 53, 80)
    bench.judge.judge(Waiting(4, b"\x45"))
    judge = bench.judge
    assert (judge.packets, judge.accepted, judge.dropped) == (4, 3, 1)
    assert judge.octets == 3 * 28
    counted = {name: n for name, n in zip(REASON_NAMES, judge.by_reason, strict=True) if n}
    assert counted == {"policy": 3, "rule": 1, "ip_too_short": 1}


@pytest.mark.parametrize(("size", "state"), [(COPY_RANGE, "ok"), (100, "ok")])
def test_a_packet_that_is_longer_than_the_copy_range_is_whole_to_tracking(
    size: int, state: str
) -> None:
    bench = Bench(plan([rule("accept", log=log())]))
    bench.send(80, size=size)
    (decision,) = bench.judge.decisions
    assert decision.packet.length == 28 + size
    assert REASON_NAMES[decision.info.reason] == state


def test_a_packet_queued_before_the_copy_range_changed_may_be_cut_as_before() -> None:
    bench = Bench(plan([rule("accept", log=log())]))
    bench.judge.set_copy_range(65531)
    bench.send(80, size=COPY_RANGE)
    (decision,) = bench.judge.decisions
    assert REASON_NAMES[decision.info.reason] == "ok"
    assert decision.packet.meta.truncated


def test_a_packet_that_lies_about_its_length_is_found_out_though_it_is_short() -> None:
    bench = Bench(plan([rule("accept", log=log())]))
    lie = wire.ipv4(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(), total_length=1500)
    bench.judge.judge(Waiting(1, lie))
    (decision,) = bench.judge.decisions
    assert REASON_NAMES[decision.info.reason] == "ip_total_length"


def test_the_interfaces_the_hook_and_the_mark_are_those_of_the_queue() -> None:
    bench = Bench(plan([rule("accept", log=log())]))
    bench.send(80, mark=9)
    meta = bench.judge.decisions[0].packet.meta
    assert (meta.hook, meta.in_index, meta.out_index, meta.mark) == (HOOK_FORWARD, 2, 3, 9)


def test_only_what_has_something_to_tell_is_kept_and_no_more_than_there_is_room_for() -> None:
    silent = Bench(plan([rule("drop", TO_53)]))
    silent.send(80, 53)
    assert silent.judge.decisions == []
    loud = Bench(plan([rule("drop", log=log(rate=1e9, burst=10**9))]))
    loud.send(*[80] * (MAX_EVENTS + 3))
    assert (len(loud.judge.decisions), loud.judge.lost_events) == (MAX_EVENTS, 3)
    assert loud.judge.packets == MAX_EVENTS + 3


def test_a_reject_that_is_due_is_kept() -> None:
    bench = Bench(plan([rule("reject", reject={"with": "tcp-reset", "rate": 1.0, "burst": 1})]))
    bench.send(80, 80)
    assert [decision.reject_with for decision in bench.judge.decisions] == ["tcp-reset"]


def test_the_rules_may_be_replaced_between_two_packets() -> None:
    bench = Bench(plan())
    bench.send(80)
    bench.firewall.ruleset = build_ruleset(plan(policy="drop"))
    bench.send(80)
    bench.judge.flush()
    assert bench.queue.verdicts == [("batch", 1, ACCEPT), ("batch", 2, DROP)]


@pytest.mark.parametrize(
    ("hardware", "verdict"),
    [
        (bytes.fromhex("020000000001") + b"\0\0", DROP),
        (bytes.fromhex("020000000001") + b"\7\7", DROP),  # what stands behind it does not count
        (bytes.fromhex("020000000002") + b"\0\0", ACCEPT),
        (bytes(8), ACCEPT),  # the loopback interface
        (None, ACCEPT),  # a link without addresses
    ],
)
def test_the_source_mac_is_taken_from_the_queue_where_rules_ask_for_it(
    hardware: bytes | None, verdict: int
) -> None:
    bench = Bench(plan([rule("drop", ("source_mac", ["020000000001"]))]))
    assert bench.firewall.ruleset.needs == NEEDS_SOURCE_MAC
    bench.judge.asks_source_mac = True
    packet = Waiting(1, wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp()), 0, hardware)
    bench.judge.judge(packet)
    bench.judge.flush()
    assert bench.queue.verdicts == [("batch", 1, verdict)]


def test_the_source_mac_costs_nothing_where_no_rule_asks_for_it() -> None:
    bench = Bench(plan([rule("drop", TO_53)]))
    assert bench.firewall.ruleset.needs == 0
    packet = Waiting(1, wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp()), 0, bytes(8))
    bench.judge.judge(packet)
    assert packet.asked == 0
