"""diff tells the truth: what it shows differs, and one condition that changed is mostly found."""

from __future__ import annotations

import ipaddress
import random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import NO_TEMPLATE, UNTRACKED, CtInfo
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.pipeline import BEFORE_TRACKING
from firewalld_py.policy.behaviour_diff import Behaviour, Difference, SideBySide
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.interface_names import Interfaces
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.packet_octets import Talk, meta_of
from firewalld_py.policy.packet_words import PacketWords
from firewalld_py.policy.plan_words import PlanConditions
from firewalld_py.policy.rule_diff import Version, changes, same_plans
from firewalld_py.policy.rule_pairs import pair_rules
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.chain import Chain
from firewalld_py.rules.rule import Rule
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.targets import Effects
from firewalld_py.rules.verdicts import ACCEPT, CONTINUE, DROP, GOTO, JUMP, NOTRACK, RETURN
from tests.properties.policy_texts import TextPolicy, a_policy, mutated

PACKETS: Final = 800  # that diff tries here of each pair


class Naive:
    """A firewall that asks every rule in turn, as the language is told."""

    def __init__(self, plan: Plan, interfaces: Interfaces) -> None:
        self.ruleset: Ruleset = build_ruleset(plan)
        names = {index: name for name, index in interfaces.indexes.items()}
        self.ruleset.interfaces.set_names(names)
        self.conntrack = Conntrack(Settings())

    def judge(
        self, data: bytes, meta: PacketMeta, now: float, *, passes: bool = False
    ) -> tuple[int, str, int]:
        """Verdict, the name of the rule that decided, and the state."""
        packet = parse(data, meta)
        effects = Effects(meta.mark)
        verdict, by = _walk(self.ruleset.raw_prerouting, packet, BEFORE_TRACKING, effects)
        if verdict == DROP:
            return DROP, by, 0
        info = CtInfo(UNTRACKED)
        if verdict != NOTRACK:
            info = self.conntrack.inspect(packet, now, NO_TEMPLATE)
        if passes:
            verdict, by = ACCEPT, ""
        else:
            verdict, by = _walk(self.ruleset.filter_forward, packet, info, effects)
        if verdict == ACCEPT:
            self.conntrack.confirm(info, packet, now)
        elif info.connection is not None:
            self.conntrack.dropped(info.connection)
        return verdict, by, info.state


def _walk(base: Chain, packet: Packet, info: CtInfo, effects: Effects) -> tuple[int, str]:
    """As ipt_do_table() has it."""
    stack: list[tuple[Chain, int]] = []
    chain, at = base, 0
    while True:
        if at == len(chain.rules):
            if not stack:
                return base.policy, ""
            chain, at = stack.pop()
            continue
        rule: Rule = chain.rules[at]
        at += 1
        if not all(match.matches(packet, info, effects.mark) for match in rule.matches):
            continue
        for target in rule.targets or ():
            target.apply(packet, info, effects, 0.0)
        if rule.verdict == RETURN:
            at = len(chain.rules)
        elif rule.verdict in (JUMP, GOTO):
            if rule.verdict == JUMP:
                stack.append((chain, at))
            assert rule.leads_to is not None
            chain, at = rule.leads_to, 0
        elif rule.verdict != CONTINUE:
            return rule.verdict, rule.name


def version(policy: TextPolicy) -> Version | None:
    read, _problems = parse_rules(policy.text(), "rules.yaml")
    if read is None:  # it cannot be meant: two states that exclude each other, …
        return None
    return Version(read, compile_policy(read, Config()), PlanConditions())


def naive_difference(
    sides: tuple[Version, Version],
    interfaces: Interfaces,
    steps: list[tuple[PacketWords, bool]],
    *,
    opened: bool = False,
) -> bool:
    """Whether the last of these packets fares differently, asked rule by rule."""
    found = []
    for side in sides:
        judge, talk = Naive(side.plan, interfaces), Talk()
        for number, (words, is_error) in enumerate(steps, 1):
            data = talk.error(words) if is_error else talk.octets(words)
            meta = meta_of(words, "forward", interfaces.indexes)
            passes = opened and number < len(steps)
            last: Any = judge.judge(data, meta, float(number), passes=passes)
        found.append(last)
    return bool(found[0] != found[1])


def is_so(sides: tuple[Version, Version], beside: SideBySide, one: Difference) -> bool:
    steps = [(sent.words, sent.is_error) for sent in one.candidate.steps]
    if any(sent.chain != "forward" for sent in one.candidate.steps):
        return True
    opened = one.candidate.opened
    marks = one.was.marks != one.is_.marks
    return marks or naive_difference(sides, beside.interfaces, steps, opened=opened)


def compared(old: TextPolicy, new: TextPolicy) -> tuple[Any, SideBySide, Behaviour] | None:
    one, other = version(old), version(new)
    if one is None or other is None or same_plans(one.plan, other.plan):
        return None
    pairs = pair_rules(one.policy, other.policy)
    assert changes(one, other, pairs)
    beside = SideBySide(one, other, pairs, Config())
    return (one, other), beside, beside.compare(PACKETS, 60.0)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_shown_differs(seed: int) -> None:
    chance = random.Random(seed)
    found = None
    while found is None:  # many mean nothing: rules whose conditions exclude each other
        found = compared(a_policy(chance), a_policy(chance))
    sides, beside, behaviour = found
    for one in behaviour.differences:
        assert is_so(sides, beside, one), one


SHARE: Final = 0.9  # of the changes that some packet shows
PAIRS: Final = 16
PROBES: Final = 400
ADDRESSES: Final = {
    4: ("10.1.0.5", "10.1.0.77", "10.1.3.3", "192.0.2.1", "192.0.2.12", "203.0.113.9",
        "198.51.100.9", "8.8.8.8"),
    6: ("fd00:1::5", "fd00:2::9", "2001:db8::1"),
}  # fmt: skip


def probe(chance: random.Random, interfaces: Interfaces) -> PacketWords:
    """A packet that has to do with what the rules mention, but knows nothing of them."""
    version = chance.choice((4, 4, 4, 6))
    src, dst = (ipaddress.ip_address(chance.choice(ADDRESSES[version])).packed for _ in range(2))
    icmp = 1 if version == 4 else 58
    protocol = chance.choice((6, 6, 17, 17, icmp, 47))
    with_ports = protocol in (6, 17)
    return PacketWords(
        src,
        dst,
        protocol,
        chance.choice(interfaces.names),
        chance.choice(interfaces.names),
        chance.choice((53, 22, 2000, 40000)) if with_ports else 0,
        chance.choice((22, 80, 443, 8000, 53, 1234)) if with_ports else 0,
        chance.choice((2, 2, 18, 16, 4, 1)) if protocol == 6 else 0,
        {1: 8, 58: 128}.get(protocol, 0),
        length=chance.choice((0, 0, 1200)),
        ttl=chance.choice((5, 64, 200)),
        mark=chance.choice((0, 0, 1, 2, 3)),
    )


def test_most_of_what_one_condition_changes_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """Of pairs that differ by one condition, those that chance alone finds are the measure."""
    pairs = found_here = missed = 0
    for seed in range(200):
        chance = random.Random(seed)
        old = a_policy(chance)
        found = compared(old, mutated(chance, old))
        if found is None:
            continue
        pairs += 1
        sides, beside, behaviour = found
        assert all(is_so(sides, beside, one) for one in behaviour.differences)
        if behaviour.differences:
            found_here += 1
        elif any(
            naive_difference(sides, beside.interfaces, [(probe(chance, beside.interfaces), False)])
            for _ in range(PROBES)
        ):
            missed += 1
        if pairs == PAIRS:
            break
    with capsys.disabled():
        print(
            f"\ndiff: of {pairs} pairs that differ by one condition it shows {found_here} to "
            f"behave differently; packets by chance show {missed} more"
        )
    assert pairs == PAIRS
    assert found_here >= SHARE * (found_here + missed)
    assert found_here >= PAIRS / 2  # the others have the condition where no packet comes
