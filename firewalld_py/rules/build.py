"""From a plan (plain data, as it crosses from the supervisor to a worker) to a Ruleset.

The plan is made by policy/compile.py, which knows YAML and names; what is here knows neither. It is
checked all the same: it came through a pipe. Rules can be added a few at a time, so that a worker
builds a large rule set between two batches of packets.
"""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.conntrack.connection import Template
from firewalld_py.rules.build_machine_matches import MACHINE_BUILDERS
from firewalld_py.rules.build_matches import BUILDERS, bits
from firewalld_py.rules.build_memory import REMEMBERING_MATCHES, REMEMBERING_TARGETS
from firewalld_py.rules.build_sets import SET_TARGETS, SetsBuilder
from firewalld_py.rules.build_targets import TARGETS
from firewalld_py.rules.calls import call_faults
from firewalld_py.rules.chain import Chain
from firewalld_py.rules.changes import Changes
from firewalld_py.rules.limits import TokenBucket
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches import (
    AddressMatch,
    ConnmarkMatch,
    FamilyMatch,
    IcmpMatch,
    InterfaceMatch,
    Interfaces,
    LabelMatch,
    MarkMatch,
    Match,
    PortMatch,
    ProtocolMatch,
    StateMatch,
    TcpFlagsMatch,
    ZoneMatch,
)
from firewalld_py.rules.memory import Memory
from firewalld_py.rules.rule import LogTarget, Rule
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.targets import Target
from firewalld_py.rules.verdicts import CONTINUE, GOTO, JUMP, REJECT, VERDICT_NAMES

Plan = dict[str, Any]

CHAINS: Final[tuple[tuple[str, str], ...]] = (
    ("raw", "prerouting"),
    ("raw", "output"),
    ("filter", "input"),
    ("filter", "forward"),
    ("filter", "output"),
)


class PlanError(ValueError):
    """The plan is not one that policy/compile.py makes."""


class RulesetBuilder:
    """Collects rules chain by chain; `finish` gives the Ruleset."""

    def __init__(
        self,
        patterns: list[str],
        policies: dict[str, str],
        user_chains: list[str] | None = None,
        machine: Machine | None = None,
        earlier: Memory | None = None,
    ) -> None:
        """`patterns` are the plan's interfaces; `policies` maps "input", … to accept or drop.

        `user_chains` are those to which only rules lead, such as "filter/web"; `machine` is the one
        that the rules run on, without it one of which nothing is known; `earlier` is what the rule
        set in force remembers.
        """
        self._changes = Changes()
        self._interfaces = Interfaces([str(pattern) for pattern in patterns], self._changes)
        self._machine = Machine() if machine is None else machine
        self._needs = 0
        self._sets = SetsBuilder(self._interfaces, self._changes)
        self._memory = Memory(earlier)
        self._chains: dict[str, Chain] = {}
        for table, name in CHAINS:
            policy = CONTINUE if table == "raw" else _verdict(policies.get(name, "accept"))
            self._chains[f"{table}/{name}"] = Chain(table, name, policy, [], self._changes)
        self._bases = list(self._chains)
        for place in user_chains or []:
            table, _slash, name = str(place).partition("/")
            if table not in ("raw", "filter") or not name or place in self._chains:
                raise PlanError(f"no user chain can be {place!r}")
            self._chains[place] = Chain(table, name, CONTINUE, [], self._changes)
        self._calls: dict[str, list[str]] = {place: [] for place in self._chains}

    def declare_sets(self, sets: list[Any]) -> None:
        """The sets, each [name, what it is]; before their elements and the rules that ask them.

        PlanError if one of them is none.
        """
        try:
            for name, data in sets:
                self._sets.declare(str(name), data)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise PlanError(f"sets {sets!r}: {fault!r}") from fault

    def put_elements(self, name: str, size: int, records: bytes) -> None:
        """Some static elements of a set, as build_sets.py has them; PlanError if they are none."""
        try:
            self._sets.put(name, size, records)
        except (KeyError, ValueError) as fault:
            raise PlanError(f"set {name}: {fault!r}") from fault

    def add(self, chain: str, data: Any) -> None:
        """Append a rule to a chain such as "filter/forward"; PlanError if it is no rule's Plan."""
        if chain not in self._chains:
            raise PlanError(f"no such chain: {chain}")
        try:
            rule = _build_rule(data, self._interfaces, self._machine, self._sets, self._memory)
            if rule.verdict in (JUMP, GOTO):
                self._lead(rule, chain, f"{self._chains[chain].table}/{data['chain']}")
            self._chains[chain].add(rule)
            for match in rule.matches:
                self._needs |= match.needs()
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise PlanError(f"rule {data!r}: {fault!r}") from fault

    def _lead(self, rule: Rule, chain: str, target: str) -> None:
        if target in self._bases or target not in self._chains:
            raise PlanError(f"no rule can lead to {target}")
        rule.leads_to = self._chains[target]
        self._calls[chain].append(target)

    def finish(self) -> Ruleset:
        """The rule set; PlanError if chains lead in a circle or are nested too deep."""
        for fault in call_faults(self._calls):
            raise PlanError(fault.message)
        chains = [self._chains[place] for place in self._bases]
        users = [chain for place, chain in self._chains.items() if place not in self._bases]
        ruleset = Ruleset(
            self._interfaces, chains[0], chains[1], chains[2], chains[3], chains[4], users
        )
        ruleset.needs = self._needs | self._sets.needs
        self._sets.seal()
        ruleset.sets = self._sets.by_name
        ruleset.set_news = self._sets.news
        self._memory.complete()
        ruleset.memory = self._memory
        return ruleset


def build_ruleset(plan: Plan, machine: Machine | None = None) -> Ruleset:
    """The whole plan at once."""
    policies = {name: str(chain["policy"]) for name, chain in plan["filter"].items()}
    builder = RulesetBuilder(list(plan["interfaces"]), policies, user_chains(plan), machine)
    sets = plan_sets(plan)
    builder.declare_sets(list(sets.items()))
    for name, data in sets.items():
        for size, records in data["elements"]:
            builder.put_elements(name, int(size), bytes.fromhex(records))
    for chain, rule in plan_rules(plan):
        builder.add(chain, rule)
    return builder.finish()


def plan_rules(plan: Plan) -> list[tuple[str, Plan]]:
    """All rules of a plan in order, each with the name of its chain."""
    rules: list[tuple[str, Plan]] = []
    for table, name in CHAINS:
        entry = plan[table][name]
        for rule in entry["rules"] if table == "filter" else entry:
            rules.append((f"{table}/{name}", rule))
    for place in user_chains(plan):
        rules.extend([(place, rule) for rule in plan["chains"][place]])
    return rules


def plan_sets(plan: Plan) -> dict[str, Plan]:
    """The sets of a plan by name; `elements` are [size, hexadecimal records]."""
    return dict(plan.get("sets", {}))


def user_chains(plan: Plan) -> list[str]:
    """The places of the chains to which only rules lead: "filter/web", …"""
    return list(plan.get("chains", ()))


def _verdict(name: str) -> int:
    if name not in VERDICT_NAMES:
        raise PlanError(f"no such verdict: {name}")
    return VERDICT_NAMES.index(name)


def _build_rule(
    data: Any, interfaces: Interfaces, machine: Machine, sets: SetsBuilder, memory: Memory
) -> Rule:
    matches = [
        sets.match(bool(inverted), value)
        if kind == "set"
        else REMEMBERING_MATCHES[str(kind)](bool(inverted), value, memory)
        if kind in REMEMBERING_MATCHES
        else _build_match(str(kind), bool(inverted), value, interfaces, machine)
        for kind, inverted, value in data["match"]
    ]
    rule = Rule(
        str(data["name"]), str(data["file"]), int(data["line"]), matches, _verdict(data["verdict"])
    )
    log = data["log"]
    if log is not None:
        rule.log = LogTarget(
            str(log["prefix"]), int(log["level"]), float(log["rate"]), int(log["burst"])
        )
    rule.targets = _build_targets(data["targets"], sets, memory)
    if data["template"] is not None:
        rule.template = _build_template(data["template"])
    if rule.verdict == REJECT:
        reject = data["reject"]
        rule.reject_with = str(reject["with"])
        rule.reject_bucket = TokenBucket(float(reject["rate"]), int(reject["burst"]))
    return rule


def _build_targets(data: Any, sets: SetsBuilder, memory: Memory) -> list[Target] | None:
    targets: list[Target] = []
    for kind, value in data:
        if kind in SET_TARGETS:
            targets.append(sets.target(str(kind), value))
        elif kind in REMEMBERING_TARGETS:
            targets.append(REMEMBERING_TARGETS[str(kind)](value, memory))
        elif kind in TARGETS:
            targets.append(TARGETS[str(kind)](value))
        else:
            raise PlanError(f"no such target: {kind}")
    return targets or None


def _build_template(data: Any) -> Template:
    timeouts = data["timeouts"]
    if timeouts is not None:
        timeouts = {str(name): int(seconds) for name, seconds in timeouts.items()}
    zone = data["zone"]
    return Template(None if zone is None else int(zone), str(data["helper"]), timeouts)


def _build_match(
    kind: str, inverted: bool, value: Any, interfaces: Interfaces, machine: Machine
) -> Match:
    if kind in MACHINE_BUILDERS:
        return MACHINE_BUILDERS[kind](inverted, value, machine)
    if kind in {"in", "out"}:
        return InterfaceMatch(inverted, int(value), interfaces, kind == "out")
    if kind == "family":
        return FamilyMatch(inverted, int(value))
    if kind in {"src", "dst"}:
        ranges = [(bytes.fromhex(str(low)), bytes.fromhex(str(high))) for low, high in value]
        return AddressMatch(inverted, ranges, kind == "dst")
    if kind == "proto":
        return ProtocolMatch(inverted, frozenset([int(number) for number in value]))
    if kind in {"sport", "dport"}:
        return PortMatch(inverted, [(int(low), int(high)) for low, high in value], kind == "dport")
    if kind == "icmp":
        types = [(int(p), int(t), int(low), int(high)) for p, t, low, high in value]
        return IcmpMatch(inverted, types)
    if kind == "tcp_flags":
        return TcpFlagsMatch(inverted, [(int(mask), int(flags)) for mask, flags in value])
    if kind == "mark":
        return MarkMatch(inverted, [(int(mark), int(mask)) for mark, mask in value])
    return _build_connection_match(kind, inverted, value)


def _build_connection_match(kind: str, inverted: bool, value: Any) -> Match:
    """The conditions about what tracking knows."""
    if kind == "state":
        return StateMatch(inverted, int(value))
    if kind == "connmark":
        return ConnmarkMatch(inverted, [(int(mark), int(mask)) for mark, mask in value])
    if kind == "label":
        return LabelMatch(inverted, bits(value))
    if kind == "zone":
        return ZoneMatch(inverted, frozenset([int(number) for number in value]))
    if kind not in BUILDERS:
        raise PlanError(f"no such match: {kind}")
    return BUILDERS[kind](inverted, value)
