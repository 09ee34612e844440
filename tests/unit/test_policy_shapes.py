"""Shapes: what a key's reader says of its values, and what is found in it."""

from __future__ import annotations

import re

from firewalld_py.policy.config import CONFIG
from firewalld_py.policy.keys import Key, Table, one
from firewalld_py.policy.matches import MATCHES
from firewalld_py.policy.schema import FILES
from firewalld_py.policy.shapes import (
    ANYTHING,
    AnyOf,
    Choice,
    Keys,
    Names,
    Number,
    OneOrMore,
    Rows,
    Shape,
    Text,
    any_case,
    reads,
    shape_of,
    tables_of,
    words_of,
)
from firewalld_py.policy.values import whole_number, word


def test_a_function_that_says_nothing_reads_anything() -> None:
    assert shape_of(str) is ANYTHING
    assert shape_of(one(str, "a text")) is ANYTHING


def test_what_is_made_of_others_has_their_shape() -> None:
    assert shape_of(one(whole_number(1, 5), "a number")) == Number(1, 5)
    assert shape_of(word(("a", "b"))) == Choice(("a", "b"))


def takes_anything(shape: Shape) -> bool:
    """Whether nobody said what may stand there, or in the list or the choice there."""
    if isinstance(shape, AnyOf):
        return any(takes_anything(option) for option in shape.options)
    if isinstance(shape, OneOrMore | Rows):
        return takes_anything(shape.item)
    return takes_anything(shape.value) if isinstance(shape, Names) else shape is ANYTHING


def test_every_key_says_what_may_stand_there() -> None:
    """Else the schema takes anything there, and nobody notices."""
    waiting = list(FILES.values())
    seen: set[int] = set()
    for table in waiting:
        for key in table:
            assert not takes_anything(key.shape), (table.what, key.name)
            waiting += [found for found in tables_of(key.shape) if id(found) not in seen]
            seen |= {id(found) for found in tables_of(key.shape)}


def test_several_shapes_are_one_or_another() -> None:
    @reads(Number(0, 1), Choice(("x",)))
    def read(text: str) -> str:
        return text

    assert shape_of(read) == AnyOf((Number(0, 1), Choice(("x",))))


def test_the_words_of_a_list_in_which_other_things_stand_too() -> None:
    shape = OneOrMore(AnyOf((Number(0, 1), Choice(("x", "y")), Choice(("x",)), Text())))
    assert words_of(shape) == ("x", "y")
    assert "related" in words_of(MATCHES.by_name["state"].shape)
    assert words_of(Text()) == ()


def test_the_tables_below_a_key() -> None:
    (flags,) = tables_of(MATCHES.by_name["tcp_flags"].shape)
    assert [key.name for key in flags] == ["mask", "value"]
    assert tables_of(MATCHES.by_name["src"].shape) == ()
    queue = CONFIG.by_name["queue"]
    assert queue.table is not None
    assert tables_of(queue.shape) == (queue.table,)


def test_a_key_may_tell_its_shape_where_its_reader_does_not_know() -> None:
    table = Table("x", ())
    key = Key("k", lambda node, reading: node, "a form", "a meaning", read_as=Keys(table))
    assert tables_of(key.shape) == (table,)


def test_a_word_in_any_case() -> None:
    assert re.search(any_case(("on", "x-1")), "On")
    assert re.search(any_case(("on", "x-1")), "X-1")
    assert not re.search(any_case(("on",)), "one")
