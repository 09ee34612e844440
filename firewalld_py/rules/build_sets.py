"""From a plan's values to sets, and to the conditions and targets that speak of them.

A set is declared first; then its static elements come, some at a time: records of one size, each an
element's octets and its lengths (see set_elements.py), one behind another.
"""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.rules.changes import Changes
from firewalld_py.rules.machine import NEEDS_SOURCE_MAC
from firewalld_py.rules.matches import Interfaces, Match
from firewalld_py.rules.matches_sets import (
    OF_NAMES,
    OF_SOURCE_MAC,
    AddTarget,
    PacketParts,
    RemoveTarget,
    SetMatch,
)
from firewalld_py.rules.sets import News, Set
from firewalld_py.rules.targets import Target

MAX_SETS: Final = 1024

SET_TARGETS: Final[tuple[str, ...]] = ("add", "remove")


class SetsBuilder:
    """Collects the sets of a rule set. ValueError, KeyError or TypeError for what is no plan's."""

    __slots__ = ("_changes", "_interfaces", "by_name", "needs", "news")

    def __init__(self, interfaces: Interfaces, changes: Changes) -> None:
        self._interfaces = interfaces
        self._changes = changes
        self.by_name: dict[str, Set] = {}
        self.needs = 0  # bits of rules/machine.py
        self.news = News()

    def declare(self, name: str, data: Any) -> None:
        """A set without elements."""
        if name in self.by_name or len(self.by_name) >= MAX_SETS:
            raise ValueError(f"set {name} comes twice, or is one too many")
        self.by_name[name] = Set(
            name,
            [str(word) for word in data["type"]],
            int(data["maximum"]),
            float(data["lifetime"]),
            bool(data["counters"]),
            self._changes,
            self.news,
        )

    def put(self, name: str, size: int, records: bytes) -> None:
        """Some static elements, whose packed octets are `size` each."""
        the_set = self.by_name[name]
        whole = size + len(the_set.kinds)
        if size < 1 or len(records) % whole:
            raise ValueError(f"set {name}: not whole elements")
        for at in range(0, len(records), whole):
            the_set.put(records[at : at + size], records[at + size : at + whole])

    def seal(self) -> None:
        """All elements are there."""
        for the_set in self.by_name.values():
            the_set.seal()

    def match(self, inverted: bool, value: Any) -> Match:
        """The condition that the plan calls `set`."""
        name, of = value
        the_set = self.by_name[str(name)]
        return SetMatch(inverted, the_set, self._parts(the_set, of))

    def target(self, kind: str, value: Any) -> Target:
        """One of SET_TARGETS."""
        if kind == "add":
            name, of, lifetime = value
            the_set = self.by_name[str(name)]
            seconds = the_set.lifetime if lifetime is None else float(lifetime)
            return AddTarget(the_set, self._parts(the_set, of), seconds)
        name, of = value
        the_set = self.by_name[str(name)]
        return RemoveTarget(the_set, self._parts(the_set, of))

    def _parts(self, the_set: Set, of: Any) -> PacketParts:
        numbers = bytes([OF_NAMES.index(str(word)) for word in of])
        if OF_SOURCE_MAC in numbers:
            self.needs |= NEEDS_SOURCE_MAC
        return PacketParts(numbers, the_set, self._interfaces)
