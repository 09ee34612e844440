"""What the linter says is so: no packet ever meets what is said to be unreachable, shadowed or
contradictory, without a redundant rule every packet fares the same, and witnesses always hold."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import STATE_NAMES
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.findings import NAMES, Finding
from firewalld_py.policy.lint import lint
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.model import Policy, Rule
from firewalld_py.policy.packet_octets import Talk, meta_of
from firewalld_py.policy.packet_words import PacketWords, described, guessed_chain
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.rule import Rule as BuiltRule

INDEXES: Final = {"lan0": 1, "wan0": 2, "wan1": 3, "eth9": 4}
ADDRESSES: Final = [bytes((10, 1, 0, number)) for number in (4, 5, 6, 7)]
CONDITIONS: Final = {
    "in": ["lan0", '"wan*"', "[lan0, wan0]"],
    "out": ["lan0", '"wan*"'],
    "src": ["10.1.0.5", "10.1.0.4/31", "10.1.0.4/30", "10.1.0.6/31"],
    "dst": ["10.1.0.6", "10.1.0.6/31", "0.0.0.0/0"],
    "proto": ["tcp", "udp", "[tcp, udp]", "icmp"],
    "mark": ["0x1"],
    "family": ["ipv4"],
    "ttl": ["64", "1-63"],
}
OF_FILTER: Final = {
    "state": ["new", "[established, related]", "invalid", "untracked", "[new, untracked]",
              "[new, established, related]"],
    "connmark": ["0x1"],
    "direction": ["original"],
}  # fmt: skip
PORTS: Final = ["80", "1-80", "81-65535", "[22, 80]", "1-65535"]
RAW: Final = ["accept", "drop", "notrack", "{mark: 0x1}", "return"]
FILTER: Final = [*["accept", "drop"] * 3, "reject", "log", "{connmark: 0x1}", "return",
                 "{jump: one}", "{goto: one}", "{jump: two}"]  # fmt: skip


def rule(chance: random.Random, conditions: dict[str, list[str]], actions: list[str]) -> str:
    keys = chance.sample(sorted(conditions), chance.choice((0, 1, 1, 2, 2, 3)))
    said = {key: chance.choice(conditions[key]) for key in keys}
    if said.get("proto", "") in ("tcp", "udp", "[tcp, udp]") and chance.random() < 0.6:
        said[chance.choice(("dport", "dport", "sport"))] = chance.choice(PORTS)
    below = {key: value for key, value in said.items() if chance.random() < 0.12}
    plain = [f"{key}: {value}" for key, value in said.items() if key not in below]
    inverted = ", ".join(f"{key}: {value}" for key, value in below.items())
    text = [*plain, *([f"not: {{{inverted}}}"] if below else [])]
    return "{" + ", ".join([*text, f"action: {chance.choice(actions)}"]) + "}"


def policy_of(chance: random.Random) -> Policy | None:
    every = {**CONDITIONS, **OF_FILTER}
    ended = FILTER[:-3]

    def rules(most: int, actions: list[str], conditions: dict[str, list[str]] = every) -> str:
        count = chance.randrange(most)
        return f"[{', '.join(rule(chance, conditions, actions) for _ in range(count))}]"

    raw = {key: values for key, values in CONDITIONS.items() if key != "out"}
    text = (
        f"version: 1\nraw: {{prerouting: {rules(4, RAW, raw)}}}\nfilter:\n"
        f"  forward: {{policy: {chance.choice(('drop', 'accept'))}, rules: {rules(12, FILTER)}}}\n"
        f"  chains: {{one: {rules(5, [*ended, '{jump: two}'])}, two: {rules(4, ended)}}}\n"
    )
    policy, problems = parse_rules(text, "rules.yaml")
    assert policy is not None or problems
    return policy


def packets(chance: random.Random, count: int) -> list[PacketWords]:
    """Some of them answer others."""
    made: list[PacketWords] = []
    for _ in range(count):
        before = chance.choice(made) if made else None
        if before is not None and chance.random() < 0.5:
            made.append(
                replace(
                    before,
                    src=before.dst,
                    dst=before.src,
                    sport=before.dport,
                    dport=before.sport,
                    in_interface=before.out_interface,
                    out_interface=before.in_interface,
                    flags=chance.choice((0x12, 0x10)) if before.protocol == 6 else 0,
                    icmp_type=0 if before.icmp_type == 8 else 8,
                )
            )
            continue
        protocol = chance.choice((6, 6, 17, 17, 1, 47))
        has_ports = protocol in (6, 17)
        made.append(
            PacketWords(
                chance.choice(ADDRESSES),
                chance.choice(ADDRESSES),
                protocol,
                chance.choice(list(INDEXES)),
                chance.choice(list(INDEXES)),
                chance.choice((22, 80, 5000)) if has_ports else 0,
                chance.choice((22, 80, 81, 5000)) if has_ports else 0,
                chance.choice((2, 2, 2, 0x12, 0x10, 0x29)) if protocol == 6 else 0,
                chance.choice((8, 0, 3)) if protocol == 1 else 0,
                ttl=chance.choice((64, 5)),
                mark=chance.choice((0, 0, 1)),
            )
        )
    return made


class Machine:
    """A firewall with a policy's rules, and what its packets' numbers are."""

    def __init__(self, policy: Policy) -> None:
        self.ruleset = build_ruleset(compile_policy(policy, Config()))
        self.ruleset.interfaces.set_names({index: name for name, index in INDEXES.items()})
        self.firewall = Firewall(self.ruleset, Conntrack(Settings()))
        self.talk = Talk()
        self.now = 1.0
        chains = {f"{chain.table}/{chain.name}": chain for chain in self.ruleset.chains()}
        self.rules: dict[str, BuiltRule] = {
            one.place: chains[f"{chain.table}/{chain.name}"].rules[number]
            for chain in policy.chains
            for number, one in enumerate(chain.rules)
        }

    def send(self, words: PacketWords, chain: str = "forward", *, error: bool = False) -> Decision:
        self.now += 0.01
        data = self.talk.error(words) if error else self.talk.octets(words)
        return self.firewall.handle(data, meta_of(words, chain, INDEXES), self.now)


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 2**32))
def test_lint_witnesses_always_hold(seed: int) -> None:
    chance = random.Random(seed)
    policy = policy_of(chance)
    if policy is None:
        return
    report = lint(policy, Config(), READABLE)
    machine = Machine(policy)
    sent = packets(chance, 150)
    verdicts = [machine.send(words).verdict_name() for words in sent]
    for finding in report.findings:
        assert finding.name in NAMES
        if finding.name in ("shadowed", "unreachable", "contradictory"):
            assert machine.rules[finding.subject].hits == 0, finding
        if finding.name == "redundant":
            fewer = Machine(without(policy, finding.subject))
            assert [fewer.send(words).verdict_name() for words in sent] == verdicts, finding
        check_witness(policy, finding)


def without(policy: Policy, place: str) -> Policy:
    def left(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(one for one in rules if one.place != place)

    chains = tuple(replace(chain, rules=left(chain.rules)) for chain in policy.chains)
    return replace(policy, chains=chains)


SHOWN: Final = {
    "shadowed", "unreachable", "redundant", "notrack-not-accepted", "notrack-answers",
    "answers-dropped", "related-without-helper", "accept-invalid", "reject-invalid",
    "policy-accept", "lock-out",
}  # fmt: skip


def check_witness(policy: Policy, finding: Finding) -> None:
    """What is shown, taken as it is shown, does what is said of it."""
    if finding.name not in SHOWN or not finding.witness:
        assert finding.name not in SHOWN - {"unreachable"}
        return
    if finding.witness[0].startswith("a connection that stands"):
        return  # the rules would not let it be opened
    machine = Machine(policy)
    hits = 0
    for line in finding.witness:
        error = "an ICMP error about it: " in line
        words = line.split("explain ")[-1].split(": ")[-1].split()
        words = [one for one in words if one not in ("first", "then")]
        chain = words[words.index("--chain") + 1] if "--chain" in words else ""
        made, problems = described([one for one in words if "=" in one])
        assert made is not None, problems
        hits = sum(rule.hits for place, rule in machine.rules.items() if place == finding.subject)
        decision = machine.send(made, chain or guessed_chain(made), error=error)
    met = any(rule.hits > hits for place, rule in machine.rules.items() if place == finding.subject)
    state, verdict = STATE_NAMES.get(decision.info.state, "").lower(), decision.verdict_name()
    its = decision.rule is not None and decision.rule is machine.rules.get(finding.subject)
    wanted: dict[str, bool] = {
        "shadowed": not met,
        "unreachable": not met,
        "redundant": met,
        "notrack-not-accepted": met and verdict != "accept" and state == "untracked",
        "notrack-answers": verdict != "accept",
        "answers-dropped": verdict != "accept" and state == "established",
        "related-without-helper": its and verdict == "accept" and state == "related",
        "accept-invalid": its and verdict == "accept" and state == "invalid",
        "reject-invalid": its and verdict == "reject" and state == "invalid",
        "policy-accept": decision.rule is None and verdict == "accept",
        "lock-out": verdict != "accept",
    }
    assert wanted[finding.name], (finding, verdict, state)
