"""The values of nftables' expressions as numbers, ranges of them, and alternatives."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final

from firewalld_py.imports.conditions import NotExpressible, Numbers, numbers
from firewalld_py.imports.nft_file import Json
from firewalld_py.imports.nft_text import value_text

MAX_ELEMENTS: Final = 100_000
MAX_DEPTH: Final = 8  # of values in values

# One value as a range of numbers.
Span = tuple[int, int]
ToNumber = Callable[[Json], int]


def elements(value: Json, sets: dict[str, Json]) -> list[Json]:
    """The elements of a set, named or not; a value that is none stands for itself."""
    if isinstance(value, str) and value.startswith("@"):
        named = sets.get(value[1:])
        if named is None:
            raise NotExpressible(f"there is no set {value}")
        found = named.get("elem", []) if isinstance(named, dict) else None
        if "dynamic" in _flags(named) or "timeout" in _flags(named):
            raise NotExpressible(f"the elements of {value} change: they are not in this file")
    elif isinstance(value, dict) and len(value) == 1 and "set" in value:
        found = value["set"]
    else:
        return [value]
    if not isinstance(found, list) or len(found) > MAX_ELEMENTS:
        raise NotExpressible(f"{value_text(value)[:60]} is no set that can be read")
    return [_plain(one) for one in found]


def _flags(named: dict[str, Json]) -> list[str]:
    flags = named.get("flags", [])
    return flags if isinstance(flags, list) else [str(flags)]


def _plain(one: Json) -> Json:
    """An element without its comment, counter and the like."""
    if isinstance(one, dict) and isinstance(one.get("elem"), dict):
        return one["elem"].get("val")
    return one


def bits_of(value: Json, to_number: ToNumber, depth: int = 0) -> int:
    """One value, or several of which each is a bit: syn, [syn, ack], {"|": [syn, ack]}."""
    if isinstance(value, dict) and list(value) == ["|"] and isinstance(value["|"], list):
        value = value["|"]
    if not isinstance(value, list) or depth > MAX_DEPTH:
        return to_number(value)
    bits = 0
    for one in value:
        bits |= bits_of(one, to_number, depth + 1)
    return bits


def whole(value: Json) -> int:
    """A number; a text with one is one, too."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise NotExpressible(f"{value_text(value)[:60]} is no number")
    try:
        return int(str(value), 0)
    except ValueError:
        raise NotExpressible(
            f"{value[:60] if isinstance(value, str) else value} is no number"
        ) from None


def by_name(names: dict[str, int], what: str) -> ToNumber:
    """Reads a name of a few, or a number."""

    def read(value: Json) -> int:
        if isinstance(value, str) and value in names:
            return names[value]
        if isinstance(value, str) and not value[:1].isdigit():
            raise NotExpressible(f"there is no {what} {value[:60]} in our language")
        return whole(value)

    return read


def address(version: int) -> ToNumber:
    """Reads an address of an IP version."""

    def read(value: Json) -> int:
        try:
            found = ipaddress.ip_address(value if isinstance(value, str) else "")
        except ValueError:
            raise NotExpressible(f"{value_text(value)[:60]} is no address") from None
        if found.version != version:
            raise NotExpressible(f"{found} is no IPv{version} address")
        return int(found)

    return read


def span(value: Json, to_number: ToNumber, top: int) -> Span:
    """A value, a range or a prefix."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, body),) = value.items()
        if kind == "range" and isinstance(body, list) and len(body) == 2:
            return to_number(body[0]), to_number(body[1])
        if kind == "prefix" and isinstance(body, dict):
            length, bits = whole(body.get("len")), top.bit_length()
            if 0 <= length <= bits:
                host = (1 << bits - length) - 1
                low = to_number(body.get("addr")) & ~host
                return low, low | host
    number = to_number(value)
    return number, number


def part(
    operator: str, right: Json, to_number: ToNumber, top: int, sets: dict[str, Json]
) -> Numbers:
    """The numbers up to `top` that a comparison lets through; no range at all if none."""
    if operator in ("<", "<=", ">", ">="):
        number = to_number(right)
        low, high = {
            "<": (0, number - 1),
            "<=": (0, number),
            ">": (number + 1, top),
            ">=": (number, top),
        }[operator]
        spans = [(max(low, 0), min(high, top))]
    elif operator in ("==", "!=", "in"):
        spans = [span(one, to_number, top) for one in elements(right, sets)]
    else:
        raise NotExpressible(f"the comparison {operator} has no like here")
    within = [(max(low, 0), min(high, top)) for low, high in spans]
    found = numbers([one for one in within if one[0] <= one[1]], top)
    return Numbers(found.others(), top) if operator == "!=" else found
