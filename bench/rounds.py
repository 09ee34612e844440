"""Rounds in turn, and ratios within a round: what a noisy machine does to one, it does to all."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Samples = dict[str, list[float]]
Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, lowest and highest of some samples."""

    median: float
    low: float
    high: float


def spread(samples: Sequence[float]) -> Spread:
    """Sum up samples; ValueError for none."""
    if not samples:
        raise ValueError("no samples: there was no round")
    return Spread(statistics.median(samples), min(samples), max(samples))


def take_turns(
    contestants: dict[str, Callable[[], Measured]], rounds: int
) -> dict[str, list[Measured]]:
    """Measure each contestant once a round; A B, B A, A B, so that none is always the first."""
    samples: dict[str, list[Measured]] = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants) if number % 2 == 0 else list(reversed(contestants))
        for name in names:
            samples[name].append(contestants[name]())
    return samples


def ratio(samples: Samples, name: str, against: str) -> Spread:
    """How many times the other one's figure it is, round by round.

    A round in which the other one's figure was zero says nothing; NaN if all were such.
    """
    pairs = zip(samples[name], samples[against], strict=True)
    ratios = [one / other for one, other in pairs if other > 0]
    return spread(ratios) if ratios else Spread(math.nan, math.nan, math.nan)


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that `share` (0 to 1) of all samples do not exceed (nearest rank)."""
    if not samples:
        raise ValueError("no samples: there was no round")
    ordered = sorted(samples)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]
