"""What the service manager is told (sd_notify(3)); without one, nothing happens."""

from __future__ import annotations

import contextlib
import os
import time

from systemd import daemon


def notify(*lines: str) -> None:
    """Send assignments such as READY=1. A service manager that is gone does not stop the daemon."""
    with contextlib.suppress(OSError):
        daemon.notify("\n".join(lines))


def notify_reloading() -> None:
    """As Type=notify-reload wants it; older service managers take no offence."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def wants_pings() -> bool:
    """Whether a watchdog waits for WATCHDOG=1."""
    return "WATCHDOG_USEC" in os.environ
