"""The interfaces that rules can tell apart, by numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from firewalld_py.policy.ranges import Ranges, ranges_of

MAX_INTERFACES: Final = 1 << 20

# Of each part of an element: its kind, its octets, and how many bits of them count.
Parts = tuple[tuple[int, bytes, int], ...]
Elements = Mapping[str, list[Parts]]


class Interfaces:
    """The interface names that some rules can tell apart, each by a number.

    Of every pattern there is one name that fits it and none narrower; what no pattern fits has all
    the numbers from `other` on, and one name too. `elements` are some of each set by its name.
    """

    def __init__(self, patterns: Iterable[str], elements: Elements | None = None) -> None:
        """`patterns` are names, and beginnings of names with a `*`."""
        self.elements = elements or {}
        self.names: list[str] = []
        known = sorted(set(patterns))
        exact = {pattern for pattern in known if not pattern.endswith("*")}
        for pattern in known:
            name = pattern if pattern in exact else _fresh(pattern[:-1], known)
            if name and name not in self.names:
                self.names.append(name)
        self.other = len(self.names)
        fresh: str = "" if "*" in known else next(
            (name for name in _UNKNOWN if not any(_fits(one, name) for one in known)), ""
        )  # fmt: skip
        if fresh:
            self.names.append(fresh)
        self.indexes = {name: index for index, name in enumerate(self.names, 1)}
        self._known: dict[tuple[str, ...], Ranges] = {}

    def numbers(self, patterns: tuple[str, ...]) -> Ranges:
        """The numbers of what any of these patterns fits, of those given at first."""
        if patterns not in self._known:
            met = [
                number
                for number, name in enumerate(self.names[: self.other])
                if any(_fits(pattern, name) for pattern in patterns)
            ]
            pairs = [(number, number) for number in met]
            if "*" in patterns:
                pairs.append((self.other, MAX_INTERFACES))
            self._known[patterns] = ranges_of(pairs)
        return self._known[patterns]


_UNKNOWN: Final = ("eth9", "other9", "zz9", "q9")
_SUFFIXES: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_NAME_LENGTH: Final = 15


def _fits(pattern: str, name: str) -> bool:
    """As rules/matches.py."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _fresh(beginning: str, patterns: Sequence[str]) -> str:
    """A name with this beginning that fits no narrower pattern; "" if none is found."""
    narrower = [one for one in patterns if one.startswith(beginning) and one != f"{beginning}*"]
    suffixes: list[str] = [*_SUFFIXES, *(f"x{letter}" for letter in _SUFFIXES)]
    for suffix in suffixes:
        name = beginning + suffix
        if len(name) <= _NAME_LENGTH and not any(_fits(one, name) for one in narrower):
            return name
    return ""
