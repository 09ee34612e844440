"""Bits and octets of packed messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.helpers.h323_bits import Reader


def reader(data: bytes, bit: int = 0) -> Reader:
    found = Reader(data, 0, len(data))
    found.skip_bits(bit)
    return found


@given(st.binary(min_size=6, max_size=6), st.integers(0, 15), st.integers(0, 32))
def test_bits_come_from_the_highest_on(data: bytes, skipped: int, count: int) -> None:
    text = f"{int.from_bytes(data, 'big'):048b}"[skipped : skipped + count]
    bits = reader(data, skipped)
    assert bits.bits(count) == int(text or "0", 2)
    assert 8 * bits.at + bits.bit == skipped + count


def test_what_is_behind_the_end_is_0() -> None:
    assert reader(b"\xff").bits(16) == 0xFF00
    assert reader(b"").octet(3) == 0


def test_a_half_read_octet_counts_as_read() -> None:
    bits = reader(b"\xff\xff", 1)
    assert bits.has(1)
    assert bits.has(0, 15)
    assert bits.has(1, 7)
    assert not bits.has(1, 8)
    assert not bits.has(2)


def test_alignment_is_to_the_next_octet() -> None:
    bits = reader(b"\0\0", 3)
    bits.align()
    bits.align()
    assert (bits.at, bits.bit) == (1, 0)


def test_a_map_that_ends_with_the_fourth_octet_is_taken_from_the_first_on() -> None:
    data = b"\xf0\x00\x00\x01\x00"
    assert reader(data, 4).bitmap(27) == 0
    assert reader(data, 4).bitmap(28) == 0xF000000
    assert reader(data).bitmap(32) == 0xF0000001


def test_a_length_has_7_or_14_bits() -> None:
    assert reader(b"\x7f\xff").length() == 127
    assert reader(b"\xc1\x02").length() == 0x102
    assert reader(b"\x80\x05").length() == 5


def test_an_open_field_has_to_be_there_whole() -> None:
    assert reader(b"\x02ab").open_length() == 2
    assert reader(b"\x03ab").open_length() == -1
    assert reader(b"\x00").open_length() == -1  # of the length, two octets have to be there
