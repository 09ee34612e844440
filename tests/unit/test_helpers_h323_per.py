"""The decoder: what is kept, what is stepped over, where it stops and where it errs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.helpers.h323_notation import read_types
from firewalld_py.conntrack.helpers.h323_per import Decoded, decode
from firewalld_py.conntrack.helpers.h323_types import (
    CONTROL_MESSAGE,
    RAS_MESSAGE,
    USER_INFORMATION,
)

ADDRESS = b"\x0a\x01\x00\x05"


def read(definition: str, message: bytes, before: str = "") -> Decoded | None:
    type_ = read_types(f"{before}\nX = {definition}")["X"]
    return decode(type_, message, 0, len(message))


def at(definition: str, message: bytes, before: str = "") -> int | None:
    """Where the member `here` stands; None if the message cannot be read."""
    found = read(definition, message, before)
    here = None if found is None else found.member("here")
    return None if here is None else here.at


def test_octets_stand_at_the_beginning_of_an_octet() -> None:
    assert at("SEQUENCE here OCTETS4", ADDRESS + b"x") == 0
    assert at("SEQUENCE BOOLEAN, here OCTETS4", b"\x80" + ADDRESS) == 1
    assert at("SEQUENCE BOOLEAN, OCTETS2, here OCTETS4", b"\x80\0\0" + ADDRESS) == 3
    assert at("SEQUENCE BOOLEAN, here OCTETS4", b"\x80" + ADDRESS[:3]) is None


def test_what_lies_in_front_is_stepped_over() -> None:
    for definition, message in (
        ("OID", b"\x02ab"),
        ("INT8", b"a"),
        ("INT16", b"ab"),
        ("INT32", b"\x40ab"),
        ("INTEGER", b"\x02ab"),
        ("BITS5", b"\x80"),
        ("OCTETS(5+1)", b"\x08ab"),
        ("OCTETS(octet+1)", b"\x01ab"),
        ("OCTETS(long+0)", b"\x80\x02ab"),
        ("TEXT16(7+1)", b"\x02abcd"),
        ("TEXT16(octet+1)", b"\0ab"),
        ("DIGITS(7+1)", b"\x04\x12\x30"),
        ("BITSTRING(16)", b"\x00\x09ab"),
        ("BITSTRING(long)", b"\x09ab"),
        ("NULL", b""),
        ("OPEN SKIP", b"\x02ab"),
    ):
        found = at(f"SEQUENCE {definition}, here OCTETS4", message + ADDRESS)
        assert found == len(message), definition


def test_a_member_that_is_absent_is_not_kept() -> None:
    definition = "SEQUENCE one OCTETS4?, two OCTETS4?"
    found = read(definition, b"\x40" + ADDRESS)
    assert found is not None
    assert found.member("one") is None
    assert found.member("two") is not None
    assert read(definition, b"\xc0" + ADDRESS) is None


def test_extensions_are_open_and_found_by_their_place() -> None:
    definition = "SEQUENCE NULL, ..., SKIP, here OCTETS4"
    # The bit, count less one in 7 bits, the map; then each with its length.
    assert at(definition, b"\x81\x40\x04" + ADDRESS) == 3
    assert at(definition, b"\x81\xc0\x01x\x05" + ADDRESS + b"y") == 5
    assert at(definition, b"\x80\x80\x01x") is None
    assert read(definition, b"\x80\x80\x01x") is not None


def test_an_extension_of_later_days_is_stepped_over_said_to_be_there_or_not() -> None:
    definition = "SEQUENCE NULL, ..., SKIP"
    assert read(definition, b"\x81\x00\x01x") is not None
    assert read(definition, b"\x81\x00\x05x") is None


def test_more_than_32_extensions_are_an_error() -> None:
    assert read("SEQUENCE NULL, ..., 40*SKIP", b"\x9f" + bytes(70)) is not None
    assert read("SEQUENCE NULL, ..., 40*SKIP", b"\xa0" + bytes(70)) is None


def test_a_choice_knows_its_alternative() -> None:
    definition = "CHOICE one NULL, two OCTETS4, three NULL, ..., four OCTETS4, five SKIP"
    for message, chosen in (
        (b"\x00", "one"),
        (b"\x20" + ADDRESS, "two"),
        (b"\x80\x04" + ADDRESS, "four"),
        (b"\x81\x01x", "five"),
        (b"\x82\x01x", ""),  # of later days
    ):
        found = read(definition, message)
        assert found is not None
        assert found.chosen == chosen
    assert read(definition, b"\x60") is None  # there is no fourth in the root
    assert read(definition, b"\x80\x05" + ADDRESS) is None


def test_of_a_list_the_first_items_are_kept_and_all_are_read() -> None:
    found = read("LIST 2 OCTETS4", b"\x03" + 3 * ADDRESS)
    assert found is not None
    assert [item.at for item in found.items] == [1, 5]
    assert read("LIST 2 OCTETS4", b"\x04" + 3 * ADDRESS) is None


def test_what_is_stepped_over_within_an_octet_leaves_the_place_there() -> None:
    assert at("SEQUENCE BOOLEAN, OPEN SKIP, here OCTETS4", b"\x02ab" + ADDRESS) is None
    assert at("SEQUENCE BOOLEAN, OPEN SKIP, here OCTETS4", b"\x02abc" + ADDRESS) == 4


def test_stop_ends_a_type_wherever_that_is() -> None:
    inner = "Inner = SEQUENCE OCTETS4, STOP, OCTETS4"
    assert at("SEQUENCE Inner, here OCTETS4", 2 * ADDRESS, inner) == 4
    inner = "Inner = SEQUENCE NULL, ..., STOP, SKIP"
    # The outer type reads on with the map's octet behind it, whatever stands there.
    assert at("SEQUENCE Inner, here OCTETS4", b"\x81\xc0" + ADDRESS, inner) == 2


def test_the_octets_of_a_number_that_is_kept_are_stepped_over_twice() -> None:
    found = read("SEQUENCE here INT32", b"\x40\x01\x00xx")
    assert found is not None
    assert found.members["here"].value == 0x101
    assert read("SEQUENCE here INT32", b"\x40\x01\x00x") is None
    assert read("SEQUENCE INT32", b"\x40\x01\x00") is not None
    wrapped = read("SEQUENCE here INT32", b"\xc0" + b"\xff" * 8)
    assert wrapped is not None
    assert wrapped.members["here"].value == 0


def test_members_of_members_are_reached_by_name() -> None:
    found = read("SEQUENCE one Inner", ADDRESS, "Inner = SEQUENCE two OCTETS4")
    assert found is not None
    assert found.reach("one", "two") is not None
    assert found.reach("one", "three") is None
    assert found.reach("two", "one") is None


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_no_octets_raise(data: bytes) -> None:
    for type_ in (USER_INFORMATION, CONTROL_MESSAGE, RAS_MESSAGE):
        decode(type_, data, 0, len(data))
