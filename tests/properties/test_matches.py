"""Conditions on any octets: none raises, none is met with its inverse; counts are kept once."""

from __future__ import annotations

import random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import ESTABLISHED, INVALID, NEW, RELATED
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.build_matches import BUILDERS
from firewalld_py.rules.matches_rate import CountingMatch
from tests.plans import plan, rule
from tests.properties.samples import corpus, mutated
from tests.properties.test_classifier import a_packet, an_info, classified, said, value

PACKETS: Final = 60
KNOWN: Final = ("state", "proto", "dport", "src", "mark")
# Values that are met often, by kind.
VALUES: Final[dict[str, tuple[Any, ...]]] = {
    "length": ([[0, 60]], [[28, 28], [50, 1500]]),
    "ttl": ([[0, 63]], [[64, 64]]),
    "tos": ([[0, 0xFF]], [[0x10, 0x10]]),
    "ipv6_header": ([0], [44, 60], [43, 50, 51, 59]),
    "fragment": (True, False),
    "tcp_option": ([2], [1, 3], [8, 253]),
    "mss": ([[1460, 1460]], [[0, 535]]),
    "direction": (0, 1),
    "status": (1, 2, 12),
    "helper": (["ftp"],),
    "age": ([[0, 5]], [[6, 1000]]),
    "expires": ([[0, 0]], [[1, 1000]]),
    "packets": ([2, 0, 0], [0, 1, 9]),
    "octets": ([2, 0, 0], [1, 1, 9]),
    **{
        f"{side}_{end}": ([["0a010005", "0a010006"]], [["00000000", "ffffffff"], ["00" * 16] * 2])
        for side in ("original", "reply")
        for end in ("src", "dst")
    },
    **{
        f"{side}_{end}": ([[53, 53]], [[1, 65535]])
        for side in ("original", "reply")
        for end in ("sport", "dport")
    },
    "connection_proto": ([17], [6]),
    "payload": ([0, "71"], [3, "7374"]),
    "contains": ([0, 65535, ["00"]], [0, 9, ["7175", "61"]]),
    "regex": ([0, 1460, ["2e"]], [3, 20, ["5e71", "285b612d7a5d2b2924"]]),
    "limit": ([1.0, 2, 0, 32, 128, False, 9], [0.5, 1, 3, 24, 64, True, 4]),
    "quota": (100, 1000),
    "every": (2, 3),
    "probability": ([1 << 31, 1], [1 << 29, 2]),
}


def test_every_kind_is_here() -> None:
    assert set(VALUES) == set(BUILDERS)


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_nothing_raises_and_nothing_is_met_with_its_inverse(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(5):
        data = mutated(chance.choice(corpus()), chance)
        meta = PacketMeta(truncated=chance.random() < 0.3)
        meta.arrived = chance.random() * 10
        packet = parse(data[: chance.randrange(len(data) + 1)], meta, chance.random() < 0.5)
        info = an_info(chance.choice((0, NEW, ESTABLISHED, RELATED, INVALID)), 0, 0)
        for kind, values in VALUES.items():
            found = chance.choice(values)
            plain, inverse = (BUILDERS[kind](inverted, found) for inverted in (False, True))
            answers = plain.matches(packet, info, 0), inverse.matches(packet, info, 0)
            assert answers != (True, True), kind


def a_rule(chance: random.Random) -> Plan:
    kinds = [*chance.choices(KNOWN, k=chance.randrange(3)), *chance.choices(list(VALUES), k=2)]
    counting = ("every", "probability", "limit", "quota")
    kinds.sort(key=lambda kind: counting.index(kind) if kind in counting else -1)
    matches = [
        (
            ("!" if chance.random() < 0.3 else "") + kind,
            chance.choice(VALUES[kind]) if kind in VALUES else value(kind, chance),
        )
        for kind in kinds
    ]
    return rule(chance.choice(("continue", "continue", "accept")), *matches)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_a_chain_counts_the_same_walked_and_classified(seed: int, count: int) -> None:
    chance = random.Random(seed)
    rules = [a_rule(chance) for _ in range(count)]
    walked, fast = build_ruleset(plan(rules)), build_ruleset(plan(rules))
    walked.filter_forward.classifier = None
    classified(fast)
    now = 0.0
    for _ in range(PACKETS):
        now += chance.random()
        packet = a_packet(chance)
        packet.meta.arrived = now
        state, mark = chance.choice((NEW, ESTABLISHED, RELATED, INVALID)), chance.randrange(4)
        results = []
        for ruleset in (walked, fast):
            chain, info = ruleset.filter_forward, an_info(state, 0, 0)
            results.append(said(chain, chain.evaluate(packet, info, mark, now), info))
        assert results[0] == results[1]


def test_what_counts_is_marked_as_such() -> None:
    counting = {
        kind
        for kind, values in VALUES.items()
        if isinstance(BUILDERS[kind](False, values[0]), CountingMatch)
    }
    assert counting == {"limit", "quota", "every", "probability"}
