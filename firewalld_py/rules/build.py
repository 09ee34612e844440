"""From a plan (plain data, as it crosses from the supervisor to a worker) to a Ruleset.

The plan is made by policy/compile.py, which knows YAML and names; what is here knows neither. It is
checked all the same: it came through a pipe. Rules can be added a few at a time, so that a worker
builds a large rule set between two batches of packets.
"""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.rules.build_rule import PlanError, RuleBuilder, verdict_of
from firewalld_py.rules.build_sets import SetsBuilder
from firewalld_py.rules.calls import call_faults
from firewalld_py.rules.chain import Chain
from firewalld_py.rules.changes import Changes
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches import Interfaces
from firewalld_py.rules.memory import Memory
from firewalld_py.rules.rule import Rule
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.verdicts import CONTINUE, GOTO, JUMP

Plan = dict[str, Any]

CHAINS: Final[tuple[tuple[str, str], ...]] = (
    ("raw", "prerouting"),
    ("raw", "output"),
    ("filter", "input"),
    ("filter", "forward"),
    ("filter", "output"),
)


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
        self._needs = 0
        self._sets = SetsBuilder(self._interfaces, self._changes)
        self._memory = Memory(earlier)
        self._rules = RuleBuilder(
            self._interfaces, Machine() if machine is None else machine, self._sets, self._memory
        )
        self._chains: dict[str, Chain] = {}
        for table, name in CHAINS:
            policy = CONTINUE if table == "raw" else verdict_of(policies.get(name, "accept"))
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
            rule = self._rules.rule(data)
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
