"""Ranges as prefixes, and sets of rules. (That nothing is missed: tests/properties.)"""

from __future__ import annotations

import pytest

from firewalld_py.rules.prefixes import WIDEST, Bucket, Prefixes, bits_of, octets_of, rules_of


def made(low: int, high: int, width: int = 16) -> tuple[Prefixes, list[Bucket]]:
    prefixes = Prefixes(width, 3)
    buckets: list[Bucket] = []
    prefixes.add(low, high, buckets)
    return prefixes, buckets


@pytest.mark.parametrize(
    ("low", "high", "count"),
    [(80, 80, 1), (0, 65535, 1), (1024, 65535, 6), (1, 65534, 30), (5, 4, 0), (0, 1, 1)],
)
def test_a_range_is_a_few_prefixes(low: int, high: int, count: int) -> None:
    prefixes, buckets = made(low, high)
    assert len(buckets) == count
    for value in (0, 1, 79, 80, 81, 1023, 1024, 65534, 65535):
        assert len(prefixes.of(value)) == (low <= value <= high)


def test_the_same_prefix_has_one_bucket_and_a_wider_one_another() -> None:
    prefixes, first = made(8, 15)
    again: list[Bucket] = []
    prefixes.add(8, 15, again)
    assert again == first
    prefixes.add(0, 65535, again)
    assert prefixes.of(9) == again[:2][:1] + again[1:]


def test_a_wide_prefix_costs_more_as_a_home() -> None:
    assert made(80, 80)[1][0].cost == 3
    assert made(0, 255)[1][0].cost == 3 + WIDEST // 2
    assert made(0, 65535)[1][0].cost == 3 + WIDEST


def test_addresses_of_128_bits_have_prefixes_too() -> None:
    prefixes, buckets = made(1 << 127, (1 << 128) - 1, 128)
    assert len(buckets) == 1
    assert prefixes.of((1 << 128) - 5) == buckets
    assert prefixes.of(1 << 126) == []


def test_a_set_of_rules_is_an_int_and_back() -> None:
    for rules in ([], [0], [7, 8], [1, 63, 64, 9999]):
        bits = bits_of(rules) if rules else 0
        assert bits == sum(1 << number for number in rules)
        assert rules_of(bits) == rules
    assert octets_of(0x0102) == b"\2\1"
    assert octets_of(0) == b""
