"""What addresses and ports lead to: the rules that may be met by a packet which has them."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.rules.matches import AddressMatch, Match, PortMatch
from firewalld_py.rules.prefixes import Bucket, Prefixes, bits_of

CROWD: Final = 32  # more rules at home for one value, and bit sets are intersected
REMEMBERED: Final = 16384  # values of a field whose rules are remembered; then all are forgotten


@mypyc_attr(acyclic=True)
class Found:
    """What one value leads to: the rules at home there, or `crowded` if these are too many.

    `bits` is for kinds of packet alone: all rules whose conditions of that sort are met.
    """

    __slots__ = ("bits", "crowded", "homed")

    def __init__(self, homed: list[int], crowded: bool, bits: int) -> None:
        self.homed = homed
        self.crowded = crowded
        self.bits = bits


NOTHING: Final = Found([], False, 0)


class Field:
    """One of source, destination and their ports. `wide` is for IPv6, `narrow` for the rest."""

    __slots__ = ("askers", "homes", "narrow", "of_address", "of_port", "wide")

    def __init__(self, width: int, base_cost: int) -> None:
        self.narrow = Prefixes(width, base_cost)
        self.wide = Prefixes(128, base_cost)
        self.askers = 0  # the rules that ask for something here, as bits
        self.homes = 0
        self.of_address: dict[bytes, Found] = {}
        self.of_port: dict[int, Found] = {}

    def buckets_of_ranges(self, match: Match) -> list[Bucket]:
        """The buckets of what a condition asks for."""
        buckets: list[Bucket] = []
        if isinstance(match, PortMatch):
            for first, last in match.ranges:
                self.narrow.add(max(first, 0), min(last, 65535), buckets)
        elif isinstance(match, AddressMatch):
            for low, high in zip(match.lows_v4, match.highs_v4, strict=True):
                self.narrow.add(int.from_bytes(low, "big"), int.from_bytes(high, "big"), buckets)
            for low, high in zip(match.lows_v6, match.highs_v6, strict=True):
                self.wide.add(int.from_bytes(low, "big"), int.from_bytes(high, "big"), buckets)
        return buckets

    def find_address(self, address: bytes) -> Found:
        found = self.of_address.get(address)
        if found is None:
            found = _homed(self.buckets_of_address(address))
            if len(self.of_address) >= REMEMBERED:
                self.of_address.clear()
            self.of_address[address] = found
        return found

    def find_port(self, port: int) -> Found:
        found = self.of_port.get(port)
        if found is None:
            found = _homed(self.narrow.of(port))
            if len(self.of_port) >= REMEMBERED:
                self.of_port.clear()
            self.of_port[port] = found
        return found

    def buckets_of_address(self, address: bytes) -> list[Bucket]:
        if len(address) == 0:
            return []
        number = int.from_bytes(address, "big")
        return self.narrow.of(number) if len(address) == 4 else self.wide.of(number)

    def within(self, bits: int, buckets: list[Bucket], count: int) -> int:
        """Those of `bits` that ask for nothing here, or whose bucket is among these."""
        asking = bits & self.askers
        if asking == 0:
            return bits
        met = 0
        few = bytearray(count // 8 + 1)
        for bucket in buckets:
            # A set takes count / 7.5 octets: kept for large buckets only, of which there are few.
            if len(bucket.rules) < count // 512 + 8:
                for rule in bucket.rules:
                    few[rule >> 3] |= 1 << (rule & 7)
            else:
                if bucket.bits == 0:
                    bucket.bits = bits_of(bucket.rules)
                met |= bucket.bits
        met |= int.from_bytes(few, "little")
        return (bits ^ asking) | (asking & met)

    def forget(self) -> None:
        self.of_address.clear()
        self.of_port.clear()

    def release(self, count: int) -> int:
        """Free up to `count` buckets of a chain that judges no longer; how many less it were."""
        self.forget()
        for prefixes in (self.narrow, self.wide):
            for table in prefixes.tables:
                while table and count:
                    table.popitem()
                    count -= 1
        return count


def _homed(buckets: list[Bucket]) -> Found:
    homed: list[int] = []
    for bucket in buckets:
        homed.extend(bucket.homed)
        if len(homed) > CROWD:
            return Found([], True, 0)
    if not homed:
        return NOTHING
    return Found(sorted(set(homed)), False, 0)
