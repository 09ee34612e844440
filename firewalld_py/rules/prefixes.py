"""Rules by the prefixes that they ask for, and sets of rules.

A range of addresses or ports is kept as prefixes, of which it has at most two of each length, so
that memory grows with what the rules say and never with its square. A set of rules is an int, of
which bit i is rule i.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

# What the widest prefix costs as a home: the wider, the more packets come by.
WIDEST: Final = 16


@mypyc_attr(acyclic=True)
class Bucket:
    """The rules that ask for one prefix: all of them, and those at home here; both in order."""

    __slots__ = ("bits", "cost", "homed", "rules")

    def __init__(self, cost: int) -> None:
        self.cost = cost
        self.rules: list[int] = []
        self.homed: list[int] = []
        self.bits = 0  # of a large bucket once it was needed


class Prefixes:
    """Buckets by prefix, for numbers of `width` bits: one mapping for each length there is."""

    __slots__ = ("base_cost", "shifts", "tables", "width")

    def __init__(self, width: int, base_cost: int) -> None:
        self.width = width
        self.base_cost = base_cost
        self.shifts: list[int] = []
        self.tables: list[dict[int, Bucket]] = []

    def add(self, low: int, high: int, buckets: list[Bucket]) -> None:
        """Append the buckets of the range's prefixes, which are made where there are none."""
        while low <= high:
            shift = (high - low + 1).bit_length() - 1
            if low:
                shift = min(shift, (low & -low).bit_length() - 1)
            buckets.append(self._bucket(low >> shift, shift))
            low += 1 << shift

    def _bucket(self, prefix: int, shift: int) -> Bucket:
        if shift not in self.shifts:
            self.shifts.append(shift)
            self.tables.append({})
        table = self.tables[self.shifts.index(shift)]
        bucket = table.get(prefix)
        if bucket is None:
            bucket = Bucket(self.base_cost + shift * WIDEST // self.width)
            table[prefix] = bucket
        return bucket

    def of(self, value: int) -> list[Bucket]:
        """The buckets whose prefixes `value` has."""
        found: list[Bucket] = []
        for shift, table in zip(self.shifts, self.tables, strict=True):
            bucket = table.get(value >> shift)
            if bucket is not None:
                found.append(bucket)
        return found


def bits_of(rules: list[int]) -> int:
    """The set of these rules, of which the last is the highest."""
    octets = bytearray(rules[-1] // 8 + 1)
    for rule in rules:
        octets[rule >> 3] |= 1 << (rule & 7)
    return int.from_bytes(octets, "little")


def rules_of(bits: int) -> list[int]:
    """The rules of a set, in order."""
    rules: list[int] = []
    octets = octets_of(bits)
    for at in range(len(octets)):
        octet = octets[at]
        if octet:
            for bit in range(8):
                if octet >> bit & 1:
                    rules.append(at * 8 + bit)
    return rules


def octets_of(bits: int) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")
