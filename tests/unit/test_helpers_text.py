"""Numbers and addresses in text, with the wrapping and the endings of the kernel's readers."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.helpers.text import NO_MARK, read_ipv4, read_ipv6, read_number

BAR = ord("|")


@pytest.mark.parametrize(
    ("text", "value", "end"),
    [
        (b"123 ", 123, 3),
        (b"x", 0, 0),
        (b"", 0, 0),
        (b"007", 7, 3),
        (b"0x1", 0, 1),
        (b"18446744073709551617", 1, 20),
    ],
)
def test_a_number_goes_as_far_as_its_digits(text: bytes, value: int, end: int) -> None:
    assert read_number(text, 0, len(text)) == (value, end)


@pytest.mark.parametrize(
    ("text", "mark", "address", "end"),
    [
        (b"10.1.0.5", NO_MARK, "10.1.0.5", 8),
        (b"10.1.0.5|x", BAR, "10.1.0.5", 8),
        (b"010.1.0.0005|", BAR, "10.1.0.5", 12),
        (b"10.1.0.5:80", BAR, "10.1.0.5", 8),
        (b"10.1.0.5;g", NO_MARK, "10.1.0.5", 8),
        (b"10.1.0.5g", NO_MARK, "10.1.0.5", 8),
        (b"10.1.0.5\0", BAR, "10.1.0.5", 8),
        (b"10.1.0.5a", NO_MARK, "", 0),
        (b"10.1.0.5 |", BAR, "", 0),
        (b"10.1.0.256", NO_MARK, "", 0),
        (b"10.1.0", NO_MARK, "", 0),
        (b"10.1.0.", NO_MARK, "", 0),
        (b"10.1..5", NO_MARK, "", 0),
        (b"10.1.0.5.6", NO_MARK, "", 0),
        (b"", NO_MARK, "", 0),
    ],
)
def test_an_ipv4_address(text: bytes, mark: int, address: str, end: int) -> None:
    found, ended = read_ipv4(text, 0, len(text), mark)
    assert found == (ipaddress.ip_address(address).packed if address else b"")
    assert not found or ended == end


@pytest.mark.parametrize(
    ("text", "mark", "address", "end"),
    [
        (b"fd00:1::5", NO_MARK, "fd00:1::5", 9),
        (b"FD00:1::5|", BAR, "fd00:1::5", 9),
        (b"::", NO_MARK, "::", 2),
        (b"::1]:5060", NO_MARK, "::1", 3),
        (b"1:2:3:4:5:6:7:8", NO_MARK, "1:2:3:4:5:6:7:8", 15),
        (b"1:2:3:4:5:6:10.1.0.5", NO_MARK, "1:2:3:4:5:6:a01:5", 20),
        (b"::ffff:10.1.0.5|", BAR, "::ffff:10.1.0.5", 15),
        (b"0000fd00::1", NO_MARK, "fd00::1", 11),
        (b"::10.1.0.5:5060", NO_MARK, "::10.1.0.5", 10),
        (b"fe80::1%eth0", NO_MARK, "fe80::1", 7),
        (b"fe80::1%eth0|", BAR, "", 0),
        (b"1:2:3:4:5:6:7", NO_MARK, "", 0),
        (b"1::2::3", NO_MARK, "", 0),
        (b"1:2:3:4:5:6:7:8:9", NO_MARK, "", 0),
        (b":1:2:3:4:5:6:7:8", NO_MARK, "", 0),
        (b"1:2:3:4:5:6:7:", NO_MARK, "", 0),
        (b"12345::", NO_MARK, "", 0),
        (b"10.1.0.5::", NO_MARK, "", 0),
        (b"", NO_MARK, "", 0),
    ],
)
def test_an_ipv6_address(text: bytes, mark: int, address: str, end: int) -> None:
    found, ended = read_ipv6(text, 0, len(text), mark)
    assert found == (ipaddress.ip_address(address).packed if address else b"")
    assert not found or ended == end


@given(st.ip_addresses())
def test_what_is_written_as_an_address_is_read(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    text = str(address).encode()
    read = read_ipv4 if address.version == 4 else read_ipv6
    assert read(text, 0, len(text)) == (address.packed, len(text))


@given(st.binary(max_size=40), st.integers(-1, 255))
def test_any_octets_are_read_or_not(text: bytes, mark: int) -> None:
    assert len(read_ipv4(text, 0, len(text), mark)[0]) in (0, 4)
    assert len(read_ipv6(text, 0, len(text), mark)[0]) in (0, 16)
    assert read_number(text, 0, len(text))[1] <= len(text)
