"""Conditions on headers: iptables' and ours say the same of the same packets."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from tests.differential.generate import sequences
from tests.differential.matching import Matched, MatchingJudges, Pair, both, negated
from tests.differential.odd_headers import odd_sequence

ODD: Final = 60  # sequences
PACKETS: Final = 4000  # of conversations


def _plain() -> list[Pair]:
    pairs = [
        both("-m length --length 128", "length: 128"),
        both("-m length --length 0:60", "length: 0-60"),
        both("-m length --length 61:", "length: 61-"),
        *(
            Pair(f"-m ttl --ttl-{kind} {hops}", f"-m hl --hl-{kind} {hops}", ours)
            for kind, hops, ours in (
                ("eq", 64, "ttl: 64"),
                ("lt", 6, "ttl: 0-5"),
                ("gt", 128, "ttl: 129-"),
            )
        ),
        both("-m dscp --dscp 0x2e", "dscp: 46"),
        both("-m dscp --dscp-class EF", "dscp: EF"),
        both("-m dscp --dscp-class AF41", "dscp: af41"),
        both("-m dscp --dscp-class CS1", "dscp: cs1"),
        both("-m tos --tos 0x10", "tos: 0x10"),
        both("-m tos --tos 0x08/0x0c", "tos: 0x08/0x0c"),
        *(
            Pair("", f"-m ipv6header --soft --header {name}", f"ipv6_header: {ours}")
            for name, ours in (
                ("hop", "hop-by-hop"),
                ("route", "route"),
                ("frag", "frag"),
                ("auth", "auth"),
                ("esp", "esp"),
                ("none", "none"),
                ("dst", "dst"),
            )
        ),
    ]
    return [*pairs, *(negated(pair) for pair in pairs if "-m ttl --ttl-" not in pair.v4)]


def _dropping() -> list[Pair]:
    pairs = [
        *(
            both(f"-p tcp --tcp-option {number}", f"tcp_option: {ours}")
            for number, ours in ((1, "nop"), (2, "mss"), (3, "window-scale"), (8, 8), (253, 253))
        ),
        both("-p tcp -m tcpmss --mss 1460", "mss: 1460"),
        both("-p tcp -m tcpmss --mss 0:535", "mss: 0-535"),
        both("-p tcp -m tcpmss --mss 1461:65535", "mss: 1461-"),
    ]
    return [*pairs, *(negated(pair) for pair in pairs)]


@pytest.mark.needs("conntrack")
def test_conditions_on_headers_are_met_as_iptables_has_it() -> None:
    matched = Matched()
    rng = Random(5)
    with MatchingJudges(_plain(), _dropping()) as judges:
        for number in range(ODD):
            judges.compare(odd_sequence(rng, f"odd {number}"), matched)
        for sequence in sequences(51):
            judges.compare(sequence, matched)
            if matched.packets >= PACKETS:
                break
        never = [pair.ours for n, pair in enumerate(judges.pairs) if n not in matched.met]
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    # A fragment header is gone where a datagram was put together, or was whole with it.
    assert set(never) <= {"ipv6_header: frag"}, "pairs that no packet met"
