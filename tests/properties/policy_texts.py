"""Random rule files, and the same with one thing changed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Final

# Few values, so that rules meet each other.
CONDITIONS: Final[dict[str, tuple[str, ...]]] = {
    "in": ("lan0", "wan*", "dmz0"),
    "out": ("lan0", "wan0"),
    "src": ("10.1.0.5", "10.1.0.0/24", "[192.0.2.1, 192.0.2.9-192.0.2.20]", "fd00:1::/64"),
    "dst": ("203.0.113.9", "[10.1.0.0/16, 198.51.100.0/25]", "fd00:2::9"),
    "proto": ("tcp", "udp", "[tcp, udp]", "icmp", "47"),
    "sport": ("1024-65535", "53"),
    "dport": ("22", "[80, 443]", "8000-8999", "53"),
    "state": ("new", "[established, related]", "established", "invalid", "untracked"),
    "ttl": ("0-10", "64"),
    "length": ("0-100", "1000-1500"),
    "mark": ("0x1", "0x2/0x3"),
    "flags": ("syn", "rst"),
}
WITH_PORTS: Final = ("[tcp, udp]", "tcp", "udp")
ACTIONS: Final = (
    *("accept", "drop", "reject", "accept", "[{mark: 0x1}]"),
    *("[{connmark: 0x2}, accept]", "{jump: web}"),
)
IN_CHAIN: Final = ("accept", "drop", "return")


@dataclass(frozen=True)
class TextRule:
    """One rule of a file: conditions by key, those that are negated, and what it does."""

    name: str
    conditions: dict[str, str]
    negated: frozenset[str]
    action: str

    def text(self) -> str:
        plain = [f"{key}: {value}" for key, value in self.conditions.items()
                 if key not in self.negated]  # fmt: skip
        below = [f"{key}: {value}" for key, value in self.conditions.items() if key in self.negated]
        inverted = [f"not: {{{', '.join(below)}}}"] if below else []
        parts = [f"name: {self.name}", *plain, *inverted, f"action: {self.action}"]
        return "{" + ", ".join(parts) + "}"


@dataclass(frozen=True)
class TextPolicy:
    """A file: what forward has, and what a chain has to which it may lead."""

    forward: tuple[TextRule, ...]
    web: tuple[TextRule, ...] = ()
    raw: tuple[TextRule, ...] = field(default=())
    policy: str = "drop"

    def text(self) -> str:
        raw, forward, web = (
            ", ".join(rule.text() for rule in rules) for rules in (self.raw, self.forward, self.web)
        )
        return (
            f"version: 1\nraw: {{prerouting: [{raw}]}}\n"
            f"filter: {{forward: {{policy: {self.policy}, rules: [{forward}]}}, "
            f"chains: {{web: [{web}]}}}}\n"
        )


def a_rule(chance: random.Random, name: str, actions: tuple[str, ...]) -> TextRule:
    keys = chance.sample(list(CONDITIONS), chance.randrange(1, 4))
    conditions = {key: chance.choice(CONDITIONS[key]) for key in keys}
    if {"sport", "dport"} & conditions.keys():
        conditions["proto"] = chance.choice(WITH_PORTS)
    negated = frozenset(key for key in conditions if key != "proto" and chance.random() < 0.15)
    return TextRule(name, conditions, negated, chance.choice(actions))


def a_policy(chance: random.Random, most: int = 12) -> TextPolicy:
    forward = [a_rule(chance, f"r{number}", ACTIONS) for number in range(chance.randrange(1, most))]
    web = [a_rule(chance, f"w{number}", IN_CHAIN) for number in range(chance.randrange(4))]
    raw = [TextRule("n0", {"proto": "udp", "dport": "53"}, frozenset(), "notrack")]
    return TextPolicy(
        tuple(forward),
        tuple(web),
        tuple(raw[: chance.randrange(2)]),
        chance.choice(("accept", "drop", "drop")),
    )


def mutated(chance: random.Random, policy: TextPolicy) -> TextPolicy:
    """The same with one condition of one rule changed, gone, new or turned round."""
    number = chance.randrange(len(policy.forward))
    rule = policy.forward[number]
    conditions, negated = dict(rule.conditions), set(rule.negated)
    kind = chance.randrange(4) if conditions else 3
    key = chance.choice(list(conditions)) if conditions else ""
    if kind == 0:
        conditions[key] = chance.choice(CONDITIONS[key])
    elif kind == 1:
        del conditions[key]
        negated.discard(key)
    elif kind == 2:
        negated ^= {key}
    else:
        key = chance.choice(list(CONDITIONS))
        conditions.setdefault(key, chance.choice(CONDITIONS[key]))
    changed = replace(rule, conditions=conditions, negated=frozenset(negated))
    rules = (*policy.forward[:number], changed, *policy.forward[number + 1 :])
    return replace(policy, forward=rules)
