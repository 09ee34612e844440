"""One rule of another firewall while it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from firewalld_py.imports.conditions import (
    MAX_ALTERNATIVES,
    AskedTwice,
    Conditions,
    NotExpressible,
    Words,
    all_others,
    conjoined,
)
from firewalld_py.imports.steps import Source
from firewalld_py.policy.matches_rate import RATE_KINDS
from firewalld_py.policy.model import Action, Target

# Conditions that count packets, in the order in which ours are asked, behind all others.
COUNTING: Final = ("connections", "recent", *RATE_KINDS)


@dataclass(slots=True)
class Segment:
    """Conditions as one rule of ours can ask them: alternatives, then those that count packets."""

    alternatives: list[Conditions]
    counting: Conditions = field(default_factory=dict)


class Ruling:
    """One rule while it is read: what it asks for, its target, and what cannot be expressed.

    What stands behind a condition that counts packets is a segment of its own: only what the one
    before lets through may come to it. So is what one rule of ours cannot ask at once.
    """

    def __init__(self, family: int, table: str, source: Source) -> None:
        self.family = family
        self.table = table
        self.source = source
        self.segments = [Segment([{}])]
        self.limit: tuple[str, int] | None = None
        self.name = ""
        self.target = ""
        self.is_done = False  # nothing can be asked any more
        self.opens: bool | None = None  # left out, whether it lets pass what was kept out
        self.action = Action()  # what it does beside leading to `target`, if that is read already
        self.goes = False  # -g: it does not come back to this chain
        self.options: dict[str, list[str]] = {}
        self.faults: list[NotExpressible] = []
        self.notes: list[str] = []
        self.nearly: list[str] = []  # what is not quite the same here
        self.shares = ""  # the name of a count that other rules may have, too

    @property
    def leaves(self) -> bool:
        """Whether packets leave the chain by it."""
        return self.goes or self.target == "RETURN"

    def copy(self) -> Ruling:
        """Another one that does nothing, with the same conditions but for those that count."""
        other = Ruling(self.family, self.table, self.source._replace(counters=None))
        other.segments = [Segment(list(one.alternatives)) for one in self.segments]
        other.name = self.name
        other.nearly = self.nearly
        return other

    def note(self, text: str) -> None:
        """Tell above the rule what was changed."""
        if text not in self.notes:
            self.notes.append(text)

    def almost(self, text: str) -> None:
        """Tell what is not quite the same here, above the rule and at the end."""
        if text not in self.nearly:
            self.nearly.append(text)

    def ask(self, alternatives: Iterable[Conditions]) -> None:
        """Conjoin with alternatives of which no two match the same packet."""
        if self.segments[-1].counting:
            self.segments.append(Segment([{}]))
        self._check_done()
        choices = list(alternatives)
        try:
            self._conjoin(self.segments[-1], choices)
        except AskedTwice:
            self.segments.append(Segment([{}]))
            self._conjoin(self.segments[-1], choices)

    def ask_once(self, conditions: Conditions) -> None:
        """Conjoin with conditions, unless they were asked for before."""
        for segment in self.segments:
            if all(conjoined(one, conditions) == one for one in segment.alternatives):
                return
        self.ask([conditions])

    def _conjoin(self, segment: Segment, choices: list[Conditions]) -> None:
        found = [
            both
            for own in segment.alternatives
            for choice in choices
            if (both := conjoined(own, choice)) is not None
        ]
        if len(found) > MAX_ALTERNATIVES:
            raise NotExpressible("it would become too many rules")
        segment.alternatives = found

    def ask_for(self, conditions: Conditions, *, negated: bool) -> None:
        """Conjoin with the conditions or their inverse."""
        self.ask(all_others([conditions]) if negated else [conditions])

    def count(self, key: str, text: str, *, negated: bool) -> None:
        """Ask one of COUNTING, `text` being its value in YAML."""
        self._check_done()
        segment = self.segments[-1]
        if any(COUNTING.index(other) >= COUNTING.index(key) for other in segment.counting):
            segment = Segment([{}])
            self.segments.append(segment)
        segment.counting[key] = Words("", (text,)) if negated else Words(text)

    def do(self, target: Target) -> None:
        """What iptables does between two matches."""
        self.action = replace(self.action, targets=(*self.action.targets, target))
        self.is_done = True

    def _check_done(self) -> None:
        if self.is_done:
            raise NotExpressible("what is asked behind it is asked before it here")

    def count_limit(self, rate: str, burst: int) -> None:
        """Ask for a plain limit, which the rule's log line may have by itself."""
        self.count("limit", f"{{rate: {rate}, burst: {burst}}}", negated=False)
        self.limit = (rate, burst)

    def take_limit(self) -> tuple[str, int] | None:
        """Take the plain limit away if it stands last."""
        last = self.segments[-1].counting
        if self.limit is None or not last or list(last)[-1] != "limit" or len(self.segments) > 1:
            return None
        del last["limit"]
        return self.limit

    def problem(self) -> NotExpressible | None:
        """All that is wrong with it, in one."""
        if not self.faults:
            return None
        reasons = dict.fromkeys(fault.reason for fault in self.faults)
        advice = dict.fromkeys(fault.advice for fault in self.faults if fault.advice)
        return NotExpressible("; ".join(reasons), "; ".join(advice))
