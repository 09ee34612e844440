"""What it takes to walk past an IPv6 extension header, as ipv6_skip_exthdr() does it.

Source: RFC 8200 section 4, RFC 4302 section 2.2; net/ipv6/exthdrs_core.c.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.packet.protocols import FRAGMENT_HEADER, IPPROTO_AH, IPPROTO_FRAGMENT

_FRAGMENT_OFFSET: Final = 0xFFF8
_FRAGMENT_OFFSET_END: Final = 4


def octets_asked(kind: int) -> int:
    """How many octets of a header must be at hand: what is read of it, not all of it."""
    return _FRAGMENT_OFFSET_END if kind == IPPROTO_FRAGMENT else 2


def header_size(kind: int, data: bytes, at: int) -> int:
    """A header's size in octets. Precondition: `octets_asked` of it are at hand."""
    if kind == IPPROTO_FRAGMENT:
        return FRAGMENT_HEADER
    if kind == IPPROTO_AH:
        return (data[at + 1] + 2) << 2
    return (data[at + 1] + 1) << 3


def fragment_offset(data: bytes, at: int) -> int:
    """Where the octets of a fragment belong, from its header at `at`."""
    return (data[at + 2] << 8 | data[at + 3]) & _FRAGMENT_OFFSET
