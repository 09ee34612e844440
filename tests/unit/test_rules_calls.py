"""Chains that lead to each other: in a circle, too deep, too often."""

from __future__ import annotations

import time

from firewalld_py.rules.calls import MAX_DEPTH, call_faults


def faults(calls: dict[str, list[str]]) -> list[tuple[str, str, str]]:
    return [(fault.caller, fault.target, fault.message) for fault in call_faults(calls)]


def row(count: int, jumps: int = 1) -> dict[str, list[str]]:
    """Chains each of which leads to the next one, by so many rules."""
    return {str(number): [str(number + 1)] * jumps for number in range(count)} | {str(count): []}


def test_chains_that_meet_again_are_right() -> None:
    assert faults({"a": ["b", "c", "b"], "b": ["d"], "c": ["d"], "d": [], "unused": ["d"]}) == []
    assert faults({}) == []


def test_a_circle_is_told_with_the_rule_that_closes_it() -> None:
    message = "chains lead in a circle: b -> c -> b"
    assert faults({"a": ["b"], "b": ["c"], "c": ["b", "b"]}) == [("c", "b", message)]
    assert faults({"a": ["a"]}) == [("a", "a", "chains lead in a circle: a -> a")]


def test_every_circle_is_told() -> None:
    found = faults({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c", "d"]})
    assert [(caller, target) for caller, target, _ in found] == [("b", "a"), ("d", "c"), ("d", "d")]


def test_depth_is_bounded_whatever_chain_is_looked_at_first() -> None:
    assert faults(row(MAX_DEPTH)) == []
    deep = row(MAX_DEPTH + 1)
    assert [message for _, _, message in faults(deep)] == [
        f"chains are nested more than {MAX_DEPTH} deep"
    ]
    assert len(faults(dict(reversed(deep.items())))) == 1
    assert faults(row(100_000))


def test_a_packet_cannot_be_sent_round_without_end() -> None:
    assert faults(row(15, jumps=2)) == []
    started = time.monotonic()
    found = faults(row(60, jumps=2))
    assert "more than 1000000 chains" in found[0][2]
    assert time.monotonic() - started < 5
