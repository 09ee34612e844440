"""Rules without which every packet fares the same.

A packet is known that meets the rule. What would become of it without the rule is asked first,
which clears most rules; of the others it is proved that no rule behind them does anything else with
any of their packets before one does the same with all of them, or the policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from firewalld_py.pipeline import BEFORE_TRACKING
from firewalld_py.policy.findings import Finding, about_rule
from firewalld_py.policy.lint_reach import Reached
from firewalld_py.policy.lint_world import Seen, World, is_plain, is_same
from firewalld_py.policy.model import Chain, Rule
from firewalld_py.policy.region import STATE, Region
from firewalld_py.policy.witness import INVALID
from firewalld_py.rules.chain import Chain as BuiltChain
from firewalld_py.rules.rule import Rule as BuiltRule

_REMOVABLE: Final = ("accept", "drop", "reject", "notrack")


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
            if is_plain(after) and is_same(rule, after):
                return other
            return number
        return len(chain.rules)

    def _met_after(self, number: int, built: BuiltChain, seen: Seen) -> Iterator[int]:
        decision = seen.decision
        packet, info = decision.packet, decision.info
        if built.table == "raw":
            info = BEFORE_TRACKING

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
        if is_plain(other) and is_same(rule, other):
            return False
        return not self._world.places.region(other).apart(region)


def _is_caution(rule: Rule, region: Region) -> bool:
    """Whether a rule drops INVALID and nothing else: many begin with it, whatever comes behind."""
    return (
        rule.action.verdict == "drop"
        and region.fields is not None
        and region.fields[STATE] == ((INVALID, INVALID),)
    )


def _end_of(chain: Chain) -> str:
    """What becomes of packets that no rule decides; in raw they go on, as if accepted."""
    return "accept" if chain.table == "raw" else chain.policy


def _numbers(octets: bytes) -> list[int]:
    return [
        at * 8 + bit for at, octet in enumerate(octets) if octet for bit in range(8)
        if octet >> bit & 1
    ]  # fmt: skip
