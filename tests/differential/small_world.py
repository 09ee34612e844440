"""Conversations without a plan in a world of few numbers, where chance meets itself often.

The ends that keep to a protocol (tcp.py, sctp.py) go deep along the ways that it has; these wander
everywhere: any flags or chunks, with numbers of which each is likely to fit something.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.conversation import Ends, weighted
from tests.differential.sctp import CHUNKS, SCTP, SHUTDOWN_COMPLETE, chunk, crc32c
from tests.differential.sequence import Sent

if TYPE_CHECKING:
    from random import Random

NEARBY: Final = (
    0,
    0,
    1,
    1,
    1,
    2,
    2,
    3,
    10,
    11,
    12,
    100,
    1000,
    1001,
    66000,
    -1,
    -2,
    -66000,
    1 << 31,
)
FLAGS: Final = (
    (10, "S"), (10, "SA"), (16, "A"), (6, "R"), (4, "RA"), (7, "FA"), (1, "PA"), (1, "F"), (1, ""),
    (1, "SU"), (1, "AU"), (1, "FAU"), (1, "SF"), (1, "SR"), (1, "RAP"),
)  # fmt: skip
WINDOWS: Final = (0, 1, 2, 10, 100, 1000, 65535)
OPTIONS: Final = (
    *(b"",) * 12,
    b"\3\3\0",
    b"\3\3\2",
    b"\3\3\7\4\2",
    b"\4\2",
    b"\2\4\5\xb4",
)  # fmt: skip
TAGS: Final = (0, 0, 1, 1, 2, 2, 3)


class SmallTcp:
    """TCP segments between two ports, with numbers around one that each side begins with."""

    def __init__(self, rng: Random, ends: Ends) -> None:
        self._rng = rng
        self._ends = ends
        self._bases = (
            rng.choice((0, 1000, rng.getrandbits(32))),
            rng.choice((0, 5000, rng.getrandbits(32))),
        )
        # Which flags are frequent is another thing in each conversation.
        self._flags = [(weight * rng.random(), letters) for weight, letters in FLAGS]
        self._resets = rng.random() < 0.5

    def next(self) -> Sent:
        rng = self._rng
        side = rng.randrange(2)
        letters = weighted(rng, self._flags)
        if "R" in letters and not self._resets:
            letters = "A"
        ack = self._number(1 - side) if "A" in letters or rng.random() < 0.1 else 0
        options = rng.choice(OPTIONS)
        if rng.random() < 0.1:
            edges = struct.pack(">II", self._number(1 - side), self._number(1 - side))
            options = b"\1\1\5\x0a" + edges
        segment = wire.tcp(
            letters,
            self._number(side),
            ack,
            rng.choice(WINDOWS),
            bytes(rng.choice((0, 0, 0, 1, 1, 10, 100))),
            options,
            sport=(40000, 80)[side],
            dport=(80, 40000)[side],
        )
        return Sent(wire.ip(self._ends.of(side), self._ends.of(1 - side), wire.TCP, segment), "any")

    def _number(self, side: int) -> int:
        return (self._bases[side] + self._rng.choice(NEARBY)) & 0xFFFFFFFF


class SmallSctp:
    """SCTP packets of one or two chunks, with three verification tags."""

    def __init__(self, rng: Random, ends: Ends) -> None:
        self._rng = rng
        self._ends = ends

    def next(self) -> Sent:
        rng = self._rng
        side = rng.randrange(2)
        ports = ((40000, 2905), (2905, 40000))[side]
        chunks = b"".join(self._chunk() for _ in range(weighted(rng, ((9, 1), (1, 2)))))
        header = struct.pack(">HHI", *ports, rng.choice(TAGS))
        sum_ = struct.pack("<I", crc32c(header + bytes(4) + chunks))
        packet = wire.ip(self._ends.of(side), self._ends.of(1 - side), SCTP, header + sum_ + chunks)
        return Sent(packet, "any")

    def _chunk(self) -> bytes:
        rng = self._rng
        kind = rng.randrange(SHUTDOWN_COMPLETE + 1) if rng.random() < 0.95 else rng.choice(CHUNKS)
        body = struct.pack(">IIHHI", rng.choice(TAGS), 65536, 10, 10, 1)
        return chunk(kind, body, rng.choice((0, 0, 1)))
