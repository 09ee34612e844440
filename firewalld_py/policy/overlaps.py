"""Which rules of a chain may have packets in common with a region, without asking all of them.

Each rule stands in buckets of addresses or ports; one that asks for many of them stands in none and
is always told. What is told is more than those that really overlap, and never less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from firewalld_py.policy.ranges import Ranges
from firewalld_py.policy.region import DPORT, DST, SPORT, SRC, V6, Region

MAX_BUCKETS: Final = 64  # of one rule in one field; one with more is always told
_FIELDS: Final = (SRC, DST, DPORT, SPORT)


class _Field:
    """The rules by their buckets in one field."""

    __slots__ = ("always", "buckets", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.buckets: dict[int, list[int]] = {}
        self.always: list[int] = []

    def add(self, rule: int, region: Region) -> None:
        keys = self.keys(region)
        if keys is None:
            self.always.append(rule)
            return
        for key in keys:
            self.buckets.setdefault(key, []).append(rule)

    def keys(self, region: Region) -> list[int] | None:
        """The buckets of a region; None for too many."""
        if region.fields is None:
            return []
        if not region.asked >> self.number & 1:
            return None
        return _keys(region.fields[self.number], is_port=self.number in (DPORT, SPORT))


def _keys(ranges: Ranges, *, is_port: bool) -> list[int] | None:
    keys: dict[int, None] = {}
    for low, high in ranges:
        first, last = (low, high) if is_port else (_bucket(low), _bucket(high))
        if last - first >= MAX_BUCKETS or len(keys) >= MAX_BUCKETS:
            return None
        keys.update(dict.fromkeys(range(first, last + 1)))
    return list(keys)


def _bucket(address: int) -> int:
    """Of 256 IPv4 addresses, or of 2^64 IPv6 addresses; no address (-1) has its own."""
    return address >> 8 if address < V6 else ((address - V6) >> 64) + V6


class Overlaps:
    """The rules of one chain by what they ask for."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._count = len(regions)
        self._fields = [_Field(number) for number in _FIELDS]
        for rule, region in enumerate(regions):
            for field in self._fields:
                field.add(rule, region)

    def numbers(self, region: Region) -> Sequence[int]:
        """The rules that may have packets in common with the region, in order."""
        fewest: Sequence[int] = range(self._count)
        for field in self._fields:
            if len(field.always) >= len(fewest):
                continue
            keys = field.keys(region)
            if keys is None:
                continue
            found = [rule for key in keys for rule in field.buckets.get(key, ())]
            if len(found) + len(field.always) < len(fewest):
                fewest = sorted({*found, *field.always})
        return fewest
