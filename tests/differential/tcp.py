"""TCP conversations: two ends that keep to the protocol, mostly, and what may come in between.

A model of both ends knows what each would send next, so that handshakes, transfers, closings and
reopenings are really walked through; on the way packets are lost before they are seen, repeated, or
made up from the numbers that stand near: what was sent, acknowledged and offered lately.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.conversation import Ends, payload, weighted
from tests.differential.sequence import Sent

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Steps = tuple[tuple[float, Callable[[], "Segment"]], ...]

SEQUENCE: Final = 0xFFFFFFFF
FIN, SYN, RST, PSH, ACK, URG = (1 << bit for bit in range(6))
REMEMBERED: Final = 12  # sequence numbers of each side that hostile packets are made near to

# How far the two ends have come.
CLOSED, SYN_SENT, SYN_RECEIVED, ESTABLISHED, CLOSING = range(5)

WINDOWS: Final = ((1, 0), (1, 1), (2, 10), (3, 1000), (2, 8192), (4, 65535), (2, 29200))
SIZES: Final = ((4, 0), (4, 1), (4, 10), (3, 100), (3, 999), (3, 1460), (1, 9000), (0.3, 60000))
HOSTILE_FLAGS: Final = (
    (22, ACK),
    (4, PSH | ACK),
    (16, SYN),
    (12, SYN | ACK),
    (6, RST),
    (5, RST | ACK),
    (8, FIN | ACK),
    (1, FIN),
    (1, SYN | FIN),
    (1, SYN | RST),
    (1, 0),
    (1, FIN | PSH | URG),
    (1, URG | ACK),
    (1, SYN | URG),
    (1, SYN | PSH),
    (1, FIN | ACK | URG),
    (1, FIN | ACK | PSH),
    (1, RST | PSH),
    (1, SYN | 0xC0),
    (1, ACK | 0x40),
)
STEPS_OFF: Final = (
    (30, 0),
    (6, 1),
    (6, -1),
    (2, 2),
    (2, -2),
    (3, 100),
    (3, -100),
    (2, 65535),
    (2, -65535),
    (1, 66000),
    (2, -66000),
    (1, -66001),
    (1, -65999),
    (1, 1 << 20),
    (1, -(1 << 20)),
    (1, 1 << 31),
    (1, (1 << 31) - 1),
)


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


class TcpConversation:
    """One pair of ports, used again and again."""

    def __init__(self, rng: Random, ends: Ends, hostility: float, loss: float) -> None:
        """`hostility` is the share of packets that no end would send, `loss` that never seen."""
        self._rng = rng
        self._ends = ends
        self._hostility = hostility
        self._loss = loss
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

    def next(self) -> Sent:
        segment, note = self._choose()
        while self._rng.random() < self._loss:
            segment, note = self._choose()
        self._numbers[segment.side].extend((segment.seq, segment.end()))
        if segment.flags & ACK:
            self._numbers[1 - segment.side].append(segment.ack)
        self._sent.append(segment)
        return Sent(self._octets(segment), note)

    def _choose(self) -> tuple[Segment, str]:
        rng = self._rng
        if self._due and rng.random() < 0.8:
            return self._due.popleft()(), "answer"
        if rng.random() < self._hostility:
            self._due.clear()
            return self._hostile(), "hostile"
        if self._sent and rng.random() < 0.04:
            return rng.choice(self._sent), "again"
        step = (
            self._open,
            self._in_syn_sent,
            self._in_syn_received,
            self._in_established,
            self._in_closing,
        )[self._stage]
        return step(), "proper"

    # What the ends would send.

    def _open(self) -> Segment:
        """Begin, or begin anew with the same ports."""
        rng = self._rng
        if self._sent and rng.random() < 0.25:
            return self._after_the_end()
        if rng.random() < 0.2:
            self._opener = 1 - self._opener
        client, server = self._opener, 1 - self._opener
        last = self._peers[client].next
        beyond = rng.choice((None, last, last + 1, last + rng.getrandbits(20), last - 1000))
        self._peers[client].start(rng, beyond)
        self._peers[server].start(rng)
        how = rng.random()
        if how < 0.12:
            self._stage = ESTABLISHED  # seen from the middle on
            self._peers[client].received = self._peers[server].next
            self._peers[server].received = self._peers[client].next
            return self._data(rng.randrange(2))
        self._stage = SYN_SENT
        return self._syn(client)

    def _after_the_end(self) -> Segment:
        side = self._rng.randrange(2)
        flags = weighted(self._rng, ((4, ACK), (2, FIN | ACK), (1, RST), (1, RST | ACK)))
        return self._segment(side, flags)

    def _in_syn_sent(self) -> Segment:
        rng = self._rng
        client, server = self._opener, 1 - self._opener
        steps: Steps = (
            (70, self._syn_ack),
            (7, lambda: self._repeat_syn(client)),
            (5, lambda: self._syn_anew(client)),
            (6, lambda: self._syn(server)),
            (6, self._refuse),
            (4, self._challenge_in_syn_sent),
            (3, lambda: self._segment(client, ACK)),
            (2, lambda: self._segment(client, RST)),
        )
        return weighted(rng, steps)()

    def _in_syn_received(self) -> Segment:
        rng = self._rng
        client, server = self._opener, 1 - self._opener
        steps: Steps = (
            (70, lambda: self._establish(self._segment(client, ACK))),
            (8, lambda: self._establish(self._data(client))),
            (6, lambda: self._syn_ack_again(server)),
            (4, lambda: self._repeat_syn(client)),
            (3, lambda: self._establish(self._data(server))),
            (4, lambda: self._reset(client)),
            (3, lambda: self._reset(server)),
            (3, lambda: self._fin(client)),
            (2, lambda: self._syn_ack_again(client)),
        )
        return weighted(rng, steps)()

    def _in_established(self) -> Segment:
        rng = self._rng
        side = rng.randrange(2)
        steps: Steps = (
            (35, lambda: self._data(side)),
            (25, lambda: self._segment(side, ACK)),
            (6, lambda: self._back(side)),
            (3, lambda: self._keep_alive(side)),
            (6, lambda: self._sack(side)),
            (5, lambda: self._window_change(side)),
            (5, lambda: self._fin(side)),
            (1, lambda: self._reset(side)),
            (3, lambda: self._near_reset(side)),
            (4, lambda: self._late_syn(side)),
            (2, lambda: self._out_of_order(side)),
        )
        return weighted(rng, steps)()

    def _in_closing(self) -> Segment:
        rng = self._rng
        side = rng.randrange(2)
        steps: Steps = (
            (25, lambda: self._segment(side, ACK)),
            (25, lambda: self._fin(side)),
            (10, lambda: self._data(side)),
            (6, lambda: self._reset(side)),
            (4, lambda: self._back(side)),
            (6, lambda: self._late_syn(side)),
            (2, lambda: self._near_reset(side)),
        )
        if self._peers[0].closed and self._peers[1].closed and rng.random() < 0.3:
            self._stage = CLOSED
        return weighted(rng, steps)()

    # Segments.

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

    # What nobody would send.

    def _hostile(self) -> Segment:
        rng = self._rng
        side = rng.randrange(2)
        flags = weighted(rng, HOSTILE_FLAGS) if rng.random() < 0.95 else rng.randrange(256)
        seq = self._near(side)
        ack = self._near(1 - side) if flags & ACK or rng.random() < 0.1 else 0
        if flags & RST and rng.random() < 0.15:
            seq = 0
        peer = self._peers[side]
        window = peer.window if rng.random() < 0.5 else weighted(rng, WINDOWS)
        length = 0 if flags & (SYN | RST) and rng.random() < 0.9 else weighted(rng, SIZES)
        options = self._hostile_options(side, flags)
        segment = Segment(side, flags, seq, ack, window, length, options)
        if rng.random() < 0.35:
            self._due.append(lambda: self._hostile_answer(segment))
        return segment

    def _near(self, side: int) -> int:
        """A sequence number of this side, or one not far from it."""
        rng = self._rng
        if rng.random() < 0.04:
            return rng.choice((0, rng.getrandbits(32)))
        peer, other = self._peers[side], self._peers[1 - side]
        base = rng.choice((peer.next, other.received, rng.choice(self._numbers[side])))
        return base + weighted(rng, STEPS_OFF)

    def _hostile_answer(self, asked: Segment) -> Segment:
        """What could answer a segment, from the other side or from its own."""
        rng = self._rng
        side = 1 - asked.side
        flags = weighted(
            rng, ((4, SYN | ACK), (4, ACK), (2, RST), (2, RST | ACK), (1, FIN | ACK), (1, SYN))
        )
        seq = rng.choice((asked.ack, self._near(side), self._peers[side].next))
        return Segment(side, flags, seq, asked.end(), self._peers[side].window)

    def _hostile_options(self, side: int, flags: int) -> bytes:
        rng = self._rng
        if flags & SYN and rng.random() < 0.6:
            return self._syn_options(side)
        if rng.random() < 0.85:
            return b""
        right = self._near(1 - side) & SEQUENCE
        block = struct.pack(">II", (right - 100) & SEQUENCE, right)
        return rng.choice(
            (
                b"\1\1\5\x0a" + block,
                b"\5\x0a" + block,
                b"\1\1\5\x12" + block + block,
                b"\5\x0b" + block + b"\0",
                b"\5\2",
                b"\1\1\x08\x0a" + block,
                b"\1\1\x08\x0a" + block + b"\5\x0a" + block,
                b"\3\3\7",
                b"\3\2",
                b"\3\4\1\1",
                b"\4\2",
                b"\4\3\1",
                b"\0\3\3\7",
                b"\2\0\3\3\7",
                b"\xfe\xff",
                b"\1\1\1\3",
                rng.randbytes(rng.randrange(1, 40)),
            )
        )

    def _octets(self, segment: Segment) -> bytes:
        rng = self._rng
        side = segment.side
        letters = "".join(
            letter for bit, letter in enumerate(wire.FLAG_LETTERS) if segment.flags >> bit & 1
        )
        offset = None
        if rng.random() < self._hostility * 0.03:
            offset = rng.choice((0, 4, 5, 6, 15, rng.randrange(16)))
        transport = wire.tcp(
            letters,
            segment.seq,
            segment.ack,
            segment.window,
            payload(rng, segment.length),
            segment.options[:40],
            self._peers[side].port,
            self._peers[1 - side].port,
            offset,
        )
        return wire.ip(self._ends.of(side), self._ends.of(1 - side), wire.TCP, transport)
