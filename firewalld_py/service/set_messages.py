"""The sets of a plan on their way to a worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from firewalld_py.rules.build import plan_sets
from firewalld_py.service.messages import SetPart

ELEMENTS_PER_PART: Final = 500  # a worker takes in that many in less than a millisecond


def declarations(plan: dict[str, Any]) -> list[Any]:
    """What RulesBegin says of the sets: all but their elements."""
    return [
        [name, {key: value for key, value in data.items() if key != "elements"}]
        for name, data in plan_sets(plan).items()
    ]


def set_parts(generation: int, plan: dict[str, Any]) -> Iterator[SetPart]:
    """The static elements, some at a time: a worker takes them in between two batches."""
    for name, data in plan_sets(plan).items():
        for size, text in data["elements"]:
            records = bytes.fromhex(text)
            step = ELEMENTS_PER_PART * (size + len(data["type"]))
            for at in range(0, len(records), step):
                yield SetPart(generation, name, size, records[at : at + step])
