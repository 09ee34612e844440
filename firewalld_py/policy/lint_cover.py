"""Which packets never come to a rule, because rules before it surely decide about them.

Whatever is said here is proved on regions. A rule whose conditions count packets, or ask for what
may change, decides about nothing surely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from firewalld_py.policy.entries import Entry
from firewalld_py.policy.lint_world import World
from firewalld_py.policy.model import Chain, Rule
from firewalld_py.policy.region import Region

MAX_PIECES: Final = 128  # regions that what is left of a rule may fall into; with more it is left
MAX_DECIDERS: Final = 4096  # of one rule that leads into a chain
MAX_NEEDED: Final = 32  # rules of which those that are not needed are left out
FINAL: Final = ("accept", "drop", "reject", "notrack")
LEAVING: Final = (*FINAL, "return", "goto")


@dataclass(frozen=True, slots=True)
class Decider:
    """Packets that surely go no further than to a rule."""

    region: Region
    rule: Rule


def _without_all(region: Region, deciders: Iterable[Decider]) -> list[Region]:
    """What they leave of a region; too much of it where it falls into too many pieces."""
    pieces = [region]
    for decider in deciders:
        left = [part for piece in pieces for part in piece.less(decider.region)]
        if len(left) <= MAX_PIECES:
            pieces = left
        if not pieces:
            break
    return pieces


class Covers:
    """For every chain, what its rules surely decide."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._leaving: dict[int, list[Decider]] = {}
        self._final: dict[str, list[Decider]] = {}

    def left_of(self, region: Region, before: Iterable[Decider]) -> tuple[list[Region], list[Rule]]:
        """What of a region no decider takes, and the rules that take all of it.

        None is left if these surely do; what is left may be nothing all the same.
        """
        usable: list[Decider] = []
        for decider in before:
            if decider.region.apart(region) or not self._is_usable(decider.region, region):
                continue
            if not region.less(decider.region):
                return [], [decider.rule]
            usable.append(decider)
        pieces = _without_all(region, usable)
        if pieces:
            return pieces, []
        if len(usable) <= MAX_NEEDED:
            for decider in list(usable):
                fewer = [one for one in usable if one is not decider]
                if not _without_all(region, fewer):
                    usable = fewer
        return [], list({id(one.rule): one.rule for one in usable}.values())

    def _is_usable(self, decider: Region, region: Region) -> bool:
        """Whether what a decider asks beyond fields is known to be so in the region."""
        return all(
            literal in region.others and literal[0] in self._world.steady
            for literal in decider.others
        )

    def of_rules(
        self, rules: Iterable[Rule], place: str, number: int, entry: Entry
    ) -> list[Decider]:
        """What some rules surely decide, of those before a rule on this way."""
        last = {self._world.at[id(one)][0]: self._world.at[id(one)][1] for one in entry.through}
        last[place] = number
        found: list[Decider] = []
        for rule in rules:
            at, its = self._world.at[id(rule)]
            if its < last.get(at, 0):
                found += self._leaving_of(self._world.places.chains[at], its)
        return found

    def before(self, place: str, number: int, entry: Entry, region: Region) -> Iterator[Decider]:
        """All that decides about packets of a region that would come to this rule by this way."""
        for at, last in [*(self._world.at[id(one)] for one in entry.through), (place, number)]:
            chain = self._world.places.chains[at]
            for before in self._world.overlapping(at, region):
                if before >= last:
                    break
                yield from self._leaving_of(chain, before)

    def _leaving_of(self, chain: Chain, number: int) -> list[Decider]:
        """What surely leaves the chain at its rule `number`."""
        rule = chain.rules[number]
        if id(rule) not in self._leaving:
            self._leaving[id(rule)] = self._make_leaving(chain, rule)
        return self._leaving[id(rule)]

    def _make_leaving(self, chain: Chain, rule: Rule) -> list[Decider]:
        region = self._world.places.region(rule)
        if region.fields is None:
            return []
        if rule.action.verdict in LEAVING:
            return [Decider(region, rule)]
        target = self._world.places.target(chain, rule)
        if target is None:
            return []
        inside = (Decider(region.also(one.region), rule) for one in self._final_of(target))
        return [one for one in inside if one.region.fields is not None]

    def _final_of(self, chain: Chain) -> list[Decider]:
        """What surely gets a verdict in a chain that rules lead to."""
        place = f"{chain.table}/{chain.name}"
        if place in self._final:
            return self._final[place]
        found: list[Decider] = []
        leaks: list[Region] = []
        for rule in chain.rules:
            region = self._world.places.region(rule)
            target = self._world.places.target(chain, rule)
            if rule.action.verdict in FINAL:
                decided = [Decider(region, rule)]
            elif target is None:
                decided = []
            else:
                inside = self._final_of(target)
                decided = [Decider(region.also(one.region), rule) for one in inside]
            found += [one for one in decided if all(one.region.apart(leak) for leak in leaks)]
            if rule.action.verdict in ("return", "goto"):
                leaks.append(region)
            if len(found) > MAX_DECIDERS:
                break
        self._final[place] = found
        return found
