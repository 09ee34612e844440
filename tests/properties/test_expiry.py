"""Expiry depends on `now` alone: not on when, how often or how thoroughly it was swept."""

from __future__ import annotations

import random
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.packet.packet import PacketMeta
from tests.cases.run import judged
from tests.plans import firewall
from tests.properties.samples import corpus

# Packet, seconds since the one before, and the budget of a sweep before it (None: no sweep).
STEPS: Final = st.lists(
    st.tuples(
        st.integers(0, len(corpus()) - 1),
        st.sampled_from(
            [0.0, 0.1, 1.0, 9.9, 10.0, 29.9, 30.0, 64.0, 119.0, 120.0, 301.0, 500000.0]
        ),
        st.sampled_from([None, 0, 1, 2, 1000]),
    ),
    max_size=30,
)


Steps = list[tuple[int, float, int | None]]


def states(steps: Steps, *, sweeping: bool, begin: float = 1000.0) -> list[tuple[str, str, str]]:
    """What is said of each packet."""
    judge, now = firewall(), begin
    said = []
    for number, delay, budget in steps:
        now += delay
        if sweeping and budget is not None:
            judge.conntrack.expire(now, budget)
        said.append(judged(judge.handle(corpus()[number], PacketMeta(), now)))
    return said


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_sweeping_changes_nothing_that_is_said_of_any_packet(steps: Steps) -> None:
    assert states(steps, sweeping=True) == states(steps, sweeping=False)


@given(STEPS, st.sampled_from([0.0, 64.0, 1e5, 2.0**40]))
@settings(max_examples=100, deadline=None)
def test_when_the_clock_began_does_not_matter(steps: Steps, begin: float) -> None:
    # Whole seconds, so that their sums are the same wherever they begin.
    whole = [(number, float(round(delay)), budget) for number, delay, budget in steps]
    for sweeping in (True, False):
        assert states(whole, sweeping=sweeping, begin=begin) == states(whole, sweeping=False)


def test_every_connection_is_swept_out_in_the_end() -> None:
    judge, chance, now = firewall(), random.Random(1), 1000.0
    for _ in range(3000):
        now += 0.01
        judge.handle(corpus()[chance.randrange(len(corpus()))], PacketMeta(), now)
    assert judge.conntrack.table.size > 0
    # After the longest timeout, five days, in one leap.
    now += 432001.0
    while judge.conntrack.expire(now, 7) == 7:
        pass
    assert judge.conntrack.table.size == 0
