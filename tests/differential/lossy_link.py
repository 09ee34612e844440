"""A link that loses, delays, reorders and duplicates packets, and what is seen at its two ends.

Two TUN devices, and a thread that carries packets from one to the other by seeded chance. It stands
where a gateway at either end of the link would stand, so it also keeps what that gateway would see:
of one direction all that was sent, of the other what the link has left of it.
"""

from __future__ import annotations

import heapq
import math
import os
import select
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKET_OCTETS: Final = 1 << 16
# How many packets are taken from one end before the other has its turn.
TURN: Final = 64
# Longer than TCP's first retransmission timeout (200 ms), so that a lost FIN is sent once more; but
# there is a connection that is not closed soon (a FIN that the other side knows nothing of).
QUIET_S: Final = 0.25
CLOSING_S: Final = 1.0
LOST, DUPLICATED, LATE = "lost", "duplicated", "late"


@dataclass(frozen=True, slots=True)
class Impairment:
    """What the link does to packets: shares of them, and times in seconds.

    All take `delay_s`; those that are late, and second copies, up to `late_s` more.
    """

    loss: float = 0.0
    duplication: float = 0.0
    late: float = 0.0
    delay_s: float = 0.0
    late_s: float = 0.0


@dataclass(slots=True)
class Passage:
    """What passed: by end, in the order in which it was seen there; and what became of packets.

    `overtaken` counts, by the end to which they went, packets that arrived after one that was sent
    later; second copies do not count.
    """

    seen: tuple[list[bytes], list[bytes]] = field(default_factory=lambda: ([], []))
    fates: Counter[str] = field(default_factory=Counter)
    overtaken: list[int] = field(default_factory=lambda: [0, 0])


class _Carrier:
    """The carrying of packets from end to end, one after another; an end is a TUN descriptor."""

    def __init__(self, ends: tuple[int, int], impairment: Impairment, rng: Random) -> None:
        self.passage = Passage()
        self._ends = ends
        self._impairment = impairment
        self._rng = rng
        # (when it arrives, its number, whether a copy, where to, its octets), the earliest first.
        self._under_way: list[tuple[float, int, bool, int, bytes]] = []
        self._number = 0
        self._arrived = [0, 0]

    def carry(self, stop: int) -> None:
        """Carry until `stop` can be read, and then until both ends have become quiet."""
        waited_for = [*self._ends, stop]
        end = math.inf
        while time.monotonic() < end:
            wait = QUIET_S
            if self._under_way:
                wait = max(self._under_way[0][0] - time.monotonic(), 0.0)
            readable, _, _ = select.select(waited_for, [], [], wait)
            if stop in readable:
                waited_for.remove(stop)
                end = time.monotonic() + CLOSING_S
            elif not readable and not self._under_way and stop not in waited_for:
                return
            for side, descriptor in enumerate(self._ends):
                if descriptor in readable:
                    self._take(side)
            self._deliver(time.monotonic())

    def _take(self, side: int) -> None:
        """Read what one end sends, and decide what becomes of it."""
        for _ in range(TURN):
            try:
                data = os.read(self._ends[side], PACKET_OCTETS)
            except BlockingIOError:
                return
            self.passage.seen[side].append(data)
            self._number += 1
            if self._rng.random() < self._impairment.loss:
                self.passage.fates[LOST] += 1
                continue
            late = self._chance(LATE, self._impairment.late)
            self._send(1 - side, data, late=late, copy=False)
            if self._chance(DUPLICATED, self._impairment.duplication):
                self._send(1 - side, data, late=True, copy=True)

    def _chance(self, fate: str, share: float) -> bool:
        happens = self._rng.random() < share
        self.passage.fates[fate] += happens
        return happens

    def _send(self, to: int, data: bytes, *, late: bool, copy: bool) -> None:
        due = time.monotonic() + self._impairment.delay_s
        if late:
            due += self._rng.random() * self._impairment.late_s
        heapq.heappush(self._under_way, (due, self._number, copy, to, data))

    def _deliver(self, now: float) -> None:
        """Hand over what has come to its end by now."""
        while self._under_way and self._under_way[0][0] <= now:
            _, number, copy, to, data = heapq.heappop(self._under_way)
            self.passage.overtaken[to] += number < self._arrived[to] and not copy
            self._arrived[to] = max(self._arrived[to], number)
            self.passage.seen[to].append(data)
            os.write(self._ends[to], data)


@contextmanager
def carrying(ends: tuple[int, int], impairment: Impairment, seed: int) -> Iterator[Passage]:
    """Carry packets between two TUN devices while the context lasts; its passage is whole then."""
    for end in ends:
        _drain(end)
    carrier = _Carrier(ends, impairment, Random(seed))
    stop = os.eventfd(0)
    faults: list[Exception] = []

    def act() -> None:
        try:
            carrier.carry(stop)
        except Exception as fault:
            faults.append(fault)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    try:
        yield carrier.passage
    finally:
        os.eventfd_write(stop, 1)
        thread.join()
        os.close(stop)
    if faults:
        raise faults[0]


def _drain(end: int) -> None:
    """Forget what was sent while nobody carried it."""
    with suppress(BlockingIOError):
        while True:
            os.read(end, PACKET_OCTETS)
