"""What is known of each kind of target: how the plan has it, its words, and where it may stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from firewalld_py.policy.model import Mark, Target

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


KINDS: Final[dict[str, Kind]] = {
    "mark": Kind(_encode_mark, _mark_text),
    "connmark": Kind(_encode_mark, _mark_text, of_connection=True),
    "label": Kind(list, _labels_text, of_connection=True),
}


def plan_of(target: Target) -> list[object]:
    """A target as the plan has it."""
    return [target.kind, KINDS[target.kind].encode(target.value)]


def text_of_target(target: Target) -> str:
    """A target in the words of the rule file."""
    return f"{target.kind} {KINDS[target.kind].text(target.value)}"
