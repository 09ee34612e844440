"""One sequence before both judges, and where they differ."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.differential.departures import departure
from tests.differential.describe import is_fragment, protocol_name
from tests.differential.entries import Difference, difference
from tests.differential.ours import OurJudge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.differential.answer import Answer
    from tests.differential.kernel import KernelJudge
    from tests.differential.sequence import Sequence


HELD: Final = "no answer"


@dataclass(frozen=True, slots=True)
class Judged:
    """One packet with both answers, None if tracking does not see it.

    The kernel drops some packets long before, and keeps fragments until their datagram is whole.

    `reason` and `table` are ours, and explain; `forwarded` says whether the kernel sent it on.
    """

    data: bytes
    note: str
    kernel: Answer | None
    ours: Answer | None
    reason: str
    table: str
    forwarded: bool

    @property
    def differs(self) -> bool:
        """Whether it was not judged alike."""
        return self.kernel != self.ours

    def kind(self) -> str:
        """The class of a disagreement: protocol, what the kernel says, what we say and why."""
        version = self.data[0] >> 4
        ours = f"{self.ours or HELD} {self.reason}".strip()
        kernel = self.kernel or HELD
        return f"IPv{version} {protocol_name(self.data)}: kernel {kernel}, ours {ours}"


@dataclass(slots=True)
class Outcome:
    """What became of a sequence. Disagreements are places in it, the known ones apart, by name.

    `versions` counts the judged packets by IP version. `followed` counts those that differ behind
    the first: the two tables are not the same any more. `tables` is set where all packets were
    judged alike, but not the same is remembered of them.
    """

    sequence: Sequence
    judged: int = 0
    not_judged: int = 0
    versions: dict[int, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    differing: int | None = None
    differing_kind: str = ""
    followed: int = 0
    tables: Difference | None = None
    departures: dict[str, int] = field(default_factory=dict)


def compare(
    kernel: KernelJudge,
    sequence: Sequence,
    make_ours: Callable[[Mapping[str, int]], OurJudge] = OurJudge,
) -> Outcome:
    """Send the sequence through both; the first disagreement is told, those behind it counted."""
    outcome = Outcome(sequence)
    kernel.flush()
    kernel.use(sequence.switches)
    ours = make_ours(sequence.switches)
    clock = time.monotonic
    for place, sent in enumerate(sequence.packets):
        said, forwarded = kernel.judge(sent.data)
        if said is None and not is_fragment(sent.data):
            outcome.not_judged += 1
            continue
        answer = ours.judge(sent.data, clock(), accept=forwarded or said is None)
        outcome.judged += 1
        version = sent.data[0] >> 4
        outcome.versions[version] = outcome.versions.get(version, 0) + 1
        key = str(said or HELD)
        outcome.answers[key] = outcome.answers.get(key, 0) + 1
        if said == answer:
            continue
        judged = Judged(sent.data, sent.note, said, answer, ours.reason(), "", forwarded)
        known = said and answer and departure(ours.protocol(), said, answer, sequence.switches)
        if known:
            outcome.departures[known] = outcome.departures.get(known, 0) + 1
        elif outcome.differing is None:
            outcome.differing = place
            outcome.differing_kind = judged.kind()
        else:
            outcome.followed += 1
    if outcome.differing is None and not outcome.departures:
        _compare_tables(kernel, ours, outcome)
    return outcome


def _compare_tables(kernel: KernelJudge, ours: OurJudge, outcome: Outcome) -> None:
    """The end of a sequence whose packets were judged alike: are the tables alike too?"""
    found = difference(kernel.entries(), ours.entries())
    if found is None:
        return
    outcome.differing = len(outcome.sequence.packets) - 1
    outcome.differing_kind = found.kind
    outcome.tables = found


def history(kernel: KernelJudge, sequence: Sequence) -> list[Judged]:
    """Every packet of the sequence with both answers and what our table holds afterwards."""
    kernel.flush()
    kernel.use(sequence.switches)
    ours = OurJudge(sequence.switches)
    lines = []
    for sent in sequence.packets:
        said, forwarded = kernel.judge(sent.data)
        if said is None and not is_fragment(sent.data):
            lines.append(Judged(sent.data, sent.note, None, None, "", "", forwarded))
            continue
        answer = ours.judge(sent.data, time.monotonic(), accept=forwarded or said is None)
        reason, table = ours.reason(), ours.table()
        lines.append(Judged(sent.data, sent.note, said, answer, reason, table, forwarded))
    return lines
