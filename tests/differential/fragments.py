"""Datagrams in pieces: as a router cuts them, and as an attacker would.

The kernel puts them together before it tracks, so it has an answer where the last missing piece
comes, and none for the others.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.differential.conversation import weighted
from tests.differential.disturbed import FRAGMENT, summed_at

if TYPE_CHECKING:
    from random import Random

MORE: Final = 1  # there are more pieces behind this one


class Piece:
    """A part of a payload: where it begins, its octets, and whether more follow."""

    __slots__ = ("data", "more", "offset")

    def __init__(self, offset: int, data: bytes, more: bool) -> None:
        self.offset = offset
        self.data = data
        self.more = more


def fragmented(rng: Random, packet: bytes, hostility: float) -> list[bytes]:
    """The packets that carry `packet` in pieces, in the order in which they come.

    `packet` has a whole IPv4 header, or an IPv6 header, and at least nine octets behind it.
    """
    header = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
    pieces = _cut(rng, packet[header:])
    if rng.random() < hostility:
        _disturb(rng, pieces)
    order = weighted(rng, ((6, "in order"), (2, "reversed"), (3, "shuffled")))
    if order == "reversed":
        pieces.reverse()
    elif order == "shuffled":
        rng.shuffle(pieces)
    identification = rng.getrandbits(32)
    wrap = _ipv4 if packet[0] >> 4 == 4 else _ipv6
    packets = [wrap(packet[:header], piece, identification) for piece in pieces]
    if rng.random() < hostility * 0.2:
        at = rng.randrange(len(packets))
        packets[at] = _other_congestion_mark(rng, packets[at])
    return packets


def _cut(rng: Random, payload: bytes) -> list[Piece]:
    """Two to six pieces, all but the last of a multiple of eight octets."""
    units = (len(payload) - 1) // 8
    count = min(rng.choice((1, 1, 1, 2, 3, 5)), units)
    edges = [0, *sorted(unit * 8 for unit in rng.sample(range(1, units + 1), count)), len(payload)]
    return [Piece(begin, payload[begin:end], end < len(payload)) for begin, end in pairwise(edges)]


def _disturb(rng: Random, pieces: list[Piece]) -> None:
    """One thing that no router does, or that no router but a duplicating one does."""
    at = rng.randrange(len(pieces))
    piece = pieces[at]
    ways = (
        lambda: pieces.append(piece),  # twice
        lambda: pieces.pop(at) if len(pieces) > 1 else piece,  # lost
        lambda: _grow(piece, rng.choice((1, 4, 8, 16))),  # over the next one
        lambda: _back(piece),  # over the one before
        lambda: pieces.append(Piece(piece.offset, piece.data[:8], True)),  # a part again
        lambda: pieces.append(Piece(piece.offset + 8, piece.data[8:], piece.more)),
        lambda: pieces.append(Piece(piece.offset, bytes(len(piece.data)), piece.more)),
        lambda: _shrink(piece, rng.choice((1, 3, 8))),
        lambda: setattr(piece, "more", not piece.more),
        lambda: pieces.append(Piece(piece.offset, b"", True)),
        lambda: pieces.append(Piece(65528, bytes(rng.choice((4, 8, 100))), False)),
        lambda: pieces.append(Piece(pieces[-1].offset + 800, bytes(8), False)),
    )
    rng.choice(ways)()


def _grow(piece: Piece, octets: int) -> None:
    piece.data += bytes(octets)


def _shrink(piece: Piece, octets: int) -> None:
    piece.data = piece.data[:-octets]


def _back(piece: Piece) -> None:
    piece.data = bytes(8) + piece.data if piece.offset else piece.data
    piece.offset = max(piece.offset - 8, 0)


def _ipv4(header: bytes, piece: Piece, identification: int) -> bytes:
    field = piece.offset // 8 | (0x2000 if piece.more else 0)
    fields = struct.pack(">HHH", len(header) + len(piece.data), identification & 0xFFFF, field)
    return summed_at(header[:2] + fields + header[8:] + piece.data)


def _ipv6(header: bytes, piece: Piece, identification: int) -> bytes:
    field = piece.offset & 0xFFF8 | (MORE if piece.more else 0)
    extension = struct.pack(">BBHI", header[6], 0, field, identification)
    length = struct.pack(">H", len(extension) + len(piece.data))
    return header[:4] + length + bytes((FRAGMENT,)) + header[7:] + extension + piece.data


def _other_congestion_mark(rng: Random, packet: bytes) -> bytes:
    """Another ECN field: pieces that cannot have been one datagram (RFC 3168 section 5.3)."""
    mark = rng.randrange(4)
    if packet[0] >> 4 == 4:
        return summed_at(packet[:1] + bytes((packet[1] & 0xFC | mark,)) + packet[2:])
    return packet[:1] + bytes((packet[1] & 0xCF | mark << 4,)) + packet[2:]
