"""Flow keys as numbers: of IPv4 all of the key, of IPv6 enough to tell most of them apart."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.flow_number import IS_WIDE, flow_ends, flow_ports, narrow_key
from tests import wire

REST = b"\x12\x34\x00\x50\x06"


@pytest.mark.parametrize(
    "key",
    [wire.CLIENT4 + wire.SERVER4 + REST, bytes(13), b"\xff" * 13, b"\x80" + bytes(12)],
)
def test_an_ipv4_key_comes_back_from_its_numbers(key: bytes) -> None:
    assert narrow_key(flow_ends(key), flow_ports(key)) == key


def test_each_octet_of_an_ipv4_key_counts() -> None:
    keys = [bytes(at) + b"\x01" + bytes(12 - at) for at in range(13)]
    assert len({(flow_ends(key), flow_ports(key)) for key in keys}) == 13


def test_an_ipv6_key_is_marked_as_wide_and_an_ipv4_key_is_not() -> None:
    assert flow_ports(wire.CLIENT6 + wire.SERVER6 + REST) & IS_WIDE
    assert not flow_ports(b"\xff" * 13) & IS_WIDE


def test_no_key_is_wide_too_and_has_numbers() -> None:
    assert flow_ports(b"") & IS_WIDE
    assert flow_ends(b"") == flow_ends(b"")
