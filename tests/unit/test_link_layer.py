"""Frames of every known link type, and of any octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.service.link_layer import LINK_TYPES, NO_IP, ip_offset, source_mac

FOUR = bytes.fromhex("4500001c000100004011000001020304050607080035003600080000")
SIX = bytes.fromhex("6000000000083a40") + bytes(15) + b"\x01" + bytes(15) + b"\x02" + bytes(8)
MACS = bytes(12)
COOKED = bytes.fromhex("000000010006020000000001") + b"\0\0"
COOKED2 = bytes.fromhex("0000 00000002 0001 00 06 0200000000010000")


@pytest.mark.parametrize(
    ("link_type", "header"),
    [
        (1, MACS + b"\x08\x00"),
        (1, MACS + b"\x81\x00\x00\x05\x08\x00"),
        (1, MACS + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00"),
        (1, MACS + b"\x91\x00\x00\x05\x91\x00\x00\x06\x08\x00"),
        (1, MACS + b"\x88\x64\x11\x00\x00\x01\x00\x1e\x00\x21"),
        (0, b"\x02\0\0\0"),
        (0, b"\0\0\0\x02"),
        (108, b"\0\0\0\x02"),
        (9, b"\x00\x21"),
        (9, b"\x21"),
        (9, b"\xff\x03\x00\x21"),
        (50, b"\xff\x03\x00\x21"),
        (51, b"\x11\x00\x00\x01\x00\x1e\x00\x21"),
        (204, b"\x01\xff\x03\x00\x21"),
        (12, b""),
        (14, b""),
        (101, b""),
        (228, b""),
        (113, COOKED + b"\x08\x00"),
        (113, COOKED + b"\x81\x00\x00\x05\x08\x00"),
        (276, b"\x08\x00" + COOKED2),
        (276, b"\x81\x00" + COOKED2 + b"\x00\x05\x08\x00"),
        (239, b"\x02\0\0\0" + b"\x08\x00\x01\x00\x08\x00\x01\x00" + b"\x20\x00\x09\x00"),
        (239, b"\x02\0\0\0" + b"\x00\x05\x00\x0a\x00\0\0\0" + b"\x00\x20\x00\x09"),
    ],
)
def test_ipv4_is_found_behind_its_header(link_type: int, header: bytes) -> None:
    assert ip_offset(link_type, header + FOUR) == len(header)


@pytest.mark.parametrize(
    ("link_type", "header"),
    [
        (1, MACS + b"\x86\xdd"),
        (1, MACS + b"\x81\x00\x00\x05\x86\xdd"),
        (0, b"\x1e\0\0\0"),
        (0, b"\0\0\0\x18"),
        (0, b"\x0a\0\0\0"),
        (108, b"\0\0\0\x1c"),
        (9, b"\x57"),
        (101, b""),
        (229, b""),
        (113, COOKED + b"\x86\xdd"),
        (276, b"\x86\xdd" + COOKED2),
    ],
)
def test_ipv6_is_found_behind_its_header(link_type: int, header: bytes) -> None:
    assert ip_offset(link_type, header + SIX) == len(header)


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, MACS + b"\x08\x06" + FOUR),  # ARP
        (1, MACS + b"\x88\x63" + FOUR),  # PPPoE discovery
        (1, MACS + b"\x86\xdd" + FOUR),  # one says IPv6, the other IPv4
        (1, MACS + b"\x08\x00"),  # nothing behind the header
        (1, MACS + b"\x81\x00\x00"),
        (1, MACS),
        (1, b""),
        (0, b"\x07\0\0\0" + FOUR),  # another family
        (9, b"\xc0\x21" + FOUR),  # LCP
        (51, b"\x11\xa7\x00\x01\x00\x1e\x00\x21" + FOUR),  # no session
        (101, b"\x50" + FOUR),
        (228, SIX),
        (229, FOUR),
        (113, COOKED + b"\x08\x06" + FOUR),
        (239, b"\x02\0\0\0\x00\x00\x00\x00" + FOUR),  # an attribute of no length
        (105, FOUR),  # 802.11
        (65000, FOUR),
    ],
)
def test_what_is_no_ip_packet_has_no_offset(link_type: int, frame: bytes) -> None:
    assert ip_offset(link_type, frame) == NO_IP


@given(st.sampled_from(sorted(LINK_TYPES)), st.binary(max_size=80))
def test_any_octets_give_an_offset_into_them_or_none(link_type: int, frame: bytes) -> None:
    at = ip_offset(link_type, frame)
    assert at == NO_IP or (at < len(frame) and frame[at] >> 4 in (4, 6))


MAC = bytes.fromhex("020000000001")


@pytest.mark.parametrize(
    ("link_type", "frame", "mac"),
    [
        (1, bytes(6) + MAC + b"\x08\x00" + FOUR, MAC),
        (1, bytes(6) + MAC, MAC),
        (1, bytes(6) + MAC[:5], b""),
        (1, MACS + b"\x08\x00" + FOUR, b""),  # the loopback interface
        (113, bytes.fromhex("00000001000602000000000100000800") + FOUR, MAC),
        (113, bytes.fromhex("00000200000002000000000100000800") + FOUR, b""),  # PPP
        (113, bytes.fromhex("00000001"), b""),
        (276, b"\x08\x00" + COOKED2 + FOUR, MAC),
        (276, b"\x08\x00" + COOKED2[:-3], b""),
        (276, b"\x08\x00" + bytes.fromhex("0000000000020304000000000000000000000000"), b""),
        (101, FOUR, b""),
        (9, b"\x00\x21" + FOUR, b""),
    ],
)
def test_the_ethernet_address_of_the_sender(link_type: int, frame: bytes, mac: bytes) -> None:
    assert source_mac(link_type, frame) == mac
