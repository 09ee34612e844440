"""Time zones as the rule engine wants them: when their clocks change, in seconds of UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from firewalld_py.policy.errors import Fault, nearest, quoted

LOCAL: Final = "local"
LOCALTIME: Final = "/etc/localtime"
UTC_NAME: Final = "UTC"
# Changes of clocks are known in these years; before and after, the offset next to them holds.
FIRST_YEAR: Final = 2000
END_YEAR: Final = 2061
STEP_S: Final = 5 * 86400  # no zone has changed its clocks twice within so short a time since 2000

# The first offset, then (second of UTC, offset from then on), in order.
Transitions = tuple[int, tuple[tuple[int, int], ...]]


def load_zone(name: str) -> ZoneInfo:
    """The zone as the system has it now. Raises Fault."""
    try:
        if name == LOCAL:
            with Path(LOCALTIME).open("rb") as file:
                return ZoneInfo.from_file(file, LOCAL)
        return ZoneInfo.no_cache(name)
    except FileNotFoundError:
        if name == LOCAL:  # as the C library has it
            return ZoneInfo(UTC_NAME)
        raise _unknown(name) from None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unknown(name) from None


def _unknown(name: str) -> Fault:
    names = _names()
    if not names:
        return Fault(
            f"time zone {quoted(name)} is unknown: this system has no zones (package tzdata)"
        )
    return Fault(
        f"expected a time zone (UTC, local, Europe/Berlin), found {quoted(name)}",
        nearest(name, (*names, LOCAL)),
    )


@lru_cache(maxsize=1024)
def check_zone(name: str) -> None:
    """Raises Fault if the system has no such zone."""
    load_zone(name)


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    """For suggestions only."""
    return tuple(sorted(available_timezones()))


def transitions(name: str) -> Transitions:
    """When the zone's clocks change. Raises Fault."""
    if name == UTC_NAME:
        return 0, ()
    zone = load_zone(name)
    at = int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(END_YEAR, 1, 1, tzinfo=UTC).timestamp())
    first = offset = _offset(zone, at)
    changes: list[tuple[int, int]] = []
    while at < end:
        until = min(at + STEP_S, end)
        if _offset(zone, until) != offset:
            until = _change(zone, at, until)
            offset = _offset(zone, until)
            changes.append((until, offset))
        at = until
    return first, tuple(changes)


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _change(zone: ZoneInfo, low: int, high: int) -> int:
    """The first second after `low`, up to `high`, whose offset is another than that of `low`."""
    offset = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high
