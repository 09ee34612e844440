"""GRE's two times; and version 1, whose calls are told apart by flow.py and parse.py."""

from __future__ import annotations

import struct
from typing import Final

import pytest

from firewalld_py.conntrack.connection import (
    ASSURED,
    ESTABLISHED,
    INVALID,
    NEW,
    ORIGINAL,
    REPLY,
    SEEN_REPLY,
    CtInfo,
)
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import NO_KEY, flow_key, gre_keys
from firewalld_py.conntrack.gre import GreTracker
from firewalld_py.conntrack.gre_map import NO_CALLS
from firewalld_py.conntrack.timeouts import Timeouts
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import GRE_PAYLOAD, OK
from tests import wire
from tests.segments import connection_for

SETTINGS: Final = Settings(timeouts=Timeouts({"gre_timeout": 10, "gre_timeout_stream": 100}))
PPP: Final = 0x880B
IPV4: Final = 0x0800


def packet(octets: bytes, direction: int = ORIGINAL) -> Packet:
    """A GRE packet over IPv4 from the client (ORIGINAL) or the server."""
    ends = (wire.CLIENT4, wire.SERVER4)
    if direction != ORIGINAL:
        ends = ends[::-1]
    return parse(wire.ip(*ends, 47, octets), PacketMeta())


def plain(direction: int = ORIGINAL, payload: int = IPV4, flags: int = 0) -> Packet:
    """Version 0 (RFC 2784)."""
    return packet(struct.pack(">HH", flags, payload), direction)


def call(number: int, direction: int = ORIGINAL, payload: int = PPP) -> Packet:
    """Version 1 (RFC 2637): a packet to the receiver's call of this number."""
    return packet(struct.pack(">HHHH", 0x2001, payload, 0, number), direction)


def accepted(conntrack: Conntrack, a_packet: Packet) -> CtInfo:
    """Track a packet and let it through."""
    info = conntrack.inspect(a_packet, 0.0)
    assert conntrack.confirm(info, a_packet, 0.0) == OK
    return info


def test_unanswered_it_lives_the_short_time() -> None:
    tracker, connection = GreTracker(SETTINGS), connection_for(plain())
    for now in (0.0, 9.0, 18.0):
        assert tracker.update(connection, plain(), ORIGINAL, now) == OK
        assert connection.deadline == now + 10.0
    assert not connection.status & ASSURED


def test_the_first_packet_after_the_answer_makes_it_a_stream() -> None:
    tracker, connection = GreTracker(SETTINGS), connection_for(plain())
    assert tracker.update(connection, plain(REPLY), REPLY, 1.0) == OK
    assert (connection.deadline, connection.status & ASSURED) == (11.0, 0)
    connection.status |= SEEN_REPLY  # as the engine does
    assert tracker.update(connection, plain(), ORIGINAL, 2.0) == OK
    assert (connection.deadline, connection.status & ASSURED) == (102.0, ASSURED)


@pytest.mark.parametrize("flags", [0, 0x8000, 0x2000, 0x1000, 0xB000])
@pytest.mark.parametrize("payload", [IPV4, 0x86DD, PPP, 0x6558])
def test_version_0_is_one_connection_whatever_it_carries(flags: int, payload: int) -> None:
    conntrack = Conntrack(Settings())
    assert accepted(conntrack, plain()).state == NEW
    assert accepted(conntrack, plain(ORIGINAL, payload, flags)).state == NEW
    answer = accepted(conntrack, plain(REPLY, payload, flags))
    assert (answer.state, answer.direction) == (ESTABLISHED, REPLY)
    assert conntrack.table.size == 1


def test_each_call_and_direction_is_a_connection_of_its_own() -> None:
    conntrack = Conntrack(Settings())
    calls = [call(7), call(8), call(7, REPLY), call(9, REPLY), plain()]
    assert [accepted(conntrack, a_packet).state for a_packet in calls] == [NEW] * 5
    assert [accepted(conntrack, a_packet).state for a_packet in calls] == [NEW] * 5
    assert conntrack.table.size == 5


def test_the_call_id_is_the_keys_destination() -> None:
    assert flow_key(call(0x1234))[8:12] == b"\0\0\x12\x34"
    assert flow_key(plain())[8:12] == bytes(4)


@pytest.mark.parametrize("payload", [IPV4, 0x880A, 0x880C, 0x0B88])
def test_version_1_carries_ppp_or_is_invalid(payload: int) -> None:
    wrong = call(7, ORIGINAL, payload)
    assert wrong.fault == GRE_PAYLOAD
    info = Conntrack(Settings()).inspect(wrong, 0.0)
    assert (info.state, info.reason) == (INVALID, GRE_PAYLOAD)
    # Quoted in an ICMP error it has no key.
    octets = wrong.data[20:]
    assert gre_keys(octets, 0, len(octets), wrong.data[12:20], NO_CALLS) == NO_KEY


@pytest.mark.parametrize("octets", range(8))
def test_what_is_too_short_for_a_call_id_is_told_by_its_addresses_alone(octets: int) -> None:
    short = packet(struct.pack(">HHHH", 0x2001, IPV4, 0, 7)[:octets])
    assert short.fault == OK
    assert flow_key(short) == flow_key(plain())


@pytest.mark.parametrize("version", range(8))
def test_only_version_1_has_calls(version: int) -> None:
    other = packet(struct.pack(">HHHH", 0x2000 | version, PPP, 0, 7))
    assert (flow_key(other) == flow_key(call(7))) == (version == 1)
    assert (flow_key(other) == flow_key(plain())) == (version != 1)
