"""Packets whose IP headers are unusual, or wrong."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tests import wire

if TYPE_CHECKING:
    from random import Random

HOP_BY_HOP, ROUTING, FRAGMENT, ESP, AH, NO_NEXT, DESTINATION = 0, 43, 44, 50, 51, 59, 60
MOBILITY, HIP, SHIM6 = 135, 139, 140
EXTENSIONS: Final = (
    HOP_BY_HOP, ROUTING, FRAGMENT, AH, NO_NEXT, DESTINATION, DESTINATION, MOBILITY, HIP, SHIM6,
)  # fmt: skip
IPV4_OPTIONS: Final = (
    b"\1\1\1\0",  # no-operation
    b"\x94\4\0\0",  # router alert
    b"\7\7\4\0\0\0\0\0",  # record route
    b"\x44\x0c\5\0" + bytes(8),  # timestamp
    b"\x83\7\4\x0a\0\0\1\0",  # loose source route
    b"\x82\x0b" + bytes(9) + b"\0",  # security
    b"\x44\x03\5\0",  # too short
    b"\7\x20\4\0",  # longer than the header
    b"\xff\xff\xff\xff",
    bytes(40),
)


def disturbed(rng: Random, data: bytes) -> tuple[bytes, str]:
    """The packet with one thing about its headers changed, and what it is."""
    ways = _WAYS4 if data[0] >> 4 == 4 else _WAYS6
    note, change = rng.choice(ways)
    return change(rng, data), note


def _with_options(rng: Random, data: bytes) -> bytes:
    options = rng.choice(IPV4_OPTIONS)
    words = (data[0] & 0x0F) + len(options) // 4
    if words > 15:
        return data
    header = bytearray(data[:20] + options + data[20 : (data[0] & 0x0F) * 4])
    header[0] = 0x40 | words
    struct.pack_into(">H", header, 2, (len(data) + len(options)) & 0xFFFF)
    return _summed(bytes(header)) + data[(data[0] & 0x0F) * 4 :]


def _with_header_length(rng: Random, data: bytes) -> bytes:
    return summed_at(bytes((0x40 | rng.randrange(16),)) + data[1:])


def _with_total_length(rng: Random, data: bytes) -> bytes:
    off = rng.choice((-1, 1, -4, -8, -12, -20, 4, 100, -len(data), 20 - len(data)))
    at = 2 if data[0] >> 4 == 4 else 4
    length = struct.unpack_from(">H", data, at)[0] + off
    length = min(max(length, 0), 65535)
    changed = data[:at] + struct.pack(">H", length) + data[at + 2 :]
    return summed_at(changed) if data[0] >> 4 == 4 else changed


def _shorter(rng: Random, data: bytes) -> bytes:
    """Cut off, with a right length: headers that end too soon."""
    header = (data[0] & 0x0F) * 4 if data[0] >> 4 == 4 else 40
    size = header + rng.randrange(max(min(len(data) - header, 40), 1))
    cut = data[:size]
    if data[0] >> 4 == 4:
        return summed_at(cut[:2] + struct.pack(">H", size) + cut[4:])
    return cut[:4] + struct.pack(">H", size - 40) + cut[6:]


def _cut(rng: Random, data: bytes) -> bytes:
    """Cut off although the length says otherwise."""
    return data[: rng.randrange(1, len(data))]


def _padded(rng: Random, data: bytes) -> bytes:
    return data + bytes(rng.choice((1, 8, 26)))


def _wrong_sum(_rng: Random, data: bytes) -> bytes:
    return data[:10] + bytes((data[10] ^ 0x55,)) + data[11:]


def _version(rng: Random, data: bytes) -> bytes:
    return bytes((rng.randrange(16) << 4 | data[0] & 0x0F,)) + data[1:]


def _protocol4(rng: Random, data: bytes) -> bytes:
    return summed_at(data[:9] + bytes((rng.randrange(256),)) + data[10:])


def _protocol6(rng: Random, data: bytes) -> bytes:
    return data[:6] + bytes((rng.choice((*EXTENSIONS, rng.randrange(256))),)) + data[7:]


def _transport_octet(rng: Random, data: bytes) -> bytes:
    header = (data[0] & 0x0F) * 4 if data[0] >> 4 == 4 else 40
    at = header + rng.randrange(20)
    if at >= len(data):
        return data
    return data[:at] + bytes((rng.getrandbits(8),)) + data[at + 1 :]


def _with_extensions(rng: Random, data: bytes) -> bytes:
    """One to four extension headers between the IPv6 header and what follows."""
    next_header, rest = data[6], data[40:]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        kind = rng.choice(EXTENSIONS)
        rest = _extension(rng, kind, next_header) + rest
        next_header = kind
    return (
        data[:4] + struct.pack(">H", len(rest) & 0xFFFF) + bytes((next_header,)) + data[7:40] + rest
    )


def _extension(rng: Random, kind: int, next_header: int) -> bytes:
    if kind == FRAGMENT:  # an atomic one (RFC 6946)
        return struct.pack(">BBHI", next_header, 0, rng.choice((0, 0, 0, 2, 4, 6)), 1)
    if kind == AH:
        return struct.pack(">BBHII", next_header, 1, 0, 1, 1)
    if kind == ROUTING:
        return struct.pack(">BBBBI", next_header, 0, rng.choice((0, 2, 3, 4)), 0, 0)
    made = wire.extension(next_header, rng.choice((8, 8, 16, 24)))
    if rng.random() < 0.1:
        made = made[:1] + bytes((rng.choice((0, 1, 2, 10, 255)),)) + made[2:]
    return made


def _summed(header: bytes) -> bytes:
    """An IPv4 header with its right checksum."""
    bare = header[:10] + b"\0\0" + header[12:]
    return bare[:10] + wire.ones_complement(bare).to_bytes(2, "big") + bare[12:]


def summed_at(data: bytes) -> bytes:
    """An IPv4 packet with its header's right checksum, if it has a whole header."""
    size = (data[0] & 0x0F) * 4
    return _summed(data[:size]) + data[size:] if 20 <= size <= len(data) else data


_WAYS4: Final = (
    ("IPv4 options", _with_options),
    ("IPv4 options", _with_options),
    ("header length", _with_header_length),
    ("total length", _with_total_length),
    ("total length", _with_total_length),
    ("too short", _shorter),
    ("too short", _shorter),
    ("cut off", _cut),
    ("padding", _padded),
    ("header checksum", _wrong_sum),
    ("version", _version),
    ("protocol", _protocol4),
    ("an octet", _transport_octet),
)
_WAYS6: Final = (
    ("extension headers", _with_extensions),
    ("extension headers", _with_extensions),
    ("extension headers", _with_extensions),
    ("extension headers", _with_extensions),
    ("total length", _with_total_length),
    ("total length", _with_total_length),
    ("too short", _shorter),
    ("cut off", _cut),
    ("padding", _padded),
    ("version", _version),
    ("next header", _protocol6),
    ("an octet", _transport_octet),
)
