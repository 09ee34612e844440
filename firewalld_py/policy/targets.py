"""What is known of each kind of target: how the plan has it, its words, and where it may stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from firewalld_py.policy.model import Mark, SetTarget, Target

_ALL_BITS: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Kind:
    """`encode` gives the plan's value, `text` its words behind the name.

    `of_connection`: what it changes is the packet's connection, which raw does not know.
    """

    encode: Callable[[Any], object]
    text: Callable[[Any], str]
    of_connection: bool = False


def _encode_mark(mark: Mark) -> list[int]:
    return [mark.value, mark.mask]


def _mark_text(mark: Mark) -> str:
    mask = "" if mark.mask == _ALL_BITS else f"/{mark.mask:#x}"
    return f"{mark.value:#x}{mask}"


def _labels_text(labels: tuple[int, ...]) -> str:
    return ", ".join(str(number) for number in labels)


def _encode_add(target: SetTarget) -> list[object]:
    return [target.name, list(target.of), target.lifetime]


def _encode_remove(target: SetTarget) -> list[object]:
    return [target.name, list(target.of)]


def _add_text(target: SetTarget) -> str:
    lifetime = "" if target.lifetime is None else f" for {duration_text(target.lifetime)}"
    return f"{', '.join(target.of)} to set {target.name}{lifetime}"


def _remove_text(target: SetTarget) -> str:
    return f"{', '.join(target.of)} from set {target.name}"


def duration_text(seconds: int) -> str:
    """A time as one would write it; 0 is for ever."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s" if seconds else "ever"


KINDS: Final[dict[str, Kind]] = {
    "mark": Kind(_encode_mark, _mark_text),
    "connmark": Kind(_encode_mark, _mark_text, of_connection=True),
    "label": Kind(list, _labels_text, of_connection=True),
    "add": Kind(_encode_add, _add_text),
    "remove": Kind(_encode_remove, _remove_text),
}


def plan_of(target: Target) -> list[object]:
    """A target as the plan has it."""
    return [target.kind, KINDS[target.kind].encode(target.value)]


def text_of_target(target: Target) -> str:
    """A target in the words of the rule file."""
    return f"{target.kind} {KINDS[target.kind].text(target.value)}"
