"""Conditions that count: how often, how much, which share of the packets.

Each keeps its count in the rule set, which a reload makes anew. What is counted are packets that
meet all other conditions of the rule, for policy/compile.py puts these last.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.limits import TokenBucket
from firewalld_py.rules.matches import Match

# What packets are told apart by; bits.
PER_SRC: Final = 1
PER_DST: Final = 2
PER_SPORT: Final = 4
PER_DPORT: Final = 8

SWEPT_AT_ONCE: Final = 16  # entries that are looked at to find room for one
_32_BITS: Final = 0xFFFFFFFF


class CountingMatch(Match):
    """One whose answer changes what it answers next: it is asked once for a packet, never again."""

    __slots__ = ()


class LimitMatch(CountingMatch):
    """`-m limit`: met as long as the rate is kept; the inverse by what is above it."""

    __slots__ = ("bucket",)

    def __init__(self, inverted: bool, rate: float, burst: int) -> None:
        super().__init__(inverted)
        self.bucket = TokenBucket(rate, burst)

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        return self.bucket.take(packet.meta.arrived) != self.inverted


class LimitPerMatch(CountingMatch):
    """`-m hashlimit`: a limit for each address, network, port, or what is asked of them.

    `per` are PER_ bits; of addresses the first `mask_v4` or `mask_v6` bits count. There is room for
    `maximum` of them: then one that is within its limit again, which is as good as one never seen,
    makes room; else what is new counts as above its limit.
    """

    __slots__ = ("buckets", "burst", "mask_v4", "mask_v6", "maximum", "per", "rate")

    def __init__(
        self,
        inverted: bool,
        rate: float,
        burst: int,
        per: int,
        mask_v4: int,
        mask_v6: int,
        maximum: int,
    ) -> None:
        super().__init__(inverted)
        self.rate = rate
        self.burst = burst
        self.per = per
        self.mask_v4 = mask_v4
        self.mask_v6 = mask_v6
        self.maximum = maximum
        # Those used longest ago come first.
        self.buckets: dict[bytes, TokenBucket] = {}

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if len(packet.src) == 0:
            return False
        key = self._key(packet)
        now = packet.meta.arrived
        bucket = self.buckets.pop(key, None)
        if bucket is None:
            if len(self.buckets) >= self.maximum and not self._make_room(now):
                return self.inverted
            bucket = TokenBucket(self.rate, self.burst)
        self.buckets[key] = bucket
        return bucket.take(now) != self.inverted

    def _key(self, packet: Packet) -> bytes:
        bits = self.mask_v4 if packet.version == 4 else self.mask_v6
        key = b""
        if self.per & PER_SRC:
            key += masked(packet.src, bits)
        if self.per & PER_DST:
            key += masked(packet.dst, bits)
        # What has no ports counts as port 0, as hashlimit_init_dst() has it.
        if self.per & PER_SPORT:
            key += bytes((packet.sport >> 8, packet.sport & 0xFF))
        if self.per & PER_DPORT:
            key += bytes((packet.dport >> 8, packet.dport & 0xFF))
        return key

    def _make_room(self, now: float) -> bool:
        """Forget those of the first few that are full again; whether there were any."""
        full: list[bytes] = []
        for looked_at, (key, bucket) in enumerate(self.buckets.items(), 1):
            if bucket.tokens + (now - bucket.filled_at) * self.rate >= self.burst:
                full.append(key)
            if looked_at == SWEPT_AT_ONCE:
                break
        for key in full:
            del self.buckets[key]
        return len(full) > 0


def masked(address: bytes, bits: int) -> bytes:
    """The address with only its first bits."""
    whole = bits >> 3
    if whole >= len(address):
        return address
    rest = address[whole] & (0xFF00 >> (bits & 7)) & 0xFF
    return address[:whole] + bytes((rest,)) + bytes(len(address) - whole - 1)


class QuotaMatch(CountingMatch):
    """`-m quota`: met until so many octets have gone; a packet that is too long ends it, too."""

    __slots__ = ("left",)

    def __init__(self, inverted: bool, octets: int) -> None:
        super().__init__(inverted)
        self.left = octets

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if packet.length <= self.left:
            self.left -= packet.length
            return not self.inverted
        self.left = 0  # small ones shall not slip through behind it (xt_quota.c)
        return self.inverted


class EveryMatch(CountingMatch):
    """`-m statistic --mode nth`: the first of every so many packets."""

    __slots__ = ("every", "passed")

    def __init__(self, inverted: bool, every: int) -> None:
        super().__init__(inverted)
        self.every = every
        self.passed = 0

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        is_first = self.passed == 0
        self.passed += 1
        if self.passed >= self.every:
            self.passed = 0
        return is_first != self.inverted


class ProbabilityMatch(CountingMatch):
    """`-m statistic --mode random`: a share of `threshold` in 2^32 of the packets.

    Which ones follows from the seed and the count alone: a capture is judged the same each time.
    """

    __slots__ = ("count", "seed", "threshold")

    def __init__(self, inverted: bool, threshold: int, seed: int) -> None:
        super().__init__(inverted)
        self.threshold = threshold
        self.seed = scrambled(seed)
        self.count = 0

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        self.count = (self.count + 1) & _32_BITS
        number = scrambled(scrambled(self.count) ^ self.seed)
        return (number < self.threshold) != self.inverted


def scrambled(number: int) -> int:
    """32 bits for the lower 32 of a number, each of which depends on all (MurmurHash3's fmix32)."""
    number &= _32_BITS
    number = (number ^ number >> 16) * 0x85EBCA6B & _32_BITS
    number = (number ^ number >> 13) * 0xC2B2AE35 & _32_BITS
    return number ^ number >> 16
