"""Packets with options and extension headers of all kinds, whole, cut short and senseless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.sequence import Sent, Sequence

if TYPE_CHECKING:
    from random import Random

HOPS: Final = (1, 2, 5, 6, 63, 64, 65, 128, 200, 254, 255)
ESP, AH, NONE = 50, 51, 59
HEADERS: Final = (0, 43, 44, AH, 60)


def odd_sequence(rng: Random, name: str, packets: int = 40) -> Sequence:
    """Packets that have nothing to do with each other."""
    made = [rng.choice((segment, segment, chained, datagram))(rng) for _ in range(packets)]
    return Sequence(name, [Sent(_varied(rng, sent.data), sent.note) for sent in made])


def _addresses(rng: Random) -> tuple[bytes, bytes]:
    if rng.random() < 0.5:
        return wire.CLIENT4, wire.SERVER4
    return wire.CLIENT6, wire.SERVER6


def segment(rng: Random) -> Sent:
    """A TCP segment with options that are right, wrong, or cut."""
    src, dst = _addresses(rng)
    options = b"".join(_option(rng) for _ in range(rng.randrange(5)))[:40]
    transport = wire.tcp(
        rng.choice(("S", "SA", "A", "R", "PA", "SF", "")),
        options=options,
        sport=rng.randrange(65536),
        data_offset=rng.choice((None, None, None, None, *range(16))),
        payload=rng.randbytes(rng.choice((0, 0, 5, 60))),
    )
    if rng.random() < 0.1:
        transport = transport[: rng.randrange(len(transport))]
    return Sent(wire.ip(src, dst, wire.TCP, transport), "segment")


def _option(rng: Random) -> bytes:
    mss = rng.choice((0, 535, 536, 1459, 1460, 1461, 65535)).to_bytes(2, "big")
    return rng.choice(
        (
            b"\1", b"\0", b"\2\4" + mss, b"\2\4" + mss, b"\2\3\1", b"\2\4", b"\3\3\7", b"\4\2",
            b"\5\12" + bytes(8), b"\10\12" + bytes(8), b"\2\0", b"\2", b"\375\1", rng.randbytes(3),
        )
    )  # fmt: skip


def chained(rng: Random) -> Sent:
    """An IPv6 packet with a chain of extension headers, perhaps cut off."""
    kinds = [rng.choice(HEADERS) for _ in range(rng.randrange(4))]
    last = rng.choice((wire.UDP, wire.TCP, ESP, NONE, 200))
    body = {wire.UDP: wire.udp(b"12345"), wire.TCP: wire.tcp("S")}.get(last, bytes(9))
    for kind in reversed(kinds):
        body = _header(rng, kind, last) + body
        last = kind
    if rng.random() < 0.3:
        body = body[: rng.randrange(len(body) + 1)]
    return Sent(wire.ipv6(wire.CLIENT6, wire.SERVER6, last, body), f"chain {kinds}")


def _header(rng: Random, kind: int, following: int) -> bytes:
    if kind == 44:  # of a datagram that is whole with it
        return bytes((following, 0, 0, 0)) + rng.randbytes(4)
    if kind == AH:
        return bytes((following, 4)) + bytes(22)
    return wire.extension(following, rng.choice((8, 16, 24)))


def datagram(rng: Random) -> Sent:
    """Something short or long."""
    src, dst = _addresses(rng)
    size = rng.choice((0, 1, 8, 71, 72, 73, 100, 1400, 9000))
    kind = rng.choice((wire.UDP, wire.UDP, ESP, 200))
    body = wire.udp(rng.randbytes(size)) if kind == wire.UDP else rng.randbytes(size)
    return Sent(wire.ip(src, dst, kind, body), "datagram")


def _varied(rng: Random, data: bytes) -> bytes:
    """The packet with a hop limit and a class of service."""
    hops, tos = rng.choice(HOPS), rng.choice((0, 4, 0x10, 0x1C, 0x20, 0x88, 0xB8, 0xB9, 0xFF))
    if data[0] >> 4 == 6:
        return bytes((0x60 | tos >> 4, tos << 4 & 0xF0)) + data[2:7] + bytes((hops,)) + data[8:]
    size = (data[0] & 15) * 4
    header = data[:1] + bytes((tos,)) + data[2:8] + bytes((hops,)) + data[9:10] + b"\0\0"
    header += data[12:size]
    sum_ = wire.ones_complement(header).to_bytes(2, "big")
    return header[:10] + sum_ + data[12:]
