"""What is known of each kind of target: how the plan has it, its words, and where it may stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from firewalld_py.policy.model import Mark, MarkCopy, Recent, SetTarget, Target

_ALL_BITS: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Kind:
    """`encode` gives the plan's value, `text` its words behind the name.

    `of_connection`: what it changes is the packet's connection, which raw does not know.
    """

    encode: Callable[[Any], object] | None
    text: Callable[[Any], str]
    of_connection: bool = False
    repeats: bool = False


def _encode_mark(mark: Mark) -> list[int]:
    return [mark.value, mark.mask]


def _mark_text(mark: Mark) -> str:
    if mark.way == "and":
        return f"and {_ALL_BITS ^ mark.mask:#x}"
    if mark.way in ("or", "xor"):
        return f"{mark.way} {mark.value:#x}"
    mask = "" if mark.mask == _ALL_BITS else f"/{mark.mask:#x}"
    return f"{mark.value:#x}{mask}"


def _encode_copy(copy: MarkCopy) -> list[int]:
    return [copy.nfmask, copy.ctmask]


def _copy_text(copy: MarkCopy) -> str:
    if copy.nfmask == copy.ctmask:
        return "" if copy.nfmask == _ALL_BITS else f"{copy.nfmask:#x}"
    return f"nfmask {copy.nfmask:#x} ctmask {copy.ctmask:#x}"


def _recent_text(recent: Recent) -> str:
    return f"{recent.list} (dst)" if recent.of_destination else recent.list


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
    "connmark_save": Kind(_encode_copy, _copy_text, of_connection=True, repeats=True),
    "connmark_restore": Kind(_encode_copy, _copy_text, of_connection=True, repeats=True),
    "count": Kind(str, str, repeats=True),
    "recent_set": Kind(None, _recent_text, repeats=True),
    "recent_remove": Kind(None, _recent_text, repeats=True),
    "label": Kind(list, _labels_text, of_connection=True),
    "add": Kind(_encode_add, _add_text, repeats=True),
    "remove": Kind(_encode_remove, _remove_text, repeats=True),
}


def plan_of(target: Target) -> list[object]:
    """A target as the plan has it."""
    encode = KINDS[target.kind].encode
    assert encode is not None, target.kind
    return [target.kind, encode(target.value)]


def text_of_target(target: Target) -> str:
    """A target in the words of the rule file."""
    name = target.kind
    if isinstance(target.value, MarkCopy):
        name = name.replace("_", " ")  # it is written below connmark
    return f"{name} {KINDS[target.kind].text(target.value)}".rstrip()


def may_follow(target: Target, earlier: list[Target]) -> bool:
    """Whether a rule may do this as well: two values for the same are one too many.

    Bits may be changed as often as one likes; what is copied or counted has to differ.
    """
    if isinstance(target.value, Mark) and target.value.way != "set":
        return True
    same = [other for other in earlier if other.kind == target.kind]
    if KINDS[target.kind].repeats:
        return target not in same
    return not any(not isinstance(one.value, Mark) or one.value.way == "set" for one in same)
