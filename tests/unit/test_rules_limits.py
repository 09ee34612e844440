"""Token buckets. (That they never let too much through: tests/properties.)"""

from __future__ import annotations

from firewalld_py.rules.limits import TokenBucket


def takes(bucket: TokenBucket, now: float, times: int) -> int:
    """How many of so many events at one instant are within the limit."""
    return sum(bucket.take(now) for _ in range(times))


def test_it_starts_full_and_is_filled_at_its_rate() -> None:
    bucket = TokenBucket(2.0, 5)
    assert takes(bucket, 100.0, 9) == 5
    assert takes(bucket, 100.4, 9) == 0
    assert takes(bucket, 100.5, 9) == 1
    assert takes(bucket, 102.0, 9) == 3


def test_it_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(2.0, 5)
    assert takes(bucket, 0.0, 9) == 5
    assert takes(bucket, 1e9, 9) == 5


def test_a_clock_that_leaps_back_gives_nothing_and_takes_nothing() -> None:
    bucket = TokenBucket(1.0, 2)
    assert takes(bucket, 1000.0, 9) == 2
    assert takes(bucket, 10.0, 9) == 0
    assert takes(bucket, 11.0, 9) == 1


def test_a_burst_of_zero_lets_nothing_through() -> None:
    assert takes(TokenBucket(1000.0, 0), 50.0, 3) == 0


def test_a_rate_of_zero_lets_the_burst_through_and_no_more() -> None:
    bucket = TokenBucket(0.0, 2)
    assert takes(bucket, 1.0, 9) == 2
    assert takes(bucket, 1e9, 9) == 0
