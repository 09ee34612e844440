"""The TCP tracker's own decisions; whole exchanges are traces in tests/cases."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.connection import ASSURED, ORIGINAL, REPLY
from firewalld_py.conntrack.tcp import TcpTracker
from firewalld_py.conntrack.tcp_states import CLOSE, ESTABLISHED, SYN_RECV, SYN_SENT
from firewalld_py.conntrack.tracker import REMOVE, REOPEN, Settings
from firewalld_py.packet.reasons import OK, REASON_NAMES, TCP_ABOVE_WINDOW, TCP_STALE_RST
from tests.segments import opened, segment, tcp_connection


@pytest.mark.parametrize(
    ("flags", "loose", "strict"),
    [
        ("S", "ok", "ok"),
        ("SU", "ok", "ok"),
        ("A", "ok", "tcp_not_picked_up"),
        ("PA", "ok", "tcp_not_picked_up"),
        ("SA", "tcp_not_a_start", "tcp_not_a_start"),
        ("FA", "tcp_not_a_start", "tcp_not_a_start"),
        ("R", "tcp_not_a_start", "tcp_not_a_start"),
    ],
)
def test_what_may_open_a_connection(flags: str, loose: str, strict: str) -> None:
    first = segment(ORIGINAL, flags, 1000)
    assert REASON_NAMES[TcpTracker(Settings()).refusal(first)] == loose
    assert REASON_NAMES[TcpTracker(Settings(tcp_loose=False)).refusal(first)] == strict


def test_a_syn_opens_in_syn_sent_and_knows_the_senders_window() -> None:
    tracker = TcpTracker(Settings())
    connection = tcp_connection(tracker, segment(ORIGINAL, "S", 1000, win=0), now=7.0)
    client = connection.peer_copy(ORIGINAL)
    assert (connection.state, connection.deadline) == (SYN_SENT, 127.0)
    assert (client.end, client.maxend, client.maxwin) == (1001, 1001, 1)  # a window is never 0


def test_a_segment_in_the_middle_opens_in_established_for_the_time_of_unacknowledged_data() -> None:
    tracker = TcpTracker(Settings())
    connection = tcp_connection(tracker, segment(ORIGINAL, "A", 1000, 1, size=10, win=100))
    assert (connection.state, connection.deadline) == (ESTABLISHED, 300.0)
    assert (connection.peer_copy(ORIGINAL).end, connection.peer_copy(ORIGINAL).maxend) == (
        1010,
        1110,
    )


def test_an_invalid_segment_leaves_state_deadline_and_counters_as_they_were() -> None:
    tracker, connection = opened()
    before = (connection.state, connection.deadline, connection.original_packets)
    far = segment(ORIGINAL, "FA", 10_000_000, 5001)
    assert tracker.update(connection, far, ORIGINAL, 5.0) == TCP_ABOVE_WINDOW
    stale = segment(REPLY, "R", 4000)
    assert tracker.update(connection, stale, REPLY, 5.0) == TCP_STALE_RST
    assert (connection.state, connection.deadline, connection.original_packets) == before


def test_a_connection_is_assured_with_the_ack_that_completes_it() -> None:
    tracker = TcpTracker(Settings())
    connection = tcp_connection(tracker, segment(ORIGINAL, "S", 1000))
    assert tracker.update(connection, segment(REPLY, "SA", 5000, 1001), REPLY, 0.0) == OK
    assert (connection.state, connection.status & ASSURED) == (SYN_RECV, 0)
    _tracker, complete = opened()
    assert (complete.state, complete.status & ASSURED) == (ESTABLISHED, ASSURED)


def test_a_refusal_removes_and_a_syn_after_the_own_reset_reopens() -> None:
    tracker = TcpTracker(Settings())
    refused = tcp_connection(tracker, segment(ORIGINAL, "S", 1000))
    assert tracker.update(refused, segment(REPLY, "RA", 0, 1001), REPLY, 0.0) == REMOVE
    tracker, connection = opened()
    assert tracker.update(connection, segment(ORIGINAL, "R", 1001), ORIGINAL, 0.0) == OK
    assert connection.state == CLOSE
    assert tracker.update(connection, segment(REPLY, "S", 1), REPLY, 0.0) != REOPEN
    assert tracker.update(connection, segment(ORIGINAL, "S", 1), ORIGINAL, 0.0) == REOPEN


def test_a_reset_lives_ten_seconds_whatever_the_state_before() -> None:
    tracker, connection = opened()
    assert tracker.update(connection, segment(REPLY, "R", 5001), REPLY, 100.0) == OK
    assert connection.deadline == 110.0


def test_the_tracker_keeps_nothing_of_a_connection_in_itself() -> None:
    tracker, first = opened()
    second = tcp_connection(tracker, segment(ORIGINAL, "S", 70_000))
    data = segment(ORIGINAL, "A", 1001, 5001, size=10)
    assert tracker.update(first, data, ORIGINAL, 1.0) == OK
    assert second.peer_copy(ORIGINAL).end == 70_001
