"""Conditions and targets about sets: whether a packet is in one, and what puts it there."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import UNKNOWN_INTERFACE, Packet
from firewalld_py.packet.protocols import IPPROTO_ICMP, IPPROTO_ICMPV6
from firewalld_py.packet.reasons import ICMP_TYPE, ICMP_WRONG_FAMILY, OK
from firewalld_py.rules.matches import Interfaces, Match
from firewalld_py.rules.set_elements import (
    ADDRESS,
    INTERFACE,
    MAC,
    MAC_OCTETS,
    PORT,
    WITH_PORTS,
    pack_interface,
    pack_port,
    width_of,
)
from firewalld_py.rules.sets import ADDED, EXTENDED, REMOVED, Change, Set
from firewalld_py.rules.targets import Effects, Target

# What of a packet is looked up, by its place here; and the kind of part that it is.
OF_NAMES: Final[tuple[str, ...]] = ("src", "dst", "sport", "dport", "in", "out", "source_mac")
OF_KINDS: Final = bytes((ADDRESS, ADDRESS, PORT, PORT, INTERFACE, INTERFACE, MAC))
OF_SRC: Final = 0
OF_DST: Final = 1
OF_SPORT: Final = 2
OF_DPORT: Final = 3
OF_IN: Final = 4
OF_OUT: Final = 5
OF_SOURCE_MAC: Final = 6

LACKING: Final = b""
_ICMP_READ: Final = frozenset((OK, ICMP_TYPE, ICMP_WRONG_FAMILY))  # faults of which it is known


class PacketParts:
    """What of a packet is looked up in a set, part by part, or added to it: `of` are OF_ numbers.

    ValueError if the set has other parts.
    """

    __slots__ = ("interfaces", "of", "simple")

    def __init__(self, of: bytes, the_set: Set, interfaces: Interfaces) -> None:
        if bytes([OF_KINDS[what] for what in of if what < len(OF_KINDS)]) != the_set.kinds:
            raise ValueError(f"set {the_set.name} has other parts")
        self.of = of
        self.interfaces = interfaces
        self.simple = of[0] if len(of) == 1 else -1

    def pack(self, packet: Packet) -> bytes:
        """They, as an element of which every bit counts; LACKING if the packet has not all."""
        if self.simple == OF_SRC:
            return packet.src
        if self.simple == OF_DST:
            return packet.dst
        packed = b""
        for what in self.of:
            part = self._part(packet, what)
            if len(part) == 0:
                return LACKING
            packed += part
        return packed

    def _part(self, packet: Packet, what: int) -> bytes:
        if what <= OF_DST:
            return packet.src if what == OF_SRC else packet.dst
        if what <= OF_DPORT:
            return packed_port(packet, what == OF_DPORT)
        if what <= OF_OUT:
            meta = packet.meta
            index = meta.in_index if what == OF_IN else meta.out_index
            # No interface has no name, and no element covers that.
            return pack_interface(self.interfaces.names.get(index, ""))
        mac = packet.meta.source_mac
        return mac if len(mac) == MAC_OCTETS else LACKING

    def unknown(self, packet: Packet) -> bool:
        """Whether one of them is an interface that is not known, as in a capture."""
        meta = packet.meta
        for what in self.of:
            if what == OF_IN and meta.in_index == UNKNOWN_INTERFACE:
                return True
            if what == OF_OUT and meta.out_index == UNKNOWN_INTERFACE:
                return True
        return False

    def known_bits(self, packet: Packet) -> int:
        """The bits of what `pack` gives, but for interfaces that are not known."""
        bits = 0
        for what in self.of:
            width = 8 * width_of(OF_KINDS[what], len(packet.src))
            index = 0
            if what == OF_IN:
                index = packet.meta.in_index
            elif what == OF_OUT:
                index = packet.meta.out_index
            bits = bits << width | (0 if index == UNKNOWN_INTERFACE else (1 << width) - 1)
        return bits

    def has_name(self, packet: Packet) -> bool:
        """Whether each of them that is an interface has a name."""
        for what in self.of:
            if what == OF_IN and packet.meta.in_index not in self.interfaces.names:
                return False
            if what == OF_OUT and packet.meta.out_index not in self.interfaces.names:
                return False
        return True


def packed_port(packet: Packet, of_destination: bool) -> bytes:
    """A packet's port with its protocol, as ip_set_getport.c has them.

    In its place ICMP has type and code, and other protocols that have no ports have 0. LACKING if
    the packet is too short, or a fragment behind the first.
    """
    if packet.has_ports:
        return pack_port(packet.dport if of_destination else packet.sport, packet.protocol)
    protocol = packet.protocol
    if protocol < 0 or protocol in WITH_PORTS:
        return LACKING
    if protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        if packet.fault not in _ICMP_READ:
            return LACKING
        return pack_port(packet.icmp_type << 8 | packet.icmp_code, protocol)
    return pack_port(0, protocol)


class SetMatch(Match):
    """`-m set`: whether the packet's parts are in the set.

    A packet that lacks one of them is not asked, as in matches.py.
    """

    __slots__ = ("parts", "the_set")

    def __init__(self, inverted: bool, the_set: Set, parts: PacketParts) -> None:
        super().__init__(inverted)
        self.the_set = the_set
        self.parts = parts

    def is_steady(self) -> bool:
        return self.the_set.is_steady() and OF_SOURCE_MAC not in self.parts.of

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        parts = self.parts
        packed = parts.pack(packet)
        if len(packed) == 0:
            return False
        now = packet.meta.arrived
        if (parts.simple < 0 or parts.simple >= OF_IN) and parts.unknown(packet):
            # As of InterfaceMatch, it meets this and its inverse; the other parts count.
            known = parts.known_bits(packet)
            return self.inverted or self.the_set.has_similar(packed, known, now)
        return self.the_set.is_met(packed, now, packet.length) != self.inverted


class AddTarget(Target):
    """`-j SET --add-set`: add the packet's parts for `lifetime` seconds, 0 for ever.

    What the packet lacks is not added; nor what there is no room for.
    """

    __slots__ = ("lifetime", "parts", "the_set")

    def __init__(self, the_set: Set, parts: PacketParts, lifetime: float) -> None:
        self.the_set = the_set
        self.parts = parts
        self.lifetime = lifetime

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        the_set = self.the_set
        packed = self.parts.pack(packet)
        if len(packed) == 0 or not self.parts.has_name(packet):
            return
        lengths = the_set.exact(packed)
        deadline = the_set.until(now, self.lifetime)
        if the_set.add(packed, lengths, deadline, now) in (ADDED, EXTENDED):
            the_set.news.tell(Change(the_set.name, packed, lengths, deadline, True))


class RemoveTarget(Target):
    """`-j SET --del-set`: remove the packet's parts, if they were added."""

    __slots__ = ("parts", "the_set")

    def __init__(self, the_set: Set, parts: PacketParts) -> None:
        self.the_set = the_set
        self.parts = parts

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        the_set = self.the_set
        packed = self.parts.pack(packet)
        if len(packed) == 0:
            return
        lengths = the_set.exact(packed)
        if the_set.remove(packed, lengths, now) == REMOVED:
            the_set.news.tell(Change(the_set.name, packed, lengths, 0.0, False))
