"""Packets that have what a set holds: an element of it, as regions know fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from firewalld_py.policy.interface_names import Elements, Interfaces, Parts
from firewalld_py.policy.model import Set
from firewalld_py.policy.names import PORT_PROTOCOLS
from firewalld_py.policy.ranges import Ranges, ranges_of
from firewalld_py.policy.region import DPORT, DST, IN, OUT, PROTO, SPORT, SRC, V6, Literal, Region
from firewalld_py.policy.set_elements import parts_of
from firewalld_py.policy.set_uses import SET_KIND
from firewalld_py.rules.set_elements import (
    ADDRESS,
    ANY_PROTOCOL,
    INTERFACE,
    PORT,
    kinds_of,
)

MAX_ELEMENTS: Final = 4  # of each size, that are tried
FIELDS: Final = {"src": SRC, "dst": DST, "sport": SPORT, "dport": DPORT, "in": IN, "out": OUT}
_PORTS: Final = ranges_of((number, number) for number in PORT_PROTOCOLS)


def elements_of(sets: Iterable[Set]) -> dict[str, list[Parts]]:
    """The first elements of each set by its name."""
    found: dict[str, list[Parts]] = {}
    for one in sets:
        kinds = kinds_of(list(one.type))
        for size, records in one.elements:
            whole = size + len(kinds)
            for at in range(0, min(len(records), MAX_ELEMENTS * whole), whole):
                element = records[at : at + size], records[at + size : at + whole]
                found.setdefault(one.name, []).append(tuple(parts_of(kinds, *element)))
    return found


def patterns_of_elements(elements: Elements) -> set[str]:
    """The interfaces that they name."""
    return {
        _pattern(octets, length)
        for several in elements.values()
        for parts in several
        for kind, octets, length in parts
        if kind == INTERFACE
    }


def _pattern(octets: bytes, length: int) -> str:
    name = octets.rstrip(b"\0").decode(errors="replace")
    return name if length == 8 * len(octets) else f"{name}*"


def with_elements(region: Region, interfaces: Interfaces) -> Region:
    """The region, with an element of each set that it asks for, where one is known."""
    for literal in sorted(region.others, key=repr):
        if literal[0] == SET_KIND and not literal[1]:
            region = _with_one(region, literal, interfaces)
    return region


def _with_one(region: Region, literal: Literal, interfaces: Interfaces) -> Region:
    name, *of = (str(word) for word in literal[2])  # type: ignore[union-attr]
    for parts in interfaces.elements.get(name, ()):
        narrowed = region
        for what, (kind, octets, length) in zip(of, parts, strict=False):
            if what in FIELDS:
                narrowed = _narrowed(narrowed, FIELDS[what], kind, octets, length, interfaces)
        if narrowed.fields is not None:
            return narrowed
    return region


def _narrowed(
    region: Region, field: int, kind: int, octets: bytes, length: int, interfaces: Interfaces
) -> Region:
    if kind == ADDRESS:
        return region.with_field(field, network_ranges(octets, length))
    if kind == INTERFACE:
        return region.with_field(field, interfaces.numbers((_pattern(octets, length),)))
    if kind == PORT and octets[2]:
        port = octets[0] << 8 | octets[1]
        protocol = _PORTS if length & ANY_PROTOCOL else ((octets[3], octets[3]),)
        return region.with_field(PROTO, protocol).with_field(field, ((port, port),))
    if kind == PORT:
        return region.with_field(PROTO, ((octets[3], octets[3]),))
    return region


def network_ranges(octets: bytes, length: int) -> Ranges:
    """The addresses of a network of so many bits, as regions have them."""
    shift = V6 if len(octets) == 16 else 0
    low = int.from_bytes(octets, "big")
    return ((low + shift, (low | (1 << 8 * len(octets) - length) - 1) + shift),)
