"""How types are written."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.helpers.h323_notation import (
    CHOICE,
    COUNTED,
    LIST,
    LONG_COUNTED,
    OCTET_COUNTED,
    SEQUENCE,
    SKIP,
    Type,
    read_types,
)

TEXT = """
Place = SEQUENCE ip OCTETS4, INT16
Which = CHOICE 3*NULL, place Place, NULL, ..., later SKIP,
    2*SKIP
Whole = SEQUENCE which Which?, OPEN SKIP, 2*BOOLEAN?, ...
Many = LIST 3 OPEN Which
None = LIST 0 Which
"""


def one(text: str) -> Type:
    return read_types(f"X = SEQUENCE {text}")["X"].members[0].type


def test_a_sequence_has_a_bit_for_each_member_that_may_be_absent() -> None:
    whole = read_types(TEXT)["Whole"]
    assert (whole.kind, whole.size, whole.root, whole.extensible) == (SEQUENCE, 3, 4, True)
    assert [member.name for member in whole.members] == ["which", "", "", ""]
    assert [member.is_open for member in whole.members] == [False, True, False, False]


def test_a_choice_has_the_bits_that_its_root_takes() -> None:
    types = read_types(TEXT)
    which = types["Which"]
    assert (which.kind, which.size, which.root, len(which.members)) == (CHOICE, 3, 5, 8)
    assert which.members[3].type is types["Place"]
    assert [member.type.kind for member in which.members[5:]] == [SKIP] * 3
    assert which.members[5].name == "later"


def test_a_list_says_how_much_of_it_is_kept() -> None:
    types = read_types(TEXT)
    assert (types["Many"].kind, types["Many"].size) == (LIST, 3)
    assert types["Many"].members[0].is_open
    assert (types["Many"].members[0].name, types["None"].members[0].name) == ("item", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OCTETS(5+1)", (COUNTED, 5, 1, 8)),
        ("DIGITS(7+1)", (COUNTED, 7, 1, 4)),
        ("TEXT16(octet+1)", (OCTET_COUNTED, 8, 1, 16)),
        ("OCTETS(long+0)", (LONG_COUNTED, 0, 0, 8)),
    ],
)
def test_lengths_are_written_behind_the_name(
    text: str, expected: tuple[int, int, int, int]
) -> None:
    found = one(text)
    assert (found.kind, found.size, found.offset, found.unit) == expected


def test_a_type_has_to_be_defined_before_its_use() -> None:
    with pytest.raises(KeyError):
        read_types("One = SEQUENCE Two(1+1)")
    with pytest.raises(ValueError, match="Two"):
        read_types("One = SEQUENCE Two\nTwo = SEQUENCE NULL")
