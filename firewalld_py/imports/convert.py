"""Tables of another firewall as chains of ours: steps in order, and what is left out.

Chains that the user made stay what they are, and jump, goto and RETURN lead to them and back. Where
INPUT comes to rules that ask for an interface which is not known there, it gets a chain of its own
without that. A raw chain whose tracking rules must be moved is made one list (inline.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from firewalld_py.imports.chain_names import ChainNames
from firewalld_py.imports.conditions import NotExpressible, of_family
from firewalld_py.imports.inline import Inliner, known
from firewalld_py.imports.policies import align_policies, end_with
from firewalld_py.imports.rule_table import RuleTable, left_out, policy
from firewalld_py.imports.ruling import Ruling, Segment
from firewalld_py.imports.save_file import SavedChain
from firewalld_py.imports.steps import NO_INTERFACE, Family, Imported, Left, Step
from firewalld_py.policy.model import Action, Verdict

# For whom a chain without an interface is made.
_BASES: Final = {(table, without): base.lower() for (table, base), without in NO_INTERFACE.items()}


def convert_tables(tables: list[RuleTable], families: Mapping[int, Family]) -> None:
    """Put the chains of all tables into their families; what cannot be expressed into `left`."""
    _tell_shared(tables)
    shapes = {name: _Shape([t for t in tables if t.name == name]) for name in ("raw", "filter")}
    names = ChainNames()
    for table in tables:
        _Converter(table, shapes[table.name], names, families[table.version]).convert()
    align_policies(list(families.values()), names)


def _tell_shared(tables: list[RuleTable]) -> None:
    """Rules that count together, by the name of a hashlimit, do not here."""
    found: dict[tuple[int, str], list[Ruling]] = {}
    for table in tables:
        for rules in table.rules.values():
            for rule in rules:
                if rule.shares:
                    found.setdefault((table.version, rule.shares), []).append(rule)
    for (_, name), rules in found.items():
        for rule in rules if len(rules) > 1 else ():
            rule.almost(f"rules that count together as {name} count each by itself")


class _Shape:
    """Which interfaces the chains of a table ask for, by themselves and where they lead to.

    It is that of both IP versions together, so that a chain has one name.
    """

    def __init__(self, tables: list[RuleTable]) -> None:
        self.asked: dict[str, set[str]] = {}
        self.calls: dict[str, set[str]] = {}
        for table in tables:
            for name, rules in table.rules.items():
                self.asked.setdefault(name, set()).update(_interfaces(rules))
                self.calls.setdefault(name, set()).update(table.calls(name))
        spreading = True
        while spreading:
            spreading = False
            for name, targets in self.calls.items():
                below = set().union(*(self.asked[target] for target in targets))
                if not below <= self.asked[name]:
                    self.asked[name] |= below
                    spreading = True

        # Per chain: for which bases it is made, by the interface that these know not.
        self.variants: dict[str, set[str]] = {}
        for table in tables:
            for base in table.bases():
                unknown = NO_INTERFACE.get((table.name, base), "")
                for name in self._reached(base):
                    self.variants.setdefault(name, set()).add(self.variant(name, unknown))

    def variant(self, chain: str, unknown: str) -> str:
        """The interface that a chain is made without, for a base that knows not `unknown`."""
        return unknown if unknown in self.asked[chain] else ""

    def _reached(self, base: str) -> list[str]:
        """The chains to which packets of a base chain may come."""
        found = dict.fromkeys(self.calls[base])
        left = list(found)
        while left:
            for target in self.calls[left.pop()]:
                if target not in found:
                    found[target] = None
                    left.append(target)
        return list(found)


def _interfaces(rules: list[Ruling]) -> set[str]:
    return {
        key
        for rule in rules
        for segment in rule.segments
        for conditions in segment.alternatives
        for key in ("in", "out")
        if key in conditions
    }


class _Converter:
    """Converts the chains of one table of one IP version."""

    def __init__(self, table: RuleTable, shape: _Shape, names: ChainNames, family: Family) -> None:
        self.table = table
        self.shape = shape
        self.names = names
        self.family = family
        self.left: dict[int, Left] = {}  # by line: a chain may be made twice
        self.wanted: list[tuple[str, str]] = []  # chains with the interface that they know not
        self.made: set[tuple[str, str]] = set()

    def convert(self) -> None:
        """Make all chains of the table."""
        limited: set[int] = set()
        inlined = False
        for base in self.table.bases():
            chain = self.table.chains[base]
            raw = self.table.name == "raw"
            made = Imported("accept" if raw else chain.policy.lower(), _packets(chain))
            self.family.chains[self.table.name, base.lower()] = made
            if raw:
                inliner = Inliner(self.table, chain, limited)
                steps, needed = inliner.convert()
                if needed:
                    made.steps, limited, inlined = steps, inliner.limited, True
                    self.left |= inliner.left
                    continue
            made.steps = self._steps(chain, NO_INTERFACE.get((self.table.name, base), ""))
            if raw and policy(chain).verdict == "drop":
                last = Step(self.table.version, {}, Action("drop"), "policy")
                end_with(self.family, (self.table.name, base.lower()), last, self.names)
        if not inlined:
            users = [name for name in self.table.chains if name not in self.table.bases()]
            for name in users:
                if name not in self.shape.variants:
                    self._name(name, "")
        self._make_wanted()
        self.family.left += self.left.values()

    def _make_wanted(self) -> None:
        """The chains that rules lead to, and those that these lead to."""
        while self.wanted:
            name, unknown = self.wanted.pop(0)
            if (name, unknown) not in self.made:
                self.made.add((name, unknown))
                made = Imported("", "")
                self.family.chains[self.table.name, self._name(name, unknown)] = made
                made.steps = self._steps(self.table.chains[name], unknown)

    def _name(self, chain: str, unknown: str) -> str:
        """What a chain is called here; wanted from now on."""
        variant = self.shape.variant(chain, unknown)
        self.wanted.append((chain, variant))
        base = _BASES.get((self.table.name, variant), "")
        if len(self.shape.variants.get(chain, "")) < 2:
            base = ""
        wanted = f"{chain}-{base}" if base else chain
        return self.names.name(self.table.name, (chain, variant), wanted)

    def _steps(self, chain: SavedChain, unknown: str) -> list[Step]:
        """The rules of a chain; from the first on that may let packets leave in a way unknown."""
        steps: list[Step] = []
        lost = ""
        for ruling in self.table.rules[chain.name]:
            try:
                steps += self._of_rule(ruling, unknown, lost)
                if ruling.nearly:
                    near = Left(ruling.source, "; ".join(ruling.nearly), nearly=True)
                    self.left.setdefault(ruling.source.order, near)
            except NotExpressible as fault:
                steps.append(left_out(self.table.version, ruling, fault.reason))
                self.left.setdefault(ruling.source.order, self.table.left(ruling, fault))
                if ruling.leaves and not lost:
                    line = ruling.source.order
                    lost = f"it comes after line {line}, which lets some packets leave here"
        return steps

    def _of_rule(self, ruling: Ruling, unknown: str, lost: str) -> list[Step]:
        problem = ruling.problem()
        if problem is not None:
            raise problem
        if lost:
            raise NotExpressible(lost, "rewrite the chain without it")
        action = self._action(ruling, unknown)
        if action == Action():
            return []
        segments = [
            Segment(known(segment.alternatives, unknown), segment.counting)
            for segment in ruling.segments
        ]
        if not all(segment.alternatives for segment in segments):
            note = "left out: nothing meets it"
            return [Step(self.table.version, {}, Action(), source=ruling.source, notes=(note,))]
        first = Step(self.table.version, {}, action, ruling.name, ruling.source)
        notes = (*ruling.notes, *(f"not quite the same: {text}" for text in ruling.nearly))
        return self._linked(replace(first, notes=notes), segments, unknown, 1)

    def _action(self, ruling: Ruling, unknown: str) -> Action:
        if ruling.target == "RETURN":
            return replace(ruling.action, verdict="return")
        if ruling.target in self.table.bases():
            raise NotExpressible(f"{ruling.target} is where packets come from: no rule leads there")
        if ruling.target in self.table.chains:
            target = self._name(ruling.target, unknown)
            verdict: Verdict = "goto" if ruling.goes else "jump"
            return replace(ruling.action, verdict=verdict, chain=target)
        if ruling.goes:
            raise NotExpressible(f"there is no chain {ruling.target}")
        return self.table.action(ruling)

    def _linked(self, step: Step, segments: list[Segment], unknown: str, number: int) -> list[Step]:
        """The rule as one or more of ours; what must count behind other conditions gets a chain."""
        first, others = segments[0], segments[1:]
        if not others and first.counting and len(first.alternatives) > 1:
            first, others = Segment(first.alternatives), [Segment([{}], first.counting)]
        if others:
            if step.action.verdict in ("return", "goto"):
                raise NotExpressible(
                    "the limit counts before the rest is asked",
                    "put -m limit behind all other matches",
                )
            version, line = self.table.version, step.source.order if step.source else 0
            key = (version, line, unknown, number)
            name = self.names.name(self.table.name, key, f"line-{line}")
            inner = self._linked(step, others, unknown, number + 1)
            self.family.chains[self.table.name, name] = Imported("", "", inner)
            step = replace(step, action=Action("jump", chain=name), name="", notes=())
        steps: list[Step] = []
        for one in first.alternatives:
            family, conditions = of_family(self.table.version, one)
            conditions = {**conditions, **first.counting}
            steps.append(replace(step, family=family, conditions=conditions))
        return steps


def _packets(chain: SavedChain) -> str:
    counters = chain.counters
    if counters is None or not counters.packets:
        return ""
    return f"{counters.packets} packets, {counters.octets} octets"
