"""What is printed at the end, and written as JSON: figures, and ratios beside the design's goals.

A goal stands beside its ratio; whether it is reached is for the reader to see, with the spread.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.rounds import Samples, Spread, ratio, spread

WIDTH: Final = 66


@dataclass(frozen=True, slots=True)
class Figure:
    """One contestant's samples."""

    what: str
    unit: str
    samples: list[float]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One contestant by another, and what the design wants of it ("" for nothing)."""

    what: str
    value: Spread
    goal: str


@dataclass(frozen=True, slots=True)
class Section:
    """One measure: what it was, its figures and its ratios."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)

    def add(self, samples: Samples, unit: str) -> None:
        """Take in figures."""
        self.figures.extend(Figure(name, unit, values) for name, values in samples.items())

    def compare(
        self, samples: Samples, name: str, against: str, goal: str = "", label: str = ""
    ) -> None:
        """Take in a ratio of two of them, called "name / against" unless it has a label."""
        value = ratio(samples, name, against)
        self.ratios.append(Ratio(label or f"{name} / {against}", value, goal))


def table(sections: list[Section]) -> str:
    """All sections as text: median and, of several rounds, (lowest - highest)."""
    lines: list[str] = []
    for section in sections:
        lines += ["", section.title, "-" * len(section.title)]
        lines += [_row(f.what, spread(f.samples), f.unit) for f in section.figures]
        if section.ratios:
            lines.append("  ratios, round by round:")
        for one in section.ratios:
            goal = f"goal {one.goal}" if one.goal else ""
            lines.append(_row(one.what, one.value, goal))
    return "\n".join(lines)


def _row(what: str, value: Spread, after: str) -> str:
    around = f"({number(value.low)} - {number(value.high)})" if value.low != value.high else ""
    return f"  {what:<{WIDTH}} {number(value.median):>9} {around:<21} {after}".rstrip()


def number(value: float) -> str:
    """Three digits that count, or all before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return (
        f"{value:.1f}"
        if abs(value) >= 10
        else f"{value:.2f}"
        if abs(value) >= 0.1
        else f"{value:.2g}"
    )


def machine() -> dict[str, Any]:
    """Where this was measured, and how busy it was when asked (load average of a minute)."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "kernel": platform.release(),
        "python": platform.python_version(),
        "cpu": models[0] if models else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
    }


def write_json(path: str, before: dict[str, Any], sections: list[Section]) -> None:
    """Write every sample of every round."""
    data = {"machine": before, "sections": [asdict(section) for section in sections]}
    Path(path).write_text(json.dumps(data, indent=1) + "\n")
