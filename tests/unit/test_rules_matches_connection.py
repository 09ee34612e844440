"""Conditions on connections: those that meet each, those that do not, and packets without one."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import (
    ASSURED,
    CONFIRMED,
    ESTABLISHED,
    EXPECTED,
    INVALID,
    NEW,
    ORIGINAL,
    REPLY,
    SEEN_REPLY,
    UNTRACKED,
    Connection,
    CtInfo,
)
from firewalld_py.conntrack.flow import flow_key, in_zone, reply_key
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_connection import (
    BOTH_DIRECTIONS,
    AgeMatch,
    ConnectionAddressMatch,
    ConnectionPortMatch,
    ConnectionProtocolMatch,
    CountMatch,
    DirectionMatch,
    ExpiresMatch,
    HelperMatch,
    StatusMatch,
)
from tests import wire

C4, S4, C6, S6 = wire.CLIENT4, wire.SERVER4, wire.CLIENT6, wire.SERVER6
TCP4: Final = wire.ip(C4, S4, wire.TCP, wire.tcp("S", sport=40000, dport=80))
TCP6: Final = wire.ip(C6, S6, wire.TCP, wire.tcp("S", sport=40000, dport=80))
PING4: Final = wire.ip(C4, S4, wire.ICMP, wire.query(8))
ALL: Final = [(0, 1 << 40)]


def connection(data: bytes = TCP4, zone: int = 0, now: float = 100.0) -> Connection:
    packet = parse(data, PacketMeta())
    key = flow_key(packet)
    return Connection(packet.protocol, in_zone(key, zone), in_zone(reply_key(key), zone), now)


def asked(
    match: Match, of: Connection | None, direction: int = ORIGINAL, arrived: float = 100.0
) -> bool:
    meta = PacketMeta()
    meta.arrived = arrived
    state = INVALID if of is None else ESTABLISHED
    return match.matches(parse(TCP4, meta), CtInfo(state, direction, of), 0)


def every_match(inverted: bool) -> list[Match]:
    """One of each kind that asks what only a connection can answer."""
    return [
        DirectionMatch(inverted, ORIGINAL),
        StatusMatch(inverted, CONFIRMED),
        AgeMatch(inverted, ALL),
        ExpiresMatch(inverted, ALL),
        CountMatch(inverted, True, BOTH_DIRECTIONS, 0, 10),
        ConnectionAddressMatch(inverted, [(C4, C4)], ORIGINAL, False),
        ConnectionPortMatch(inverted, ALL, ORIGINAL, False),
        ConnectionProtocolMatch(inverted, frozenset([wire.TCP])),
    ]


@pytest.mark.parametrize("state", [INVALID, UNTRACKED, 0])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_packet_without_a_connection_is_not_asked(state: int, inverted: bool) -> None:
    packet = parse(TCP4, PacketMeta())
    for match in every_match(inverted):
        assert not match.matches(packet, CtInfo(state), 0)


def test_what_one_meets_does_not_meet_the_inverse() -> None:
    one = connection()
    one.status = CONFIRMED
    for plain, inverse in zip(every_match(False), every_match(True), strict=True):
        assert asked(plain, one)
        assert not asked(inverse, one)


def test_direction() -> None:
    one = connection()
    for wanted in (ORIGINAL, REPLY):
        for is_ in (ORIGINAL, REPLY):
            assert asked(DirectionMatch(False, wanted), one, is_) == (is_ == wanted)
            assert asked(DirectionMatch(True, wanted), one, is_) == (is_ != wanted)


@pytest.mark.parametrize(
    ("status", "bits", "is_met"),
    [
        (0, CONFIRMED, False),
        (CONFIRMED | SEEN_REPLY, SEEN_REPLY, True),
        (CONFIRMED | SEEN_REPLY, ASSURED | SEEN_REPLY, True),
        (CONFIRMED | SEEN_REPLY, ASSURED | EXPECTED, False),
    ],
)
def test_status_is_any_of_those_named(status: int, bits: int, is_met: bool) -> None:
    one = connection()
    one.status = status
    assert asked(StatusMatch(False, bits), one) == is_met
    assert asked(StatusMatch(True, bits), one) != is_met


def test_a_helper_is_the_one_of_the_connection_that_led_here() -> None:
    master, child, none = connection(), connection(), connection()
    master.extended().helper = "ftp"
    child.extended().master = master
    grandchild = connection()
    grandchild.extended().master = child
    ftp = frozenset(["ftp", "irc"])
    for one, is_met in ((child, True), (master, False), (none, False), (grandchild, False)):
        assert asked(HelperMatch(False, ftp), one) == is_met
        assert asked(HelperMatch(True, ftp), one) != is_met
    assert not asked(HelperMatch(False, frozenset(["sip"])), child)
    # As -m helper has it, unlike all else here.
    assert not asked(HelperMatch(False, ftp), None)
    assert asked(HelperMatch(True, ftp), None)


@pytest.mark.parametrize(
    ("arrived", "is_met"),
    [(100.0, False), (109.9, False), (110.0, True), (120.9, True), (121.0, False), (90.0, False)],
)
def test_age_is_in_whole_seconds(arrived: float, is_met: bool) -> None:
    one = connection(now=100.0)
    assert asked(AgeMatch(False, [(10, 20)]), one, arrived=arrived) == is_met
    assert asked(AgeMatch(True, [(10, 20)]), one, arrived=arrived) != is_met


def test_a_clock_that_went_back_makes_no_age_below_zero() -> None:
    assert asked(AgeMatch(False, [(0, 0)]), connection(now=100.0), arrived=50.0)


@pytest.mark.parametrize(
    ("deadline", "is_met"), [(100.0, False), (130.0, True), (159.9, True), (160.0, False)]
)
def test_expires_is_what_the_connection_has_left(deadline: float, is_met: bool) -> None:
    one = connection()
    one.deadline = deadline
    assert asked(ExpiresMatch(False, [(30, 59)]), one) == is_met
    assert asked(ExpiresMatch(True, [(30, 59)]), one) != is_met
    one.deadline = 5.0
    assert asked(ExpiresMatch(False, [(0, 0)]), one)


@pytest.mark.parametrize(
    ("octets", "direction", "count"),
    [
        (False, ORIGINAL, 3),
        (False, REPLY, 2),
        (False, BOTH_DIRECTIONS, 5),
        (True, ORIGINAL, 300),
        (True, REPLY, 20),
        (True, BOTH_DIRECTIONS, 320),
    ],
)
def test_counts(octets: bool, direction: int, count: int) -> None:
    one = connection()
    for _ in range(3):
        one.refresh(0.0, ORIGINAL, 100)
    for _ in range(2):
        one.refresh(0.0, REPLY, 10)
    assert asked(CountMatch(False, octets, direction, count, count), one)
    assert not asked(CountMatch(True, octets, direction, count, count), one)
    for low, high in ((0, count - 1), (count + 1, count + 9)):
        assert not asked(CountMatch(False, octets, direction, low, high), one)
        assert asked(CountMatch(True, octets, direction, low, high), one)


@pytest.mark.parametrize("zone", [0, 7])
@pytest.mark.parametrize(("data", "client", "server"), [(TCP4, C4, S4), (TCP6, C6, S6)])
def test_addresses_of_the_connection(data: bytes, client: bytes, server: bytes, zone: int) -> None:
    one = connection(data, zone)
    for direction, destination, address in (
        (ORIGINAL, False, client),
        (ORIGINAL, True, server),
        (REPLY, False, server),
        (REPLY, True, client),
    ):
        other = server if address == client else client
        for wanted, is_met in ((address, True), (other, False)):
            for inverted in (False, True):
                match = ConnectionAddressMatch(inverted, [(wanted, wanted)], direction, destination)
                assert asked(match, one) == (is_met != inverted)


def test_an_address_is_within_one_of_several_ranges_of_its_family() -> None:
    ranges = [(bytes(16), b"\xff" * 16), (b"\x0b\0\0\0", b"\xff" * 4), (bytes(4), b"\x09\0\0\0")]
    assert not asked(ConnectionAddressMatch(False, ranges, ORIGINAL, False), connection())
    assert asked(ConnectionAddressMatch(False, ranges, ORIGINAL, True), connection())
    assert not asked(ConnectionAddressMatch(False, [], ORIGINAL, True), connection())


def test_ports_of_the_connection() -> None:
    for direction, destination, port in (
        (ORIGINAL, False, 40000),
        (ORIGINAL, True, 80),
        (REPLY, False, 80),
        (REPLY, True, 40000),
    ):
        for inverted in (False, True):
            match = ConnectionPortMatch(inverted, [(1, 2), (port, port)], direction, destination)
            assert asked(match, connection(TCP6)) != inverted
            other = ConnectionPortMatch(inverted, [(0, 79)], direction, destination)
            assert asked(other, connection(TCP4)) == inverted


def test_a_connection_without_ports_is_not_asked_for_them() -> None:
    for inverted in (False, True):
        match = ConnectionPortMatch(inverted, [(0, 65535)], ORIGINAL, False)
        assert not asked(match, connection(PING4))


def test_protocol_of_the_connection() -> None:
    match = ConnectionProtocolMatch(False, frozenset([wire.TCP, wire.UDP]))
    assert asked(match, connection(TCP4))
    assert not asked(match, connection(PING4))
    assert match.matches(parse(PING4, PacketMeta()), CtInfo(NEW, ORIGINAL, connection(TCP4)), 0)
