"""Numbers with an extent: ranges, and values of which only some bits count."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.shapes import Number, Text, reads
from firewalld_py.policy.values import unexpected

_RANGE: Final = re.compile(r"([0-9]+) ?[-:] ?([0-9]*)")
_COMPARED: Final = re.compile(r"(<=|<|>=|>) ?(0|[1-9][0-9]{0,17})")
_BITS: Final = re.compile(r"0[xX][0-9a-fA-F]{1,8}|0|[1-9][0-9]{0,9}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}")


def number_range(low: int, high: int, expected: str) -> Callable[[str], tuple[int, int]]:
    """A converter for numbers from `low` to `high`: `5`, `5-9`, and `5-`, which ends at `high`."""

    def number(text: str, whole: str) -> int:
        if not _NUMBER.fullmatch(text):
            raise unexpected(expected, whole)
        if not low <= int(text) <= high:
            raise Fault(f"numbers here go from {low} to {high}, found {quoted(whole)}")
        return int(text)

    @reads(Number(low, high), Text(f"^{_RANGE.pattern}$"))
    def convert(text: str) -> tuple[int, int]:
        compared = _COMPARED.fullmatch(text)
        if compared is not None:
            raise unexpected(expected, text, _as_range(compared[1], int(compared[2]), low))
        match = _RANGE.fullmatch(text)
        if match is None:
            only = number(text, text)
            return only, only
        first = number(match[1], text)
        last = number(match[2], text) if match[2] else high
        if first > last:
            raise Fault(f"range {quoted(text)} is upside down", f"{last}-{first}")
        return first, last

    return convert


def _as_range(sign: str, number: int, low: int) -> str:
    """What a comparison is as a range; "" if it is none."""
    if sign.startswith(">"):
        return f"{number + (sign == '>')}-"
    last = number - (sign == "<")
    return f"{low}-{last}" if last >= low else ""


def number_with_mask(high: int, expected: str) -> Callable[[str], tuple[int, int]]:
    """A converter for VALUE or VALUE/MASK, decimal or hexadecimal; `high` has all bits set."""

    def bits(text: str, whole: str) -> int:
        if not _BITS.fullmatch(text):
            raise unexpected(expected, whole)
        number = int(text, 0)
        if number > high:
            raise Fault(f"numbers here go from 0 to {high}, found {quoted(whole)}")
        return number

    @reads(Number(0, high), Text(f"^(?:{_BITS.pattern})(?:/(?:{_BITS.pattern}))?$"))
    def convert(text: str) -> tuple[int, int]:
        value_text, slash, mask_text = text.partition("/")
        value = bits(value_text, text)
        mask = bits(mask_text, text) if slash else high
        if value & ~mask:
            raise Fault(
                f"{quoted(text)} has bits outside of its mask", f"{value & mask:#x}/{mask:#x}"
            )
        return value, mask

    return convert
