"""The two ends of TCP conversations: what each would send next, and what it may send otherwise.

A segment that is made here moves its sender's stream, and mostly the other's view of it.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.conversation import Ends, payload, weighted

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

SEQUENCE: Final = 0xFFFFFFFF
FIN, SYN, RST, PSH, ACK, URG = (1 << bit for bit in range(6))
REMEMBERED: Final = 12  # sequence numbers of each side that hostile packets are made near to

# How far the two ends have come.
CLOSED, SYN_SENT, SYN_RECEIVED, ESTABLISHED, CLOSING = range(5)

WINDOWS: Final = ((1, 0), (1, 1), (2, 10), (3, 1000), (2, 8192), (4, 65535), (2, 29200))
SIZES: Final = ((4, 0), (4, 1), (4, 10), (3, 100), (3, 999), (3, 1460), (1, 9000), (0.3, 60000))


class Peer:
    """One end: where it is in its stream, and what it offered."""

    def __init__(self, rng: Random) -> None:
        self.port = rng.choice((80, 443, 22, rng.randrange(1024, 65536)))
        self.start(rng)

    def start(self, rng: Random, isn: int | None = None) -> None:
        """Begin a connection with this initial sequence number, or one by chance."""
        if isn is None:
            isn = rng.choice(
                (rng.getrandbits(32), rng.getrandbits(32), SEQUENCE - rng.getrandbits(9))
            )
        self.isn = isn & SEQUENCE
        self.next = self.isn  # what it will send
        self.received = 0  # what it has received of the other, and acknowledges
        self.window = weighted(rng, WINDOWS)
        self.scale = rng.choice((-1, -1, 0, 1, 2, 7, 14, 15, 255))
        self.sack = rng.random() < 0.6
        self.timestamps = rng.random() < 0.2
        self.closed = False


class Segment:
    """What one side sends; `length` is that of the payload."""

    __slots__ = ("ack", "flags", "length", "options", "seq", "side", "window")

    def __init__(
        self,
        side: int,
        flags: int,
        seq: int,
        ack: int,
        window: int,
        length: int = 0,
        options: bytes = b"",
    ) -> None:
        self.side = side
        self.flags = flags
        self.seq = seq & SEQUENCE
        self.ack = ack & SEQUENCE
        self.window = window
        self.length = length
        self.options = options

    def end(self) -> int:
        """The sequence number behind it."""
        control = bool(self.flags & SYN) + bool(self.flags & FIN)
        return (self.seq + self.length + control) & SEQUENCE


class TcpEnds:
    """Both ends of one pair of ports, used again and again."""

    def __init__(self, rng: Random, ends: Ends) -> None:
        self._rng = rng
        self._ends = ends
        self._peers = (Peer(rng), Peer(rng))
        if ends.client == ends.server and rng.random() < 0.5:
            self._peers[1].port = self._peers[0].port
        self._opener = 0
        self._stage = CLOSED
        self._numbers: tuple[deque[int], deque[int]] = (
            deque([rng.getrandbits(32)], REMEMBERED),
            deque([rng.getrandbits(32)], REMEMBERED),
        )
        self._due: deque[Callable[[], Segment]] = deque()
        self._sent: deque[Segment] = deque(maxlen=REMEMBERED)

    def _octets(self, segment: Segment, offset: int | None) -> bytes:
        """The packet; `offset` is a data offset in words that is not the right one."""
        side = segment.side
        letters = "".join(
            letter for bit, letter in enumerate(wire.FLAG_LETTERS) if segment.flags >> bit & 1
        )
        transport = wire.tcp(
            letters,
            segment.seq,
            segment.ack,
            segment.window,
            payload(self._rng, segment.length),
            segment.options[:40],
            self._peers[side].port,
            self._peers[1 - side].port,
            offset,
        )
        return wire.ip(self._ends.of(side), self._ends.of(1 - side), wire.TCP, transport)

    def _segment(self, side: int, flags: int, length: int = 0, options: bytes = b"") -> Segment:
        """One that fits where the ends are; it moves its sender's stream and the other's view."""
        peer, other = self._peers[side], self._peers[1 - side]
        ack = peer.received if flags & ACK else 0
        if peer.timestamps and not options and not flags & RST:
            options = b"\1\1" + struct.pack(">BBII", 8, 10, self._rng.getrandbits(16), 0)
        segment = Segment(side, flags, peer.next, ack, peer.window, length, options)
        peer.next = segment.end()
        if self._rng.random() < 0.85:
            other.received = peer.next
        return segment

    def _syn_options(self, side: int) -> bytes:
        peer = self._peers[side]
        options = b"\2\4\5\xb4" if self._rng.random() < 0.5 else b""
        if peer.sack:
            options += b"\4\2"
        if peer.timestamps:
            options += struct.pack(">BBII", 8, 10, self._rng.getrandbits(16), 0)
        if peer.scale >= 0:
            options += bytes((1, 3, 3, peer.scale))
        return options

    def _syn(self, side: int) -> Segment:
        peer, other = self._peers[side], self._peers[1 - side]
        segment = Segment(side, SYN, peer.isn, 0, peer.window, 0, self._syn_options(side))
        if self._rng.random() < 0.02:
            segment.length = 10  # with data (RFC 9293 section 3.4)
        peer.next = segment.end()
        other.received = peer.next
        return segment

    def _repeat_syn(self, side: int) -> Segment:
        return self._syn(side)

    def _syn_anew(self, side: int) -> Segment:
        """The application gave up and began again with the same port."""
        isn = self._peers[side].isn
        rng = self._rng
        self._peers[side].start(
            rng, rng.choice((isn + 1, isn + 100000, isn - 1, isn - 100000, rng.getrandbits(32)))
        )
        return self._syn(side)

    def _syn_ack(self) -> Segment:
        client, server = self._opener, 1 - self._opener
        self._stage = SYN_RECEIVED
        return self._syn_ack_of(server, self._peers[client].next)

    def _syn_ack_of(self, side: int, ack: int) -> Segment:
        peer, other = self._peers[side], self._peers[1 - side]
        peer.received = ack
        options = self._syn_options(side)
        segment = Segment(side, SYN | ACK, peer.isn, ack, peer.window, 0, options)
        peer.next = segment.end()
        other.received = peer.next
        return segment

    def _syn_ack_again(self, side: int) -> Segment:
        return self._syn_ack_of(side, self._peers[side].received)

    def _refuse(self) -> Segment:
        """Nobody listens: RST/ACK with sequence number zero (RFC 9293 section 3.10.7.1)."""
        client, server = self._opener, 1 - self._opener
        self._stage = CLOSED
        ack = self._peers[client].next + self._rng.choice((0, 0, 0, 1, -1))
        seq = self._rng.choice((0, 0, 0, 1, self._peers[server].next))
        return Segment(server, RST | ACK, seq, ack, 0)

    def _challenge_in_syn_sent(self) -> Segment:
        """The server still has an old connection: an ACK of it, and the RST that answers."""
        client, server = self._opener, 1 - self._opener
        ack = self._rng.getrandbits(32)
        seq = self._peers[server].next
        self._due.append(lambda: Segment(client, RST, ack, 0, 0))
        self._due.append(lambda: self._syn(client))
        return Segment(server, ACK, seq, ack, 1000)

    def _establish(self, segment: Segment) -> Segment:
        self._stage = ESTABLISHED
        return segment

    def _data(self, side: int) -> Segment:
        peer, other = self._peers[side], self._peers[1 - side]
        size = weighted(self._rng, SIZES)
        if self._rng.random() < 0.7:
            size = min(size, other.window << max(min(other.scale, 14), 0))
        flags = PSH | ACK if self._rng.random() < 0.3 else ACK
        if peer.closed:
            size = 0
        return self._segment(side, flags, size)

    def _back(self, side: int) -> Segment:
        """Something older again."""
        peer = self._peers[side]
        seq = peer.next - self._rng.choice((1, 10, 100, 1460, 65535, 70000, 200000))
        length = self._rng.choice((0, 1, 10, 1460))
        return Segment(side, ACK, seq, peer.received, peer.window, length)

    def _keep_alive(self, side: int) -> Segment:
        peer = self._peers[side]
        length = self._rng.randrange(2)
        return Segment(side, ACK, peer.next - 1, peer.received, peer.window, length)

    def _sack(self, side: int) -> Segment:
        """An older acknowledgement with blocks of what came behind a gap (RFC 2018)."""
        peer, other = self._peers[side], self._peers[1 - side]
        rng = self._rng
        blocks = b""
        for _ in range(rng.randrange(1, 5)):
            right = other.next - rng.choice((0, 0, 1, 100, 1460))
            if rng.random() < 0.1:
                right = other.next + rng.choice((1, 100, 100000))
            left = right - rng.choice((1, 100, 1460))
            blocks += struct.pack(">II", left & SEQUENCE, right & SEQUENCE)
        options = bytes((1, 1, 5, 2 + len(blocks))) + blocks
        ack = other.next - rng.choice((0, 1, 100, 1460, 3000))
        return Segment(side, ACK, peer.next, ack, peer.window, 0, options)

    def _window_change(self, side: int) -> Segment:
        self._peers[side].window = weighted(self._rng, WINDOWS)
        return self._segment(side, ACK)

    def _out_of_order(self, side: int) -> Segment:
        """One segment before the one that precedes it."""
        peer = self._peers[side]
        gap = self._rng.choice((1, 100, 1460))
        start = peer.next
        segment = Segment(side, ACK, start + gap, peer.received, peer.window, 100)
        peer.next = segment.end()
        self._due.append(lambda: Segment(side, ACK, start, peer.received, peer.window, gap))
        return segment

    def _fin(self, side: int) -> Segment:
        peer = self._peers[side]
        self._stage = CLOSING
        if peer.closed:
            return Segment(side, FIN | ACK, peer.next - 1, peer.received, peer.window)
        peer.closed = True
        return self._segment(side, FIN | ACK, self._rng.choice((0, 0, 10)))

    def _reset(self, side: int) -> Segment:
        """An exact one: what follows is over."""
        if self._rng.random() < 0.7:
            self._stage = CLOSED
        return self._segment(side, self._rng.choice((RST, RST | ACK)))

    def _near_reset(self, side: int) -> Segment:
        """An RST in the window or around it, and the challenge ACK (RFC 5961 section 3.2)."""
        peer, other = self._peers[side], self._peers[1 - side]
        rng = self._rng
        off = rng.choice((1, -1, 10, -10, 1000, -1000, other.window, other.window + 1))
        if rng.random() < 0.7:
            self._due.append(lambda: self._segment(1 - side, ACK))
            if rng.random() < 0.7:
                exact = other.received
                self._due.append(lambda: Segment(side, RST, exact, 0, 0))
                self._stage = CLOSED
        flags = rng.choice((RST, RST | ACK))
        return Segment(side, flags, peer.next + off, rng.choice((peer.received, 0)), 0)

    def _late_syn(self, side: int) -> Segment:
        """A SYN in the midst, and one of the answers that make sense of it."""
        rng = self._rng
        peer, other = self._peers[side], self._peers[1 - side]
        isn = rng.choice(
            (peer.next + 1000, peer.next, peer.isn, peer.next - 5, rng.getrandbits(32))
        )
        segment = Segment(side, SYN, isn, 0, weighted(rng, WINDOWS), 0, self._syn_options(side))
        end = segment.end()
        old_next, old_received = other.next, other.received
        how = rng.random()
        if how < 0.4:  # the other end begins anew
            peer.start(rng, isn)
            peer.next = end
            other.start(rng, rng.choice((None, other.next)))
            self._opener = side
            self._due.append(lambda: self._syn_ack_of(1 - side, end + rng.choice((0, 0, 0, 0, 1))))
            if rng.random() < 0.9:
                self._due.append(lambda: self._segment(side, ACK))
                self._stage = ESTABLISHED
        elif how < 0.7:  # the other end knows better: a challenge ACK, and the RST for it
            self._due.append(lambda: Segment(1 - side, ACK, old_next, old_received, other.window))
            if rng.random() < 0.6:
                self._due.append(lambda: Segment(side, RST, old_received, 0, 0))
                self._stage = CLOSED
        elif how < 0.85:  # it is refused
            seq = rng.choice((0, old_next))
            self._due.append(lambda: Segment(1 - side, RST | ACK, seq, end, 0))
        return segment
