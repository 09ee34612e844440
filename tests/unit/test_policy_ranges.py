"""Sets of numbers as ranges, against sets of numbers."""

from __future__ import annotations

import random

from firewalld_py.policy.ranges import Ranges, common, ranges_of, touch, within, without


def some(chance: random.Random) -> Ranges:
    pairs = [(chance.randrange(-1, 20), chance.randrange(6)) for _ in range(chance.randrange(5))]
    return ranges_of((low, low + length) for low, length in pairs)


def numbers(ranges: Ranges) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


def test_they_are_what_sets_are() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        one, other = some(chance), some(chance)
        mine, its = numbers(one), numbers(other)
        assert numbers(common(one, other)) == mine & its
        assert numbers(without(one, other)) == mine - its
        assert touch(one, other) == bool(mine & its)
        assert all(within(one, number) == (number in mine) for number in range(-2, 30))
        for made in (common(one, other), without(one, other)):
            assert made == ranges_of(made)


def test_ranges_that_touch_are_one() -> None:
    assert ranges_of([(5, 6), (1, 2), (3, 4)]) == ((1, 6),)
    assert ranges_of([(1, 9), (2, 3)]) == ((1, 9),)
    assert ranges_of([]) == ()
