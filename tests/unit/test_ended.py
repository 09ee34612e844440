"""TCP connections that were ended: nothing but a SYN opens them anew."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import INVALID, NEW, ORIGINAL, REPLY, Connection
from firewalld_py.conntrack.ended import Ended
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import reply_key
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.reasons import CONNECTION_ENDED, OK
from tests import wire
from tests.segments import datagram, segment

TIMEOUT_S: Final = 432000.0  # of an established connection


def established() -> tuple[Conntrack, Connection]:
    """A TCP connection of which the whole handshake was seen, and accepted."""
    conntrack = Conntrack(Settings())
    for direction, flags, seq, ack in (
        (ORIGINAL, "S", 1000, 0),
        (REPLY, "SA", 5000, 1001),
        (ORIGINAL, "A", 1001, 5001),
    ):
        packet = segment(direction, flags, seq, ack)
        info = conntrack.inspect(packet, 0.0)
        assert conntrack.confirm(info, packet, 0.0) == OK
    assert info.connection is not None
    return conntrack, info.connection


def test_without_an_end_a_removed_connection_is_picked_up_in_mid_stream() -> None:
    conntrack, connection = established()
    conntrack.table.remove(connection)
    assert conntrack.inspect(segment(REPLY, "A", 5001, 1001, 100), 1.0).state == NEW


@pytest.mark.parametrize("direction", [ORIGINAL, REPLY])
def test_what_still_comes_of_it_is_invalid_in_both_directions(direction: int) -> None:
    conntrack, connection = established()
    conntrack.end(connection)
    assert conntrack.table.size == 0
    numbers = (1001, 5001) if direction == ORIGINAL else (5001, 1001)
    for flags in ("A", "PA"):
        info = conntrack.inspect(segment(direction, flags, *numbers, 100), 1.0)
        assert (info.state, info.reason, info.connection) == (INVALID, CONNECTION_ENDED, None)


def test_a_syn_opens_it_anew() -> None:
    conntrack, connection = established()
    conntrack.end(connection)
    for direction in (ORIGINAL, REPLY):
        assert conntrack.inspect(segment(direction, "S", 9000), 1.0).state == NEW


def test_when_its_time_is_over_it_is_like_any_other() -> None:
    conntrack, connection = established()
    conntrack.end(connection)
    packet = segment(REPLY, "A", 5001, 1001)
    assert conntrack.inspect(packet, TIMEOUT_S - 1).reason == CONNECTION_ENDED
    assert conntrack.inspect(packet, TIMEOUT_S + 1).state == NEW
    assert conntrack.ended.size == 0


def test_of_other_protocols_each_packet_is_judged_as_a_first_one() -> None:
    conntrack = Conntrack(Settings())
    info = conntrack.inspect(datagram(), 0.0)
    assert conntrack.confirm(info, datagram(), 0.0) == OK
    assert info.connection is not None
    conntrack.end(info.connection)
    assert conntrack.inspect(datagram(), 1.0).state == NEW


def test_the_one_that_ended_first_is_forgotten_where_there_are_too_many() -> None:
    known = Ended(3)

    def key(number: int) -> bytes:
        ports = number.to_bytes(4, "big")
        return wire.CLIENT4 + wire.SERVER4 + ports + bytes((wire.TCP,))

    for number in (1, 0, 1, 2, 3):
        connection = Connection(wire.TCP, key(number), reply_key(key(number)), 0.0)
        connection.deadline = 10.0
        known.remember(connection)
    assert known.size == 3
    packet = segment(ORIGINAL, "A", 1)
    refused = [known.refuses(packet, key(n), reply_key(key(n)), 1.0) for n in range(5)]
    assert refused == [False, True, True, True, False]
