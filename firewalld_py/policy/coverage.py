"""Whether one rule matches all that another one does, as far as that can be proved."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, cast

from firewalld_py.policy.checks import covers_all, protocols, rule_families
from firewalld_py.policy.model import Match
from firewalld_py.policy.names import PORT_PROTOCOLS

# (group, first, last): of addresses the family is their group, ports are all of one.
Range = tuple[int, int, int]
_WITH_PORTS: Final = ("sport", "dport")
_BEYOND: Final = 1 << 128
_EXACT: Final = ("icmp", "tcp_flags")


def covers(outer: tuple[Match, ...], inner: tuple[Match, ...]) -> bool:
    """Whether every packet that meets all of `inner` surely meets all of `outer`, in raw."""
    possible = protocols(inner)
    for match in outer:
        if not _follows(match, inner, possible):
            return False
    wanted = protocols(outer)
    return wanted is None or (possible is not None and possible <= wanted)


def _follows(match: Match, inner: tuple[Match, ...], possible: frozenset[int] | None) -> bool:
    """Whether `match` is met wherever `inner` is; what it says of the protocol is known to be."""
    if match.kind in _WITH_PORTS and (possible is None or not possible <= PORT_PROTOCOLS):
        return False
    if match.kind == "proto":
        if not match.inverted:
            return True
        negated = frozenset(cast("tuple[int, ...]", match.value))
        return possible is not None and not possible & negated
    if match.kind == "family":
        families = rule_families(inner)
        number = cast("int", match.value)
        return number not in families if match.inverted else families <= {number}
    same = [other for other in inner if other.kind == match.kind]
    if match.inverted:
        return any(
            _within(match, other) if other.inverted else _apart(other, match) for other in same
        )
    return any(not other.inverted and _within(other, match) for other in same) or covers_all(match)


def _within(inner: Match, outer: Match) -> bool:
    """Whether every value of one match is among the other's."""
    if inner.kind in ("in", "out"):
        patterns = cast("tuple[str, ...]", outer.value)
        wanted = cast("tuple[str, ...]", inner.value)
        return all(any(_is_among(one, pattern) for pattern in patterns) for one in wanted)
    if inner.kind in _EXACT:
        # Of ICMP, types that hold others are possible, and are not looked into.
        return frozenset(cast("tuple[object, ...]", inner.value)) <= frozenset(
            cast("tuple[object, ...]", outer.value)
        )
    found = _ranges(outer)
    return bool(found) and all(_holds(found, one) for one in _ranges(inner))


def _apart(one: Match, other: Match) -> bool:
    """Whether two matches surely have no value in common."""
    if one.kind in ("in", "out"):
        patterns = cast("tuple[str, ...]", other.value)
        names = cast("tuple[str, ...]", one.value)
        return not any(
            _is_among(name, pattern) or _is_among(pattern, name)
            for name in names
            for pattern in patterns
        )
    mine, others = _ranges(one), _ranges(other)
    return bool(mine) and bool(others) and not any(_touches(others, each) for each in mine)


def _is_among(name: str, pattern: str) -> bool:
    """Whether an interface, or all that a pattern means, is meant by another pattern."""
    return name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def _ranges(match: Match) -> Sequence[Range]:
    """The values of a match of addresses or ports, in order, as the model has them; else none."""
    if match.kind in ("src", "dst"):
        return cast("Sequence[Range]", match.value)
    if match.kind in _WITH_PORTS:
        return [(0, low, high) for low, high in cast("Iterable[tuple[int, int]]", match.value)]
    return []


def _before(ranges: Sequence[Range], group: int, value: int) -> Range | None:
    """The last of `ranges` that begins at `value` or before it."""
    # As a range that begins there and has no end: so no key has to be made of each.
    at = bisect_right(ranges, (group, value, _BEYOND))
    return ranges[at - 1] if at and ranges[at - 1][0] == group else None


def _holds(ranges: Sequence[Range], one: Range) -> bool:
    group, low, high = one
    found = _before(ranges, group, low)
    return found is not None and high <= found[2]


def _touches(ranges: Sequence[Range], one: Range) -> bool:
    group, low, high = one
    found = _before(ranges, group, high)
    return found is not None and low <= found[2]
