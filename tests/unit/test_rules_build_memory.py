"""Matches and targets that remember, from a plan's values."""

from __future__ import annotations

from typing import Any, Final

import pytest

from firewalld_py.policy.compile import _ORDER
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.build_memory import REMEMBERING_MATCHES, REMEMBERING_TARGETS
from firewalld_py.rules.build_rule import PlanError
from firewalld_py.rules.counters import CountTarget
from firewalld_py.rules.matches_connlimit import ConnectionsMatch
from firewalld_py.rules.memory import Memory
from firewalld_py.rules.recent import RecentMatch, RecentRemoveTarget, RecentSetTarget
from tests.plans import plan, rule

LIST: Final = ["ssh", 24, 64, 100, 4]
MATCHES: Final[dict[str, Any]] = {
    "connections": [True, 10, True, 24, 64, "rule"],
    "recent": [LIST, True, 60, 4, True, False, True, False],
}
TARGETS: Final[dict[str, Any]] = {
    "count": "uploads",
    "recent_set": [LIST, True],
    "recent_remove": [LIST, False],
}


def test_every_kind_is_known_to_the_compiler() -> None:
    assert MATCHES.keys() == REMEMBERING_MATCHES.keys() <= _ORDER.keys()
    assert TARGETS.keys() == REMEMBERING_TARGETS.keys()


def test_a_count_of_connections() -> None:
    memory = Memory()
    match = REMEMBERING_MATCHES["connections"](False, MATCHES["connections"], memory)
    assert isinstance(match, ConnectionsMatch)
    assert (match.inverted, match.limit, match.destination) == (False, 10, True)
    assert (match.mask_v4, match.mask_v6) == (24, 64)
    assert match.tallies is memory.tallies["rule"]


@pytest.mark.parametrize(
    ("inverted", "over", "turned"),
    [(False, True, False), (True, True, True), (False, False, True), (True, False, False)],
)
def test_up_to_is_the_inverse_of_over(inverted: bool, over: bool, turned: bool) -> None:
    value = [over, *MATCHES["connections"][1:]]
    assert REMEMBERING_MATCHES["connections"](inverted, value, Memory()).inverted == turned


def test_a_list_and_all_that_speaks_of_it() -> None:
    memory = Memory()
    match = REMEMBERING_MATCHES["recent"](True, MATCHES["recent"], memory)
    assert isinstance(match, RecentMatch)
    assert (match.inverted, match.destination, match.within, match.hits) == (True, True, 60.0, 4)
    assert (match.update, match.remove, match.same_ttl, match.reap) == (True, False, True, False)
    recent = memory.recent["ssh"]
    assert match.recent is recent
    assert (recent.mask_v4, recent.mask_v6, recent.maximum, recent.times) == (24, 64, 100, 4)
    put = REMEMBERING_TARGETS["recent_set"](TARGETS["recent_set"], memory)
    taken = REMEMBERING_TARGETS["recent_remove"](TARGETS["recent_remove"], memory)
    assert isinstance(put, RecentSetTarget)
    assert isinstance(taken, RecentRemoveTarget)
    assert put.recent is taken.recent is recent
    assert (put.destination, taken.destination) == (True, False)


def test_a_counter_has_its_name() -> None:
    memory = Memory()
    target = REMEMBERING_TARGETS["count"]("uploads", memory)
    assert isinstance(target, CountTarget)
    assert target.counter is memory.counters["uploads"]


@pytest.mark.parametrize("value", [None, [], "x", [1], [["ssh"], True], [{}, 1, 2, 3, 4, 5, 6, 7]])
@pytest.mark.parametrize("kind", MATCHES)
def test_a_value_that_is_none_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(PlanError):
        build_ruleset(plan([rule("drop", (kind, value))]))


def test_a_refused_rule_set_leaves_the_one_in_force_alone() -> None:
    first = Memory()
    counter = first.counter("uploads")
    second = Memory(first)
    second.counter("uploads")
    assert first.counters == {"uploads": counter}
