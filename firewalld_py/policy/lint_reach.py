"""Rules that no packet comes to, or meets, or that change nothing.

A rule that some packet meets on the bench is well. Of the others it is proved, on regions, that
none can: only then there is a finding, with a packet that the rule asks for and that others decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, cast

from firewalld_py.policy.entries import RAW_OF, Entry
from firewalld_py.policy.findings import Finding, about_rule
from firewalld_py.policy.interface_names import Interfaces
from firewalld_py.policy.lint_cover import Covers
from firewalld_py.policy.lint_world import Seen, World, is_same
from firewalld_py.policy.model import Chain, Policy, Rule
from firewalld_py.policy.region import EVERYWHERE, IN, OUT, Region
from firewalld_py.policy.set_uses import SET_KIND
from firewalld_py.policy.witness import candidates_in

TRIES: Final = 24  # candidates for a rule by one way, and regions in which they are looked for
_ADVICE: Final = "move the rule up, or remove it"
NAMED: Final = 3  # rules that are named as those that decide


@dataclass(slots=True)
class Reached:
    """What is known of the rules by now: of some, a packet that met them."""

    by: dict[int, Seen] = field(default_factory=dict)
    dead: set[int] = field(default_factory=set)  # rules that surely no packet meets
    unknown: list[Rule] = field(default_factory=list)  # neither met nor proved to be unreachable
    unseen: int = 0  # rules that there was no time for


class Reach:
    """Looks at every rule, those of chains that lead to others first."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._covers = Covers(world)
        self.reached = Reached()

    def findings(self) -> Iterator[Finding]:
        """contradictory, unreachable and shadowed."""
        for place in self._world.places.callers_first:
            chain = self._world.places.chains[place]
            for number, rule in enumerate(chain.rules):
                if not self._world.in_time():
                    self.reached.unseen += 1
                elif found := self._look_at(place, chain, number, rule):
                    yield found

    def _entries(self, place: str) -> list[Entry]:
        """The ways into a chain that lead over no rule which surely nobody meets."""
        dead = self.reached.dead
        return [
            entry
            for entry in self._world.places.entries[place]
            if not any(id(rule) in dead for rule in entry.through)
        ]

    def _region(self, rule: Rule, entry: Entry) -> Region:
        """What the rule asks for of what comes by this way."""
        region = entry.region.also(self._world.places.region(rule))
        return self._world.possible(region, entry, raw=rule.place.startswith("raw/"))

    def _look_at(self, place: str, chain: Chain, number: int, rule: Rule) -> Finding | None:
        world = self._world
        own = world.places.region(rule)
        if own.empty(world.steady):
            self.reached.dead.add(id(rule))
            return about_rule("contradictory", rule, _contradiction(rule))
        entries = self._entries(place)
        if not entries:
            return None  # told of the chain, or of the rule that leads here
        regions = [self._region(rule, entry) for entry in entries]
        stopped: list[Seen] = []
        for most in (1, TRIES):  # one packet is enough for most rules
            for entry, region in zip(entries, regions, strict=True):
                for hook in world.places.hooks(chain, entry):
                    seen = self._try(rule, region, hook, stopped, most)
                    if seen is not None:
                        self.reached.by[id(rule)] = seen
                        return None
            if most == 1 and stopped and (found := self._likely(place, number, rule, stopped)):
                return found
        return self._prove(place, chain, number, rule, entries, stopped)

    def _leave(self, rule: Rule) -> None:
        """Say nothing of a rule; it is noted, unless it waits for what a set is to hold one day."""
        entries = self._world.places.entries[self._world.at[id(rule)][0]]
        ways = [(*entry.through, rule) for entry in entries]
        if not any(asks_empty_set(self._world.policy, one) for way in ways for one in way):
            self.reached.unknown.append(rule)

    def _try(
        self, rule: Rule, region: Region, hook: str, stopped: list[Seen], most: int = TRIES
    ) -> Seen | None:
        """A packet of the region that meets the rule; in `stopped`, those that others decide."""
        if region.fields is None:
            return None
        world = self._world
        free = tuple(world.places.untracked(RAW_OF[hook]))
        found = candidates_in(region, hook, world.places.interfaces, free)
        for seen, is_met in world.met(rule, islice(found, most)):
            if is_met:
                return seen
            if world.meets(rule, seen):
                stopped.append(seen)
        return None

    def _prove(
        self, place: str, chain: Chain, number: int, rule: Rule, entries: list[Entry],
        stopped: list[Seen],
    ) -> Finding | None:  # fmt: skip
        """The finding if surely no packet meets the rule."""
        world = self._world
        by: list[Rule] = []
        excluded = True
        crowded = place in world.places.crowded
        for entry in entries:
            region = self._region(rule, entry)
            if region.empty(world.steady):
                continue
            excluded = False
            pieces, used = self._left_of(place, number, entry, region, stopped)
            for piece in islice(_with_ways(pieces, world.places.interfaces), TRIES):
                for hook in world.places.hooks(chain, entry):
                    seen = self._try(rule, piece, hook, stopped)
                    if seen is not None:
                        self.reached.by[id(rule)] = seen
                        return None
            if pieces:
                crowded = True
            by += [one for one in used if one not in by]
        if crowded:
            self._leave(rule)
            return None
        if excluded:
            self.reached.dead.add(id(rule))
            return self._excluded(place, rule, entries)
        return self._covered(rule, by, stopped)

    def _likely(self, place: str, number: int, rule: Rule, stopped: list[Seen]) -> Finding | None:
        """The finding if the rules that were seen to decide surely take everything."""
        if place in self._world.places.crowded:
            return None
        by: list[Rule] = []
        for entry in self._entries(place):
            region = self._region(rule, entry)
            if not region.empty(self._world.steady):
                pieces, used = self._left_of_seen(place, number, entry, region, stopped)
                if pieces:
                    return None
                by += [one for one in used if one not in by]
        return self._covered(rule, by, stopped) if by else None

    def _left_of_seen(
        self, place: str, number: int, entry: Entry, region: Region, stopped: list[Seen]
    ) -> tuple[list[Region], list[Rule]]:
        """What the rules that were seen to decide leave of a region."""
        deciders = (self._world.decider(one.decision) for one in stopped)
        seen = {id(rule): rule for rule in deciders if rule is not None}.values()
        return self._covers.left_of(region, self._covers.of_rules(seen, place, number, entry))

    def _left_of(
        self, place: str, number: int, entry: Entry, region: Region, stopped: list[Seen]
    ) -> tuple[list[Region], list[Rule]]:
        """What rules before leave of a region; first it is tried with those seen to decide."""
        pieces, used = self._left_of_seen(place, number, entry, region, stopped)
        if pieces:
            return self._covers.left_of(region, self._covers.before(place, number, entry, region))
        return pieces, used

    def _excluded(self, place: str, rule: Rule, entries: list[Entry]) -> Finding:
        """Those that lead here send other packets, or what is asked for is tracked."""
        own = self._world.places.region(rule)
        if not all(entry.region.also(own).empty(self._world.steady) for entry in entries):
            message = (
                "nothing that it asks for is UNTRACKED, for no raw rule leaves it so: "
                "add one with action: notrack, or remove the rule"
            )
            return about_rule("unreachable", rule, message)
        callers = list(dict.fromkeys(self._world.where(one.through[-1]) for one in entries))
        message = (
            f"no packet that it asks for comes to {place}: {' and '.join(callers[:NAMED])} "
            f"{'leads' if len(callers) == 1 else 'lead'} only others here; "
            "change the conditions, or remove the rule"
        )
        return about_rule("unreachable", rule, message)

    def _covered(self, rule: Rule, by: list[Rule], stopped: list[Seen]) -> Finding | None:
        """Rules before decide about everything that the rule asks for."""
        ends = by[0] if len(by) == 1 and self._world.places.region(by[0]) == EVERYWHERE else None
        if not stopped and ends is not None and id(ends) in self.reached.by:
            stopped = [self.reached.by[id(ends)]]  # whatever packet it is
        if not stopped:
            self._leave(rule)
            return None
        self.reached.dead.add(id(rule))
        if ends is not None:
            message = (
                f"no packet comes past {self._world.where(ends)}: "
                "move the rule before it, or remove it"
            )
            return about_rule("unreachable", rule, message, stopped[0].lines)
        names = " and ".join(self._world.where(one) for one in by[:NAMED])
        names += f" and {len(by) - NAMED} more" if len(by) > NAMED else ""
        advice = "it can be removed" if all(is_same(one, rule) for one in by) else _ADVICE
        message = f"all that it asks for is decided before, by {names}: {advice}"
        return about_rule("shadowed", rule, message, stopped[0].lines)


def asks_empty_set(policy: Policy, rule: Rule) -> bool:
    """Whether a rule is for what a set holds for which the file has no elements."""
    empty = {one.name for one in policy.sets if not one.elements}
    return any(
        match.kind == SET_KIND
        and not match.inverted
        and cast("tuple[str, ...]", match.value)[0] in empty
        for match in rule.matches
    )


def _with_ways(pieces: list[Region], interfaces: Interfaces) -> Iterator[Region]:
    """Regions, and then each of them by one interface after another."""
    yield from pieces
    for piece in pieces:
        for way in (IN, OUT):
            if not piece.asked >> way & 1:
                for number in range(len(interfaces.names)):
                    yield piece.with_field(way, ((number, number),))


def _contradiction(rule: Rule) -> str:
    keys = list(dict.fromkeys(match.key for match in rule.matches if not match.inverted))
    negated = [f"not {key}" for key in dict.fromkeys(m.key for m in rule.matches if m.inverted)]
    return (
        f"no packet can meet all of its conditions ({', '.join([*keys, *negated])}): "
        "they contradict each other"
    )
