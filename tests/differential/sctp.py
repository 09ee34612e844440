"""SCTP associations: opened, used, closed, and disturbed (RFC 9260)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.conversation import Ends, weighted
from tests.differential.sequence import Sent

if TYPE_CHECKING:
    from random import Random

SCTP: Final = 132
DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, SHUTDOWN = range(8)
SHUTDOWN_ACK, ERROR, COOKIE_ECHO, COOKIE_ACK, ECNE, CWR, SHUTDOWN_COMPLETE = range(8, 15)
CHUNKS: Final = (*range(15), 64, 128, 192, 255)
TAG_REFLECTED: Final = 1  # the T bit of ABORT and SHUTDOWN COMPLETE


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # noqa: PLW2901
        table.append(value)
    return tuple(table)


_CRC: Final = _crc_table()


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 9260 appendix A)."""
    crc = 0xFFFFFFFF
    for octet in data:
        crc = crc >> 8 ^ _CRC[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF


def chunk(kind: int, body: bytes = b"", flags: int = 0, length: int | None = None) -> bytes:
    """A chunk, padded to four octets."""
    size = 4 + len(body) if length is None else length
    return struct.pack(">BBH", kind, flags, size) + body + bytes(-len(body) % 4)


class SctpConversation:
    """One pair of ports. The model knows both verification tags and the usual next chunk."""

    def __init__(self, rng: Random, ends: Ends, hostility: float) -> None:
        self._rng = rng
        self._ends = ends
        self._hostility = hostility
        self._ports = (rng.randrange(1024, 65536), rng.choice((2905, 3868)))
        self._tags = [rng.getrandbits(32), rng.getrandbits(32)]  # those that each side chose
        self._step = 0
        self._opener = 0

    def next(self) -> Sent:
        rng = self._rng
        if rng.random() < self._hostility:
            return Sent(self._hostile(), "hostile")
        return Sent(self._proper(), "proper")

    def _proper(self) -> bytes:
        """The next of the four-way handshake, then traffic, then the three-way shutdown."""
        rng = self._rng
        client, server = self._opener, 1 - self._opener
        step = self._step
        if step < 4:
            self._step += 1
            side = (client, server, client, server)[step]
            kind = (INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK)[step]
            return self._packet(side, self._chunk(side, kind), 0 if kind == INIT else None)
        if step == 4:
            side = rng.randrange(2)
            kind = weighted(
                rng,
                ((10, DATA), (6, SACK), (3, HEARTBEAT), (3, HEARTBEAT_ACK), (1, ERROR), (2, -1)),
            )
            if kind < 0:
                self._step = rng.choice((5, 5, 5, 8))
                kind = SACK
            return self._packet(side, self._chunk(side, kind))
        if step < 8:
            self._step += 1
            side = (client, server, client)[step - 5]
            kind = (SHUTDOWN, SHUTDOWN_ACK, SHUTDOWN_COMPLETE)[step - 5]
            return self._packet(side, self._chunk(side, kind))
        self._step = 0
        if rng.random() < 0.3:
            self._opener = server
        side = rng.randrange(2)
        abort = self._packet(side, self._chunk(side, ABORT))
        if rng.random() < 0.7:
            self._tags = [rng.getrandbits(32), rng.getrandbits(32)]
        return abort

    def _hostile(self) -> bytes:
        rng = self._rng
        side = rng.randrange(2)
        chunks = b"".join(
            self._chunk(side, rng.choice(CHUNKS))
            for _ in range(weighted(rng, ((8, 1), (3, 2), (1, 3), (1, 0))))
        )
        what = rng.randrange(12)
        if what == 0:
            chunks += chunk(rng.choice(CHUNKS), b"", 0, rng.choice((0, 1, 3, 4, 100)))
        elif what == 1:
            chunks = chunks[: rng.randrange(len(chunks) + 1)]
        tags = (None, None, None, 0, self._tags[side], rng.getrandbits(32))
        packet = self._packet(side, chunks, rng.choice(tags), flags_checksum=rng.random() < 0.1)
        if what == 2:
            self._step = rng.randrange(9)
        return packet

    def _chunk(self, side: int, kind: int) -> bytes:
        rng = self._rng
        if kind in (INIT, INIT_ACK):
            tag = self._tags[side]
            if rng.random() < self._hostility * 0.3:
                tag = rng.choice((0, rng.getrandbits(32)))
            return chunk(kind, struct.pack(">IIHHI", tag, 65536, 10, 10, 1))
        flags = 0
        if kind in (ABORT, SHUTDOWN_COMPLETE) and rng.random() < 0.2:
            flags = TAG_REFLECTED
        if kind == DATA:
            return chunk(kind, struct.pack(">IHHI", 1, 0, 0, 0) + b"octets", 3)
        if kind == SACK:
            return chunk(kind, struct.pack(">IIHH", 1, 65536, 0, 0))
        if kind in (HEARTBEAT, HEARTBEAT_ACK):
            return chunk(kind, b"\0\1\0\x08beat")
        if kind == COOKIE_ECHO:
            return chunk(kind, b"cookie!!")
        if kind == SHUTDOWN:
            return chunk(kind, struct.pack(">I", 1))
        return chunk(kind, b"", flags)

    def _packet(
        self, side: int, chunks: bytes, tag: int | None = None, *, flags_checksum: bool = False
    ) -> bytes:
        """Octets of a packet; without a `tag` the one that the other side chose."""
        if tag is None:
            tag = self._tags[1 - side]
        header = struct.pack(">HHI", self._ports[side], self._ports[1 - side], tag)
        sum_ = crc32c(header + bytes(4) + chunks)
        if flags_checksum:
            sum_ ^= 1
        transport = header + struct.pack("<I", sum_) + chunks
        return wire.ip(self._ends.of(side), self._ends.of(1 - side), SCTP, transport)
