"""The sum of many comparisons: how many agree, and which classes of disagreement there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.differential.departures import DEPARTURES

if TYPE_CHECKING:
    from tests.differential.compare import Outcome
    from tests.differential.sequence import Sequence


@dataclass(slots=True)
class Report:
    """What a run has found so far. `first` holds the first sequence of each class."""

    sequences: int = 0
    judged: int = 0
    not_judged: int = 0
    differing: int = 0
    followed: int = 0
    versions: Counter[int] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    departures: Counter[str] = field(default_factory=Counter)
    first: dict[str, Sequence] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one sequence."""
        self.sequences += 1
        self.judged += outcome.judged
        self.not_judged += outcome.not_judged
        self.followed += outcome.followed
        self.versions.update(outcome.versions)
        self.answers.update(outcome.answers)
        self.departures.update(outcome.departures)
        if outcome.differing is not None:
            self.differing += 1
            self.kinds[outcome.differing_kind] += 1
            self.first.setdefault(outcome.differing_kind, outcome.sequence)

    def disagreements(self) -> int:
        """All packets that were not judged alike, and all tables that were not left alike."""
        return self.differing + self.followed

    def summary(self) -> str:
        """The one line that a run ends with: how much was compared, and what came of it."""
        departures = (f"{known.name} {self.departures[known.name]}" for known in DEPARTURES)
        return (
            f"{self.judged} packets judged ({self.versions[4]} IPv4, {self.versions[6]} IPv6): "
            f"{self.disagreements()} disagreements; named departures: {', '.join(departures)}"
        )

    def text(self) -> str:
        """The summary, disagreements by class, the most frequent first."""
        answers = ", ".join(f"{answer} {count}" for answer, count in self.answers.most_common())
        lines = [
            f"{self.judged} packets judged in {self.sequences} sequences,",
            f"{self.not_judged} that never came as far as tracking",
            f"the kernel said: {answers}",
        ]
        for known in DEPARTURES:
            if self.departures[known.name]:
                count = self.departures[known.name]
                lines.append(f"departure {known.name}, {count} times: {known.reason}")
        if not self.differing:
            lines.append("no disagreement")
            return "\n".join(lines)
        lines.append(
            f"{self.differing} sequences with a disagreement"
            f" ({self.followed} more packets differ behind the first); by class:"
        )
        lines += [f"{count:7d}  {kind}" for kind, count in self.kinds.most_common()]
        return "\n".join(lines)
