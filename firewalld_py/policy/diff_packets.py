"""Packets that may fare differently under two policies: first where their rules differ.

Of a rule that came or went those are meant that come as far as to it; of one that changed, those
that one of its versions means and the other does not; of one that moved, those that the rules which
it passed mean, too. What follows are candidates for all that either policy mentions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain as chained
from itertools import islice
from typing import Final

from firewalld_py.policy.entries import Places
from firewalld_py.policy.interface_names import Interfaces
from firewalld_py.policy.model import Policy, Rule
from firewalld_py.policy.region import Region
from firewalld_py.policy.rule_diff import Version
from firewalld_py.policy.rule_pairs import Pair, Placed
from firewalld_py.policy.set_diff import Elements
from firewalld_py.policy.witness import Candidate
from firewalld_py.policy.witness_candidates import candidates, of_region, of_rule

MAX_PIECES: Final = 24  # of what a rule's own packets are when those of earlier rules are left out
MAX_EARLIER: Final = 200  # rules that are left out
MAX_CROSSED: Final = 100  # rules that one which moved is held against
DECIDING: Final = frozenset(("accept", "drop", "reject", "goto", "return", "notrack"))


@dataclass(frozen=True, slots=True)
class Side:
    """One of the policies, the places of its rules, and the elements of its sets."""

    policy: Policy
    places: Places
    elements: Elements


def sides_of(old: Version, new: Version, interfaces: Interfaces) -> tuple[Side, Side]:
    """Both policies."""
    before, after = (
        Side(one.policy, Places(one.policy, interfaces), Elements(one.plan, other.plan))
        for one, other in ((old, new), (new, old))
    )
    return before, after


def likely(
    before: Side, after: Side, pairs: list[Pair], interfaces: Interfaces, most: int
) -> Iterator[Candidate]:
    """Candidates, each once, `most` of them."""
    changed = before.elements.changed | after.elements.changed
    pairs = [
        pair
        for pair in pairs
        if pair.old is None or pair.new is None or pair.moved or pair.changed
        or changed & _sets_asked(pair.new.rule)
    ]  # fmt: skip
    seen: set[Candidate] = set()
    for one in islice(
        chained(
            _of_pairs(before, after, pairs),
            _of_rules(before, after, pairs),
            candidates([before.policy, after.policy], interfaces, most),
        ),
        2 * most,
    ):
        if one not in seen:
            seen.add(one)
            yield one
            if len(seen) >= most:
                return


def _sets_asked(rule: Rule) -> set[str]:
    return {str(match.value[0]) for match in rule.matches
            if match.kind == "set" and isinstance(match.value, tuple)}  # fmt: skip


def _of_pairs(before: Side, after: Side, pairs: Iterable[Pair]) -> Iterator[Candidate]:
    for pair in pairs:
        if pair.old is not None and pair.new is not None:
            yield from _between(after, pair.new, before, pair.old)
            yield from _between(before, pair.old, after, pair.new)
            if pair.moved:
                yield from _crossing(before, pair.old)
                yield from _crossing(after, pair.new)
    for pair in pairs:
        if pair.new is None and pair.old is not None:
            yield from _first_met(before, pair.old, [before.places.region(pair.old.rule)])
        elif pair.old is None and pair.new is not None:
            yield from _first_met(after, pair.new, [after.places.region(pair.new.rule)])


def _of_rules(before: Side, after: Side, pairs: Iterable[Pair]) -> Iterator[Candidate]:
    for pair in pairs:
        for side, placed in ((before, pair.old), (after, pair.new)):
            if placed is not None:
                yield from of_rule(side.places, placed.rule)


def _between(side: Side, placed: Placed, others: Side, other: Placed) -> Iterator[Candidate]:
    """What a rule means and its other version does not."""
    mine, its = side.places.region(placed.rule), others.places.region(other.rule)
    pieces = mine.less(its)
    if its.others or not pieces:
        pieces = [*pieces, mine]
    yield from _first_met(side, placed, pieces)


def _first_met(side: Side, placed: Placed, regions: Iterable[Region]) -> Iterator[Candidate]:
    """Of these regions, by each way to the rule, what no rule before it decides."""
    places = side.places
    chain = places.chains[placed.chain]
    earlier = [
        decided
        for rule in chain.rules[: placed.number]
        if rule.action.verdict in DECIDING
        for decided in side.elements.decided(places.region(rule))
    ][:MAX_EARLIER]
    for region in regions:
        for narrowed in side.elements.regions(region):
            for entry in places.entries[placed.chain]:
                pieces = [entry.region.also(narrowed)]
                for decided in earlier:
                    left = [piece for one in pieces for piece in one.less(decided)]
                    pieces = left[:MAX_PIECES]
                for piece in pieces:
                    for hook in places.hooks(chain, entry):
                        yield from of_region(places, piece, hook)


def _crossing(side: Side, placed: Placed) -> Iterator[Candidate]:
    """What a rule means together with each of the others of its chain."""
    places = side.places
    chain, mine = places.chains[placed.chain], places.region(placed.rule)
    near = sorted(enumerate(chain.rules), key=lambda entry: abs(entry[0] - placed.number))
    for _number, rule in near[1 : MAX_CROSSED + 1]:
        for region in side.elements.regions(mine.also(places.region(rule))):
            for entry in places.entries[placed.chain]:
                both = entry.region.also(region)
                for hook in places.hooks(chain, entry):
                    yield from of_region(places, both, hook)
