"""ICMP and ICMPv6 queries: a question and its answers (nf_conntrack_proto_icmp.c and _icmpv6.c).

Errors are not queries: see icmp_error.py.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.tracker import Tracker
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import (
    ICMP_ADDRESS,
    ICMP_ECHO,
    ICMP_INFO_REQUEST,
    ICMP_TIMESTAMP,
    ICMPV6_ECHO_REQUEST,
    ICMPV6_NI_QUERY,
    IPPROTO_ICMP,
)
from firewalld_py.packet.reasons import ICMP_NOT_A_START, OK

ICMP_QUERIES: Final[frozenset[int]] = frozenset(
    {ICMP_ECHO, ICMP_TIMESTAMP, ICMP_INFO_REQUEST, ICMP_ADDRESS}
)
ICMPV6_QUERIES: Final[frozenset[int]] = frozenset({ICMPV6_ECHO_REQUEST, ICMPV6_NI_QUERY})

# Neighbour discovery and multicast listener discovery are never tracked (RFC 4861, 2710, 3810).
ICMPV6_UNTRACKED: Final[frozenset[int]] = frozenset(
    {130, 131, 132, 133, 134, 135, 136, 143, 151, 152}
)


class IcmpTracker(Tracker):
    """Only a query opens a connection; every packet that fits it refreshes it."""

    def refusal(self, packet: Packet) -> int:
        queries = ICMP_QUERIES if packet.protocol == IPPROTO_ICMP else ICMPV6_QUERIES
        return OK if packet.icmp_type in queries else ICMP_NOT_A_START

    def update(self, connection: Connection, packet: Packet, direction: int, now: float) -> int:
        timeouts = self.timeouts_of(connection)
        timeout_s = timeouts.icmp if packet.protocol == IPPROTO_ICMP else timeouts.icmpv6
        connection.refresh(now + timeout_s, direction, packet.length)
        return OK
