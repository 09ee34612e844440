"""A raw chain of iptables with all that it jumps to in one: for where tracking rules must be moved.

The rules of the chains that the user made are put in the place of each jump to them, conjoined with
what the jump asks for, so that raw_chain.py has one list before it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from firewalld_py.imports.conditions import (
    MAX_ALTERNATIVES,
    Conditions,
    NotExpressible,
    all_others,
    conjoined,
    of_family,
)
from firewalld_py.imports.raw_chain import in_kernels_way
from firewalld_py.imports.rule_table import RuleTable, left_out, policy
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.save_file import SavedChain
from firewalld_py.imports.steps import NO_INTERFACE, Left, Step
from firewalld_py.policy.model import Action

MAX_STEPS: Final = 20_000  # of one chain, with all that it jumps to
MAX_DEPTH: Final = 16  # of jumps
_LASTING: Final = ("mark", "connmark", "label")


class Inliner:
    """Converts one chain of a raw table; `limited` are lines of rules whose limit is in use."""

    def __init__(self, table: RuleTable, base: SavedChain, limited: set[int]) -> None:
        self.table = table
        self.base = base
        self.left: dict[int, Left] = {}  # by line: a rule that is jumped to twice is told once
        self.changes = dict.fromkeys(_LASTING, 0)
        self.limited = set(limited)
        self.steps: list[Step] = []
        self.tracks = False  # whether a rule of tracking is among those that are left out
        self.is_sure = True  # whether all is there that goes over rule by rule

    def convert(self) -> tuple[list[Step], bool]:
        """The steps, tracking put into our order; and whether that was needed."""
        self._walk(self.base, [{}], ())
        if policy(self.base).verdict == "drop":
            self._add([{}], Action("drop"), self.base.name, None, name="policy")
        steps, faults = in_kernels_way(self.steps)
        for step, reason in faults:
            self._leave_step(step, reason)
        needed = (self.tracks or any(_tracks(step.action) for step in steps)) and (
            not self.is_sure or steps != self.steps
        )
        return [_of_its_family(step) for step in steps], needed

    def _walk(self, chain: SavedChain, under: list[Conditions], path: tuple[str, ...]) -> None:
        """Add the rules of a chain for packets that meet one of the alternatives `under`."""
        before = dict(self.changes)
        lost = ""
        for ruling in self.table.rules[chain.name]:
            stale = [
                key
                for key in _LASTING
                if self.changes[key] > before[key] and any(key in one for one in under)
            ]
            if stale:
                lost = f"a {stale[0]} that decides who comes here is changed on the way"
            try:
                under = self._rule(chain, ruling, under, (*path, chain.name), lost)
                if ruling.nearly:
                    near = Left(ruling.source, "; ".join(ruling.nearly), nearly=True)
                    self.left.setdefault(ruling.source.order, near)
            except NotExpressible as fault:
                self._leave(ruling, fault)
                if ruling.leaves and not lost:
                    line = ruling.source.order
                    lost = f"it comes after line {line}, which lets some packets leave here"
            if not under:
                return

    def _leave(self, ruling: Ruling, fault: NotExpressible) -> None:
        """Note what is left out, and put a step without an action in its place."""
        if not ruling.faults:
            self.is_sure = False
            with suppress(NotExpressible):
                self.tracks = self.tracks or _tracks(self.table.action(ruling))
        self.steps.append(left_out(self.table.version, ruling, fault.reason))
        self.left.setdefault(ruling.source.order, self.table.left(ruling, fault))

    def _leave_step(self, step: Step, reason: str) -> None:
        self.is_sure, self.tracks = False, True
        if step.source is not None:
            self.left.setdefault(step.source.order, Left(step.source, reason, "", opens=True))

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
        problem = ruling.problem()
        if problem is not None:
            raise problem
        if lost:
            raise NotExpressible(lost, "rewrite the chain without it")
        own = known(ruling.segments[0].alternatives, self._unknown())
        met = _both(under, own)
        rest = _both(under, all_others(own)) if ruling.leaves else under
        if len(path) > 1 or ruling.target in self.table.chains:
            self._check_counting(ruling, met)
        if ruling.target == "RETURN":
            if len(path) > 1:
                return rest
            self._add(met, policy(chain), chain.name, ruling)
        elif ruling.target in self.table.chains:
            self._enter(ruling, met, path)
            if ruling.goes and len(path) == 1:
                self._add(met, policy(chain), chain.name, ruling)
        elif ruling.goes:
            raise NotExpressible(f"there is no chain {ruling.target}")
        else:
            self._act(met, self.table.action(ruling), chain.name, ruling)
            return under
        return rest

    def _act(self, met: list[Conditions], action: Action, chain: str, ruling: Ruling) -> None:
        """Add a rule that leads nowhere, with the counting that its target has left."""
        counting = ruling.segments[0].counting
        if len(ruling.segments) > 1 or (counting and len(met) > 1):
            raise NotExpressible(
                "the limit counts before the rest is asked", "put -m limit behind all other matches"
            )
        self._add([{**one, **counting} for one in met], action, chain, ruling)

    def _check_counting(self, ruling: Ruling, met: list[Conditions]) -> None:
        """What counts packets counts in one rule, behind all that this asks for."""
        if not any(segment.counting for segment in ruling.segments):
            return
        line = ruling.source.order
        if ruling.target in self.table.chains or ruling.leaves:
            raise NotExpressible("a limit decides who goes to, or leaves, a chain")
        if len(met) > 1 or line in self.limited:
            raise NotExpressible("several rules would have to share one limit")
        self.limited.add(line)

    def _unknown(self) -> str:
        return NO_INTERFACE.get((self.table.name, self.base.name), "")

    def _enter(self, ruling: Ruling, met: list[Conditions], path: tuple[str, ...]) -> None:
        """A jump: the rules of the other chain, in this place."""
        if ruling.target in path or len(path) >= MAX_DEPTH:
            raise NotExpressible(f"the jumps to {ruling.target} go round, or too deep")
        if met:
            self._walk(self.table.chains[ruling.target], met, path)

    def _add(
        self,
        met: list[Conditions],
        action: Action,
        chain: str,
        ruling: Ruling | None,
        name: str = "",
    ) -> None:
        if len(self.steps) + len(met) > MAX_STEPS:
            raise NotExpressible(f"the chain would have more than {MAX_STEPS} rules")
        if action == Action():
            return
        for target in action.targets:
            if target.kind in self.changes:
                self.changes[target.kind] += 1
        source = ruling.source if ruling else None
        notes = tuple(ruling.notes) if ruling else ()
        name = ruling.name if ruling else name
        where = "" if chain == self.base.name else chain
        for conditions in met:
            # Equal rules stay two: raw_chain.py tells them apart.
            step = Step(self.table.version, conditions, action, name, source, notes, where)
            self.steps.append(replace(step))


def _tracks(action: Action) -> bool:
    return action.verdict == "notrack" or bool(action.tracking)


def _of_its_family(step: Step) -> Step:
    version, conditions = of_family(step.family, step.conditions)
    return replace(step, family=version, conditions=conditions)


def known(alternatives: list[Conditions], unknown: str) -> list[Conditions]:
    """The alternatives without an interface ("in", "out" or "") that a base chain knows not."""
    result: list[Conditions] = []
    for conditions in alternatives:
        part = conditions.get(unknown)
        if part is None:
            result.append(conditions)
        elif not part[0]:  # it must only not be one: that is so
            result.append({key: one for key, one in conditions.items() if key != unknown})
    return result


def _both(first: list[Conditions], second: list[Conditions]) -> list[Conditions]:
    result = [both for a in first for b in second if (both := conjoined(a, b)) is not None]
    if len(result) > MAX_ALTERNATIVES:
        raise NotExpressible("it would become too many rules")
    return result
