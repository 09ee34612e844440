"""Rules that no packet comes to, or meets, or that change nothing.

A rule that some packet meets on the bench is well. Of the others it is proved, on regions, that
none can: only then there is a finding, with a packet that the rule asks for and that others decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from firewalld_py.policy.entries import RAW_OF, Entry
from firewalld_py.policy.findings import Finding, about_rule
from firewalld_py.policy.lint_cover import Covers
from firewalld_py.policy.lint_world import Seen, World, is_plain
from firewalld_py.policy.model import Chain, Rule
from firewalld_py.policy.region import EVERYWHERE, STATE, Region
from firewalld_py.policy.witness import INVALID, candidates_in
from firewalld_py.rules.ruleset import Chain as BuiltChain
from firewalld_py.rules.ruleset import Rule as BuiltRule

TRIES: Final = 12  # candidates for a rule by one way
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

    def _look_at(self, place: str, chain: Chain, number: int, rule: Rule) -> Finding | None:
        world = self._world
        own = world.places.region(rule)
        if own.empty(world.steady):
            self.reached.dead.add(id(rule))
            return about_rule("contradictory", rule, _contradiction(rule))
        entries = self._entries(place)
        if not entries:
            return None  # told of the chain, or of the rule that leads here
        regions = [entry.region.also(own) for entry in entries]
        stopped: list[Seen] = []
        for entry, region in zip(entries, regions, strict=True):
            for hook in world.places.hooks(chain, entry):
                seen = self._try(rule, region, hook, stopped)
                if seen is not None:
                    self.reached.by[id(rule)] = seen
                    return None
        return self._prove(place, chain, number, rule, entries, stopped)

    def _try(self, rule: Rule, region: Region, hook: str, stopped: list[Seen]) -> Seen | None:
        """A packet of the region that meets the rule; in `stopped`, those that others decide."""
        if region.fields is None:
            return None
        world = self._world
        free = tuple(world.places.untracked(RAW_OF[hook]))
        found = candidates_in(region, hook, world.places.interfaces, free)
        for seen, is_met in world.met(rule, islice(found, TRIES)):
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
        own = world.places.region(rule)
        by: list[Rule] = []
        excluded = True
        crowded = place in world.places.crowded
        for entry in entries:
            region = entry.region.also(own)
            if region.empty(world.steady):
                continue
            excluded = False
            pieces, used = self._left_of(place, number, entry, region, stopped)
            for piece in islice(pieces, TRIES):
                for hook in world.places.hooks(chain, entry):
                    seen = self._try(rule, piece, hook, stopped)
                    if seen is not None:
                        self.reached.by[id(rule)] = seen
                        return None
            if pieces:
                crowded = True
            by += [one for one in used if one not in by]
        if crowded:
            self.reached.unknown.append(rule)
            return None
        if excluded:
            self.reached.dead.add(id(rule))
            return self._excluded(place, rule, entries)
        return self._covered(rule, by, stopped)

    def _left_of(
        self, place: str, number: int, entry: Entry, region: Region, stopped: list[Seen]
    ) -> tuple[list[Region], list[Rule]]:
        """What rules before leave of a region; first it is tried with those seen to decide."""
        deciders = (self._world.decider(one.decision) for one in stopped)
        seen = {id(rule): rule for rule in deciders if rule is not None}.values()
        likely = self._covers.of_rules(seen, place, number, entry)
        pieces, used = self._covers.left_of(region, likely)
        if pieces:
            return self._covers.left_of(region, self._covers.before(place, number, entry, region))
        return pieces, used

    def _excluded(self, place: str, rule: Rule, entries: list[Entry]) -> Finding:
        """Those that lead here send other packets."""
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
            self.reached.unknown.append(rule)
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
        advice = "it can be removed" if all(_same(one, rule) for one in by) else _ADVICE
        message = f"all that it asks for is decided before, by {names}: {advice}"
        return about_rule("shadowed", rule, message, stopped[0].lines)


def _contradiction(rule: Rule) -> str:
    keys = list(dict.fromkeys(match.key for match in rule.matches if not match.inverted))
    negated = [f"not {key}" for key in dict.fromkeys(m.key for m in rule.matches if m.inverted)]
    return (
        f"no packet can meet all of its conditions ({', '.join([*keys, *negated])}): "
        "they contradict each other"
    )


class Redundant:
    """Rules without which every packet fares the same."""

    def __init__(self, world: World, reached: Reached) -> None:
        self._world = world
        self._reached = reached

    def findings(self) -> Iterator[Finding]:
        """redundant; of rules that a packet is known to meet."""
        built = {f"{one.table}/{one.name}": one for one in self._world.bench.ruleset.chains()}
        for place, chain, number, rule in self._world.places.rules():
            seen = self._reached.by.get(id(rule))
            if seen is None or rule.action.verdict not in _REMOVABLE or not is_plain(rule):
                continue
            if _is_caution(rule, self._world.places.region(rule)):
                continue
            if not self._world.in_time():
                self._reached.unseen += 1
                continue
            if found := self._look_at(place, chain, number, rule, seen, built[place]):
                yield found

    def _look_at(
        self, place: str, chain: Chain, number: int, rule: Rule, seen: Seen, built: BuiltChain
    ) -> Finding | None:
        following = self._next(chain, number, rule, seen, built)
        if following == number:
            return None
        world = self._world
        region = world.places.region(rule)
        last = following
        if following < len(chain.rules):
            later = chain.rules[following]
            covering = world.places.region(later)
            usable = all(one in region.others and one[0] in world.steady for one in covering.others)
            if not usable or region.less(covering):
                last = len(chain.rules)  # others have to do the rest
        if last == len(chain.rules) and (chain.user or rule.action.verdict != _end_of(chain)):
            return None
        for other in world.overlapping(place, region):
            if number < other < last and self._is_unlike(rule, chain.rules[other], region):
                return None
        what = f"the policy of {place}"
        if last < len(chain.rules):
            what = world.where(chain.rules[last])
        message = (
            f"without it, {what} would {rule.action.verdict} the same packets: "
            "the rule can be removed"
        )
        return about_rule("redundant", rule, message, seen.lines)

    def _next(self, chain: Chain, number: int, rule: Rule, seen: Seen, built: BuiltChain) -> int:
        """The number of the rule that would decide the packet in place of this one.

        That of the rule itself if another one fares otherwise with it; beyond the last one if the
        policy would decide.
        """
        for other in self._met_after(number, built, seen):
            after = chain.rules[other]
            if is_plain(after) and _same(rule, after):
                return other
            return number
        return len(chain.rules)

    def _met_after(self, number: int, built: BuiltChain, seen: Seen) -> Iterator[int]:
        decision = seen.decision
        packet, info = decision.packet, decision.info
        if built.table == "raw":
            from firewalld_py.pipeline import BEFORE_TRACKING as info  # noqa: PLC0415, N811

        def is_met(rule: BuiltRule) -> bool:
            return rule.is_met(packet, info, decision.mark)

        if built.classifier is None:
            numbers: list[int] = list(range(number + 1, len(built.rules)))
        else:
            found = built.classifier.candidates(packet, info)
            numbers = _numbers(built.classifier.crowd(packet, info)) if found is None else found
        for other in numbers:
            if other > number and is_met(built.rules[other]):
                yield other

    def _is_unlike(self, rule: Rule, other: Rule, region: Region) -> bool:
        """Whether another rule may do anything else than this one with packets of its region.

        One that nobody meets may be met without this one.
        """
        if is_plain(other) and _same(rule, other):
            return False
        return not self._world.places.region(other).apart(region)


_REMOVABLE: Final = ("accept", "drop", "reject", "notrack")


def _is_caution(rule: Rule, region: Region) -> bool:
    """Whether a rule drops INVALID and nothing else: many begin with it, whatever comes behind."""
    return (
        rule.action.verdict == "drop"
        and region.fields is not None
        and region.fields[STATE] == ((INVALID, INVALID),)
    )


def _same(one: Rule, other: Rule) -> bool:
    """Whether two rules give the same verdict, and answer alike."""
    return one.action.verdict == other.action.verdict and one.action.reject == other.action.reject


def _end_of(chain: Chain) -> str:
    """What becomes of packets that no rule decides; in raw they go on, as if accepted."""
    return "accept" if chain.table == "raw" else chain.policy


def _numbers(octets: bytes) -> list[int]:
    return [
        at * 8 + bit for at, octet in enumerate(octets) if octet for bit in range(8)
        if octet >> bit & 1
    ]  # fmt: skip
