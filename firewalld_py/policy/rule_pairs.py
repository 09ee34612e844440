"""Which rule of one policy is which of another: by name, by what it says, by what it resembles.

Rules that have a name keep it; of the others those are the same that say the same, and what is left
in a chain is compared by how much of it is the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from firewalld_py.policy.model import Match, Policy, Rule

MAX_COMPARED: Final = 300  # rules of a chain that are compared one by one with as many others
ALIKE: Final = 0.5  # the share of conditions and actions that two of the same rule have in common

Meaning = tuple[str, bool, str]


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule, the place of its chain ("filter/forward"), and its number there, from 0."""

    rule: Rule
    chain: str
    number: int

    @property
    def is_named(self) -> bool:
        """Whether somebody gave it a name."""
        return self.rule.name != self.rule.place

    @property
    def key(self) -> tuple[str, str]:
        """By which the rule is known: its chain and its name."""
        return self.chain, self.rule.name


@dataclass(frozen=True, slots=True)
class Pair:
    """A rule before and after; None where there is none. `moved`: others of its chain passed it."""

    old: Placed | None
    new: Placed | None
    moved: bool = False

    @property
    def changed(self) -> bool:
        """Whether it means something else now."""
        if self.old is None or self.new is None:
            return False
        return content(self.old.rule) != content(self.new.rule)

    @property
    def renamed(self) -> bool:
        """Whether it has another name; what nobody named has the name of its place."""
        if self.old is None or self.new is None or self.old.rule.name == self.new.rule.name:
            return False
        return self.old.is_named or self.new.is_named


def meaning(match: Match) -> Meaning:
    """What a condition says; the seed of a share of packets is no part of that."""
    value = match.value
    if match.kind == "probability" and isinstance(value, tuple):
        value = value[:1]
    return match.kind, match.inverted, repr(value)


def content(rule: Rule) -> tuple[tuple[Meaning, ...], str]:
    """All that a rule says, but its name."""
    return tuple(sorted(meaning(match) for match in rule.matches)), repr(rule.action)


def pair_rules(old: Policy, new: Policy) -> list[Pair]:
    """All rules of both, in the order of the old ones, then those that are new."""
    before, after = _by_chain(old), _by_chain(new)
    partner: dict[int, Placed] = {}
    for chain in before.keys() & after.keys():
        _pair_chain(before[chain], after[chain], partner)
    old_rules = [placed for rules in before.values() for placed in rules]
    new_rules = [placed for rules in after.values() for placed in rules]
    _pair_across(old_rules, new_rules, partner)
    moved = _moved(before, partner)
    pairs = [
        Pair(placed, partner.get(id(placed.rule)), id(placed.rule) in moved) for placed in old_rules
    ]
    taken = {id(placed.rule) for placed in partner.values()}
    return pairs + [Pair(None, placed) for placed in new_rules if id(placed.rule) not in taken]


def _by_chain(policy: Policy) -> dict[str, list[Placed]]:
    return {
        f"{chain.table}/{chain.name}": [
            Placed(rule, f"{chain.table}/{chain.name}", number)
            for number, rule in enumerate(chain.rules)
        ]
        for chain in policy.chains
    }


def _left(rules: Iterable[Placed], taken: set[int]) -> list[Placed]:
    return [placed for placed in rules if id(placed.rule) not in taken]


def _pair_chain(old: list[Placed], new: list[Placed], partner: dict[int, Placed]) -> None:
    """Those of one chain: by name, then by content, then by likeness."""
    taken: set[int] = set()

    def join(mine: Placed, its: Placed) -> None:
        partner[id(mine.rule)] = its
        taken.update((id(mine.rule), id(its.rule)))

    named = {placed.rule.name: placed for placed in new if placed.is_named}
    for mine in old:
        if mine.is_named and mine.rule.name in named:
            join(mine, named[mine.rule.name])
    same: dict[object, deque[Placed]] = defaultdict(deque)
    for its in _left(new, taken):
        same[content(its.rule)].append(its)
    for mine in _left(old, taken):
        if waiting := same[content(mine.rule)]:
            join(mine, waiting.popleft())
    for mine, its in _alike(_left(old, taken), _left(new, taken)):
        join(mine, its)


def _alike(old: list[Placed], new: list[Placed]) -> list[tuple[Placed, Placed]]:
    """The best of what resembles each other first; a rule that is named resembles none."""
    mine = [placed for placed in old if not placed.is_named][:MAX_COMPARED]
    its = [placed for placed in new if not placed.is_named][:MAX_COMPARED]
    scores = sorted(
        (
            (-_likeness(one.rule, other.rule), abs(one.number - other.number), i, j)
            for i, one in enumerate(mine)
            for j, other in enumerate(its)
        )
    )
    found: list[tuple[Placed, Placed]] = []
    left, right = set[int](), set[int]()
    for score, _distance, i, j in scores:
        if -score < ALIKE:
            break
        if i not in left and j not in right:
            left.add(i)
            right.add(j)
            found.append((mine[i], its[j]))
    return found


def _likeness(one: Rule, other: Rule) -> float:
    """From 0 to 1; a key with another value counts half."""
    mine = {(match.key, match.inverted): meaning(match) for match in one.matches}
    its = {(match.key, match.inverted): meaning(match) for match in other.matches}
    points = 1.0 if one.action == other.action else 0.0
    for key in mine.keys() & its.keys():
        points += 1.0 if mine[key] == its[key] else 0.5
    return points / (1 + len(mine.keys() | its.keys()))


def _pair_across(old: list[Placed], new: list[Placed], partner: dict[int, Placed]) -> None:
    """Rules that went to another chain: those whose name is left over once on both sides."""
    taken = {id(placed.rule) for placed in partner.values()}
    homeless: dict[str, list[Placed]] = defaultdict(list)
    for its in new:
        if its.is_named and id(its.rule) not in taken:
            homeless[its.rule.name].append(its)
    gone: dict[str, list[Placed]] = defaultdict(list)
    for mine in old:
        if mine.is_named and id(mine.rule) not in partner:
            gone[mine.rule.name].append(mine)
    for name, rules in gone.items():
        if len(rules) == len(homeless[name]) == 1:
            partner[id(rules[0].rule)] = homeless[name][0]


def _moved(before: dict[str, list[Placed]], partner: dict[int, Placed]) -> set[int]:
    """The old rules that left the order of the rest, as few as can be; and those in new chains."""
    moved: set[int] = set()
    for chain, rules in before.items():
        paired = [(mine, partner[id(mine.rule)]) for mine in rules if id(mine.rule) in partner]
        staying = [(mine, its) for mine, its in paired if its.chain == chain]
        moved.update(id(mine.rule) for mine, its in paired if its.chain != chain)
        kept = _longest_rising([its.number for _mine, its in staying])
        moved.update(id(mine.rule) for at, (mine, _its) in enumerate(staying) if at not in kept)
    return moved


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """The places of a longest rising subsequence."""
    ends: list[int] = []  # the smallest last number of one of each length
    places: list[int] = []
    before: list[int] = []
    for at, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(places[length - 1] if length else -1)
        if length == len(ends):
            ends.append(number)
            places.append(at)
        else:
            ends[length] = number
            places[length] = at
    kept: set[int] = set()
    at = places[-1] if places else -1
    while at >= 0:
        kept.add(at)
        at = before[at]
    return kept
