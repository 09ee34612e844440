"""What two policies do with the same packets: examples of those that fare differently.

Packets are made where the rules differ (diff_packets.py), judged on a bench by Firewall.handle, and
compared. What is found is so; what is not found may be there all the same, and nothing else is said
of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from firewalld_py.conntrack.helpers.base import Helper
from firewalld_py.packet.reasons import POLICY, RULE
from firewalld_py.pipeline import Decision
from firewalld_py.policy.bench import Bench, state_of
from firewalld_py.policy.compile import Plan
from firewalld_py.policy.config import Config
from firewalld_py.policy.diff_packets import likely, sides_of
from firewalld_py.policy.fresh_rules import keeps_something
from firewalld_py.policy.rule_diff import Version
from firewalld_py.policy.rule_pairs import Pair
from firewalld_py.policy.witness import Candidate
from firewalld_py.policy.witness_candidates import interfaces_of
from firewalld_py.rules.build import plan_rules

MAX_PACKETS: Final = 20_000  # that are tried
BUDGET_S: Final = 20.0  # then no more are tried
MAX_RENEWED: Final = 300  # rules that are built anew for each packet, if they remember something
MAX_GROUPS: Final = 500  # kinds of difference that are told apart

Known = dict[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a packet. `by` names the rule, or the chain whose policy decided, or why."""

    verdict: str
    by: tuple[str, str]
    state: str
    marks: tuple[int, int, int] = (0, 0, 0)  # of the packet, of its connection, its labels


@dataclass(slots=True)
class Difference:
    """Packets that fare differently in one way; `candidate` is the first of `count`.

    Its last packet is the one; `old` and `new` are what became of that.
    """

    candidate: Candidate
    old: Decision
    new: Decision
    was: Fate
    is_: Fate
    count: int = 1

    @property
    def changes_verdict(self) -> bool:
        """Whether it passes here and not there, or is refused in another way."""
        return self.was.verdict != self.is_.verdict


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All kinds of difference that were found, those of verdicts first, among `tried` packets.

    `complete` is False where the time was over before all packets were tried.
    """

    tried: int
    differing: int
    complete: bool
    differences: tuple[Difference, ...]


class SideBySide:
    """Two policies on benches that know the same interfaces."""

    def __init__(
        self,
        old: Version,
        new: Version,
        pairs: list[Pair],
        config: Config,
        more_helpers: Iterable[Helper] = (),
    ) -> None:
        self.interfaces = interfaces_of((old.policy, new.policy))
        self._sides = sides_of(old, new, self.interfaces)
        helpers = list(more_helpers)
        self._old, self._new = (
            Bench(one.policy, config, self.interfaces, helpers, _with_same_chances(one.plan))
            for one in (old, new)
        )
        # Each packet is to be the first, unless that would take too long.
        self._remembers = all(len(plan_rules(one.plan)) <= MAX_RENEWED for one in (old, new)) and (
            any(keeps_something(one.plan) for one in (old, new))
        )
        self._pairs = pairs
        self.known = known_rules(pairs)

    def compare(
        self,
        most: int = MAX_PACKETS,
        budget_s: float = BUDGET_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> Behaviour:
        """Try packets, and gather what fares differently."""
        until = clock() + budget_s
        groups: dict[object, Difference] = {}
        tried = differing = 0
        complete = True
        for candidate in likely(*self._sides, self._pairs, self.interfaces, most):
            if clock() > until:
                complete = False
                break
            tried += 1
            found = self.difference(candidate)
            if found is None:
                continue
            differing += 1
            key = _kind(found)
            if key in groups:
                groups[key].count += 1
            elif len(groups) < MAX_GROUPS:
                groups[key] = found
        ordered = sorted(groups.values(), key=lambda one: not one.changes_verdict)
        return Behaviour(tried, differing, complete, tuple(ordered))

    def difference(self, candidate: Candidate) -> Difference | None:
        """The first of its packets that fares differently, with those before it; or None."""
        if self._remembers:
            self._old.renew()
            self._new.renew()
        before, after = self._old.run_all(candidate), self._new.run_all(candidate)
        last = len(before) - 1
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            if number < last and candidate.opened:
                continue  # those that pass whatever the filter says
            is_last = number == last
            was, is_ = fate_of(old, marks=is_last), fate_of(new, marks=is_last)
            if replace(was, by=self.known.get(was.by, was.by)) != is_:
                steps = candidate.steps[: number + 1]
                return Difference(replace(candidate, steps=steps), old, new, was, is_)
        return None


def _kind(one: Difference) -> object:
    """Of one kind are those that the same rules decide on both sides, with the same verdicts."""
    states = (one.was.state, one.is_.state) if one.was.state != one.is_.state else ()
    return one.was.verdict, one.was.by, one.is_.verdict, one.is_.by, states


def known_rules(pairs: Iterable[Pair]) -> Known:
    """By what name the old rules are known among the new ones; those that are gone by none."""
    known: Known = {}
    for pair in pairs:
        if pair.old is not None:
            gone = f"{pair.old.chain} (gone)", pair.old.rule.name
            known[pair.old.key] = gone if pair.new is None else pair.new.key
    return known


def fate_of(decision: Decision, *, marks: bool = True) -> Fate:
    """What became of a packet, to be compared."""
    rule = decision.rule
    verdict = decision.verdict_name()
    if decision.reason not in (RULE, POLICY):
        by = "", decision.reason_name()
    elif rule is None:
        by = f"{decision.chain.table}/{decision.chain.name}", ""
    else:
        by = f"{decision.rule_chain.table}/{decision.rule_chain.name}", rule.name
        if rule.reject_with:
            verdict += f" with {rule.reject_with}"
    connection = decision.info.connection
    shown = (0, 0, 0)
    if marks:
        of_connection = (0, 0) if connection is None else (connection.mark, connection.labels())
        shown = decision.mark, *of_connection
    return Fate(verdict, by, state_of(decision), shown)


def _with_same_chances(plan: Plan) -> Plan:
    """A share of packets is drawn by a rule's place; here by the same draw on both sides."""
    chains = {place: _same_chances(rules) for place, rules in plan.get("chains", {}).items()}
    return {
        **plan,
        "raw": {name: _same_chances(rules) for name, rules in plan["raw"].items()},
        "filter": {
            name: {**chain, "rules": _same_chances(chain["rules"])}
            for name, chain in plan["filter"].items()
        },
        **({"chains": chains} if chains else {}),
    }


def _same_chances(rules: list[Plan]) -> list[Plan]:
    return [{**rule, "match": [_seedless(*match) for match in rule["match"]]} for rule in rules]


def _seedless(kind: str, inverted: bool, value: Any) -> list[Any]:
    return [kind, inverted, [value[0], 1] if kind == "probability" else value]
