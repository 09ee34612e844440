"""UDP's two times, and when a connection becomes a stream."""

from __future__ import annotations

from firewalld_py.conntrack.connection import ASSURED, ORIGINAL, REPLY, SEEN_REPLY
from firewalld_py.conntrack.timeouts import Timeouts
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.conntrack.udp import STREAM_AFTER_S, UdpTracker
from firewalld_py.packet.protocols import IPPROTO_UDPLITE
from firewalld_py.packet.reasons import OK
from tests.segments import connection_for, datagram

SETTINGS = Settings(timeouts=Timeouts({"udp_timeout": 10, "udp_timeout_stream": 100}))


def test_any_datagram_may_open_a_connection() -> None:
    assert UdpTracker(SETTINGS).refusal(datagram()) == OK


def test_unanswered_it_lives_the_short_time_however_long_it_talks() -> None:
    tracker, connection = UdpTracker(SETTINGS), connection_for(datagram())
    for now in (0.0, 9.0, 18.0):
        assert tracker.update(connection, datagram(), ORIGINAL, now) == OK
        assert connection.deadline == now + 10.0
    assert not connection.status & ASSURED


def test_answered_it_is_a_stream_once_it_talks_for_longer_than_a_question_takes() -> None:
    tracker, connection = UdpTracker(SETTINGS), connection_for(datagram())
    connection.status |= SEEN_REPLY
    assert tracker.update(connection, datagram(REPLY), REPLY, STREAM_AFTER_S) == OK
    assert (connection.deadline, connection.status & ASSURED) == (STREAM_AFTER_S + 10.0, 0)
    assert tracker.update(connection, datagram(), ORIGINAL, STREAM_AFTER_S + 0.1) == OK
    assert connection.deadline == STREAM_AFTER_S + 100.1
    assert connection.status & ASSURED


def test_udplite_is_a_stream_as_soon_as_it_is_answered() -> None:
    tracker, connection = UdpTracker(SETTINGS), connection_for(datagram())
    connection.protocol = IPPROTO_UDPLITE
    connection.status |= SEEN_REPLY
    assert tracker.update(connection, datagram(), ORIGINAL, 0.0) == OK
    assert (connection.deadline, connection.status & ASSURED) == (100.0, ASSURED)
