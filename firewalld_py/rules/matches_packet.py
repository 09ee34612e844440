"""Conditions on what else stands in a packet's headers: lengths, hops, options, extension headers.

What a packet is too short to have it is not asked about, as in matches.py.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.extensions import header_size
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import (
    EXTENSION_HEADERS,
    IPPROTO_NONE,
    IPPROTO_TCP,
    IPV6_HEADER,
    TCP_MIN,
)
from firewalld_py.rules.matches import Match

IPPROTO_ESP: Final = 50
TCPOPT_MAXSEG: Final = 2
TCPOLEN_MAXSEG: Final = 4
NO_OPTIONS: Final = -1


def within(ranges: list[tuple[int, int]], number: int) -> bool:
    """Whether a number is in one of the ranges, whose ends count."""
    for low, high in ranges:
        if low <= number <= high:
            return True
    return False


class LengthMatch(Match):
    """`-m length`: the datagram's octets, its IP header with them."""

    __slots__ = ("ranges",)

    def __init__(self, inverted: bool, ranges: list[tuple[int, int]]) -> None:
        super().__init__(inverted)
        self.ranges = ranges

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if len(packet.src) == 0:
            return False
        return within(self.ranges, packet.length) != self.inverted


class TtlMatch(Match):
    """`-m ttl` and `-m hl`: IPv4's time to live, IPv6's hop limit."""

    __slots__ = ("ranges",)

    def __init__(self, inverted: bool, ranges: list[tuple[int, int]]) -> None:
        super().__init__(inverted)
        self.ranges = ranges

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if len(packet.src) == 0:
            return False
        hops = packet.data[8] if packet.version == 4 else packet.data[7]
        return within(self.ranges, hops) != self.inverted


class TosMatch(Match):
    """`-m tos` and `-m dscp`: the TOS or traffic class octet, `octet & mask == value`."""

    __slots__ = ("pairs",)

    def __init__(self, inverted: bool, pairs: list[tuple[int, int]]) -> None:
        super().__init__(inverted)
        self.pairs = pairs

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if len(packet.src) == 0:
            return False
        data = packet.data
        octet = data[1] if packet.version == 4 else (data[0] & 0x0F) << 4 | data[1] >> 4
        for value, mask in self.pairs:
            if octet & mask == value:
                return not self.inverted
        return self.inverted


def options_end(packet: Packet) -> int:
    """Where a TCP header ends; NO_OPTIONS if the packet is not TCP or has no whole header.

    Its options, if any, begin TCP_MIN octets behind `packet.transport`.
    """
    if packet.protocol != IPPROTO_TCP or packet.header_length < TCP_MIN:
        return NO_OPTIONS
    end = packet.transport + packet.header_length
    return end if end <= min(packet.length, len(packet.data)) else NO_OPTIONS


def next_option(data: bytes, at: int, end: int) -> int:
    """Where the option behind the one at `at` stands, as xt_tcpudp.c and xt_tcpmss.c walk.

    They do not stop at the end of the list (kind 0), and step over a length of 0 as if it were 1.
    """
    if data[at] < 2 or at + 1 >= end:
        return at + 1
    return at + max(data[at + 1], 1)


class TcpOptionMatch(Match):
    """`--tcp-option`, for any of several; `wanted` has 1 for each that is asked for."""

    __slots__ = ("wanted",)

    def __init__(self, inverted: bool, options: frozenset[int]) -> None:
        super().__init__(inverted)
        self.wanted = bytes([number in options for number in range(256)])

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        end = options_end(packet)
        if end == NO_OPTIONS:
            return False
        data = packet.data
        at = packet.transport + TCP_MIN
        while at < end:
            if self.wanted[data[at]] != 0:
                return not self.inverted
            at = next_option(data, at, end)
        return self.inverted


class MssMatch(Match):
    """`-m tcpmss`; a segment that names no MSS meets the inverse, as it does there."""

    __slots__ = ("ranges",)

    def __init__(self, inverted: bool, ranges: list[tuple[int, int]]) -> None:
        super().__init__(inverted)
        self.ranges = ranges

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        end = options_end(packet)
        if end == NO_OPTIONS:
            return False
        data = packet.data
        at = packet.transport + TCP_MIN
        while at < end:
            if (
                data[at] == TCPOPT_MAXSEG
                and at + TCPOLEN_MAXSEG <= end
                and data[at + 1] == TCPOLEN_MAXSEG
            ):
                return within(self.ranges, data[at + 2] << 8 | data[at + 3]) != self.inverted
            at = next_option(data, at, end)
        return self.inverted


class FragmentMatch(Match):
    """`-f`, of a datagram: whether it came in fragments, and nobody put them together before us."""

    __slots__ = ("wanted",)

    def __init__(self, inverted: bool, wanted: bool) -> None:
        super().__init__(inverted)
        self.wanted = wanted

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if len(packet.src) == 0:
            return False
        is_one = packet.fragment or packet.was_fragmented
        return (is_one == self.wanted) != self.inverted


class Ipv6HeaderMatch(Match):
    """`-m ipv6header --soft`, for any of several headers, which `wanted` has as bits by number.

    The walk is that of ip6t_ipv6header.c: a packet that ends where a header is to begin, or behind
    its first octet, cannot be asked; one that ends within a header can.
    """

    __slots__ = ("wanted",)

    def __init__(self, inverted: bool, headers: frozenset[int]) -> None:
        super().__init__(inverted)
        self.wanted = bytes([number in headers for number in range(256)])

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if packet.version != 6 or len(packet.src) == 0:
            return False
        data = packet.data
        end = min(packet.length, len(data))
        kind = data[6]
        at = IPV6_HEADER
        is_present = False
        while at <= end and (kind in EXTENSION_HEADERS or kind in (IPPROTO_ESP, IPPROTO_NONE)):
            if kind != IPPROTO_NONE and at + 2 > end:
                return False
            is_present = is_present or self.wanted[kind] != 0
            if kind in (IPPROTO_ESP, IPPROTO_NONE):
                break
            size = header_size(kind, data, at)
            kind = data[at]
            at += size
        return is_present != self.inverted
