"""The seam: what the base of all trackers does, and what the settings are when nobody says."""

from __future__ import annotations

from firewalld_py.conntrack.connection import ORIGINAL, REPLY
from firewalld_py.conntrack.flow import flow_key, reply_key
from firewalld_py.conntrack.timeouts import Timeouts
from firewalld_py.conntrack.tracker import REMOVE, REOPEN, Settings, Tracker
from firewalld_py.packet.reasons import OK
from tests.segments import datagram


def test_the_base_tracker_takes_any_packet_and_gives_it_the_generic_time() -> None:
    tracker = Tracker(Settings(timeouts=Timeouts({"generic_timeout": 50})))
    packet = datagram(payload=b"abc")
    key = flow_key(packet)
    assert tracker.refusal(packet) == OK
    connection = tracker.open(packet, key, reply_key(key), 10.0)
    assert (connection.original_key, connection.reply_key) == (key, reply_key(key))
    assert (connection.protocol, connection.status, connection.started) == (17, 0, 10.0)
    assert tracker.update(connection, packet, ORIGINAL, 12.0) == OK
    assert tracker.update(connection, packet, REPLY, 13.0) == OK
    assert connection.deadline == 63.0
    assert (connection.original_octets, connection.reply_octets) == (31, 31)


def test_the_answers_of_update_are_no_reasons() -> None:
    assert len({REOPEN, REMOVE}) == 2
    assert max(REOPEN, REMOVE) < OK


def test_the_settings_are_the_kernels_defaults() -> None:
    settings = Settings()
    assert settings.maximum == 262144
    assert settings.tcp_loose
    assert not settings.tcp_be_liberal
    assert not settings.tcp_ignore_invalid_rst
    assert not settings.checksum
    assert settings.tcp_max_retrans == 3
    assert settings.timeouts.generic == Timeouts({}).generic
