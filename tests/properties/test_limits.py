"""A token bucket never lets more than burst + rate * time through."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.rules.limits import TokenBucket

RATES = st.sampled_from([0.0, 0.5, 1.0, 3.0, 50.0])
BURSTS = st.integers(0, 20)
GAPS = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=200)


@given(RATES, BURSTS, GAPS)
def test_no_window_of_time_lets_more_through_than_the_limit(
    rate: float, burst: int, gaps: list[float]
) -> None:
    bucket, now = TokenBucket(rate, burst), 1000.0
    taken: list[float] = []
    for gap in gaps:
        now += gap
        if bucket.take(now):
            taken.append(now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            allowed = burst + rate * (taken[last] - start)
            assert last - first + 1 <= allowed + 1e-6


@given(RATES, st.integers(1, 20), st.lists(st.floats(-5.0, 5.0), max_size=200))
def test_a_clock_that_leaps_gives_no_more_than_the_time_that_passed_forwards(
    rate: float, burst: int, leaps: list[float]
) -> None:
    bucket, now, forward = TokenBucket(rate, burst), 1000.0, 0.0
    taken = int(bucket.take(now))
    for leap in leaps:
        now += leap
        forward += max(leap, 0.0)
        taken += bucket.take(now)
    assert taken <= burst + rate * forward + 1e-6


@given(st.integers(1, 50))
def test_the_burst_is_let_through_at_once(burst: int) -> None:
    bucket = TokenBucket(1.0, burst)
    assert [bucket.take(5.0) for _ in range(burst + 1)] == [True] * burst + [False]
