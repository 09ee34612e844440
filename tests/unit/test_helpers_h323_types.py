"""The types of H.323: whole, and without any that holds itself."""

from __future__ import annotations

from random import Random

import pytest

from firewalld_py.conntrack.helpers.h323_notation import CHOICE, LIST, SEQUENCE, Type
from firewalld_py.conntrack.helpers.h323_per import decode
from firewalld_py.conntrack.helpers.h323_types import (
    CONTROL_MESSAGE,
    RAS_MESSAGE,
    TYPES,
    USER_INFORMATION,
)
from tests.h323_messages import Filler, encode


def depth(type_: Type) -> int:
    return 1 + max([depth(member.type) for member in type_.members], default=0)


def test_messages_are_of_bounded_depth() -> None:
    assert max(depth(type_) for type_ in TYPES.values()) < 25


def test_every_type_is_used() -> None:
    used = {id(member.type) for type_ in TYPES.values() for member in type_.members}
    roots = (USER_INFORMATION, CONTROL_MESSAGE, RAS_MESSAGE)
    assert not [
        name
        for name, type_ in TYPES.items()
        if id(type_) not in used and not any(type_ is root for root in roots)
    ]


def test_members_that_are_kept_have_names_of_their_own() -> None:
    for type_ in TYPES.values():
        names = [member.name for member in type_.members if member.name]
        assert len(names) == len(set(names))


class _Alternative(Filler):
    """One of many: what is chosen first, and all else by chance."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.rng = Random(first)

    def alternative(self, type_: Type) -> int:
        first, self.first = self.first, -1
        return first if first >= 0 else self.rng.randrange(type_.root)


@pytest.mark.parametrize("name", [name for name, type_ in TYPES.items() if type_.kind == CHOICE])
def test_every_alternative_can_be_read(name: str) -> None:
    for index in range(TYPES[name].root):
        if TYPES[name].members[index].type is TYPES["Signed"]:
            continue  # a length in front of it is misread, as the kernel does not align it here
        message = encode(TYPES[name], None, _Alternative(index)) + bytes(4)
        found = decode(TYPES[name], message, 0, len(message))
        assert found is not None
        assert found.chosen == TYPES[name].members[index].name


@pytest.mark.parametrize("name", [name for name, one in TYPES.items() if one.kind != CHOICE])
def test_the_smallest_of_every_other_type_can_be_read(name: str) -> None:
    assert TYPES[name].kind in (SEQUENCE, LIST)
    message = encode(TYPES[name]) + bytes(4)
    assert decode(TYPES[name], message, 0, len(message)) is not None
