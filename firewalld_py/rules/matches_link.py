"""Conditions on how a packet came over its link: who sent it there, and to how many."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import UNKNOWN_INTERFACE, Packet
from firewalld_py.rules.machine import NEEDS_SOURCE_MAC, Machine
from firewalld_py.rules.matches import Match

# Types of packet; bits.
UNICAST: Final = 1
BROADCAST: Final = 2
MULTICAST: Final = 4

ALL_HOSTS: Final = b"\xff\xff\xff\xff"  # RFC 919: 255.255.255.255

NO_ADDRESSES: Final[frozenset[bytes]] = frozenset()


class SourceMacMatch(Match):
    """`-m mac`: any of these addresses. What came over no Ethernet is not asked, as in xt_mac.c."""

    __slots__ = ("addresses",)

    def __init__(self, inverted: bool, addresses: frozenset[bytes]) -> None:
        super().__init__(inverted)
        self.addresses = addresses

    def needs(self) -> int:
        return NEEDS_SOURCE_MAC

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        source_mac = packet.meta.source_mac
        if len(source_mac) == 0:
            return False
        return (source_mac in self.addresses) != self.inverted


class PacketTypeMatch(Match):
    """`-m pkttype`, told by the destination address: a queue does not say how a frame was sent."""

    __slots__ = ("machine", "types")

    def __init__(self, inverted: bool, types: int, machine: Machine) -> None:
        super().__init__(inverted)
        self.types = types
        self.machine = machine

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if len(packet.dst) == 0:
            return False
        return (packet_type(packet, self.machine) & self.types != 0) != self.inverted


def packet_type(packet: Packet, machine: Machine) -> int:
    """UNICAST, BROADCAST or MULTICAST, of a packet that has a destination."""
    destination = packet.dst
    first = destination[0]
    if len(destination) == 16:
        return MULTICAST if first == 0xFF else UNICAST
    if first & 0xF0 == 0xE0:
        return MULTICAST
    if destination == ALL_HOSTS:
        return BROADCAST
    meta = packet.meta
    index = meta.in_index if meta.in_index > 0 else meta.out_index
    if index == UNKNOWN_INTERFACE:  # in a capture: of any interface
        for addresses in machine.broadcasts.values():
            if destination in addresses:
                return BROADCAST
        return UNICAST
    return BROADCAST if destination in machine.broadcasts.get(index, NO_ADDRESSES) else UNICAST
