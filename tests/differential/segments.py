"""What a capture shows of a link that loses: retransmissions, SACK blocks, data out of order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.protocols import (
    TCP_MIN,
    TCP_RST,
    TCP_SYN,
    TCPOPT_EOL,
    TCPOPT_NOP,
    TCPOPT_SACK,
)
from tests import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEQUENCE: Final = 0xFFFFFFFF
SEGMENTS, AHEAD, FILLING, REPEATED = "data segments", "ahead", "filling", "repeated"
SACK_BLOCKS: Final = "SACK blocks"


def tcp_options(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Kind, place and size of the options that stand in `at..end`; EOL and NOP are passed over."""
    while at + 2 <= end and data[at] != TCPOPT_EOL:
        if data[at] == TCPOPT_NOP:
            at += 1
            continue
        size = data[at + 1]
        if size < 2:
            return
        yield data[at], at, size
        at += size


@dataclass(slots=True)
class _Flow:
    """The data of one direction as far as it was seen; offsets count from the first number."""

    first: int
    highest: int = 0
    holes: list[tuple[int, int]] = field(default_factory=list)

    def place(self, seq: int, octets: int) -> str:
        """Where a segment lies: at the end, AHEAD of a hole, FILLING one, or REPEATED."""
        begin = (seq - self.first) & SEQUENCE
        end = begin + octets
        if begin > SEQUENCE >> 1:
            return REPEATED  # a keep-alive, before the first number
        filling = any(left < end and begin < right for left, right in self.holes)
        # What is left of each hole before the segment, and behind it.
        pieces = [
            piece
            for left, right in self.holes
            for piece in ((left, min(right, begin)), (max(left, end), right))
            if piece[0] < piece[1]
        ]
        self.holes = pieces
        if begin > self.highest:
            self.holes.append((self.highest, begin))
            self.highest = end
            return AHEAD
        grows = end > self.highest
        self.highest = max(self.highest, end)
        if filling:
            return FILLING
        return "" if grows else REPEATED


def tcp_traits(packets: Iterable[bytes], source: bytes) -> Counter[str]:
    """Count what is told of the data that `source` sends, and of the SACK blocks that it sends."""
    found: Counter[str] = Counter()
    flows: dict[tuple[bytes, bytes], _Flow] = {}
    for data in packets:
        packet = parse(data, PacketMeta())
        if packet.protocol != wire.TCP or packet.src != source or packet.fault:
            continue
        body = packet.transport + packet.header_length
        ports = data[packet.transport : packet.transport + 4]
        if packet.tcp_flags & TCP_SYN:
            flows.setdefault((packet.dst, ports), _Flow((packet.seq + 1) & SEQUENCE))
        octets = packet.length - body
        if octets and (packet.dst, ports) in flows:
            found[SEGMENTS] += 1
            found[flows[packet.dst, ports].place(packet.seq, octets)] += 1
        for kind, _, size in tcp_options(data, packet.transport + TCP_MIN, body):
            if kind == TCPOPT_SACK:
                found[SACK_BLOCKS] += (size - 2) // 8
    return found


def windows(packets: Iterable[bytes], source: bytes) -> list[int]:
    """The windows that `source` offers, as they stand in its segments; a SYN's is never scaled."""
    parsed = (parse(data, PacketMeta()) for data in packets)
    return [
        packet.window
        for packet in parsed
        if packet.protocol == wire.TCP
        and packet.src == source
        and not packet.fault
        and not packet.tcp_flags & (TCP_SYN | TCP_RST)
    ]
