"""The engine: the order of its questions, what it enters and when, expectations and helpers.

What it says of whole exchanges is in the traces of tests/cases.
"""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import (
    CONFIRMED,
    DYING,
    ESTABLISHED,
    EXPECTED,
    INVALID,
    NEW,
    ORIGINAL,
    RELATED,
    REPLY,
    SEEN_REPLY,
    UNTRACKED,
    Connection,
    CtInfo,
    Tallies,
    Tally,
    Template,
)
from firewalld_py.conntrack.engine import Conntrack, make_trackers
from firewalld_py.conntrack.expectation import EXPECTED as IS_EXPECTED
from firewalld_py.conntrack.expectation import Expectation, Policy
from firewalld_py.conntrack.helpers.base import IPV4, Call, Helper, Tables
from firewalld_py.conntrack.icmp import IcmpTracker
from firewalld_py.conntrack.tcp import TcpTracker
from firewalld_py.conntrack.tracker import Settings, Tracker
from firewalld_py.conntrack.udp import UdpTracker
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.protocols import HOOK_OUTPUT
from firewalld_py.packet.reasons import CHECKSUM, HELPER_COMMAND, OK, TABLE_FULL, UDP_LENGTH
from tests import wire
from tests.segments import datagram, segment

ALL: Final = 1 << 30


def accepted(conntrack: Conntrack, packet: Packet, now: float = 0.0, helper: str = "") -> CtInfo:
    """Track a packet and let it through."""
    info = conntrack.inspect(packet, now, Template(helper=helper))
    assert conntrack.confirm(info, packet, now) == OK
    return info


def connection_of(info: CtInfo) -> Connection:
    assert info.connection is not None
    return info.connection


def test_a_refusal_is_counted_and_seen_as_an_answer_before_the_connection_is_gone() -> None:
    conntrack = Conntrack(Settings())
    one = connection_of(accepted(conntrack, segment(ORIGINAL, "S", 1000)))
    refusal = segment(REPLY, "RA", 0, 1001)
    info = conntrack.inspect(refusal, 1.0)
    assert info.connection is one
    assert (one.reply_packets, one.reply_octets) == (1, refusal.length)
    assert one.status & SEEN_REPLY
    assert not conntrack.table.connections()


def test_each_protocol_has_its_tracker() -> None:
    trackers = make_trackers(Settings())
    assert len(trackers) == 256
    assert isinstance(trackers[6], TcpTracker)
    assert isinstance(trackers[17], UdpTracker)
    assert isinstance(trackers[136], UdpTracker)
    assert isinstance(trackers[1], IcmpTracker)
    assert isinstance(trackers[58], IcmpTracker)
    assert type(trackers[50]) is Tracker


def test_a_connection_is_in_the_table_only_after_its_first_packet_was_accepted() -> None:
    conntrack = Conntrack(Settings())
    info = conntrack.inspect(datagram(), 0.0)
    assert (info.state, conntrack.table.size) == (NEW, 0)
    assert not connection_of(info).status & CONFIRMED
    assert conntrack.inspect(datagram(REPLY), 0.0).state == NEW  # nobody asked, as yet
    assert conntrack.confirm(info, datagram(), 0.0) == OK
    assert connection_of(info).status & CONFIRMED
    answer = conntrack.inspect(datagram(REPLY), 0.0)
    assert (answer.state, answer.direction) == (ESTABLISHED, REPLY)
    assert answer.connection is info.connection


def test_a_fault_comes_first_and_is_the_reason() -> None:
    packet = parse(wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(length=1)), PacketMeta())
    info = Conntrack(Settings()).inspect(packet, 0.0)
    assert (info.state, info.reason, info.connection) == (INVALID, UDP_LENGTH, None)


def test_checksums_are_not_checked_in_what_this_machine_sends() -> None:
    # They are filled in by the network card, later.
    wrong = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(b"x"), checksum=0xDEAD)
    conntrack = Conntrack(Settings(checksum=True))
    assert conntrack.inspect(parse(wrong, PacketMeta()), 0.0).reason == CHECKSUM
    assert conntrack.inspect(parse(wrong, PacketMeta(HOOK_OUTPUT)), 0.0).state == NEW


def test_there_is_nothing_to_confirm_of_invalid_and_untracked_packets() -> None:
    conntrack = Conntrack(Settings())
    for state in (INVALID, UNTRACKED):
        assert conntrack.confirm(CtInfo(state), datagram(), 0.0) == OK
    assert conntrack.table.size == 0


def test_a_table_that_fills_up_meanwhile_is_full_at_the_end_too() -> None:
    conntrack = Conntrack(Settings(maximum=1))
    first = conntrack.inspect(datagram(sport=1), 0.0)
    second = conntrack.inspect(datagram(sport=2), 0.0)
    assert conntrack.confirm(first, datagram(sport=1), 0.0) == OK
    assert conntrack.confirm(second, datagram(sport=2), 0.0) == TABLE_FULL


def test_a_connection_that_is_past_its_deadline_makes_room() -> None:
    conntrack = Conntrack(Settings(maximum=1))
    accepted(conntrack, datagram(sport=1), 0.0)
    conntrack.expire(1.0, ALL)
    conntrack.expire(100.0, ALL)
    assert accepted(conntrack, datagram(sport=2), 100.0).state == NEW


def test_a_connection_that_its_packet_ended_is_not_entered_again() -> None:
    conntrack = Conntrack(Settings())
    accepted(conntrack, segment(ORIGINAL, "S", 1000))
    refusal = accepted(conntrack, segment(REPLY, "RA", 0, 1001))
    assert connection_of(refusal).status & DYING
    assert conntrack.table.size == 0


def test_tracking_counts_packets_and_octets_of_both_directions() -> None:
    conntrack = Conntrack(Settings())
    accepted(conntrack, datagram(payload=b"12"))
    accepted(conntrack, datagram(payload=b"12"))
    connection = connection_of(accepted(conntrack, datagram(REPLY, payload=b"1234")))
    assert (connection.original_packets, connection.original_octets) == (2, 60)
    assert (connection.reply_packets, connection.reply_octets) == (1, 32)


def test_the_same_flow_in_two_zones_is_two_connections() -> None:
    conntrack = Conntrack(Settings())
    inside, outside = Template(7), Template(8)
    first = conntrack.inspect(datagram(), 0.0, inside)
    assert conntrack.confirm(first, datagram(), 0.0) == OK
    assert connection_of(first).zone() == 7
    assert conntrack.inspect(datagram(REPLY), 0.0, outside).state == NEW
    assert conntrack.inspect(datagram(REPLY), 0.0).state == NEW
    assert conntrack.inspect(datagram(REPLY), 0.0, inside).state == ESTABLISHED


def test_an_error_is_about_the_connection_of_its_own_zone() -> None:
    conntrack = Conntrack(Settings())
    asked = datagram()
    assert conntrack.confirm(conntrack.inspect(asked, 0.0, Template(7)), asked, 0.0) == OK
    quoted = wire.icmp(3, 3, payload=asked.data)
    error = parse(wire.ip(wire.ROUTER4, wire.CLIENT4, wire.ICMP, quoted), PacketMeta())
    assert conntrack.inspect(error, 0.0, Template(7)).state == RELATED
    assert conntrack.inspect(error, 0.0).state == INVALID


def test_a_rules_timeouts_are_those_of_the_connections_that_its_packets_open() -> None:
    conntrack = Conntrack(Settings())
    short = Template(timeouts={"udp_timeout": 7})
    info = conntrack.inspect(datagram(), 0.0, short)
    assert conntrack.confirm(info, datagram(), 0.0) == OK
    assert connection_of(info).deadline == 7.0
    # From now on too, whatever rules say of a later packet.
    accepted(conntrack, datagram(REPLY), 3.0)
    assert connection_of(info).deadline == 10.0
    other = accepted(conntrack, datagram(sport=99), 0.0)
    conntrack.inspect(datagram(sport=99), 1.0, short)
    assert connection_of(other).deadline == 31.0


# --- expectations ---


POLICY: Final = Policy(4, 60.0)


def with_expectation(*ports: int, helper: str = "", mark: int = 0) -> tuple[Conntrack, Connection]:
    """A control connection, to port 21, that expects UDP from the client to each of the ports."""
    conntrack = Conntrack(Settings())
    control = segment(ORIGINAL, "S", 1000)
    master = connection_of(accepted(conntrack, control))
    master.mark = mark
    for port in ports:
        expectation = Expectation(master, b"", wire.SERVER4, wire.UDP, port, helper=helper)
        assert conntrack.expectations.expect(expectation, POLICY, 0.0) == IS_EXPECTED
    return conntrack, master


def test_an_expected_connection_is_related_until_it_is_answered_and_knows_its_master() -> None:
    conntrack, master = with_expectation(2000, mark=7)
    first = accepted(conntrack, datagram(dport=2000), 1.0)
    connection = connection_of(first)
    assert (first.state, first.direction) == (RELATED, ORIGINAL)
    assert connection.master() is master
    assert connection.status & EXPECTED
    assert connection.mark == 7
    assert accepted(conntrack, datagram(dport=2000), 1.0).state == RELATED
    assert accepted(conntrack, datagram(REPLY, dport=2000), 1.0).state == ESTABLISHED
    assert accepted(conntrack, datagram(dport=2000), 1.0).state == ESTABLISHED


def test_what_is_not_expected_is_new() -> None:
    conntrack, _master = with_expectation(2000)
    assert accepted(conntrack, datagram(dport=2001)).state == NEW
    assert accepted(conntrack, datagram(REPLY, dport=2000)).state == NEW


def test_an_expectation_is_used_once() -> None:
    conntrack, _master = with_expectation(2000)
    assert accepted(conntrack, datagram(sport=1, dport=2000)).state == RELATED
    assert accepted(conntrack, datagram(sport=2, dport=2000)).state == NEW


def test_the_helper_of_an_expectation_becomes_the_connections() -> None:
    conntrack, _master = with_expectation(2000, helper="next")
    assert connection_of(accepted(conntrack, datagram(dport=2000))).helper() == "next"


@pytest.mark.parametrize("when", [60.0, 1000.0])
def test_an_expectation_that_was_not_met_in_time_is_over(when: float) -> None:
    conntrack, master = with_expectation(2000)
    master.deadline = 1e9
    assert accepted(conntrack, datagram(dport=2000), when).state == NEW


def test_expectations_go_with_their_master_when_it_is_removed() -> None:
    conntrack, _master = with_expectation(2000, 2001)
    accepted(conntrack, segment(REPLY, "RA", 0, 1001))
    assert accepted(conntrack, datagram(dport=2000)).state == NEW
    assert conntrack.expectations.size == 0


def test_expectations_go_with_their_master_when_it_expires() -> None:
    conntrack, master = with_expectation(2000, 2001)
    conntrack.expire(0.0, ALL)
    conntrack.expire(master.deadline + 2.0, ALL)
    assert conntrack.table.size == 0
    assert conntrack.expectations.size == 0


# --- helpers ---


class Announced(Helper):
    """Expects UDP to the port that the first two octets of a payload announce; drops "drop"."""

    def __init__(self) -> None:
        readable = frozenset({(IPV4, wire.UDP), (IPV4, wire.TCP)})
        super().__init__("announced", readable, [POLICY])
        self.asked: list[tuple[int, bytes]] = []
        self.told: list[str] = []

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        self.asked.append((direction, payload))
        if payload == b"drop":
            return HELPER_COMMAND
        if len(payload) >= 2:
            call.expect(b"", wire.SERVER4, wire.UDP, int.from_bytes(payload[:2], "big"))
        return OK

    def opened(self, child: Connection, expectation: Expectation, tables: Tables) -> None:
        self.told.append(f"opened to {expectation.dport}")

    def destroyed(self, connection: Connection, tables: Tables) -> None:
        self.told.append("destroyed")

    def child_destroyed(self, child: Connection, master: Connection, tables: Tables) -> None:
        self.told.append(f"child of {master.helper()} destroyed")


@pytest.fixture
def announced() -> Announced:
    return Announced()


def helped(*helpers: Helper) -> Conntrack:
    conntrack = Conntrack(Settings())
    conntrack.helpers.update({helper.name: helper for helper in helpers})
    return conntrack


def announcing(port: int) -> Packet:
    return datagram(payload=port.to_bytes(2, "big"), dport=69)


def test_a_helper_reads_the_control_connection_and_its_expectation_is_met(
    announced: Announced,
) -> None:
    conntrack = helped(announced)
    master = connection_of(accepted(conntrack, announcing(2000), helper="announced"))
    assert master.helper() == "announced"
    data = accepted(conntrack, datagram(dport=2000))
    assert (data.state, connection_of(data).master()) == (RELATED, master)


def test_a_helper_is_asked_about_every_accepted_packet_of_its_connection_both_ways(
    announced: Announced,
) -> None:
    conntrack = helped(announced)
    accepted(conntrack, datagram(payload=b"a", dport=69), helper="announced")
    accepted(conntrack, datagram(REPLY, payload=b"b", dport=69))
    dropped = datagram(payload=b"c", dport=69)
    conntrack.inspect(dropped, 0.0)
    assert announced.asked == [(ORIGINAL, b"a"), (REPLY, b"b")]


def test_a_helper_is_assigned_with_the_first_packet_or_not_at_all(
    announced: Announced,
) -> None:
    conntrack = helped(announced)
    accepted(conntrack, datagram(payload=b"a", dport=69))
    accepted(conntrack, datagram(payload=b"b", dport=69), helper="announced")
    assert announced.asked == []


def test_a_helper_is_not_asked_about_errors(announced: Announced) -> None:
    conntrack = helped(announced)
    question = datagram(payload=b"a", dport=69)
    accepted(conntrack, question, helper="announced")
    error = wire.icmp(3, 3, payload=question.data)
    packet = parse(wire.ip(wire.SERVER4, wire.CLIENT4, wire.ICMP, error), PacketMeta())
    assert accepted(conntrack, packet).state == RELATED
    assert announced.asked == [(ORIGINAL, b"a")]


def test_of_a_helper_that_announces_too_much_the_oldest_give_way(
    announced: Announced,
) -> None:
    conntrack = helped(announced)
    for port in range(2000, 2000 + POLICY.maximum + 1):
        accepted(conntrack, announcing(port), helper="announced")
    assert conntrack.expectations.size == POLICY.maximum
    assert accepted(conntrack, datagram(dport=2000)).state == NEW
    assert accepted(conntrack, datagram(dport=2001)).state == RELATED


def test_a_helper_that_is_not_there_is_no_harm() -> None:
    conntrack = Conntrack(Settings())
    assert accepted(conntrack, datagram(), helper="nobody").state == NEW
    assert accepted(conntrack, datagram()).state == NEW


def test_a_helper_is_not_given_to_what_it_cannot_read() -> None:
    conntrack = Conntrack(Settings())
    question = connection_of(accepted(conntrack, datagram(dport=21), helper="ftp"))
    assert question.helper() == ""


def test_a_connection_that_was_expected_gets_no_helper_from_a_rule(announced: Announced) -> None:
    conntrack = helped(announced)
    accepted(conntrack, announcing(2000), helper="announced")
    child = connection_of(accepted(conntrack, datagram(dport=2000), helper="announced"))
    assert child.helper() == ""


def test_what_a_helper_drops_opens_nothing(announced: Announced) -> None:
    conntrack = helped(announced)
    packet = datagram(payload=b"drop", dport=69)
    info = conntrack.inspect(packet, 0.0, Template(helper="announced"))
    assert info.state == NEW
    assert conntrack.confirm(info, packet, 0.0) == HELPER_COMMAND
    assert conntrack.table.size == 0


def test_a_first_packet_that_is_dropped_leaves_nothing_expected() -> None:
    class Regretting(Announced):
        def inspect(
            self, payload: bytes, connection: Connection, direction: int, call: Call
        ) -> int:
            super().inspect(payload, connection, direction, call)
            return HELPER_COMMAND

    conntrack = helped(Regretting())
    info = conntrack.inspect(announcing(2000), 0.0, Template(helper="announced"))
    assert conntrack.confirm(info, announcing(2000), 0.0) == HELPER_COMMAND
    assert conntrack.expectations.size == 0


def test_a_helper_hears_of_the_connections_that_it_led_to_and_of_the_end(
    announced: Announced,
) -> None:
    conntrack = helped(announced)
    accepted(conntrack, announcing(2000), helper="announced")
    child = connection_of(accepted(conntrack, datagram(dport=2000)))
    conntrack.table.remove(child)
    assert announced.told == ["opened to 2000", "child of announced destroyed"]
    (master,) = conntrack.table.connections()
    conntrack.table.remove(master)
    assert announced.told[-1] == "destroyed"


def test_a_helper_hears_of_an_expected_connection_whose_first_packet_was_dropped(
    announced: Announced,
) -> None:
    conntrack = helped(announced)
    accepted(conntrack, announcing(2000), helper="announced")
    child = connection_of(conntrack.inspect(datagram(dport=2000), 0.0))
    conntrack.dropped(child)
    assert announced.told == ["opened to 2000", "child of announced destroyed"]
    (master,) = conntrack.table.connections()
    conntrack.dropped(master)  # a later packet of it: that is nobody's end
    assert len(announced.told) == 2


@pytest.mark.parametrize(
    "transport",
    [
        wire.tcp("", 1, 1, dport=2000),  # no flags at all
        wire.tcp("S", 1, 1, dport=2000, data_offset=4),
        wire.tcp("S", 1, 1, dport=2000)[:8],
        wire.tcp("SA", 1, 1, dport=2000),
    ],
)
def test_a_packet_that_is_invalid_uses_up_what_it_meets(transport: bytes) -> None:
    conntrack, master = with_expectation()
    expectation = Expectation(master, b"", wire.SERVER4, wire.TCP, 2000)
    assert conntrack.expectations.expect(expectation, POLICY, 0.0) == IS_EXPECTED
    packet = parse(wire.ip(wire.CLIENT4, wire.SERVER4, wire.TCP, transport), PacketMeta())
    assert conntrack.inspect(packet, 1.0).state == INVALID
    assert conntrack.expectations.size == 0


def test_a_connection_leaves_what_counts_it_when_it_is_closed_refused_or_gone() -> None:
    conntrack = Conntrack(Settings())
    tallies = Tallies()

    def counted(info: CtInfo) -> CtInfo:
        connection_of(info).join(tallies.of_key.get(b"k") or Tally(b"k", tallies))
        return info

    opening, question = segment(ORIGINAL, "S", 1000), datagram()
    counted(accepted(conntrack, opening))
    conntrack.dropped(connection_of(counted(conntrack.inspect(question, 0.0))))
    assert tallies.of_key[b"k"].connections == 1
    asked = counted(accepted(conntrack, question))
    assert tallies.of_key[b"k"].connections == 2
    accepted(conntrack, segment(REPLY, "SA", 5000, 1001))
    accepted(conntrack, segment(ORIGINAL, "A", 1001, 5001))
    assert tallies.of_key[b"k"].connections == 2
    accepted(conntrack, segment(ORIGINAL, "R", 1001))
    assert tallies.of_key[b"k"].connections == 1
    conntrack.table.remove(connection_of(asked))
    assert not tallies.of_key
