"""Conditions that count, with a clock of their own."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from firewalld_py.conntrack.connection import NEW, CtInfo
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.limits import TokenBucket
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_rate import (
    PER_DPORT,
    PER_DST,
    PER_SPORT,
    PER_SRC,
    SWEPT_AT_ONCE,
    EveryMatch,
    LimitMatch,
    LimitPerMatch,
    ProbabilityMatch,
    QuotaMatch,
    masked,
    scrambled,
)
from tests import wire

NO_IP: Final = b"\0" * 40


def question(
    src: bytes = wire.CLIENT4, dst: bytes = wire.SERVER4, sport: int = 40000, dport: int = 53
) -> bytes:
    return wire.ip(src, dst, wire.UDP, wire.udp(sport=sport, dport=dport))


def from_host(number: int) -> bytes:
    return question(bytes((10, 1, number >> 8, number & 0xFF)))


def asked(match: Match, now: float = 0.0, data: bytes | None = None) -> bool:
    meta = PacketMeta()
    meta.arrived = now
    return match.matches(parse(data or question(), meta), CtInfo(NEW), 0)


def test_a_limit_allows_its_burst_and_then_its_rate() -> None:
    plain, inverse = LimitMatch(False, 2.0, 3), LimitMatch(True, 2.0, 3)
    times = [0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 10.0, 10.0, 10.0, 10.0]
    met = [True, True, True, False, False, True, False, True, True, True, True, False]
    assert [asked(plain, now) for now in times] == met
    assert [not asked(inverse, now) for now in times] == met


def test_a_clock_that_goes_back_gives_nothing() -> None:
    limit = LimitMatch(False, 1.0, 1)
    assert [asked(limit, now) for now in (100.0, 50.0, 50.5, 51.5)] == [True, False, False, True]


def per(bits: int, **more: int) -> LimitPerMatch:
    """One packet an hour for each."""
    mask_v4, mask_v6 = more.get("mask_v4", 32), more.get("mask_v6", 128)
    return LimitPerMatch(False, 1 / 3600, 1, bits, mask_v4, mask_v6, more.get("maximum", 1000))


@pytest.mark.parametrize(
    ("bits", "data", "is_another"),
    [
        (PER_SRC, question(src=b"\x0a\1\0\6"), True),
        (PER_SRC, question(dst=b"\x0a\1\0\6", sport=1, dport=2), False),
        (PER_DST, question(dst=b"\x0a\1\0\6"), True),
        (PER_DST, question(src=b"\x0a\1\0\6"), False),
        (PER_SPORT, question(sport=1), True),
        (PER_SPORT, question(dport=1), False),
        (PER_DPORT, question(dport=1), True),
        (PER_DPORT, question(sport=1, src=bytes(4)), False),
        (PER_SRC | PER_DST, question(wire.SERVER4, wire.CLIENT4), True),
        (PER_SRC, wire.ip(wire.CLIENT6, wire.SERVER6, wire.UDP, wire.udp()), True),
    ],
)
def test_each_has_a_limit_of_its_own(bits: int, data: bytes, is_another: bool) -> None:
    limit = per(bits)
    assert asked(limit)
    assert not asked(limit)
    assert asked(limit, data=data) == is_another
    assert not asked(limit, data=data)


def test_what_has_no_ports_counts_as_port_0() -> None:
    limit = per(PER_SPORT | PER_DPORT)
    ping = wire.ip(wire.CLIENT4, wire.SERVER4, wire.ICMP, wire.query(8))
    assert [asked(limit, data=data) for data in (ping, ping)] == [True, False]
    assert not asked(limit, data=question(sport=0, dport=0))


def test_what_has_no_address_is_not_asked() -> None:
    for inverted in (False, True):
        limit = LimitPerMatch(inverted, 1.0, 1, PER_SRC, 32, 128, 10)
        assert not asked(limit, data=NO_IP)
        assert not limit.buckets


def test_a_network_has_one_limit() -> None:
    limit = per(PER_SRC, mask_v4=24, mask_v6=64)
    assert asked(limit, data=from_host(1))
    assert not asked(limit, data=from_host(200))
    assert asked(limit, data=from_host(256))
    six = [wire.ip(wire.CLIENT6[:15] + bytes((n,)), wire.SERVER6, 200, b"") for n in (1, 2)]
    assert [asked(limit, data=data) for data in six] == [True, False]


@pytest.mark.parametrize(
    ("bits", "left"),
    [(0, "00000000"), (1, "80000000"), (7, "fe000000"), (8, "ff000000"), (9, "ff800000"),
     (31, "fffffffe"), (32, "ffffffff"), (64, "ffffffff")],
)  # fmt: skip
def test_masked(bits: int, left: str) -> None:
    assert masked(b"\xff" * 4, bits).hex() == left


def test_a_full_table_counts_what_is_new_as_above_its_limit() -> None:
    limit = per(PER_SRC, maximum=2)
    assert [asked(limit, data=from_host(n)) for n in (1, 2, 3, 1)] == [True, True, False, False]
    assert len(limit.buckets) == 2
    inverse = LimitPerMatch(True, 1 / 3600, 1, PER_SRC, 32, 128, 1)
    assert [asked(inverse, data=from_host(n)) for n in (1, 2)] == [False, True]


def test_what_is_within_its_limit_again_makes_room() -> None:
    limit = per(PER_SRC, maximum=2)
    for number in (1, 2):
        assert asked(limit, 0.0, from_host(number))
    assert not asked(limit, 3599.0, from_host(3))
    assert asked(limit, 3600.0, from_host(3))
    assert len(limit.buckets) == 1


def test_room_is_made_with_few_looks() -> None:
    limit = per(PER_SRC, maximum=100)
    for number in range(100):
        assert asked(limit, 0.0, from_host(number))
    assert asked(limit, 3600.0, from_host(500))
    assert len(limit.buckets) == 101 - SWEPT_AT_ONCE


@pytest.mark.parametrize("seed", range(5))
def test_forgetting_changes_nothing_while_there_is_room(seed: int) -> None:
    """The same as a bucket for each source that is kept for ever."""
    rng = Random(seed)
    limit = LimitPerMatch(False, 0.5, 3, PER_SRC, 32, 128, 40)
    ever: dict[int, TokenBucket] = {}
    now = 0.0
    for _ in range(3000):
        now += rng.choice((0.0, 0.5, 1.0))
        host = rng.randrange(15) + int(now) // 60 * 15
        bucket = ever.setdefault(host, TokenBucket(0.5, 3))
        assert asked(limit, now, from_host(host)) == bucket.take(now)
        assert len(limit.buckets) <= 40
    assert len(ever) > 100


def test_a_quota_ends_with_the_packet_that_does_not_fit() -> None:
    size = len(question())
    plain, inverse = QuotaMatch(False, 2 * size + 5), QuotaMatch(True, 2 * size + 5)
    small = wire.ipv4(wire.CLIENT4, wire.SERVER4, 200, b"")[:20]
    packets = [question(), question(), question(), small]
    met = [True, True, False, False]
    assert [asked(plain, data=data) for data in packets] == met
    assert [not asked(inverse, data=data) for data in packets] == met
    assert asked(QuotaMatch(False, size))


@pytest.mark.parametrize("every", [2, 3, 7])
def test_every_so_many(every: int) -> None:
    plain, inverse = EveryMatch(False, every), EveryMatch(True, every)
    met = [number % every == 0 for number in range(30)]
    assert [asked(plain) for _ in met] == met
    assert [not asked(inverse) for _ in met] == met


def test_chance_hits_its_share_and_is_the_same_again() -> None:
    def hits(seed: int, inverted: bool = False) -> list[bool]:
        match = ProbabilityMatch(inverted, 1 << 30, seed)  # a quarter
        return [asked(match) for _ in range(8000)]

    once = hits(7)
    assert once == hits(7)
    assert once == [not one for one in hits(7, inverted=True)]
    assert abs(sum(once) - 2000) < 240  # six standard deviations
    both = sum(one and other for one, other in zip(once, hits(8), strict=True))
    assert abs(both - 500) < 130  # another seed has nothing to do with it
    assert all(asked(ProbabilityMatch(False, 1 << 32, seed)) for seed in range(100))


def test_scrambled_numbers_are_all_different_and_of_32_bits() -> None:
    found = {scrambled(number) for number in range(5000)}
    assert len(found) == 5000
    assert all(0 <= number < 1 << 32 for number in found)
    assert scrambled(1 << 40 | 5) == scrambled(5)
    assert scrambled(1) == 0x514E28B7  # MurmurHash3's fmix32
