"""One family's tables of iptables as chains of ours: steps in order, and what is left out.

Chains that the user made are put in the place of each jump to them, their rules conjoined with what
the jump asks for. (Where the language has jumps, `_Chains._enter` is the place to make one.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from firewalld_py.imports.conditions import (
    MAX_ALTERNATIVES,
    Conditions,
    NotExpressible,
    all_others,
    conjoined,
)
from firewalld_py.imports.iptables_matches import read_ruling
from firewalld_py.imports.iptables_targets import action_of
from firewalld_py.imports.raw_chain import in_kernels_way
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.save_file import SavedChain, SavedFile, SavedRule
from firewalld_py.policy.model import Action

MAX_STEPS: Final = 20_000  # of one chain, with all that it jumps to
MAX_DEPTH: Final = 16  # of jumps

# The chains that there are in our language, by table and iptables' name.
CHAINS: Final = (
    ("raw", "PREROUTING"),
    ("raw", "OUTPUT"),
    ("filter", "INPUT"),
    ("filter", "FORWARD"),
    ("filter", "OUTPUT"),
)
# What is not known there: in iptables an interface without a name, which fits no pattern.
_NO_INTERFACE: Final = {
    ("raw", "PREROUTING"): "out",
    ("filter", "INPUT"): "out",
    ("raw", "OUTPUT"): "in",
    ("filter", "OUTPUT"): "in",
}
# Left out, these let nothing pass that was kept out: what follows a RETURN is left out with it.
_CLOSED: Final = ("", "ACCEPT", "LOG", "NFLOG", "RETURN")
_LASTING: Final = ("mark", "connmark", "label")


@dataclass(frozen=True, slots=True)
class Step:
    """One rule of ours: `chain` is where it stood, `notes` tell what was changed."""

    family: int
    conditions: Conditions
    action: Action
    name: str
    chain: str
    rule: SavedRule | None
    notes: tuple[str, ...] = ()
    limit: tuple[str, int] | None = None

    def is_left_out(self) -> bool:
        return self.action == Action()


@dataclass(frozen=True, slots=True)
class Left:
    """What was left out: the line, why, what would do, and what it means for packets."""

    family: int
    table: str
    line: int
    text: str
    reason: str
    advice: str = ""
    opens: bool = False


@dataclass(slots=True)
class Imported:
    """One chain of one family."""

    policy: str
    packets: str
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Family:
    """All that became of one file; chains by table and our name of the chain."""

    version: int
    chains: dict[tuple[str, str], Imported] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)


def import_family(version: int, saved: SavedFile) -> Family:
    """The chains of one file; what cannot be expressed stands in `left`."""
    family = Family(version)
    for table, chains in saved.tables.items():
        if table in ("filter", "raw"):
            converter = _Chains(family, table, chains)
            for of_table, name in CHAINS:
                if of_table == table and name in chains:
                    family.chains[table, name.lower()] = converter.convert(chains[name])
            family.left += converter.left.values()
        else:
            family.left += _whole_table(version, table, chains)
    return family


def _whole_table(version: int, table: str, chains: dict[str, SavedChain]) -> Iterator[Left]:
    """What is said of a table that we have not: it can go on to be the kernel's."""
    rules = [rule for chain in chains.values() for rule in chain.rules]
    for rule in rules:
        yield Left(
            version,
            table,
            rule.line,
            rule.text,
            f"the table {table} is not ours",
            "leave this table to iptables",
        )


class _Chains:
    """Converts the chains of one table."""

    def __init__(self, family: Family, table: str, chains: dict[str, SavedChain]) -> None:
        self.version = family.version
        self.table = table
        self.chains = chains
        self.left: dict[int, Left] = {}  # by line: a rule that is jumped to twice is told once
        self.rulings: dict[int, Ruling] = {}
        self.changes = dict.fromkeys(_LASTING, 0)
        self.limited: set[int] = set()  # lines of rules with a limit that are in use
        self.steps: list[Step] = []
        self.base = ""

    def convert(self, chain: SavedChain) -> Imported:
        """A chain that the kernel has by itself."""
        self.steps = []
        self.base = chain.name
        self._walk(chain, [{}], ())
        counters = chain.counters
        packets = ""
        if counters is not None and counters.packets:
            packets = f"{counters.packets} packets, {counters.octets} octets"
        policy = chain.policy.lower()
        if self.table == "raw":
            if policy == "drop":
                self._add([{}], Action("drop"), chain.name, None, name="policy")
            steps, faults = in_kernels_way(self.steps)
            for step, reason in faults:
                if step.rule is not None:
                    self._leave(step.rule, NotExpressible(reason), opens=True)
            return Imported("accept", packets, steps)
        return Imported(policy, packets, self.steps)

    def _walk(self, chain: SavedChain, under: list[Conditions], path: tuple[str, ...]) -> None:
        """Add the rules of a chain for packets that meet one of the alternatives `under`."""
        before = dict(self.changes)
        lost = ""
        for rule in chain.rules:
            ruling = self._ruling(rule)
            stale = [
                key
                for key in _LASTING
                if self.changes[key] > before[key] and any(key in one for one in under)
            ]
            if stale:
                lost = f"a {stale[0]} that decides who comes here is changed on the way"
            try:
                under = self._rule(chain, ruling, under, (*path, chain.name), lost)
            except NotExpressible as fault:
                returns = ruling.target == "RETURN" or ruling.goes
                self._leave(rule, fault, opens=ruling.target not in _CLOSED)
                if returns and not lost:
                    lost = f"it comes after line {rule.line}, which lets some packets leave here"
            if not under:
                return

    def _ruling(self, rule: SavedRule) -> Ruling:
        ruling = self.rulings.get(rule.line)
        if ruling is None:
            ruling = self.rulings[rule.line] = read_ruling(self.version, self.table, rule)
        return ruling

    def _leave(self, rule: SavedRule, fault: NotExpressible, *, opens: bool) -> None:
        """Note what is left out, and put a step without an action in its place."""
        note = (f"left out: {fault.reason}",)
        self.steps.append(Step(self.version, {}, Action(), "", "", rule, note))
        self.left.setdefault(
            rule.line,
            Left(self.version, self.table, rule.line, rule.text, fault.reason, fault.advice, opens),
        )

    def _rule(
        self,
        chain: SavedChain,
        ruling: Ruling,
        under: list[Conditions],
        path: tuple[str, ...],
        lost: str,
    ) -> list[Conditions]:
        """Add what one rule does; who goes on to the next rule of the chain.

        `lost` tells why it is not known exactly who comes here, if it is not.
        """
        if ruling.faults:
            raise ruling.faults[0]
        if lost:
            raise NotExpressible(lost, "rewrite the chain without it")
        own = self._known(ruling.alternatives)
        met = _both(under, own)
        leaves = ruling.target == "RETURN" or ruling.goes
        rest = _both(under, all_others(own)) if leaves else under
        limit = None if ruling.target in ("LOG", "NFLOG") else ruling.limit
        if limit is not None:
            self._check_limit(ruling, met)
        if ruling.target == "RETURN":
            if len(path) > 1:
                return rest
            self._add(met, _policy(chain), chain.name, ruling)
        elif ruling.target in self.chains:
            self._enter(ruling, met, path)
            if ruling.goes and len(path) == 1:
                self._add(met, _policy(chain), chain.name, ruling)
        elif ruling.goes:
            raise NotExpressible(f"there is no chain {ruling.target}")
        else:
            self._add(met, action_of(ruling), chain.name, ruling, limit=limit)
            return under
        return rest

    def _check_limit(self, ruling: Ruling, met: list[Conditions]) -> None:
        """A limit counts in one rule, behind all that it asks for; else it is another limit."""
        line = ruling.rule.line
        if ruling.target in self.chains or ruling.target == "RETURN" or ruling.goes:
            raise NotExpressible("a limit decides who goes to, or leaves, a chain")
        if self.table == "raw" or len(met) > 1 or line in self.limited:
            raise NotExpressible("several rules would have to share one limit")
        if ruling.asks_after_limit:
            raise NotExpressible(
                "the limit counts before the rest is asked", "put -m limit behind all other matches"
            )
        self.limited.add(line)

    def _enter(self, ruling: Ruling, met: list[Conditions], path: tuple[str, ...]) -> None:
        """A jump: the rules of the other chain, in this place."""
        if ruling.target in path or len(path) >= MAX_DEPTH:
            raise NotExpressible(f"the jumps to {ruling.target} go round, or too deep")
        if met:
            self._walk(self.chains[ruling.target], met, path)

    def _known(self, alternatives: list[Conditions]) -> list[Conditions]:
        """The alternatives without an interface that is not known in this base chain."""
        unknown = _NO_INTERFACE.get((self.table, self.base))
        result: list[Conditions] = []
        for conditions in alternatives:
            part = conditions.get(unknown or "")
            if part is None:
                result.append(conditions)
            elif not part[0]:  # it must only not be one: that is so
                result.append({key: one for key, one in conditions.items() if key != unknown})
        return result

    def _add(
        self,
        met: list[Conditions],
        action: Action,
        chain: str,
        ruling: Ruling | None,
        name: str = "",
        limit: tuple[str, int] | None = None,
    ) -> None:
        if len(self.steps) + len(met) > MAX_STEPS:
            raise NotExpressible(f"the chain would have more than {MAX_STEPS} rules")
        if action == Action():
            return
        for target in action.targets:
            self.changes[target.kind] += 1
        rule = ruling.rule if ruling else None
        notes = tuple(ruling.notes) if ruling else ()
        name = ruling.name if ruling else name
        for conditions in met:
            self.steps.append(
                Step(
                    self.version,
                    conditions,
                    replace(action),
                    name,
                    "" if chain == self.base else chain,
                    rule,
                    notes,
                    limit,
                )
            )


def _policy(chain: SavedChain) -> Action:
    """What becomes of a packet at the end of a chain that the kernel has by itself."""
    return Action("drop" if chain.policy == "DROP" else "accept")


def _both(first: list[Conditions], second: list[Conditions]) -> list[Conditions]:
    result = [both for a in first for b in second if (both := conjoined(a, b)) is not None]
    if len(result) > MAX_ALTERNATIVES:
        raise NotExpressible("it would become too many rules")
    return result
