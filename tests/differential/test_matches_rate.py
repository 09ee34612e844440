"""Conditions that count: iptables' and ours say the same of the same packets.

Rates are so low that no packet is allowed again while the test runs; how a limit fills again is
tested by tests/unit with a clock of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.differential.generate import TOPICS, sequences
from tests.differential.matching import Matched, MatchingJudges, Pair, both, negated
from tests.differential.sequence import Sent, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKETS: Final = 1500
# Counts are of all packets before, so nothing may be judged by one side alone.
COMPARED: Final = frozenset(TOPICS) - {"fragments", "headers", "checksums"}


def _hashlimit(name: str, words: str, ours: str) -> Pair:
    """`name` is that of iptables' table; upto is `--hashlimit-upto` or -above with the rate."""
    text = f"-m hashlimit --hashlimit-name {name} --hashlimit-burst 7 {words}"
    of = f"limit: {{rate: 1/hour, burst: 7, {ours}}}"
    return Pair(text, text.replace("mask 8", "mask 32").replace("mask 24", "mask 64"), of)


def _pairs() -> Iterator[Pair]:
    yield both("-m limit --limit 1/day", "limit: 1/day")
    yield both("-m limit --limit 1/hour --limit-burst 100", "limit: {rate: 1/hour, burst: 100}")
    upto, above = "--hashlimit-upto 1/hour", "--hashlimit-above 1/hour"
    modes = (
        ("srcip", "src"),
        ("dstip", "dst"),
        ("srcport", "sport"),
        ("dstip,dstport", "[dst, dport]"),
        ("srcip,dstip,srcport,dstport", "[src, dst, sport, dport]"),
    )
    for number, (mode, per) in enumerate(modes):
        words = f"--hashlimit-mode {mode}"
        yield _hashlimit(f"u{number}", f"{words} {upto}", f"per: {per}")
        yield _hashlimit(f"a{number}", f"{words} {above}", f"per: {per}, over: true")
    for bits, name in ((8, "n8"), (24, "n24")):
        words = f"--hashlimit-mode srcip --hashlimit-srcmask {bits} {upto}"
        masks = f"mask: {bits}, mask6: {32 if bits == 8 else 64}"
        yield _hashlimit(name, words, f"per: src, {masks}")
    for quota in (1, 5000, 100_000):
        yield both(f"-m quota --quota {quota}", f"quota: {quota}")
    for quota in (1, 5000):
        yield negated(both(f"-m quota --quota {quota}", f"quota: {quota}"))
    for every in (2, 3, 50):
        pair = both(f"-m statistic --mode nth --packet 0 --every {every}", f"every: {every}")
        yield from (pair, negated(pair))
    # What other conditions refuse is not counted.
    yield both("-p udp -m limit --limit 1/day", "limit: 1/day, proto: udp")
    yield both("-p tcp -m statistic --mode nth --packet 0 --every 3", "every: 3, proto: tcp")


def _of_family(version: int, sequence: Sequence) -> Sequence:
    return sequence.with_packets([one for one in sequence.packets if one.data[0] >> 4 == version])


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("version", [4, 6])
def test_what_is_counted_is_counted_as_iptables_does(version: int) -> None:
    """A limit of ours is for both families, one of iptables for its own."""
    matched = Matched()
    with MatchingJudges(list(_pairs())) as judges:
        for sequence in sequences(53, COMPARED):
            judges.compare(_of_family(version, sequence), matched)
            if matched.packets >= PACKETS:
                break
        never = [pair.ours for n, pair in enumerate(judges.pairs) if n not in matched.met]
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    assert set(never) <= {"quota: 1"}, "pairs that no packet met"


@pytest.mark.needs("conntrack")
def test_a_share_by_chance_is_as_large_as_iptables_has_it() -> None:
    question = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp())
    count, shares = 4000, (0.03, 0.5, 0.9)
    pairs = [
        both(f"-m statistic --mode random --probability {share}", f"probability: {share}")
        for share in shares
    ]
    matched = Matched()
    with MatchingJudges(pairs) as judges:
        judges.compare(Sequence("chance", [Sent(question)] * count), matched)
    for number, share in enumerate(shares):
        slack = 6 * (count * share * (1 - share)) ** 0.5  # six standard deviations
        assert abs(matched.kernels[number] - count * share) < slack
        assert abs(matched.ours[number] - count * share) < slack
