"""Conditions on payload: iptables' and ours say the same of the same packets.

iptables counts from the IP header, ours from where the payload begins: the pairs are of UDP without
IP options, and of TCP without options, where the one follows from the other.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.differential.matching import Matched, MatchingJudges, Pair, negated
from tests.differential.sequence import Sent, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

SEQUENCES: Final = 40
HEADERS: Final = {("udp", 4): 28, ("udp", 6): 48, ("tcp", 4): 40, ("tcp", 6): 60}


def _pairs() -> Iterator[Pair]:
    for proto in ("udp", "tcp"):
        for pattern in ("a", "ab", "aba", "abababab"):
            for start in (0, 3):
                ours = f"proto: {proto}, contains: {{text: {pattern}, from: {start}}}"
                v4, v6 = (
                    f"-p {proto} -m string --algo bm --from {HEADERS[proto, version] + start} "
                    f"--string {pattern}"
                    for version in (4, 6)
                )
                yield Pair(v4, v6, ours)
        for at, octets in ((0, "61626162"), (5, "62616261"), (2, "61616161")):
            ours = f"proto: {proto}, payload: {{at: {at}, octets: '{octets}'}}"
            v4, v6 = (
                f"-p {proto} -m u32 --u32 {HEADERS[proto, version] + at}=0x{octets}"
                for version in (4, 6)
            )
            yield Pair(v4, v6, ours)


def _negated(pair: Pair) -> Pair:
    """The inverse, of the same protocol."""
    proto, _, condition = pair.ours.partition(", ")
    return Pair(*negated(pair)[:2], f"{proto}, not: {{{condition}}}")


def _sequence(rng: Random, number: int) -> Sequence:
    return Sequence(f"text {number}", [_packet(rng) for _ in range(40)])


def _packet(rng: Random) -> Sent:
    """A few letters, many of them alike, or next to nothing."""
    src, dst = rng.choice(((wire.CLIENT4, wire.SERVER4), (wire.CLIENT6, wire.SERVER6)))
    size = rng.choice((0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 30))
    text = bytes(rng.choices(b"ab", (rng.random(), 1), k=size))
    text = rng.choice((text, text, b"ab" * (size // 2)))
    if rng.random() < 0.5:
        return Sent(wire.ip(src, dst, wire.UDP, wire.udp(text)), repr(text))
    segment = wire.tcp(rng.choice(("S", "A", "PA")), payload=text)
    return Sent(wire.ip(src, dst, wire.TCP, segment), repr(text))


@pytest.mark.needs("conntrack")
def test_conditions_on_payload_are_met_as_iptables_has_it() -> None:
    matched = Matched()
    rng = Random(54)
    pairs = list(_pairs())
    with MatchingJudges([*pairs, *map(_negated, pairs)]) as judges:
        for number in range(SEQUENCES):
            judges.compare(_sequence(rng, number), matched)
        never = [pair.ours for n, pair in enumerate(judges.pairs) if n not in matched.met]
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    assert not never, "pairs that no packet met"
