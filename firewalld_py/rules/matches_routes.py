"""Conditions on where the kernel's routes lead: types of addresses, and the way back.

Where no routes are known (nobody told any, or there are too many) none of them can be asked.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import UNKNOWN_INTERFACE, Packet
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches import Match
from firewalld_py.rules.routes import (
    RTN_ANYCAST,
    RTN_BLACKHOLE,
    RTN_BROADCAST,
    RTN_LOCAL,
    RTN_MULTICAST,
    RTN_PROHIBIT,
    RTN_UNICAST,
    RTN_UNREACHABLE,
    Route,
    RouteTable,
)

# Types of address; bits.
UNSPEC: Final = 1 << 0
UNICAST: Final = 1 << RTN_UNICAST
LOCAL: Final = 1 << RTN_LOCAL
BROADCAST: Final = 1 << RTN_BROADCAST
ANYCAST: Final = 1 << RTN_ANYCAST
MULTICAST: Final = 1 << RTN_MULTICAST
BLACKHOLE: Final = 1 << RTN_BLACKHOLE
UNREACHABLE: Final = 1 << RTN_UNREACHABLE
PROHIBIT: Final = 1 << RTN_PROHIBIT
REFUSED: Final = BLACKHOLE | UNREACHABLE | PROHIBIT

LOOPBACK_INDEX: Final = 1  # of every namespace's own (LOOPBACK_IFINDEX)
ALL_ZERO: Final = bytes(4)
ALL_HOSTS: Final = b"\xff\xff\xff\xff"
UNSPECIFIED: Final = bytes(16)
MAPPED: Final = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96


def address_types(address: bytes, routes: RouteTable) -> int:
    """The types that an address of 4 or 16 octets has, as bits."""
    route = routes.find(address)
    types = 1 << route.type if route.type else UNREACHABLE
    if len(address) == 4:
        return _types_v4(address, types)
    # As ipv6_addr_type() in net/ipv6/addrconf_core.c, to which what is local is unicast, too.
    if address[0] == 0xFF:
        return MULTICAST
    if address == UNSPECIFIED:
        return UNSPEC
    types &= LOCAL | ANYCAST | REFUSED
    return types if address[:12] == MAPPED else types | UNICAST


def _types_v4(address: bytes, types: int) -> int:
    """As inet_addr_type() in net/ipv4/fib_frontend.c, but for routes that refuse."""
    if address == ALL_ZERO:
        return BROADCAST | UNSPEC
    if address == ALL_HOSTS:
        return BROADCAST
    if address[0] & 0xF0 == 0xE0:
        return MULTICAST
    if types & REFUSED:
        return types | UNICAST  # to -m addrtype it is nothing else
    return types if types & (LOCAL | BROADCAST | ANYCAST | MULTICAST) else UNICAST


class AddressTypeMatch(Match):
    """`-m addrtype`, for any of several types."""

    __slots__ = ("destination", "machine", "types")

    def __init__(self, inverted: bool, types: int, destination: bool, machine: Machine) -> None:
        super().__init__(inverted)
        self.types = types
        self.destination = destination
        self.machine = machine

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        routes = self.machine.routes
        address = packet.dst if self.destination else packet.src
        if routes is None or len(address) == 0:
            return False
        return (address_types(address, routes) & self.types != 0) != self.inverted


class ReversePathMatch(Match):
    """`-m rpfilter`: met by what came by the way on which its answers go.

    Where `loose`, by what has answers at all; `accepts_local` lets this machine's own addresses
    pass. The steps are those of ipt_rpfilter.c and ip6t_rpfilter.c.
    """

    __slots__ = ("accepts_local", "loose", "machine")

    def __init__(self, inverted: bool, loose: bool, accepts_local: bool, machine: Machine) -> None:
        super().__init__(inverted)
        self.loose = loose
        self.accepts_local = accepts_local
        self.machine = machine

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        routes = self.machine.routes
        if routes is None or len(packet.src) == 0:
            return False
        return self.is_way_back(packet, routes) != self.inverted

    def is_way_back(self, packet: Packet, routes: RouteTable) -> bool:
        """Whether it passes, of a packet that has addresses."""
        if packet.meta.in_index == LOOPBACK_INDEX or _needs_no_route(packet):
            return True
        route = self._way_back(packet, routes)
        if route.type == RTN_LOCAL and self.accepts_local:
            return packet.version == 6 or self._comes_by(route, packet)
        return route.type == RTN_UNICAST and self._comes_by(route, packet)

    def _way_back(self, packet: Packet, routes: RouteTable) -> Route:
        source = packet.src
        if len(source) == 16 and source[0] == 0xFE and source[1] & 0xC0 == 0x80:
            # A link-local address means another host on each link.
            return routes.find_by(source, packet.meta.in_index)
        return routes.find(source)

    def _comes_by(self, route: Route, packet: Packet) -> bool:
        index = packet.meta.in_index
        if index == UNKNOWN_INTERFACE:
            return True
        return self.loose or index in route.interfaces


def _needs_no_route(packet: Packet) -> bool:
    """Who has no address yet and asks all for one; forwarding stops what goes further."""
    source, destination = packet.src, packet.dst
    if len(source) == 16:
        return source == UNSPECIFIED
    return source == ALL_ZERO and (destination == ALL_HOSTS or destination[:3] == b"\xe0\x00\x00")
