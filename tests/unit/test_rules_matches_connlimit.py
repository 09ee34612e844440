"""Connections of an address, counted from their first packet until they are closed or gone."""

from __future__ import annotations

from typing import Any, Final

import pytest

from firewalld_py.conntrack.connection import INVALID, NEW, UNTRACKED, CtInfo, Tallies
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.matches_connlimit import ConnectionsMatch
from tests import wire
from tests.plans import firewall, plan, rule, template
from tests.segments import connection_for, datagram

CLIENT: Final = wire.CLIENT4
OTHER: Final = wire.CLIENT4[:3] + b"\x06"
DROPPED: Final = 7  # a packet with this mark is dropped by the last rule


def over(
    limit: int = 1, *, per_dst: bool = False, mask: int = 32, mask6: int = 128, up_to: bool = False
) -> Any:
    return ["!connections" if up_to else "connections", [True, limit, per_dst, mask, mask6, "x"]]


class Counting:
    """A firewall whose rules count; `met` tells how many of them a packet met."""

    def __init__(self, *matches: Any, zone: int | None = None) -> None:
        rules = [rule("continue", tuple(match)) for match in matches]
        rules.append(rule("drop", ("mark", [[DROPPED, 0xFFFFFFFF]])))
        raw = [rule("continue", ("mark", [[9, 0xFF]]), template=template(zone))]
        self.firewall: Firewall = firewall(plan(rules, prerouting=raw if zone else []))
        self.rules = self.firewall.ruleset.filter_forward.rules[: len(matches)]
        self.now = 0.0

    def send(self, data: bytes, mark: int = 0, wait_s: float = 1.0) -> int:
        before = sum(one.hits for one in self.rules)
        self.now += wait_s
        self.firewall.handle(data, PacketMeta(mark=mark), self.now)
        return sum(one.hits for one in self.rules) - before

    def udp(self, port: int, src: bytes = CLIENT, mark: int = 0, wait_s: float = 1.0) -> int:
        return self.send(wire.ip(src, wire.SERVER4, wire.UDP, wire.udp(sport=port)), mark, wait_s)

    def tcp(self, flags: str, port: int, *, back: bool = False) -> int:
        ends, ports = (CLIENT, wire.SERVER4), (port, 80)
        if back:
            ends, ports = ends[::-1], ports[::-1]
        segment = wire.tcp(flags, 1000, 1000, sport=ports[0], dport=ports[1])
        return self.send(wire.ip(*ends, wire.TCP, segment))

    def keys(self) -> int:
        """How many addresses are remembered."""
        (match,) = self.rules[0].matches
        assert isinstance(match, ConnectionsMatch)
        return len(match.tallies.of_key)


def test_what_is_above_the_limit_meets_it_and_the_inverse_what_is_not() -> None:
    world = Counting(over(2))
    inverse = Counting(over(2, up_to=True))
    assert [world.udp(port) for port in (1, 2, 3, 3, 1)] == [0, 0, 1, 1, 1]
    assert [inverse.udp(port) for port in (1, 2, 3, 3, 1)] == [1, 1, 0, 0, 0]
    assert world.udp(9, OTHER) == 0


def test_a_connection_whose_first_packet_is_dropped_is_not_counted() -> None:
    world = Counting(over(1))
    assert world.udp(1, mark=DROPPED) == 0
    assert world.keys() == 0
    assert [world.udp(port, mark=DROPPED) for port in (1, 2, 3)] == [0, 0, 0]
    assert world.udp(1) == 0
    assert world.udp(2, mark=DROPPED) == 1
    assert world.udp(1) == 0


def test_a_connection_that_has_timed_out_is_not_counted_any_more() -> None:
    world = Counting(over(1))
    assert (world.udp(1), world.udp(2)) == (0, 1)
    assert world.udp(3, wait_s=31.0) == 1  # nobody looked for the dead as yet
    world.firewall.conntrack.expire(world.now, 1000)
    assert (world.udp(3), world.keys()) == (0, 1)


def test_a_closed_tcp_connection_is_not_counted_and_neither_are_its_last_packets() -> None:
    world = Counting(over(1))
    assert [world.tcp("S", 1), world.tcp("SA", 1, back=True), world.tcp("A", 1)] == [0, 0, 0]
    assert world.udp(5) == 1
    assert (world.tcp("R", 1), world.udp(5), world.tcp("R", 1)) == (0, 0, 0)
    assert world.udp(6) == 1


def test_a_refused_connection_is_gone_at_once() -> None:
    world = Counting(over(1))
    assert [world.tcp("S", 1), world.tcp("RA", 1, back=True)] == [0, 0]
    assert world.keys() == 0
    assert world.udp(5) == 0


def test_answers_are_counted_by_their_own_source() -> None:
    world = Counting(over(1))
    for port in (1, 2):
        world.udp(port)
    answers = [
        wire.ip(wire.SERVER4, CLIENT, wire.UDP, wire.udp(sport=53, dport=port)) for port in (1, 2)
    ]
    assert [world.send(data) for data in answers] == [0, 1]
    assert world.keys() == 2


def test_a_network_has_one_count_and_so_has_a_destination() -> None:
    world = Counting(over(1, mask=24))
    assert [world.udp(1), world.udp(2, OTHER), world.udp(3, b"\x0a\x02\0\1")] == [0, 1, 0]
    world = Counting(over(1, per_dst=True))
    assert [world.udp(1), world.udp(2, OTHER), world.udp(3, b"\x0a\x02\0\1")] == [0, 1, 1]


def test_ipv6_has_a_mask_of_its_own() -> None:
    world = Counting(over(1, mask6=64))
    for number, met in ((1, 0), (2, 1)):
        src = wire.CLIENT6[:15] + bytes((number,))
        assert world.send(wire.ip(src, wire.SERVER6, wire.UDP, wire.udp())) == met


def test_each_zone_is_counted_by_itself() -> None:
    world = Counting(over(1), zone=300)
    assert [world.udp(1), world.udp(2, mark=9), world.udp(3, mark=9), world.udp(4)] == [0, 0, 1, 1]
    assert world.keys() == 2


def test_several_rules_count_by_themselves() -> None:
    world = Counting(over(1), over(2), over(2, per_dst=True))
    world.rules[1].matches[0].tallies = Tallies()  # type: ignore[attr-defined]
    assert [world.udp(port) for port in (1, 2, 3)] == [0, 1, 3]


@pytest.mark.parametrize("state", [UNTRACKED, INVALID])
def test_what_has_no_connection_counts_as_one_more_and_is_not_remembered(state: int) -> None:
    tallies = Tallies()
    match = ConnectionsMatch(False, 1, False, 32, 128, tallies)
    packet = datagram()
    assert not match.matches(packet, CtInfo(state), 0)
    assert not tallies.of_key
    assert not match.matches(packet, CtInfo(NEW, connection=connection_for(packet)), 0)
    assert match.matches(packet, CtInfo(state), 0)
    assert match.connections(packet, None) == 2
    assert len(tallies.of_key) == 1


@pytest.mark.parametrize("data", [b"\0" * 40, wire.ip(CLIENT, OTHER, wire.TCP, b"\0" * 3)])
def test_what_can_have_no_connection_is_not_asked(data: bytes) -> None:
    for inverted in (False, True):
        match = ConnectionsMatch(inverted, 1, False, 32, 128, Tallies())
        assert not match.matches(parse(data, PacketMeta()), CtInfo(INVALID), 0)


def test_asking_for_the_number_changes_nothing() -> None:
    tallies = Tallies()
    match = ConnectionsMatch(False, 1, False, 32, 128, tallies)
    packet, entry = datagram(), connection_for(datagram())
    assert match.connections(packet, entry) == 1
    assert not tallies.of_key
    assert not match.matches(packet, CtInfo(NEW, connection=entry), 0)
    assert match.connections(packet, entry) == 1
    assert match.connections(packet, connection_for(packet)) == 2
    entry.leave_tallies()
    assert not tallies.of_key


def test_there_are_never_more_keys_than_connections() -> None:
    world = Counting(over(1))
    for number in range(300):
        world.udp(1, bytes((10, 9, number >> 8, number & 0xFF)), wait_s=0.0)
        world.udp(2, bytes((10, 9, number >> 8, number & 0xFF)), mark=DROPPED, wait_s=0.0)
    assert world.keys() == 300
    world.firewall.conntrack.expire(world.now + 1000.0, 10_000)
    assert world.keys() == 0
