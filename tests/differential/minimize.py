"""The fewest packets that still show a disagreement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.differential.compare import compare
from tests.differential.ours import OurJudge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.differential.kernel import KernelJudge
    from tests.differential.sequence import Sequence


def minimize(
    kernel: KernelJudge,
    sequence: Sequence,
    make_ours: Callable[[Mapping[str, int]], OurJudge] = OurJudge,
) -> Sequence:
    """Drop packets, in ever smaller runs, as long as the disagreement of its class is still there.

    The last packet is the one that is judged differently, unless it is the tables that differ. A
    sequence without a disagreement comes back as it is.
    """
    outcome = compare(kernel, sequence, make_ours)
    if outcome.differing is None:
        return sequence
    kind = outcome.differing_kind
    sequence = sequence.with_packets(sequence.packets[: outcome.differing + 1])

    def still_differs(candidate: Sequence) -> bool:
        found = compare(kernel, candidate, make_ours)
        last = len(candidate.packets) - 1
        return found.differing == last and found.differing_kind == kind

    kept = 1 if outcome.tables is None else 0
    run = max(len(sequence.packets) // 2, 1)
    while True:
        shorter = _without_runs(sequence, run, kept, still_differs)
        if run == 1 and len(shorter.packets) == len(sequence.packets):
            return shorter
        sequence = shorter
        run = max(run // 2, 1)


def _without_runs(
    sequence: Sequence, run: int, kept: int, still_differs: Callable[[Sequence], bool]
) -> Sequence:
    """Drop every run of this length that can be spared, from the end on, not the last `kept`."""
    at = len(sequence.packets) - kept - run
    while at > -run:
        begin = max(at, 0)
        packets = sequence.packets[:begin] + sequence.packets[at + run :]
        candidate = sequence.with_packets(packets)
        if still_differs(candidate):
            sequence = candidate
        at -= run
    return sequence
