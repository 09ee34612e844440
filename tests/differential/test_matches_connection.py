"""Conditions on connections: iptables' and ours say the same of the same packets."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.generate import sequences
from tests.differential.matching import Matched, MatchingJudges, Pair, both, negated
from tests.differential.sequence import Sent, Sequence
from tests.differential.test_helper_ftp import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKETS: Final = 6000
FTP: Final = 60  # exchanges


def _pairs() -> list[Pair]:
    conntrack = "-m conntrack"
    plain = [
        *(
            both(f"{conntrack} --ctstatus {word}", f"status: {ours}")
            for word, ours in (
                ("EXPECTED", "expected"),
                ("SEEN_REPLY", "seen-reply"),
                ("ASSURED", "assured"),
                ("CONFIRMED", "confirmed"),
                ("ASSURED,EXPECTED", "[assured, expected]"),
            )
        ),
        both("-m helper --helper ftp", "helper: ftp"),
        both(f"{conntrack} --ctproto tcp", "connection_proto: tcp"),
        both(f"{conntrack} --ctproto 132", "connection_proto: sctp"),
        # Timeouts are 30, 120, 300 s and more; the clocks are not the same to the second.
        both(
            f"{conntrack} --ctstatus CONFIRMED --ctexpire 100:400", _CONFIRMED + "expires: 100-400"
        ),
        both(f"{conntrack} --ctstatus CONFIRMED --ctexpire 0:60", _CONFIRMED + "expires: 0-1m"),
        *_counts(),
    ]
    directed = [
        both(f"{conntrack} --ctdir ORIGINAL", "direction: original"),
        both(f"{conntrack} --ctdir REPLY", "direction: reply"),
        both(f"{conntrack} --ctdir REPLY", "not: {direction: original}"),
    ]
    inverse = [negated(pair) for pair in (*plain, *_ends()) if ", " not in pair.ours]
    return [*directed, *plain, *_ends(), *inverse]


_CONFIRMED: Final = "status: confirmed, "


def _counts() -> Iterator[Pair]:
    """connbytes takes its `!` before the range, which comes last here.

    It keeps a negated range with its ends exchanged, and so forgets the `!` of one with equal ends.
    """
    for kind, ours, ranges in (
        ("packets", "packets", ((1, 2), (2, 5), (6, 1000))),
        ("bytes", "octets", ((40, 60), (100, 2000))),
    ):
        for low, high in ranges:
            for direction in ("original", "reply", "both"):
                words = (
                    f"--connbytes-mode {kind} --connbytes-dir {direction} --connbytes {low}:{high}"
                )
                yield both(f"-m connbytes {words}", f"{ours}: {{{direction}: {low}-{high}}}")
    words = "--connbytes-mode packets --connbytes-dir both --connbytes 10"
    yield both(f"-m connbytes {words}", "packets: 10-")


def _ends() -> Iterator[Pair]:
    """Addresses and ports; iptables takes the numbers of ICMP for ports, ours do not."""
    of = {"src": ("10.0.0.0/8", "fd00:1::/64"), "dst": ("203.0.113.0/25", "fd00:2::/65")}
    for direction, word in (("original", "orig"), ("reply", "repl")):
        for end, (v4, v6) in of.items():
            words = f"-m conntrack --ct{word}{end} "
            yield Pair(words + v4, words + v6, f"{direction}_{end}: [{v4}, '{v6}']")
        for end, ports in (("src", "1024:50000"), ("dst", "80")):
            words = f"-m conntrack --ctproto tcp --ct{word}{end}port {ports}"
            key = f"{direction}_{end[0]}port"
            yield both(words, f"connection_proto: tcp, {key}: {ports.replace(':', '-')}")


def _sequences() -> Iterator[Sequence]:
    for number in range(FTP):
        packets = Exchange(Random(f"matches {number}")).packets()
        yield Sequence(f"ftp {number}", [Sent(data) for data in packets])
    yield from sequences(52)


@pytest.mark.needs("conntrack")
def test_conditions_on_connections_are_met_as_iptables_has_it() -> None:
    matched = Matched()
    with MatchingJudges(_pairs()) as judges:
        for sequence in _sequences():
            judges.compare(sequence, matched)
            if matched.packets >= PACKETS:
                break
        never = [pair.ours for n, pair in enumerate(judges.pairs) if n not in matched.met]
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    assert not never, "pairs that no packet met"
