"""Chains that lead to others judge as the kernel's do, walked or classified.

The reference is ipt_do_table() of net/ipv4/netfilter/ip_tables.c in a few lines: a jump puts the
rule behind it on a stack, a goto does not; the end of a chain and RETURN take the last one from it,
and where there is none the policy decides.
"""

from __future__ import annotations

import random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import NEW, CtInfo
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.chain import Chain
from firewalld_py.rules.targets import MarkTarget
from firewalld_py.rules.verdicts import CONTINUE, GOTO, JUMP, RETURN
from tests import wire
from tests.plans import plan, rule

PORTS: Final = (22, 53, 80, 443)
NAMES: Final = ("a", "b", "c", "d", "e")


def chain_rules(chance: random.Random, below: tuple[str, ...], most: int) -> list[Plan]:
    rules = []
    for _ in range(chance.randrange(most)):
        conditions: list[tuple[str, Any]] = [
            ("dport", [[port, port] for port in chance.sample(PORTS, chance.randrange(1, 3))])
        ]
        if chance.random() < 0.5:
            conditions = [("proto", [chance.choice((wire.TCP, wire.UDP))])]
        more: dict[str, Any] = {}
        if chance.random() < 0.3:
            more["targets"] = [("mark", [chance.randrange(16), 15])]
        verdict = chance.choice(("accept", "drop", "continue", "return", *["jump", "goto"] * 3))
        if verdict in ("jump", "goto"):
            if not below:
                continue
            more["chain"] = chance.choice(below)
        rules.append(rule(verdict, *conditions, **more))
    return rules


def reference(chain: Chain, packet: Packet) -> tuple[int, int, list[tuple[str, int]]]:
    """The verdict, the mark, and every rule that is met on the way."""
    base = chain
    stack: list[tuple[Chain, int]] = []
    met: list[tuple[str, int]] = []
    info, mark, at = CtInfo(NEW), 0, 0
    while True:
        if at == len(chain.rules):
            if not stack:
                return base.policy, mark, met
            chain, at = stack.pop()
            continue
        entry = chain.rules[at]
        at += 1
        if not entry.is_met(packet, info, mark):
            continue
        met.append((chain.name, at - 1))
        for target in entry.targets or ():
            assert isinstance(target, MarkTarget)
            mark = mark & ~target.mask | target.value
        if entry.verdict == RETURN:
            at = len(chain.rules)
        elif entry.verdict in (JUMP, GOTO):
            if entry.verdict == JUMP:
                stack.append((chain, at))
            assert entry.leads_to is not None
            chain, at = entry.leads_to, 0
        elif entry.verdict != CONTINUE:
            return entry.verdict, mark, met


@settings(deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([4, 25]))
def test_a_packet_goes_the_kernels_way_through_chains(seed: int, most: int) -> None:
    chance = random.Random(seed)
    chains = {
        f"filter/{name}": chain_rules(chance, NAMES[at + 1 :], most)
        for at, name in enumerate(NAMES)
    }
    made = build_ruleset(plan(chain_rules(chance, NAMES, most), "drop", chains=chains))
    for port in (*PORTS, 8080):
        for protocol, transport in ((wire.TCP, wire.tcp("S", dport=port)),
                                    (wire.UDP, wire.udp(dport=port))):  # fmt: skip
            data = wire.ip(wire.CLIENT4, wire.SERVER4, protocol, transport)
            packet = parse(data, PacketMeta())
            verdict, mark, met = reference(made.filter_forward, packet)
            outcome = made.filter_forward.evaluate(packet, CtInfo(NEW), 0, 0.0)
            assert (outcome.verdict, outcome.mark) == (verdict, mark)
            if outcome.rule is None:
                assert outcome.chain is None
            else:
                assert outcome.chain is not None
                assert met[-1][0] == outcome.chain.name
                assert outcome.chain.rules[met[-1][1]] is outcome.rule
            for chain in made.chains():
                if chain.table == "filter":
                    hits = [met.count((chain.name, at)) for at in range(len(chain.rules))]
                    assert [entry.hits for entry in chain.rules] == hits
                for entry in chain.rules:
                    entry.hits = 0
