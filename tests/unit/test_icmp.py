"""ICMP queries: which of them open a connection, and how long that lives."""

from __future__ import annotations

from firewalld_py.conntrack.connection import ORIGINAL
from firewalld_py.conntrack.icmp import ICMPV6_UNTRACKED, IcmpTracker
from firewalld_py.conntrack.timeouts import Timeouts
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import ICMP_NOT_A_START, OK
from tests import wire
from tests.segments import connection_for

SETTINGS = Settings(timeouts=Timeouts({"icmp_timeout": 11, "icmpv6_timeout": 22}))


def message(kind: int, *, six: bool = False) -> Packet:
    ends = (wire.CLIENT6, wire.SERVER6) if six else (wire.CLIENT4, wire.SERVER4)
    protocol = wire.ICMPV6 if six else wire.ICMP
    return parse(wire.ip(*ends, protocol, wire.query(kind)), PacketMeta())


def test_only_questions_open_a_connection() -> None:
    tracker = IcmpTracker(SETTINGS)
    assert {kind for kind in range(19) if tracker.refusal(message(kind)) == OK} == {8, 13, 15, 17}
    opening = {kind for kind in range(256) if tracker.refusal(message(kind, six=True)) == OK}
    assert opening == {128, 139}
    assert tracker.refusal(message(0)) == ICMP_NOT_A_START


def test_each_version_has_its_own_time() -> None:
    for six, time_s in ((False, 11.0), (True, 22.0)):
        packet = message(128 if six else 8, six=six)
        connection = connection_for(packet)
        assert IcmpTracker(SETTINGS).update(connection, packet, ORIGINAL, 5.0) == OK
        assert connection.deadline == 5.0 + time_s


def test_what_is_never_tracked_is_neighbour_and_listener_discovery() -> None:
    # Listener discovery v1 and v2, neighbour discovery without the redirect, router discovery of
    # multicast (RFC 2710, 3810, 4861, 4286).
    assert {130, 131, 132, 143} | {133, 134, 135, 136} | {151, 152} == ICMPV6_UNTRACKED
