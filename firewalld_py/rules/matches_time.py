"""The condition on the time of day, the day and the date, in a time zone.

The packets' clock is no wall clock: Machine.wall_offset leads from one to the other. When a zone
changes its clocks is part of the plan; nothing here knows a calendar but that of months and weeks.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches import Match

DAY_S: Final = 86400
EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday; Monday is 0
ALL_MONTHDAYS: Final = 0xFFFFFFFE  # bit n is day n
# The calendar repeats every 400 years. These begin in March, so that a leap day ends the year.
DAYS_TO_EPOCH: Final = 719468  # from 0000-03-01
DAYS_IN_400_YEARS: Final = 146097
DAYS_IN_100_YEARS: Final = 36524
DAYS_IN_4_YEARS: Final = 1461


class Zone:
    """Seconds that a place is ahead of UTC: `first`, and from each of `starts` on the next."""

    __slots__ = ("first", "offsets", "starts")

    def __init__(self, first: int, starts: list[int], offsets: list[int]) -> None:
        self.first = first
        self.starts = starts
        self.offsets = offsets

    def offset(self, second: int) -> int:
        """How far it is ahead in a second of UTC, counted from the epoch."""
        at = bisect_right(self.starts, second)
        return self.first if at == 0 else self.offsets[at - 1]


class TimeMatch(Match):
    """`-m time`, as xt_time.c has it, but in any zone.

    Both ends of a date or time of day count, in seconds of the zone's clocks; `start` may stand
    behind `stop`, which is over midnight. `weekdays` has bits from Monday (0), `monthdays` from the
    first (1). What comes after midnight is of the day before where `contiguous`.
    """

    __slots__ = (
        "contiguous",
        "first",
        "is_within",
        "last",
        "machine",
        "monthdays",
        "second",
        "start",
        "stop",
        "weekdays",
        "zone",
    )

    def __init__(
        self,
        inverted: bool,
        first: int,
        last: int,
        start: int,
        stop: int,
        weekdays: int,
        monthdays: int,
        contiguous: bool,
        zone: Zone,
        machine: Machine,
    ) -> None:
        super().__init__(inverted)
        self.first = first
        self.last = last
        self.start = start
        self.stop = stop
        self.weekdays = weekdays
        self.monthdays = monthdays
        self.contiguous = contiguous
        self.zone = zone
        self.machine = machine
        # The answer for a second is kept: most packets come in the same one as the packet before.
        self.second = -1
        self.is_within = False

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        second = int(packet.meta.arrived + self.machine.wall_offset)
        if second != self.second:
            self.second = second
            self.is_within = self._contains(second + self.zone.offset(second))
        return self.is_within != self.inverted

    def _contains(self, local: int) -> bool:
        """Whether a second of the zone's clocks is within."""
        if not self.first <= local <= self.last:
            return False
        time_of_day = local % DAY_S
        if self.start < self.stop:
            if not self.start <= time_of_day <= self.stop:
                return False
        else:
            if self.stop < time_of_day < self.start:
                return False
            if self.contiguous and time_of_day <= self.stop:
                local -= DAY_S
        days = local // DAY_S
        if not self.weekdays >> (days + EPOCH_WEEKDAY) % 7 & 1:
            return False
        return self.monthdays == ALL_MONTHDAYS or self.monthdays >> day_of_month(days) & 1 != 0


def day_of_month(days: int) -> int:
    """The day, from 1, of its month, so many days after 1970-01-01."""
    day = (days + DAYS_TO_EPOCH) % DAYS_IN_400_YEARS
    # Leap days before it: of every 4th year, not of a 100th, but of the 400th, which is the last.
    leaps = day // (DAYS_IN_4_YEARS - 1) - day // DAYS_IN_100_YEARS
    leaps += day // (DAYS_IN_400_YEARS - 1)
    year = (day - leaps) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153  # months from March have 153 days in any five
    return day - (153 * month + 2) // 5 + 1
