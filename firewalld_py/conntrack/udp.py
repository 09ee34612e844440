"""UDP and UDP-Lite: a connection is what was seen of it (nf_conntrack_proto_udp.c)."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ASSURED, SEEN_REPLY, Connection
from firewalld_py.conntrack.tracker import Tracker
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import IPPROTO_UDP
from firewalld_py.packet.reasons import OK

STREAM_AFTER_S: Final = (
    2.0  # answered and still talking after this long: a stream, no single question
)


class UdpTracker(Tracker):
    """Unanswered or just answered: `udp_timeout`. A stream: assured, with `udp_timeout_stream`.

    UDP-Lite takes the longer time with the first packet after an answer, as the kernel's does.
    """

    def update(self, connection: Connection, packet: Packet, direction: int, now: float) -> int:
        timeouts = self.timeouts_of(connection)
        timeout_s = timeouts.udp
        is_stream = connection.protocol != IPPROTO_UDP or now > connection.started + STREAM_AFTER_S
        if connection.status & SEEN_REPLY and is_stream:
            timeout_s = timeouts.udp_stream
            connection.status |= ASSURED
        connection.refresh(now + timeout_s, direction, packet.length)
        return OK
