"""Forged segments at the edges of the windows that a real conversation has led to.

Real stacks keep within their windows; so whether two judges hold the same bounds, to the octet,
shows only when somebody steps over them. The bounds are those that our judge holds: where they are
not the kernel's, one of the two segments at either side of an edge is judged differently.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from firewalld_py.conntrack.tcp_connection import TcpConnection
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.protocols import TCP_ACK, TCP_MIN, TCPOPT_SACK
from tests import wire
from tests.differential.ours import OurJudge
from tests.differential.segments import tcp_options
from tests.differential.sequence import Sent, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from firewalld_py.packet.packet import Packet

SEQUENCE: Final = 0xFFFFFFFF
# In the notes of forged segments: the last sequence number that is let through.
LIMIT, CLOSED_LIMIT = "the limit", "the limit of a closed window"


class Edges(NamedTuple):
    """What the other side of `acker`, who has just acknowledged, may send, and has sent.

    It has sent what comes before `end`, and acknowledges `ack` itself. Its window goes to `maxend`;
    `maxwin` is the largest that it was ever offered.
    """

    acker: Packet
    ack: int
    end: int
    maxend: int
    maxwin: int

    @property
    def limit(self) -> int:
        """Up to here, almost a window above `maxend`, a segment is let through, but not learnt."""
        return self.maxend + self.maxwin - 1


def is_sack(data: bytes) -> bool:
    """Whether the packet holds SACK blocks."""
    packet = parse(data, PacketMeta())
    if packet.protocol != wire.TCP or packet.fault:
        return False
    options = tcp_options(data, packet.transport + TCP_MIN, _body(packet))
    return any(kind == TCPOPT_SACK for kind, _, _ in options)


def is_bare_ack(data: bytes) -> bool:
    """Whether the packet is nothing but an acknowledgement."""
    packet = parse(data, PacketMeta())
    tcp = packet.protocol == wire.TCP and not packet.fault
    return tcp and packet.tcp_flags == TCP_ACK and packet.length == _body(packet)


def _body(packet: Packet) -> int:
    return packet.transport + packet.header_length


def probed(
    capture: Sequence,
    wanted: Callable[[bytes], bool],
    most: int,
    probes: Callable[[Edges], list[Sent]],
) -> Iterator[Sequence]:
    """The capture's beginnings up to packets that are `wanted`, spread over it, with the probes."""
    places = [place for place, sent in enumerate(capture.packets) if wanted(sent.data)]
    step = max(len(places) // most, 1)
    chosen = set(places[step // 2 :: step][:most])
    ours = OurJudge(capture.switches)
    for place, sent in enumerate(capture.packets):
        ours.judge(sent.data, place * 1e-4, accept=True)
        connection = ours.connection()
        if place in chosen and isinstance(connection, TcpConnection):
            forged = probes(_edges(connection, parse(sent.data, PacketMeta())))
            yield capture.with_packets([*capture.packets[: place + 1], *forged])


def at_edges(edges: Edges) -> list[Sent]:
    """What is refused comes first, it changes little; what is let through moves the windows."""
    around = [
        Sent(_data(edges, edges.limit + 1), f"above {LIMIT}"),
        Sent(_ack(edges, edges.end + 1), "acknowledges one octet that was not sent"),
        Sent(_sack(edges, edges.end + 1), "SACK of one octet that was not sent"),
        Sent(_sack(edges, edges.end), "SACK of the last octet"),
        Sent(_data(edges, edges.maxend), "at the edge"),
        Sent(_ack(edges, edges.end), "acknowledges the last octet"),
    ]
    # The one at the limit moves what has been sent; how far it does is asked by the same ones.
    return [*around, Sent(_data(edges, edges.limit), f"at {LIMIT}"), *around]


def at_closed_window(edges: Edges) -> list[Sent]:
    """All is sent and acknowledged, no more is asked for; one octet more is still let through."""
    closed = edges.limit + edges.maxwin
    return [
        Sent(_data(edges, edges.limit), f"at {LIMIT}"),
        Sent(_ack(edges, edges.limit, window=0), "closes the window"),
        Sent(_data(edges, closed + 1), f"above {CLOSED_LIMIT}"),
        Sent(_data(edges, closed), f"at {CLOSED_LIMIT}"),
    ]


def _edges(connection: TcpConnection, acker: Packet) -> Edges:
    forwards = acker.src + acker.dst == connection.original_key[: 2 * len(acker.src)]
    sender, receiver = connection.peer_copy(int(forwards)), connection.peer_copy(1 - int(forwards))
    return Edges(acker, sender.maxack, sender.end, sender.maxend, receiver.maxwin)


def _data(edges: Edges, seq: int) -> bytes:
    """A segment without data, for it is its end that counts, of the side that sends data."""
    acker = edges.acker
    segment = wire.tcp("A", seq, edges.ack, sport=acker.dport, dport=acker.sport)
    return wire.ip(acker.dst, acker.src, wire.TCP, segment)


def _ack(edges: Edges, ack: int, options: bytes = b"", window: int | None = None) -> bytes:
    acker = edges.acker
    win = acker.window if window is None else window
    segment = wire.tcp("A", acker.seq, ack, win, b"", options, acker.sport, acker.dport)
    return wire.ip(acker.src, acker.dst, wire.TCP, segment)


def _sack(edges: Edges, right: int) -> bytes:
    left = (right - 1) & SEQUENCE
    return _ack(edges, edges.acker.ack, b"\1\1\5\x0a" + struct.pack(">II", left, right & SEQUENCE))
