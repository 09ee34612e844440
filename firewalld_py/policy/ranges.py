"""Sets of whole numbers as ranges in ascending order, of which no two touch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]


def ranges_of(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """The same numbers in as few ranges as possible."""
    made: list[tuple[int, int]] = []
    for low, high in sorted(pairs):
        if made and low <= made[-1][1] + 1:
            if high > made[-1][1]:
                made[-1] = (made[-1][0], high)
        else:
            made.append((low, high))
    return tuple(made)


def within(ranges: Ranges, number: int) -> bool:
    """Whether the number is in the set."""
    at = bisect_right(ranges, number, key=_first) - 1
    return at >= 0 and number <= ranges[at][1]


def _first(pair: tuple[int, int]) -> int:
    return pair[0]


def common(one: Ranges, other: Ranges) -> Ranges:
    """What is in both sets."""
    if one is other:
        return one
    if len(one) == 1 and len(other) == 1:  # most often
        (low, high), (first, last) = one[0], other[0]
        if first <= low and high <= last:
            return one
        if low <= first and last <= high:
            return other
    found: list[tuple[int, int]] = []
    here, there = 0, 0
    while here < len(one) and there < len(other):
        low = max(one[here][0], other[there][0])
        high = min(one[here][1], other[there][1])
        if low <= high:
            found.append((low, high))
        if one[here][1] < other[there][1]:
            here += 1
        else:
            there += 1
    return tuple(found)


def touch(one: Ranges, other: Ranges) -> bool:
    """Whether the sets have a number in common."""
    if len(one) == 1 and len(other) == 1:  # most often
        return one[0][0] <= other[0][1] and other[0][0] <= one[0][1]
    here, there = 0, 0
    while here < len(one) and there < len(other):
        if one[here][1] < other[there][0]:
            here += 1
        elif other[there][1] < one[here][0]:
            there += 1
        else:
            return True
    return False


def without(one: Ranges, other: Ranges) -> Ranges:
    """What is in the first set and not in the other."""
    left: list[tuple[int, int]] = []
    there = 0
    for first, high in one:
        low = first
        while there < len(other) and other[there][1] < low:
            there += 1
        at = there
        while at < len(other) and other[at][0] <= high:
            if low < other[at][0]:
                left.append((low, other[at][0] - 1))
            low = max(low, other[at][1] + 1)
            at += 1
        if low <= high:
            left.append((low, high))
    return tuple(left)
