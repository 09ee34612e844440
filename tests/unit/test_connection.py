"""A connection's bits and counters."""

from __future__ import annotations

from firewalld_py.conntrack import connection as module
from firewalld_py.conntrack.connection import (
    DIRECTION_NAMES,
    ORIGINAL,
    REPLY,
    STATE_NAMES,
    CtInfo,
)
from firewalld_py.packet.reasons import OK
from tests.segments import connection_for, datagram


def test_states_are_bits_so_that_a_rule_may_ask_for_several() -> None:
    assert [bit.bit_count() for bit in STATE_NAMES] == [1] * 5
    for bit, name in STATE_NAMES.items():
        assert getattr(module, name) == bit


def test_directions_are_indexes() -> None:
    assert (DIRECTION_NAMES[ORIGINAL], DIRECTION_NAMES[REPLY]) == ("original", "reply")


def test_packets_and_octets_are_counted_by_direction_and_the_deadline_moves() -> None:
    entry = connection_for(datagram(), now=5.0)
    assert (entry.started, entry.deadline) == (5.0, 5.0)
    entry.refresh(35.0, ORIGINAL, 100)
    entry.refresh(36.0, ORIGINAL, 50)
    entry.refresh(20.0, REPLY, 7)
    assert entry.deadline == 20.0
    assert (entry.original_packets, entry.original_octets) == (2, 150)
    assert (entry.reply_packets, entry.reply_octets) == (1, 7)


def test_a_new_connection_has_no_status_no_master_no_helper_and_no_mark() -> None:
    entry = connection_for(datagram())
    assert (entry.status, entry.master, entry.helper, entry.mark) == (0, None, "", 0)


def test_what_is_said_of_a_packet_without_a_connection() -> None:
    info = CtInfo(module.UNTRACKED)
    assert (info.direction, info.connection, info.reason) == (ORIGINAL, None, OK)
