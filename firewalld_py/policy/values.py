"""What a text means in any field: numbers, words, truth, rates, durations.

Every function takes the text as it stands in the file and raises Fault when it cannot read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.names import LEVELS
from firewalld_py.policy.shapes import Choice, Number, Text, Truth, reads

RATE: Final = "a rate as NUMBER/UNIT (10/second; units: second, minute, hour, day)"
DURATION: Final = "a time in seconds (30) or with units (5m, 1h30m, 5d)"

NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_RATE: Final = re.compile(r"([1-9][0-9]{0,6}) ?/ ?([a-z]+)")
_DURATION: Final = re.compile(
    r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?"
)
_RATE_UNITS: Final = {
    "second": 1, "sec": 1, "s": 1,
    "minute": 60, "min": 60, "m": 60,
    "hour": 3600, "h": 3600,
    "day": 86400, "d": 86400,
}  # fmt: skip


def unexpected(expected: str, text: str, meant: str = "") -> Fault:
    """The Fault for a text that is not what is expected; knows the habits of other tools."""
    if text.startswith("!"):
        return Fault(
            f"expected {expected}, found {quoted(text)}; to negate, put the key under not:"
        )
    if "," in text:
        meant = f"[{', '.join(part.strip() for part in text.split(','))}]"
    return Fault(f"expected {expected}, found {quoted(text)}", meant)


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A converter for decimal numbers from `low` to `high`."""

    @reads(Number(low, high))
    def convert(text: str) -> int:
        if not NUMBER.fullmatch(text) or not low <= int(text) <= high:
            raise unexpected(f"a number from {low} to {high}", text)
        return int(text)

    return convert


def word(words: Iterable[str]) -> Callable[[str], str]:
    """A converter for one of the given words."""
    known = tuple(words)
    expected = f"one of {', '.join(known)}"

    @reads(Choice(known))
    def convert(text: str) -> str:
        if text not in known:
            raise unexpected(expected, text, nearest(text, known))
        return text

    return convert


def named(
    numbers: Mapping[str, int], expected: str, *, any_case: bool = False
) -> Callable[[str], int]:
    """A converter for one of the given names into its number."""

    @reads(Choice(tuple(numbers), any_case))
    def convert(text: str) -> int:
        number = numbers.get(text.lower() if any_case else text)
        if number is None:
            raise unexpected(expected, text, nearest(text, numbers))
        return number

    return convert


@reads(Truth())
def truth(text: str) -> bool:
    """true/false, on/off, yes/no."""
    lower = text.lower()
    if lower in ("true", "on", "yes"):
        return True
    if lower in ("false", "off", "no"):
        return False
    raise unexpected("true or false", text, nearest(text, ("true", "false")))


_level_name: Final = named(LEVELS, f"a syslog level ({', '.join(LEVELS)}, or 0-7)")


@reads(Choice(tuple(LEVELS)), Number(0, 7))
def level(text: str) -> int:
    """A syslog severity by name or number."""
    if re.fullmatch("[0-7]", text):
        return int(text)
    return _level_name(text)


@reads(Text(f"^[1-9][0-9]{{0,6}} ?/ ?(?:{'|'.join(_RATE_UNITS)})$"))
def rate(text: str) -> float:
    """Events per second."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise unexpected(RATE, text, f"{text}/second" if NUMBER.fullmatch(text) else "")
    seconds = _RATE_UNITS.get(match[2])
    if seconds is None:
        near = nearest(match[2], ("second", "minute", "hour", "day"))
        raise unexpected(RATE, text, f"{match[1]}/{near}" if near else "")
    return int(match[1]) / seconds


def duration(low: int, high: int) -> Callable[[str], int]:
    """A converter for times into whole seconds from `low` to `high`."""

    @reads(Number(low, high), Text(f"^(?=.){_DURATION.pattern}$"))
    def convert(text: str) -> int:
        if NUMBER.fullmatch(text):
            seconds = int(text)
        else:
            match = _DURATION.fullmatch(text)
            if match is None or not text:
                raise unexpected(DURATION, text)
            days, hours, minutes, rest = (int(part or 0) for part in match.groups())
            seconds = days * 86400 + hours * 3600 + minutes * 60 + rest
        if not low <= seconds <= high:
            raise Fault(f"expected a time from {low} to {high} seconds, found {quoted(text)}")
        return seconds

    return convert


def plain_text(longest: int) -> Callable[[str], str]:
    """A converter for a text of 1 to `longest` printable characters."""

    @reads(Text(r"^[^\x00-\x1f]*[^\x00-\x1f\s][^\x00-\x1f]*$", longest, plain=True))
    def convert(text: str) -> str:
        if not text.strip():
            raise Fault("expected a text, found an empty one")
        if len(text) > longest:
            raise Fault(f"expected at most {longest} characters, found {len(text)}")
        if not text.isprintable():
            raise Fault(f"expected one line of printable characters, found {quoted(text)}")
        return text

    return convert
