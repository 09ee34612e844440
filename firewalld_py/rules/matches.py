"""The conditions of a rule. Each is a small object that looks at one thing.

A match answers for packets that have what it asks about: a port match is never met by a packet
without ports, and neither is its inverse (as `-p tcp ! --dport 22` is no match for UDP).
"""

from __future__ import annotations

from bisect import bisect_right

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import UNKNOWN_INTERFACE, Packet
from firewalld_py.packet.protocols import IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP
from firewalld_py.packet.reasons import TRANSPORT_TOO_SHORT
from firewalld_py.rules.changes import Changes


class Interfaces:
    """Which interface patterns of the rules each interface of this machine meets.

    `masks` maps an interface index to a bit mask: bit i is set if pattern i fits the interface's
    name. A pattern is a name, or the beginning of one followed by `*` (or `+`, as iptables has it).
    """

    __slots__ = ("changes", "masks", "names", "patterns")

    def __init__(self, patterns: list[str], changes: Changes) -> None:
        self.patterns = patterns
        self.changes = changes
        self.masks: dict[int, int] = {}
        self.names: dict[int, str] = {}

    def set_names(self, names: dict[int, str]) -> None:
        """Tell which interfaces there are now: index → name. Forgets those of before."""
        masks: dict[int, int] = {}
        for index, name in names.items():
            mask = 0
            for bit, pattern in enumerate(self.patterns):
                if _fits(pattern, name):
                    mask |= 1 << bit
            masks[index] = mask
        self.masks = masks
        self.names = names
        self.changes.note()


def _fits(pattern: str, name: str) -> bool:
    if pattern.endswith(("*", "+")):
        return name.startswith(pattern[:-1])
    return name == pattern


class Match:
    """One condition; `inverted` turns the answer round for packets that can be asked at all."""

    __slots__ = ("inverted",)

    def __init__(self, inverted: bool) -> None:
        self.inverted = inverted

    def needs(self) -> int:
        """What it asks of the machine that is not at hand for every packet, as bits."""
        return 0

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        raise NotImplementedError

    def is_steady(self) -> bool:
        """Whether it answers the same for all ESTABLISHED packets of a connection in one direction.

        That is, for those with the same interfaces, and until Changes are noted.
        """
        return False


class SteadyMatch(Match):
    """One that asks for what all packets of a connection in one direction have in common."""

    __slots__ = ()

    def is_steady(self) -> bool:
        return True


class StateMatch(SteadyMatch):
    __slots__ = ("states",)

    def __init__(self, inverted: bool, states: int) -> None:
        super().__init__(inverted)
        self.states = states

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        return (info.state & self.states != 0) != self.inverted


class InterfaceMatch(SteadyMatch):
    """`in:` or `out:`; an unknown interface (in a capture) meets it and its inverse."""

    __slots__ = ("interfaces", "outgoing", "patterns")

    def __init__(
        self, inverted: bool, patterns: int, interfaces: Interfaces, outgoing: bool
    ) -> None:
        super().__init__(inverted)
        self.patterns = patterns
        self.interfaces = interfaces
        self.outgoing = outgoing

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        index = packet.meta.out_index if self.outgoing else packet.meta.in_index
        if index == UNKNOWN_INTERFACE:
            return True
        return (self.interfaces.masks.get(index, 0) & self.patterns != 0) != self.inverted


class FamilyMatch(SteadyMatch):
    __slots__ = ("version",)

    def __init__(self, inverted: bool, version: int) -> None:
        super().__init__(inverted)
        self.version = version

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        return (packet.version == self.version) != self.inverted


class AddressMatch(SteadyMatch):
    """Source or destination within one of the ranges; octets compare as the numbers they are.

    Of each family's ranges, which may not overlap, the lows are in order, and the highs with them.
    """

    __slots__ = ("destination", "highs_v4", "highs_v6", "lows_v4", "lows_v6")

    def __init__(
        self, inverted: bool, ranges: list[tuple[bytes, bytes]], destination: bool
    ) -> None:
        super().__init__(inverted)
        self.destination = destination
        merged = _merged(ranges)
        self.lows_v4 = [low for low, _high in merged if len(low) == 4]
        self.highs_v4 = [high for low, high in merged if len(low) == 4]
        self.lows_v6 = [low for low, _high in merged if len(low) == 16]
        self.highs_v6 = [high for low, high in merged if len(low) == 16]

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        address = packet.dst if self.destination else packet.src
        if len(address) == 0:
            return False
        if len(address) == 4:
            at = bisect_right(self.lows_v4, address) - 1
            within = at >= 0 and address <= self.highs_v4[at]
        else:
            at = bisect_right(self.lows_v6, address) - 1
            within = at >= 0 and address <= self.highs_v6[at]
        return within != self.inverted


def _merged(ranges: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The same addresses as ranges in order of which none overlaps another of its family."""
    merged: list[tuple[bytes, bytes]] = []
    for low, high in sorted(ranges, key=lambda pair: (len(pair[0]), pair[0])):
        if merged and len(merged[-1][0]) == len(low) and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


class ProtocolMatch(SteadyMatch):
    """`wanted` is a table of 256 octets, 1 for each protocol that is asked for."""

    __slots__ = ("wanted",)

    def __init__(self, inverted: bool, protocols: frozenset[int]) -> None:
        super().__init__(inverted)
        self.wanted = bytes([number in protocols for number in range(256)])

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if packet.protocol < 0:
            return False
        return (self.wanted[packet.protocol] != 0) != self.inverted


class PortMatch(SteadyMatch):
    __slots__ = ("destination", "ranges")

    def __init__(self, inverted: bool, ranges: list[tuple[int, int]], destination: bool) -> None:
        super().__init__(inverted)
        self.ranges = ranges
        self.destination = destination

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if not packet.has_ports:
            return False
        port = packet.dport if self.destination else packet.sport
        for low, high in self.ranges:
            if low <= port <= high:
                return not self.inverted
        return self.inverted


class IcmpMatch(Match):
    """Types with a range of codes: (protocol, type, lowest code, highest code)."""

    __slots__ = ("types",)

    def __init__(self, inverted: bool, types: list[tuple[int, int, int, int]]) -> None:
        super().__init__(inverted)
        self.types = types

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        protocol = packet.protocol
        if protocol not in (IPPROTO_ICMP, IPPROTO_ICMPV6):
            return False
        if packet.fault == TRANSPORT_TOO_SHORT:
            return False
        for wanted, icmp_type, low, high in self.types:
            if (
                protocol == wanted
                and packet.icmp_type == icmp_type
                and low <= packet.icmp_code <= high
            ):
                return not self.inverted
        return self.inverted


class TcpFlagsMatch(Match):
    """`--tcp-flags mask value`, for any of several pairs."""

    __slots__ = ("pairs",)

    def __init__(self, inverted: bool, pairs: list[tuple[int, int]]) -> None:
        super().__init__(inverted)
        self.pairs = pairs

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if packet.protocol != IPPROTO_TCP or packet.header_length == 0:
            return False
        for mask, value in self.pairs:
            if packet.tcp_flags & mask == value:
                return not self.inverted
        return self.inverted


class MarkMatch(Match):
    """The packet's mark, as rules before this one may have set it: `mark & mask == value`."""

    __slots__ = ("pairs",)

    def __init__(self, inverted: bool, pairs: list[tuple[int, int]]) -> None:
        super().__init__(inverted)
        self.pairs = pairs

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        for value, mask in self.pairs:
            if mark & mask == value:
                return not self.inverted
        return self.inverted


class ConnmarkMatch(Match):
    """The connection's mark: `mark & mask == value`. What has no connection is not asked."""

    __slots__ = ("pairs",)

    def __init__(self, inverted: bool, pairs: list[tuple[int, int]]) -> None:
        super().__init__(inverted)
        self.pairs = pairs

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None:
            return False
        for value, mask in self.pairs:
            if connection.mark & mask == value:
                return not self.inverted
        return self.inverted


class LabelMatch(Match):
    """Any of these labels on the connection. What has no connection is not asked."""

    __slots__ = ("labels",)

    def __init__(self, inverted: bool, labels: int) -> None:
        super().__init__(inverted)
        self.labels = labels

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None:
            return False
        return (connection.labels() & self.labels != 0) != self.inverted


class ZoneMatch(SteadyMatch):
    """The zone that the connection is tracked in. What has no connection is not asked."""

    __slots__ = ("zones",)

    def __init__(self, inverted: bool, zones: frozenset[int]) -> None:
        super().__init__(inverted)
        self.zones = zones

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if connection is None:
            return False
        return (connection.zone() in self.zones) != self.inverted
