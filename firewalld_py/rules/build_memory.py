"""From a plan's values to the matches and targets that remember: a builder for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from firewalld_py.rules.counters import CountTarget
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_connlimit import ConnectionsMatch
from firewalld_py.rules.memory import Memory
from firewalld_py.rules.recent import (
    RecentList,
    RecentMatch,
    RecentRemoveTarget,
    RecentSetTarget,
)
from firewalld_py.rules.targets import Target

MatchBuilder = Callable[[bool, Any, Memory], Match]
TargetBuilder = Callable[[Any, Memory], Target]


def _connections(inverted: bool, value: Any, memory: Memory) -> Match:
    over, limit, destination, mask_v4, mask_v6, rule = value
    return ConnectionsMatch(
        inverted != (not over),
        int(limit),
        bool(destination),
        int(mask_v4),
        int(mask_v6),
        memory.tallies_of(str(rule)),
    )


def _list(value: Any, memory: Memory) -> RecentList:
    name, mask_v4, mask_v6, maximum, times = value
    return memory.recent_list(str(name), int(mask_v4), int(mask_v6), int(maximum), int(times))


def _recent(inverted: bool, value: Any, memory: Memory) -> Match:
    recent, destination, within, hits, update, remove, same_ttl, reap = value
    match = RecentMatch(
        inverted, _list(recent, memory), bool(destination), float(within), int(hits)
    )
    match.update = bool(update)
    match.remove = bool(remove)
    match.same_ttl = bool(same_ttl)
    match.reap = bool(reap)
    return match


def _recent_set(value: Any, memory: Memory) -> Target:
    recent, destination = value
    return RecentSetTarget(_list(recent, memory), bool(destination))


def _recent_remove(value: Any, memory: Memory) -> Target:
    recent, destination = value
    return RecentRemoveTarget(_list(recent, memory), bool(destination))


def _count(value: Any, memory: Memory) -> Target:
    return CountTarget(memory.counter(str(value)))


# They raise TypeError or ValueError for a value that policy/compile.py does not make.
REMEMBERING_MATCHES: Final[dict[str, MatchBuilder]] = {
    "connections": _connections,
    "recent": _recent,
}
REMEMBERING_TARGETS: Final[dict[str, TargetBuilder]] = {
    "count": _count,
    "recent_set": _recent_set,
    "recent_remove": _recent_remove,
}
