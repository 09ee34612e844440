"""The GRE tracker (nf_conntrack_proto_gre.c): answered or not, as UDP without ports.

Version 1 (PPTP, RFC 2637) is told apart by call id; see flow.py.
"""

from __future__ import annotations

from firewalld_py.conntrack.connection import ASSURED, SEEN_REPLY, Connection
from firewalld_py.conntrack.tracker import Tracker
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.reasons import OK


class GreTracker(Tracker):
    """Unanswered: `gre_timeout`. Answered: assured, with `gre_timeout_stream`."""

    def update(self, connection: Connection, packet: Packet, direction: int, now: float) -> int:
        timeouts = self.timeouts_of(connection)
        timeout_s = timeouts.gre
        if connection.status & SEEN_REPLY:
            timeout_s = timeouts.gre_stream
            connection.status |= ASSURED
        connection.refresh(now + timeout_s, direction, packet.length)
        return OK
