"""What is read of an IPv6 extension header on the way past it, and how far the way is."""

from __future__ import annotations

import pytest

from firewalld_py.packet.extensions import fragment_offset, header_size, octets_asked
from firewalld_py.packet.protocols import (
    IPPROTO_AH,
    IPPROTO_DSTOPTS,
    IPPROTO_FRAGMENT,
    IPPROTO_HOPOPTS,
    IPPROTO_ROUTING,
)


@pytest.mark.parametrize(
    ("kind", "asked", "sizes"),
    [
        (IPPROTO_HOPOPTS, 2, (8, 16, 2048)),
        (IPPROTO_ROUTING, 2, (8, 16, 2048)),
        (IPPROTO_DSTOPTS, 2, (8, 16, 2048)),
        (IPPROTO_AH, 2, (8, 12, 1028)),
        (IPPROTO_FRAGMENT, 4, (8, 8, 8)),
    ],
)
def test_a_header_is_as_long_as_its_second_octet_says(
    kind: int, asked: int, sizes: tuple[int, ...]
) -> None:
    assert octets_asked(kind) == asked
    told = [header_size(kind, bytes((9, 6, length, 0, 0)), 1) for length in (0, 1, 255)]
    assert tuple(told) == sizes


def test_the_offset_of_a_fragment_is_told_without_its_flags() -> None:
    assert fragment_offset(bytes((9, 6, 0, 0x12, 0x3F)), 1) == 0x1238
    assert fragment_offset(bytes((6, 0, 0, 7)), 0) == 0
