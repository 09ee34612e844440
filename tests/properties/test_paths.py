"""A firewall that remembers connections' paths judges as one that asks the rules about each packet.

Connections go on for dozens of packets while interfaces are renamed and rules are replaced.
"""

from __future__ import annotations

import random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import ORIGINAL, REPLY
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.paths import Path
from tests import wire
from tests.plans import firewall, plan, rule, template
from tests.properties.test_classifier import KINDS, NAMES, PATTERNS, a_rule, value

PACKETS: Final = 250
# Of these several rules in a row depend on nothing but the connection.
STEADY: Final = ("state", "in", "out", "family", "src", "dst", "proto", "sport", "dport", "zone")
UNSTEADY: Final = ("mark", "connmark", "label", "icmp")
USER_CHAINS: Final = ("filter/a", "filter/b", "filter/c")
HOSTS: Final = (bytes.fromhex("0a010005"), bytes.fromhex("0a010006"), bytes.fromhex("cb007109"))


def some_rules(chance: random.Random, below: tuple[str, ...], steady: float) -> list[Plan]:
    made = []
    for _ in range(chance.randrange(12)):
        kinds = KINDS if chance.random() > steady else STEADY
        if chance.random() > steady:
            made.append(a_rule(chance, kinds, 0.7))
            continue
        matches = [
            (("!" if chance.random() < 0.3 else "") + kind, value(kind, chance))
            for kind in chance.choices(kinds, k=chance.randrange(1, 4))
        ]
        if chance.random() < 0.15:
            kind = chance.choice(UNSTEADY)
            matches.append((kind, value(kind, chance)))
        verdict = chance.choice(("accept", "accept", "drop", "continue", "return", "jump", "goto"))
        more: dict[str, Any] = {}
        if verdict in ("jump", "goto"):
            if not below:
                continue
            more["chain"] = chance.choice(below).partition("/")[2]
        made.append(rule(verdict, *matches, **more))
    return made


def a_plan(chance: random.Random) -> Plan:
    steady = chance.choice((0.3, 0.9, 1.0))
    lasting = [rule("continue", ("in", 2), template=template(1))] if chance.random() < 0.3 else []
    return plan(
        some_rules(chance, USER_CHAINS, steady),
        chance.choice(("accept", "accept", "drop")),
        prerouting=lasting,
        interfaces=PATTERNS,
        chains={
            place: some_rules(chance, USER_CHAINS[at + 1 :], steady)
            for at, place in enumerate(USER_CHAINS)
        },
    )


class Talk:
    """One connection: its next packet, in either direction, from mostly the same interface."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._ends = chance.sample(HOSTS, 2)
        self._port = chance.choice((1024, 40000))
        self._other = chance.choice((22, 53, 80))
        self._protocol = chance.choice((wire.UDP, wire.UDP, wire.ICMP))
        self._sent = 0

    def next(self) -> tuple[bytes, PacketMeta]:
        chance = self._chance
        direction = chance.choice((ORIGINAL, REPLY)) if self._sent else ORIGINAL
        self._sent += 1
        ports = (self._port, self._other)
        if self._protocol == wire.UDP:
            content = wire.udp(b"x", sport=ports[direction], dport=ports[1 - direction])
        else:
            content = wire.query(0 if direction else 8, identifier=self._port)
        ends = self._ends[direction], self._ends[1 - direction]
        indexes = (1, 3) if chance.random() < 0.9 else (chance.randrange(4), chance.randrange(4))
        in_index, out_index = indexes[direction], indexes[1 - direction]
        meta = PacketMeta(in_index=in_index, out_index=out_index, mark=chance.randrange(2))
        return wire.ip(*ends, self._protocol, content), meta


def said(judge: Firewall, decision: Decision) -> list[Any]:
    chains = judge.ruleset.chains()
    place = {id(entry): (at, n) for at, c in enumerate(chains) for n, entry in enumerate(c.rules)}
    return [
        (decision.verdict, decision.reason, decision.info.state, decision.mark),
        decision.rule and place[id(decision.rule)],
        (decision.chain.name, decision.rule_chain.name),
        [(chain.name, place[id(hit.rule)]) for chain, hit in decision.logs or ()],
        [(entry.hits, entry.hit_octets) for chain in chains for entry in chain.rules],
        [chain.policy_hits for chain in chains],
        [connection.mark for connection in judge.conntrack.table.connections()],
    ]


def remembering(judge: Firewall, is_wanted: bool) -> None:
    for chain in judge.ruleset.chains():
        chain.remembers = is_wanted


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_remembered_is_what_the_rules_say(seed: int) -> None:
    chance = random.Random(seed)
    remembers, asks = judges = firewall(), firewall()
    talks = [Talk(chance) for _ in range(4)]
    for number in range(PACKETS):
        if number % 100 == 0:
            rules = a_plan(chance)
            for judge in judges:
                judge.ruleset = build_ruleset(rules)
                remembering(judge, judge is remembers)
        if number % 30 == 0:
            names = chance.choice(NAMES)
            for judge in judges:
                judge.ruleset.interfaces.set_names(names)
        data, meta = chance.choice(talks).next()
        other = PacketMeta(meta.hook, meta.in_index, meta.out_index, meta.mark)
        now = float(number)
        results = [
            said(judge, judge.handle(data, its, now))
            for judge, its in ((remembers, meta), (asks, other))
        ]
        assert results[0] == results[1]


def test_paths_are_found_and_gone_again_when_rules_ask_for_more() -> None:
    """The property above would hold of one that remembers nothing."""
    steady = [rule("drop", ("dport", [[1, 1]])), rule("accept", ("proto", [wire.UDP]))]
    judge = firewall(plan(steady, "drop"))
    talk = Talk(random.Random(1))
    talk._protocol = wire.UDP
    for _ in range(60):
        assert judge.handle(*talk.next(), 1.0).verdict_name() == "accept"
    (entry,) = judge.conntrack.table.connections()
    for direction in (ORIGINAL, REPLY):
        path = entry.path(direction)
        assert isinstance(path, Path)
        assert path.met == [judge.ruleset.filter_forward.rules[1]]
    marked = [rule("drop", ("mark", [[9, 9]])), *steady]
    judge.ruleset = build_ruleset(plan(marked, "drop"))
    for _ in range(60):
        judge.handle(*talk.next(), 1.0)
    assert (entry.path(ORIGINAL), entry.path(REPLY)) == (None, None)
