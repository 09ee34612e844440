"""TCP conversations: two ends that keep to the protocol, mostly, and what may come in between.

A model of both ends knows what each would send next, so that handshakes, transfers, closings and
reopenings are really walked through; on the way packets are lost before they are seen, repeated, or
made up from the numbers that stand near: what was sent, acknowledged and offered lately.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tests.differential.conversation import Ends, weighted
from tests.differential.sequence import Sent
from tests.differential.tcp_ends import (
    ACK,
    CLOSED,
    ESTABLISHED,
    FIN,
    PSH,
    RST,
    SEQUENCE,
    SIZES,
    SYN,
    SYN_SENT,
    URG,
    WINDOWS,
    Segment,
    TcpEnds,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Steps = tuple[tuple[float, Callable[[], Segment]], ...]

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


class TcpConversation(TcpEnds):
    """What the ends send, in the order in which they would, and what comes in between."""

    def __init__(self, rng: Random, ends: Ends, hostility: float, loss: float) -> None:
        """`hostility` is the share of packets that no end would send, `loss` that never seen."""
        super().__init__(rng, ends)
        self._hostility = hostility
        self._loss = loss

    def next(self) -> Sent:
        segment, note = self._choose()
        while self._rng.random() < self._loss:
            segment, note = self._choose()
        self._numbers[segment.side].extend((segment.seq, segment.end()))
        if segment.flags & ACK:
            self._numbers[1 - segment.side].append(segment.ack)
        self._sent.append(segment)
        offset = None
        if self._rng.random() < self._hostility * 0.03:
            offset = self._rng.choice((0, 4, 5, 6, 15, self._rng.randrange(16)))
        return Sent(self._octets(segment, offset), note)

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
