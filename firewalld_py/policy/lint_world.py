"""What every part of the linter works with: the rules, a bench, and how much time is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from firewalld_py.conntrack.helpers.base import Helper
from firewalld_py.pipeline import BEFORE_TRACKING, Decision
from firewalld_py.policy.bench import Bench, state_of
from firewalld_py.policy.config import Config
from firewalld_py.policy.entries import MAX_UNTRACKED, RAW_OF, Entry, Places
from firewalld_py.policy.fresh_rules import KEEP_NOTHING
from firewalld_py.policy.matches_payload import PAYLOAD_KINDS
from firewalld_py.policy.matches_routes import ROUTE_KINDS
from firewalld_py.policy.model import Chain, Policy, Rule
from firewalld_py.policy.overlaps import Overlaps
from firewalld_py.policy.ranges import within
from firewalld_py.policy.region import STATE, Region
from firewalld_py.policy.witness import (
    NEVER_TRACKED,
    UNTRACKED,
    Candidate,
    candidates_in,
)
from firewalld_py.policy.witness_candidates import interfaces_of
from firewalld_py.policy.witness_text import witness_lines
from firewalld_py.rules.rule import Rule as BuiltRule

MAX_TRIES: Final = 24  # candidates for one rule by one way
# Kinds of conditions that rules' own targets may change from one rule to the next.
_CHANGED: Final = frozenset(("mark", "connmark", "label"))
# Targets that change nothing that is asked for.
_HARMLESS: Final = frozenset(("log", "count", "add", "remove"))


@dataclass(frozen=True, slots=True)
class Seen:
    """A candidate and what became of it."""

    candidate: Candidate
    decision: Decision
    timed: bool = False

    @property
    def verdict(self) -> str:
        """accept, drop or reject."""
        return self.decision.verdict_name()

    @property
    def lines(self) -> tuple[str, ...]:
        """The candidate as it can be pasted."""
        return witness_lines(self.candidate, timed=self.timed)


class World:
    """A policy under the linter; `in_time` tells whether to go on."""

    def __init__(
        self,
        policy: Policy,
        config: Config,
        more_helpers: Iterable[Helper],
        in_time: Callable[[], bool],
    ) -> None:
        self.policy = policy
        self.config = config
        self.in_time = in_time
        self.places = Places(policy, interfaces_of([policy]))
        self.bench = Bench(policy, config, self.places.interfaces, more_helpers)
        self.steady = _steady(policy)
        self.timed = any(
            match.kind == "time"
            for _place, _chain, _number, rule in self.places.rules()
            for match in rule.matches
        )
        # Rules may accept what they accept by this machine's routes, which are not known here.
        self.knows_all_accepted = not any(
            match.kind in ROUTE_KINDS
            for _place, _chain, _number, rule in self.places.rules()
            for match in rule.matches
        )
        self._overlaps: dict[str, Overlaps] = {}
        self.at: dict[int, tuple[str, int]] = {}
        self._built: dict[int, BuiltRule] = {}
        self._rules: dict[int, Rule] = {}
        built = {f"{chain.table}/{chain.name}": chain for chain in self.bench.ruleset.chains()}
        for place, chain in self.places.chains.items():
            for number, rule in enumerate(chain.rules):
                made = built[place].rules[number]
                self.at[id(rule)] = place, number
                self._built[id(rule)] = made
                self._rules[id(made)] = rule

    def possible(self, region: Region, entry: Entry, *, raw: bool) -> Region:
        """The region without UNTRACKED where surely nothing of it is, in a chain of filter."""
        if raw or region.fields is None or not within(region.fields[STATE], UNTRACKED):
            return region
        raw_chain = RAW_OF[entry.base]
        left = self.places.untracked(raw_chain)
        if len(left) >= MAX_UNTRACKED or any(one.startswith("raw/") for one in self.places.crowded):
            return region
        if all(region.apart(one) for one in (*left, NEVER_TRACKED)):
            return region.with_field(STATE, ((0, UNTRACKED - 1),))
        return region

    def overlapping(self, place: str, region: Region) -> Sequence[int]:
        """The numbers of the rules of a chain that may have packets in common with a region."""
        if place not in self._overlaps:
            rules = self.places.chains[place].rules
            self._overlaps[place] = Overlaps([self.places.region(rule) for rule in rules])
        return self._overlaps[place].numbers(region)

    def built(self, rule: Rule) -> BuiltRule:
        """The rule of the engine."""
        return self._built[id(rule)]

    def decider(self, decision: Decision) -> Rule | None:
        """The rule that decided; None for a chain's policy."""
        return None if decision.rule is None else self._rules[id(decision.rule)]

    def is_judged(self, chain: str) -> bool:
        """Whether packets of this filter chain come to the rules at all."""
        return chain in self.config.hook.chains

    def hooks(self, chain: Chain, entry: Entry) -> list[str]:
        """The filter chains that judge what comes by this way, of those that judge anything."""
        return [hook for hook in self.places.hooks(chain, entry) if self.is_judged(hook)]

    def seen(self, candidate: Candidate) -> Seen:
        """A candidate and what becomes of it."""
        return Seen(candidate, self.bench.run(candidate), self.timed)

    def try_all(self, region: Region, hook: str, most: int = MAX_TRIES) -> Iterator[Seen]:
        """Candidates of a region, each with what became of it."""
        if region.fields is None:
            return
        free = tuple(self.places.untracked(RAW_OF[hook]))
        found = candidates_in(region, hook, self.places.interfaces, free)
        for _number, candidate in zip(range(most), found, strict=False):
            yield self.seen(candidate)

    def met(self, rule: Rule, candidates: Iterable[Candidate]) -> Iterator[tuple[Seen, bool]]:
        """Candidates, and whether the last packet of each came to a rule and met it."""
        built = self.built(rule)
        for candidate in candidates:
            decision, hits = self.bench.run_counting(candidate, built)
            yield Seen(candidate, decision, self.timed), hits > 0

    def meets(self, rule: Rule, seen: Seen) -> bool:
        """Whether a packet meets a rule's own conditions, did it come there."""
        decision = seen.decision
        info = decision.info
        if rule.place.startswith("raw/"):
            info = BEFORE_TRACKING
        return self.built(rule).is_met(decision.packet, info, decision.mark)

    def has_state(self, seen: Seen) -> bool:
        """Whether it has the state that it was to have."""
        return state_of(seen.decision) == seen.candidate.state

    def where(self, rule: Rule) -> str:
        """How advice calls another rule: `'rest' (line 39)`."""
        file = "" if rule.file == self.policy.file else f"{rule.file}, "
        return f"'{rule.name}' ({file}line {rule.line})"


def _steady(policy: Policy) -> frozenset[str]:
    """Kinds of conditions whose answer about a packet stays the same from rule to rule."""
    changing = any(
        target.kind not in _HARMLESS
        for chain in policy.chains
        for rule in chain.rules
        for target in rule.action.targets
    )
    known = KEEP_NOTHING | frozenset(PAYLOAD_KINDS)
    return known - _CHANGED if changing else known


def is_plain(rule: Rule) -> bool:
    """Whether a rule does nothing but its verdict."""
    action = rule.action
    return action.log is None and not action.targets and not action.tracking


def is_same(one: Rule, other: Rule) -> bool:
    """Whether two rules give the same verdict, and answer alike."""
    return one.action.verdict == other.action.verdict and one.action.reject == other.action.reject
