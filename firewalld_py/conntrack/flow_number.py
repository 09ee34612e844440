"""A flow key as two numbers, to be compared where octets would be one object more to visit.

`ends` and `ports` of an IPv4 key hold all of it. One of IPv6 or of a zone is too long: its `ends`
are a hash, its `ports` have IS_WIDE set, and where both are equal the octets have the last word.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

IPV4_LENGTH: Final = 13  # of a key
IS_WIDE: Final = 1 << 40  # the bit above five octets
NOT_WIDE: Final = b""
_MASK: Final = 0xFFFFFFFF


def flow_ends(key: bytes) -> i64:
    """The addresses."""
    if len(key) != IPV4_LENGTH:
        return hash(key)
    ends: i64 = 0
    at: i64
    for at in range(8):
        ends = ends << 8 | key[at]
    return ends


def flow_ports(key: bytes) -> i64:
    """The last five octets: ports, or what stands for them, and the protocol."""
    size: i64 = len(key)
    if size < 5:
        return -1  # no key at all
    ports: i64 = 0 if size == IPV4_LENGTH else 1
    at: i64
    for at in range(size - 5, size):
        ports = ports << 8 | key[at]
    return ports


def narrow_key(ends: i64, ports: i64) -> bytes:
    """The IPv4 key that these numbers are of."""
    source = int(ends >> 32 & _MASK).to_bytes(4, "big")
    destination = int(ends & _MASK).to_bytes(4, "big")
    return source + destination + int(ports).to_bytes(5, "big")
