"""The condition on the time: days, nights, months and zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import NEW, CtInfo
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.policy.matches_time import TimeEncoder, TimeValue, moment, time_of_day, weekdays
from firewalld_py.rules.build_machine_matches import MACHINE_BUILDERS
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_time import Zone, day_of_month

ALWAYS: Final = TimeValue(0, 253402300799, 0, 86399, 0x7F, 0xFFFFFFFE, True, "UTC")


def match_of(machine: Machine, value: TimeValue, *, inverted: bool = False) -> Match:
    return MACHINE_BUILDERS["time"](inverted, TimeEncoder()(value), machine)


def is_met(value: TimeValue, text: str, arrived: float = 100.25) -> bool:
    """Whether the condition is met at this time of the wall clock, and its inverse is not."""
    machine = Machine()
    machine.wall_offset = moment(text) + 0.5 - arrived
    packet = parse(b"", PacketMeta())
    packet.meta.arrived = arrived
    answers = [
        match_of(machine, value, inverted=inverted).matches(packet, CtInfo(NEW), 0)
        for inverted in (False, True)
    ]
    assert answers[0] != answers[1]
    return answers[0]


def daily(start: str, stop: str, days: str = "mon-sun", **more: object) -> TimeValue:
    value = ALWAYS._replace(
        start=time_of_day(start), stop=time_of_day(stop), weekdays=weekdays(days)
    )
    return value._replace(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("2026-01-01 07:59:59", False),
        ("2026-01-01 08:00:00", True),
        ("2026-01-01 18:00:00", True),  # the last second counts, as in xt_time.c
        ("2026-01-01 18:00:01", False),
        ("2026-01-01 00:00:00", False),
    ],
)
def test_a_time_of_day(text: str, met: bool) -> None:
    assert is_met(daily("08:00", "18:00"), text) is met


# 2026-01-02 is a Friday.
@pytest.mark.parametrize(
    ("text", "contiguous", "apart"),
    [
        ("2026-01-02 05:00", False, True),
        ("2026-01-02 21:59:59", False, False),
        ("2026-01-02 22:00", True, True),
        ("2026-01-02 23:59:59", True, True),
        ("2026-01-03 00:00", True, False),
        ("2026-01-03 06:00:00", True, False),
        ("2026-01-03 06:00:01", False, False),
        ("2026-01-03 22:00", False, False),
        ("2026-01-09 00:00:00", False, True),
    ],
)
def test_over_midnight_the_night_belongs_to_the_day_on_which_it_began(
    text: str, contiguous: bool, apart: bool
) -> None:
    assert is_met(daily("22:00", "06:00", "fri"), text) is contiguous
    assert is_met(daily("22:00", "06:00", "fri", contiguous=False), text) is apart


def test_the_night_after_the_last_of_a_month_is_still_of_that_day() -> None:
    last = daily("22:00", "06:00", monthdays=1 << 31)
    assert is_met(last, "2026-02-01 05:00")
    assert not is_met(last, "2026-01-31 05:00")


@pytest.mark.parametrize(
    ("days", "text", "met"),
    [
        ("mon", "2026-01-05 12:00", True),
        ("sun", "2026-01-04 12:00", True),
        ("sat-mon", "2026-01-04 12:00", True),
        ("sat-mon", "2026-01-06 12:00", False),
        ("thu", "1970-01-01 00:00", True),
    ],
)
def test_weekdays(days: str, text: str, met: bool) -> None:
    assert is_met(daily("00:00", "23:59:59", days), text) is met


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("2026-12-23 23:59:59", False),
        ("2026-12-24 00:00:00", True),
        ("2026-12-26 23:59:59", True),
        ("2026-12-27 00:00:00", False),
    ],
)
def test_dates(text: str, met: bool) -> None:
    dates = ALWAYS._replace(first=moment("2026-12-24"), last=moment("2026-12-26 23:59:59"))
    assert is_met(dates, text) is met


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("2026-03-29 00:29:59", False),  # Berlin 01:29:59
        ("2026-03-29 00:30:00", True),
        ("2026-03-29 00:59:59", True),
        ("2026-03-29 01:00:00", False),  # 03:00:00: the hour from 2 to 3 is left out
        ("2026-10-25 00:00:00", True),  # 02:00:00 summer time
        ("2026-10-25 00:29:59", True),
        ("2026-10-25 00:30:01", False),
        ("2026-10-25 01:00:00", True),  # 02:00:00 again
        ("2026-10-25 01:30:01", False),
    ],
)
def test_when_clocks_change_what_they_show_counts(text: str, met: bool) -> None:
    assert is_met(daily("01:30", "02:30", zone="Europe/Berlin"), text) is met


def test_the_answer_follows_the_wall_clock_when_it_is_set() -> None:
    machine = Machine()
    match = match_of(machine, daily("08:00", "18:00"))
    packet = parse(b"", PacketMeta())
    packet.meta.arrived = 5.0
    met = []
    for text in ("2026-01-01 12:00", "2026-01-01 19:00", "2026-01-01 11:59:59"):
        machine.wall_offset = moment(text) - 5.0
        met.append(match.matches(packet, CtInfo(NEW), 0))
    assert met == [True, False, True]


@given(st.integers(0, 100_000))
def test_days_of_months_are_those_of_the_calendar(days: int) -> None:
    assert day_of_month(days) == datetime.fromtimestamp(days * 86400, UTC).day


def test_leap_days() -> None:
    for text in ("2000-02-29", "2024-02-29", "2100-02-28", "2100-03-01", "2400-02-29"):
        days = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 86400
        assert day_of_month(days) == int(text[-2:])


ZONES: Final = {
    name: TimeEncoder()(ALWAYS._replace(zone=name))[-2:]
    for name in ("Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca")
}


@given(st.sampled_from(sorted(ZONES)), st.integers(946684800, 2871763199))
def test_a_zone_is_ahead_of_utc_as_the_system_has_it(name: str, second: int) -> None:
    first, changes = ZONES[name]
    assert isinstance(first, int)
    assert isinstance(changes, tuple)
    zone = Zone(first, [at for at, _ in changes], [ahead for _, ahead in changes])
    offset = datetime.fromtimestamp(second, ZoneInfo(name)).utcoffset()
    assert offset is not None
    assert zone.offset(second) == offset.total_seconds()
