"""Conditions on what tracking knows of a packet's connection.

A packet without one (INVALID, UNTRACKED) is not asked, as in matches.py; `helper` is different.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from firewalld_py.conntrack.connection import ORIGINAL, REPLY, Connection, CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE
from firewalld_py.rules.matches import AddressMatch, Match, SteadyMatch
from firewalld_py.rules.matches_packet import within

BOTH_DIRECTIONS: Final = 2


class DirectionMatch(SteadyMatch):
    """`--ctdir`: ORIGINAL or REPLY; of an ICMP error that of the connection that it is about."""

    __slots__ = ("direction",)

    def __init__(self, inverted: bool, direction: int) -> None:
        super().__init__(inverted)
        self.direction = direction

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if info.connection is None:
            return False
        return (info.direction == self.direction) != self.inverted


class StatusMatch(Match):
    """`--ctstatus`: any of these status bits."""

    __slots__ = ("bits",)

    def __init__(self, inverted: bool, bits: int) -> None:
        super().__init__(inverted)
        self.bits = bits

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None:
            return False
        return (connection.status & self.bits != 0) != self.inverted


class HelperMatch(Match):
    """`-m helper`: one of these helpers reads the connection that led to the packet's.

    Everything else meets the inverse, a packet without a connection too (xt_helper.c).
    """

    __slots__ = ("helpers",)

    def __init__(self, inverted: bool, helpers: frozenset[str]) -> None:
        super().__init__(inverted)
        self.helpers = helpers

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        master = None if connection is None else connection.master()
        return (master is not None and master.helper() in self.helpers) != self.inverted


class AgeMatch(Match):
    """Whole seconds since the connection's first packet."""

    __slots__ = ("ranges",)

    def __init__(self, inverted: bool, ranges: list[tuple[int, int]]) -> None:
        super().__init__(inverted)
        self.ranges = ranges

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None:
            return False
        seconds = int(packet.meta.arrived - connection.started)
        return within(self.ranges, max(seconds, 0)) != self.inverted


class ExpiresMatch(Match):
    """`--ctexpire`: whole seconds until the connection is gone, this packet counted already."""

    __slots__ = ("ranges",)

    def __init__(self, inverted: bool, ranges: list[tuple[int, int]]) -> None:
        super().__init__(inverted)
        self.ranges = ranges

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None:
            return False
        seconds = int(connection.deadline - packet.meta.arrived)
        return within(self.ranges, max(seconds, 0)) != self.inverted


class CountMatch(Match):
    """`-m connbytes`: packets or octets so far of a direction or BOTH_DIRECTIONS, this one too."""

    __slots__ = ("direction", "high", "low", "octets")

    def __init__(self, inverted: bool, octets: bool, direction: int, low: int, high: int) -> None:
        super().__init__(inverted)
        self.octets = octets
        self.direction = direction
        self.low = low
        self.high = high

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None:
            return False
        count = 0
        if self.direction != REPLY:
            count += connection.original_octets if self.octets else connection.original_packets
        if self.direction != ORIGINAL:
            count += connection.reply_octets if self.octets else connection.reply_packets
        return (self.low <= count <= self.high) != self.inverted


class ConnectionAddressMatch(SteadyMatch):
    """`--ctorigsrc` and its like: an address of the connection's packets in a direction."""

    __slots__ = ("destination", "direction", "ranges")

    def __init__(
        self,
        inverted: bool,
        ranges: list[tuple[bytes, bytes]],
        direction: int,
        destination: bool,
    ) -> None:
        super().__init__(inverted)
        self.ranges = AddressMatch(False, ranges, destination)  # which puts them in order
        self.direction = direction
        self.destination = destination

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None:
            return False
        address = connection.address(self.direction, self.destination)
        ranges = self.ranges
        lows, highs = ranges.lows_v4, ranges.highs_v4
        if len(address) != 4:
            lows, highs = ranges.lows_v6, ranges.highs_v6
        at = bisect_right(lows, address) - 1
        return (at >= 0 and address <= highs[at]) != self.inverted


class ConnectionPortMatch(SteadyMatch):
    """`--ctorigsrcport` and its like; only what has ports is asked."""

    __slots__ = ("destination", "direction", "ranges")

    def __init__(
        self, inverted: bool, ranges: list[tuple[int, int]], direction: int, destination: bool
    ) -> None:
        super().__init__(inverted)
        self.ranges = ranges
        self.direction = direction
        self.destination = destination

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None or not _has_ports(connection):
            return False
        port = connection.port(self.direction, self.destination)
        return within(self.ranges, port) != self.inverted


def _has_ports(connection: Connection) -> bool:
    return connection.protocol in (IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_UDPLITE)


class ConnectionProtocolMatch(SteadyMatch):
    """`--ctproto`; of an ICMP error that of the connection that it is about."""

    __slots__ = ("protocols",)

    def __init__(self, inverted: bool, protocols: frozenset[int]) -> None:
        super().__init__(inverted)
        self.protocols = protocols

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None:
            return False
        return (connection.protocol in self.protocols) != self.inverted
