"""Elements by what of them counts."""

from __future__ import annotations

import pytest

from firewalld_py.rules.set_elements import ADDRESS, ANY_PROTOCOL, PORT
from firewalld_py.rules.set_table import FOREVER, MAX_SHAPES, Table

PAIR = bytes((ADDRESS, PORT))
SSH = bytes((10, 0, 0, 1, 0, 22, 1, 6))
EXACT = bytes((32, 16))


def test_the_narrowest_element_that_covers_is_found() -> None:
    table = Table(PAIR)
    any_protocol = table.put(SSH[:7] + b"\0", bytes((32, 16 | ANY_PROTOCOL)), FOREVER)
    network = table.put(bytes((10, 0, 0, 0, 0, 22, 1, 6)), bytes((8, 16)), FOREVER)
    assert table.find(SSH, 0.0) is any_protocol
    exact = table.put(SSH, EXACT, FOREVER)
    assert table.find(SSH, 0.0) is exact
    assert table.find(bytes((10, 0, 0, 2, 0, 22, 1, 6)), 0.0) is network
    assert table.find(bytes((10, 0, 0, 2, 0, 22, 1, 17)), 0.0) is None
    assert table.find(SSH[:7] + bytes((17,)), 0.0) is any_protocol


def test_an_element_is_not_found_from_its_deadline_on() -> None:
    table = Table(PAIR)
    table.put(SSH, EXACT, 10.0)
    assert table.find(SSH, 9.9) is not None
    assert table.find(SSH, 10.0) is None
    assert table.get(SSH, EXACT) is not None


def test_what_is_put_must_be_of_the_type() -> None:
    table = Table(PAIR)
    with pytest.raises(ValueError, match="no element"):
        table.put(SSH[:4], bytes((32,)), FOREVER)
    with pytest.raises(ValueError, match="beyond"):
        table.put(SSH, bytes((8, 16)), FOREVER)


def test_expiry_goes_round_in_bounded_steps() -> None:
    table = Table(bytes((ADDRESS,)))
    for number in range(10):
        deadline = 5.0 if number % 2 else FOREVER
        table.put(bytes((10, 0, 0, number)), bytes((32,)), deadline)
    assert table.expire(4.0, 100) == 0
    assert [table.expire(5.0, 4) for _turn in range(4)] == [2, 2, 1, 0]
    assert table.count == 5
    assert table.shapes[0].entries.keys() == {bytes((10, 0, 0, n)) for n in range(0, 10, 2)}


def test_the_places_of_what_is_gone_are_used_again() -> None:
    table = Table(bytes((ADDRESS,)))
    entries = [table.put(bytes((10, 0, 0, n)), bytes((32,)), FOREVER) for n in range(3)]
    assert entries[1] is not None
    table.remove(entries[1])
    again = table.put(bytes((10, 0, 0, 9)), bytes((32,)), FOREVER)
    assert again is not None
    assert again.at == 1
    assert len(table.slots) == 3


def test_a_table_that_has_become_empty_keeps_nothing() -> None:
    table = Table(bytes((ADDRESS,)))
    for _turn in range(2):
        entry = table.put(bytes((10, 0, 0, 1)), bytes((32,)), 5.0)
        assert entry is not None
        assert table.expire(9.0, 10) == 1
        assert (table.count, table.shapes, table.slots, table.free) == (0, [], [], [])
        assert table.earliest == FOREVER


def test_the_earliest_deadline_is_known_again_after_a_round() -> None:
    table = Table(bytes((ADDRESS,)))
    for number, deadline in enumerate((5.0, 20.0, 30.0)):
        table.put(bytes((10, 0, 0, number)), bytes((32,)), deadline)
    assert table.earliest == 5.0
    table.expire(10.0, 3)
    assert table.earliest == 20.0


def test_combinations_of_lengths_are_bounded() -> None:
    table = Table(bytes((ADDRESS, ADDRESS)))
    made = 0
    for first in range(33):
        for second in range(33):
            made += table.put(bytes(8), bytes((first, second)), FOREVER) is not None
    assert made == MAX_SHAPES == len(table.shapes)


def test_a_table_is_freed_in_parts() -> None:
    table = Table(bytes((ADDRESS,)))
    for number in range(10):
        table.put(bytes((10, 0, 0, number)), bytes((32,)), FOREVER)
    assert table.release(4) == 0
    assert len(table.slots) == 6
    assert table.release(10) == 4
