"""Token buckets: how often something may happen. A function of the clock it is given."""

from __future__ import annotations


class TokenBucket:
    """`rate` events a second on average, `burst` at once. It starts full."""

    __slots__ = ("burst", "filled_at", "rate", "tokens")

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = float(burst)
        self.tokens = float(burst)
        self.filled_at = 0.0

    def take(self, now: float) -> bool:
        """Whether one more event is within the limit at `now`; if so it is counted."""
        elapsed = now - self.filled_at
        self.filled_at = now
        if elapsed > 0.0:
            self.tokens = min(self.burst, self.tokens + elapsed * self.rate)
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True
