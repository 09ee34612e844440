"""Conditions on what TCP, UDP and UDP-Lite carry: octets at a place, or anywhere within bounds.

What has no payload of these protocols is not asked; of a packet that the queue cut off, neither is
what may stand in the part that is not at hand.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import (
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    TCP_MIN,
    UDP_HEADER,
)
from firewalld_py.rules.matches import Match
from firewalld_py.rules.patterns import Searcher

NO_PAYLOAD: Final = -1


def payload_start(packet: Packet) -> int:
    """Where the payload stands, perhaps of no octets; NO_PAYLOAD if it cannot be told."""
    if packet.protocol == IPPROTO_TCP:
        if packet.header_length < TCP_MIN:
            return NO_PAYLOAD
        at = packet.transport + packet.header_length
    elif packet.protocol in (IPPROTO_UDP, IPPROTO_UDPLITE) and packet.has_ports:
        at = packet.transport + UDP_HEADER
    else:
        return NO_PAYLOAD
    return at if at <= min(packet.length, len(packet.data)) else NO_PAYLOAD


class PayloadMatch(Match):
    """These octets, so far behind the beginning of the payload; one that ends before has others."""

    __slots__ = ("octets", "offset")

    def __init__(self, inverted: bool, offset: int, octets: bytes) -> None:
        super().__init__(inverted)
        self.offset = offset
        self.octets = octets

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        at = payload_start(packet)
        if at == NO_PAYLOAD:
            return False
        at += self.offset
        end = at + len(self.octets)
        if end > packet.length:
            return self.inverted
        if end > len(packet.data):
            return False
        return (packet.data[at:end] == self.octets) != self.inverted


class ContainsMatch(Match):
    """`-m string`: any of these, whole between `start` and `end` octets behind the beginning."""

    __slots__ = ("end", "patterns", "start")

    def __init__(self, inverted: bool, start: int, end: int, patterns: list[bytes]) -> None:
        super().__init__(inverted)
        self.start = start
        self.end = end
        self.patterns = patterns

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        at = payload_start(packet)
        if at == NO_PAYLOAD:
            return False
        asked = min(packet.length, at + self.end)
        for pattern in self.patterns:
            if packet.data.find(pattern, at + self.start, asked) >= 0:
                return not self.inverted
        return False if asked > len(packet.data) else self.inverted


class RegexMatch(Match):
    """Any of these expressions, somewhere between `start` and `end` octets behind the beginning.

    Of a packet that is cut off before `end` it is not known what an expression's end would meet.
    """

    __slots__ = ("end", "searchers", "start")

    def __init__(self, inverted: bool, start: int, end: int, searchers: list[Searcher]) -> None:
        super().__init__(inverted)
        self.start = start
        self.end = end
        self.searchers = searchers

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        at = payload_start(packet)
        if at == NO_PAYLOAD:
            return False
        asked = min(packet.length, at + self.end)
        if asked > len(packet.data):
            return False
        # Compiled, a slice that begins behind its end is an error.
        octets = packet.data[min(at + self.start, asked) : asked]
        for searcher in self.searchers:
            if searcher.search(octets) is not None:
                return not self.inverted
        return self.inverted
