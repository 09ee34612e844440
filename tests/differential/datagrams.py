"""Conversations without a state machine: UDP, UDP-Lite, ICMP queries, and the other protocols."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.conversation import Ends, payload, weighted
from tests.differential.sequence import Sent

if TYPE_CHECKING:
    from random import Random

# Query and answer types by family; then all that is neither.
QUERIES: Final = {
    4: ((8, 0), (8, 0), (13, 14), (15, 16), (17, 18)),
    6: ((128, 129), (128, 129), (139, 140)),
}
OTHER_TYPES: Final = {
    4: (0, 1, 2, 3, 6, 7, 9, 10, 14, 16, 18, 19, 30, 37, 40, 41, 42, 43, 127, 128, 255),
    6: (0, 1, 100, 127, 129, *range(130, 162), 200, 201, 255),
}
# Numbers without a tracker of their own, and some that are something else in IPv6.
OTHER_PROTOCOLS: Final = (
    2,
    4,
    12,
    27,
    41,
    50,
    51,
    89,
    94,
    103,
    112,
    115,
    135,
    137,
    139,
    140,
    253,
    255,
)
DCCP: Final = 33


class UdpConversation:
    """Datagrams both ways between one or two pairs of ports; or UDP-Lite."""

    def __init__(self, rng: Random, ends: Ends, hostility: float, protocol: int) -> None:
        self._rng = rng
        self._ends = ends
        self._hostility = hostility
        self._protocol = protocol
        client = rng.randrange(65536)
        self._ports = (client, rng.choice((53, 123, rng.randrange(65536), 0, client)))

    def next(self) -> Sent:
        rng = self._rng
        side = rng.choice((0, 0, 1))
        size = rng.choice((0, 1, 7, 8, 20, 100, 500))
        length: int | None = None
        if self._protocol == wire.UDPLITE and rng.random() < 0.5:
            length = rng.choice((0, 8, 8 + size))
        sport, dport = self._ports[side], self._ports[1 - side]
        checksum: int | None = None
        note = "proper"
        if rng.random() < self._hostility:
            note = "hostile"
            length = rng.choice((None, *range(13), size, 7 + size, 8 + size, 9 + size, 65535))
            checksum = rng.choice((None, None, 0, rng.getrandbits(16)))
            if rng.random() < 0.1:
                sport, dport = dport, sport
        datagram = wire.udp(payload(rng, size), sport, dport, length)
        src, dst = self._ends.of(side), self._ends.of(1 - side)
        return Sent(wire.ip(src, dst, self._protocol, datagram, checksum=checksum), note)


class QueryConversation:
    """Echo, timestamp and the like, and ICMP types that open nothing."""

    def __init__(self, rng: Random, ends: Ends, hostility: float) -> None:
        self._rng = rng
        self._ends = ends
        self._hostility = hostility
        self._types = rng.choice(QUERIES[ends.family])
        self._identifier = rng.getrandbits(16)
        self._code = 0

    def next(self) -> Sent:
        rng = self._rng
        side = rng.randrange(2)
        kind = self._types[1] if side else self._types[0]
        code, identifier = self._code, self._identifier
        note = "proper"
        if rng.random() < self._hostility:
            note = "hostile"
            what = rng.randrange(5)
            if what == 0:
                kind = rng.choice(OTHER_TYPES[self._ends.family])
            elif what == 1:
                kind = self._types[0]
            elif what == 2:
                code = self._code = rng.choice((0, 0, 1, 255))
            elif what == 3:
                identifier = rng.choice((0, identifier ^ 1))
            else:
                kind = self._types[1]
        message = wire.query(kind, code, identifier, payload(rng, rng.choice((0, 8, 56))))
        protocol = wire.ICMP if self._ends.family == 4 else wire.ICMPV6
        if rng.random() < self._hostility * 0.05:
            protocol = wire.ICMP + wire.ICMPV6 - protocol  # that of the other family
        src, dst = self._ends.of(side), self._ends.of(1 - side)
        return Sent(wire.ip(src, dst, protocol, message), note)


class GreConversation:
    """GRE, plain or as PPTP has it (RFC 2784, 2890, 2637), call by call."""

    def __init__(self, rng: Random, ends: Ends, hostility: float) -> None:
        self._rng = rng
        self._ends = ends
        self._hostility = hostility
        self._version = rng.choice((0, 0, 1))
        self._key = rng.getrandbits(32)
        self._calls = (rng.getrandbits(16), rng.getrandbits(16))

    def next(self) -> Sent:
        rng = self._rng
        side = rng.randrange(2)
        note = "proper"
        if self._version == 0:
            flags = rng.choice((0, 0, 0x2000, 0x3000, 0x8000, 0xB000))
            header = struct.pack(">HH", flags, 0x0800)
            header += bytes(4) if flags & 0x8000 else b""
            header += struct.pack(">I", self._key) if flags & 0x2000 else b""
            header += struct.pack(">I", 1) if flags & 0x1000 else b""
        else:
            flags = rng.choice((0x2001, 0x3001, 0x3081, 0x2081))
            header = struct.pack(">HHHH", flags, 0x880B, 4, self._calls[side])
            header += struct.pack(">I", 1) if flags & 0x1000 else b""
            header += struct.pack(">I", 1) if flags & 0x80 else b""
        data = header + payload(rng, 8)
        if rng.random() < self._hostility:
            note = "hostile"
            what = rng.randrange(4)
            if what == 0:
                data = data[: rng.randrange(len(data) + 1)]
            elif what == 1:
                data = bytes((data[0], data[1] & 0xF8 | rng.randrange(8))) + data[2:]
            elif what == 2:
                data = data[:2] + rng.choice((b"\x88\x0b", b"\x08\x00", b"\x88\x0a")) + data[4:]
            else:
                data = bytes((rng.getrandbits(8),)) + data[1:]
        src, dst = self._ends.of(side), self._ends.of(1 - side)
        return Sent(wire.ip(src, dst, 47, data), note)


class OtherConversation:
    """A protocol that is told by its number alone, or by ports that nobody tracks (DCCP)."""

    def __init__(self, rng: Random, ends: Ends, hostility: float) -> None:
        self._rng = rng
        self._ends = ends
        self._hostility = hostility
        self._number = DCCP if rng.random() < 0.25 else rng.choice(OTHER_PROTOCOLS)
        if rng.random() < 0.1:
            self._number = rng.randrange(256)

    def next(self) -> Sent:
        rng = self._rng
        side = rng.choice((0, 0, 1))
        size = rng.choice((0, 1, 3, 4, 8, 20, 40))
        number = self._number
        if rng.random() < self._hostility * 0.1:
            number = rng.randrange(256)
        data = payload(rng, size)
        if number == DCCP and rng.random() > self._hostility:
            kind = weighted(rng, ((3, 0), (3, 1), (3, 2), (1, 7)))
            data = struct.pack(">HHBBHBBH", 40000, 80, 4, 0, 0, kind << 1 | 1, 0, 0) + bytes(12)
        src, dst = self._ends.of(side), self._ends.of(1 - side)
        return Sent(wire.ip(src, dst, number, data), "proper")
