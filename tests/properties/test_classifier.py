"""A chain that is classified judges as one that is walked, whatever the rules and the packets.

Rules and packets are drawn from few values, so that they meet often, in many ways.
"""

from __future__ import annotations

import random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import (
    ESTABLISHED,
    INVALID,
    NEW,
    RELATED,
    UNTRACKED,
    Connection,
    CtInfo,
)
from firewalld_py.conntrack.flow import flow_key, in_zone, reply_key
from firewalld_py.packet.packet import UNKNOWN_INTERFACE, Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.chain import Chain, Outcome
from firewalld_py.rules.classifier import Classifier
from firewalld_py.rules.prefixes import rules_of
from firewalld_py.rules.ruleset import Ruleset
from tests import wire
from tests.plans import log, plan, rule, template
from tests.properties.samples import corpus, mutated

PACKETS: Final = 40
PATTERNS: Final = ["lan*", "lan1", "wan0", "tun+"]
NAMES: Final[tuple[dict[int, str], ...]] = (
    {1: "lan0", 2: "lan1", 3: "wan0"},
    {1: "wan0", 2: "tun7", 4: "lan0"},
    {},
)
QUESTION: Final = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp())
LIMIT: Final = [1.0, 3, 0, 32, 128, False, 0]
PORTS: Final = (0, 22, 53, 80, 1024, 4000, 40000, 65535)
HOSTS4: Final = ("0a010005", "0a010006", "cb007109", "00000000", "ffffffff")
HOSTS6: Final = ("fd" + "00" * 14 + "05", "fd" + "00" * 15, "fd" + "ff" * 15)


def ranges(chance: random.Random, points: tuple[Any, ...]) -> list[list[Any]]:
    return [sorted(chance.choices(points, k=2)) for _ in range(chance.randrange(1, 4))]


def value(kind: str, chance: random.Random) -> Any:
    """What a condition may ask for."""
    if kind == "state":
        return chance.randrange(1, 32)
    if kind in {"in", "out"}:
        return chance.randrange(1, 16)
    if kind == "family":
        return chance.choice((4, 6))
    if kind in {"src", "dst"}:
        if chance.random() < 0.5:
            return [[host, host] for host in chance.choices(HOSTS4 + HOSTS6, k=2)]
        return ranges(chance, HOSTS4) + ranges(chance, HOSTS6)
    if kind == "proto":
        return chance.choices((1, 6, 17, 47, 58, 132, 136, 255), k=2)
    if kind in {"sport", "dport"}:
        return ranges(chance, PORTS)
    if kind == "icmp":
        return [chance.choice(([1, 8, 0, 255], [1, 3, 3, 4], [58, 128, 0, 255]))]
    if kind == "tcp_flags":
        return [chance.choice(([0x17, 0x02], [0x12, 0x12], [0x04, 0x04]))]
    if kind in {"mark", "connmark"}:
        return [chance.choice(([1, 1], [2, 3], [0, 0xF]))]
    return [chance.randrange(3)]


KINDS: Final = (
    *("state", "in", "out", "family", "src", "dst", "src", "dst", "proto", "sport", "dport"),
    *("icmp", "tcp_flags", "mark", "connmark", "label", "zone"),
)


def a_rule(chance: random.Random, kinds: tuple[str, ...], going_on: float) -> Plan:
    matches = []
    for kind in chance.choices(kinds, k=chance.randrange(4)):  # the same one twice, perhaps
        inverted = "!" if chance.random() < 0.3 else ""
        matches.append((inverted + kind, value(kind, chance)))
    if chance.random() < 0.2:  # what counts comes last, as policy/compile.py has it
        counting = chance.choice((("every", 3), ("quota", 100), ("limit", LIMIT), ("!every", 2)))
        matches.append(counting)
    targets: list[tuple[str, Any]] = []
    if chance.random() < 0.3:
        targets.append(("mark", [chance.randrange(4), 3]))
    if chance.random() < 0.2:
        targets.append(("connmark", [chance.randrange(4), 3]))
    if chance.random() < 0.2:
        targets.append(("label", [chance.randrange(3)]))
    more: dict[str, Any] = {"targets": targets}
    if chance.random() < 0.2:
        more["log"] = log(rate=1.0, burst=3)
    if chance.random() < 0.2:
        more["template"] = template(chance.randrange(3), chance.choice(("", "ftp")))
    verdict = "continue" if chance.random() < going_on else chance.choice(("accept", "reject"))
    return rule(verdict, *matches, **more)


def a_packet(chance: random.Random) -> Packet:
    if chance.random() < 0.5:
        data = chance.choice(corpus())
        if chance.random() < 0.3:
            data = mutated(data, chance)
    else:
        src, dst = (
            bytes.fromhex(host) for host in chance.choices(chance.choice((HOSTS4, HOSTS6)), k=2)
        )
        sport, dport = chance.choices(PORTS, k=2)
        transport = chance.choice(
            (wire.udp(sport=sport, dport=dport), wire.tcp("S", sport=sport, dport=dport), b"\0")
        )
        data = wire.ip(src, dst, chance.choice((wire.UDP, wire.TCP, wire.ICMP)), transport)
    indexes = (UNKNOWN_INTERFACE, 0, 1, 2, 3, 4)
    meta = PacketMeta(in_index=chance.choice(indexes), out_index=chance.choice(indexes))
    return parse(data[: chance.randrange(len(data) + 1)] if chance.random() < 0.1 else data, meta)


def an_info(state: int, zone: int, mark: int) -> CtInfo:
    """What tracking might say, with a connection of its own for each of the chains."""
    if state in (INVALID, UNTRACKED, 0):
        return CtInfo(state)
    key = in_zone(flow_key(parse(QUESTION, PacketMeta())), zone)
    connection = Connection(wire.UDP, key, reply_key(key), 0.0)
    connection.mark = mark
    return CtInfo(state, connection=connection)


def said(chain: Chain, outcome: Outcome, info: CtInfo) -> list[Any]:
    connection = info.connection
    logs = outcome.logs or []
    numbers = {id(entry): number for number, entry in enumerate(chain.rules)}
    return [
        outcome.verdict,
        outcome.rule and numbers[id(outcome.rule)],
        outcome.mark,
        outcome.changes,
        (outcome.template.zone, outcome.template.helper),
        [(numbers[id(hit.rule)], hit.suppressed) for hit in logs],
        connection and (connection.mark, connection.labels()),
        [(entry.hits, entry.hit_octets) for entry in chain.rules],
        chain.policy_hits,
    ]


def classified(ruleset: Ruleset) -> Classifier:
    """The classifier of the forward chain, which has one from now on, long or not."""
    chain = ruleset.filter_forward
    if chain.classifier is None:
        chain.classifier = Classifier()
        for entry in chain.rules:
            chain.classifier.add(entry.matches)
    return chain.classifier


def compare(chance: random.Random, rules: list[Plan]) -> None:
    walked, fast, third = (build_ruleset(plan(rules, interfaces=PATTERNS)) for _ in range(3))
    walked.filter_forward.classifier = None
    classifier = classified(fast)
    now = 0.0
    for number in range(PACKETS):
        if number % 13 == 0:
            names = chance.choice(NAMES)
            walked.interfaces.set_names(names)
            fast.interfaces.set_names(names)
            third.interfaces.set_names(names)
        now += chance.random()
        packet = a_packet(chance)
        packet.meta.arrived = now
        state = chance.choice((0, NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED))
        zone, connmark, mark = chance.randrange(3), chance.randrange(4), chance.randrange(4)
        results = []
        for ruleset in (walked, fast):
            chain = ruleset.filter_forward
            info = an_info(state, zone, connmark)
            results.append(said(chain, chain.evaluate(packet, info, mark, now), info))
        assert results[0] == results[1]
        info = an_info(state, zone, connmark)
        met = [
            at
            for at, entry in enumerate(third.filter_forward.rules)
            if entry.is_met(packet, info, mark)
        ]
        candidates = classifier.candidates(packet, info)
        assert candidates is None or set(met) <= set(candidates)
        assert candidates is None or candidates == sorted(set(candidates))
        crowd = rules_of(int.from_bytes(classifier.crowd(packet, info), "little"))
        assert set(met) <= set(crowd)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 40), st.sampled_from([0.3, 0.9, 1.0]))
def test_a_chain_is_judged_the_same_walked_and_classified(
    seed: int, count: int, going_on: float
) -> None:
    chance = random.Random(seed)
    compare(chance, [a_rule(chance, KINDS, going_on) for _ in range(count)])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from(["src", "dst", "sport", "dport", "in", "mark"]))
def test_also_where_rules_crowd(seed: int, kind: str) -> None:
    chance = random.Random(seed)
    compare(chance, [a_rule(chance, (kind, "state"), 0.98) for _ in range(300)])
