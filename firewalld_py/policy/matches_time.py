"""The condition on the time: what may stand under `time:`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Final, NamedTuple, cast

from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Key, Reading, Reported, Table, one
from firewalld_py.policy.lists import plain_list
from firewalld_py.policy.nodes import Mapping, Node
from firewalld_py.policy.numbers import number_range
from firewalld_py.policy.shapes import Choice, Keys, Number, Text, reads, shape_of
from firewalld_py.policy.values import truth, unexpected
from firewalld_py.policy.zones import UTC_NAME, Transitions, check_zone, transitions

TIME_OF_DAY: Final = "a time of day (22:00, 22:00:30)"
WEEKDAY: Final = "a weekday (mon) or several (mon-fri)"
MONTHDAY: Final = "a day of the month (1) or several (1-7)"
DATE: Final = "a date (2026-12-24) or a date with its time (2026-12-24 18:00)"
ZONE: Final = "a time zone (UTC, local, Europe/Berlin)"
TIME: Final = "{from, to, weekdays, monthdays, date_from, date_to, zone}"
MOMENT: Final = "a date and its time (2026-12-24 23:30), in UTC or with an offset (+01:00)"

DAY_END: Final = 86399
ALL_WEEKDAYS: Final = 0x7F
ALL_MONTHDAYS: Final = 0xFFFFFFFE
FIRST_SECOND: Final = 0
LAST_SECOND: Final = 253402300799  # 9999-12-31 23:59:59
_DAYS: Final = (*("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),)
_WORDS: Final = (*(name[:3] for name in _DAYS), *_DAYS)
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_DATE: Final = re.compile(
    r"((?:19[7-9]|2[0-9]{2})[0-9]-[0-9]{2}-[0-9]{2})(?:[T ](([01][0-9]|2[0-3]):[0-5][0-9]"
    r"(?::[0-5][0-9])?))?"
)


class TimeValue(NamedTuple):
    """What `time:` says; seconds of dates are those of the zone's clocks, as if it were UTC."""

    first: int
    last: int
    start: int
    stop: int
    weekdays: int
    monthdays: int
    contiguous: bool
    zone: str


@reads(Text(f"^(?:{_TIME.pattern})$"))
def time_of_day(text: str) -> int:
    """Seconds since midnight."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise unexpected(TIME_OF_DAY, text, _meant_time(text))
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _meant_time(text: str) -> str:
    if re.fullmatch(r"24:00(:00)?", text):
        return "23:59:59"
    if re.fullmatch(r"[0-9]:[0-5][0-9](:[0-5][0-9])?", text):
        return f"0{text}"
    return f"{int(text):02}:00" if re.fullmatch(r"1?[0-9]|2[0-3]", text) else ""


def _weekday(text: str, whole: str) -> int:
    """From Monday (0); iptables counts from 1."""
    lower = text.lower()
    if lower in _WORDS:
        return _WORDS.index(lower) % 7
    if re.fullmatch("[1-7]", text):
        return int(text) - 1
    raise unexpected(WEEKDAY, whole, nearest(lower, _WORDS))


@reads(
    Choice(_WORDS, any_case=True),
    Number(1, 7),
    Text(r"^(?:[A-Za-z]{3,9}|[1-7])\s*-\s*(?:[A-Za-z]{3,9}|[1-7])$"),
)
def weekdays(text: str) -> int:
    """The bits of one day, or of some in a row, which may go over Sunday."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    low = _weekday(first, text)
    high = _weekday(last, text) if dash else low
    bits = 0
    for day in range(low, high + 1 if low <= high else high + 8):
        bits |= 1 << day % 7
    return bits


@reads(Text(f"^(?:{_DATE.pattern})$"))
def _date(text: str) -> tuple[int, int]:
    """The first and the last second that are meant."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise unexpected(DATE, text)
    try:
        day = datetime.combine(date.fromisoformat(match[1]), time(), UTC)
    except ValueError:
        raise Fault(f"there is no such date: {quoted(text)}") from None
    second = int(day.timestamp())
    if match[2] is None:
        return second, second + DAY_END
    return (second + time_of_day(match[2]),) * 2


@reads(Text("^[A-Za-z][A-Za-z0-9_+/-]*$"))
def zone(text: str) -> str:
    """The name of a zone that the system has."""
    if text.lower() in ("utc", "gmt", "z"):
        return UTC_NAME
    check_zone(text)
    return text


@reads(Text(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:]{5,8})?\s*(?:Z|[+-][0-9]{2}:?[0-9]{2})?$"))
def moment(text: str) -> int:
    """Seconds since the epoch."""
    try:
        found = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
    except ValueError:
        raise unexpected(MOMENT, text) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    second = int(found.timestamp())
    if not FIRST_SECOND <= second <= LAST_SECOND:
        raise Fault(f"expected a time after 1970, found {quoted(text)}")
    return second


_WEEKDAYS: Final = plain_list(weekdays, WEEKDAY)
_MONTHDAYS: Final = plain_list(number_range(1, 31, MONTHDAY), MONTHDAY)


@reads(shape_of(_WEEKDAYS))
def _weekday_bits(node: Node, reading: Reading) -> int:
    bits = 0
    for some in cast("tuple[int, ...]", _WEEKDAYS(node, reading)):
        bits |= some
    return bits


@reads(shape_of(_MONTHDAYS))
def _monthday_bits(node: Node, reading: Reading) -> int:
    bits = 0
    for low, high in cast("tuple[tuple[int, int], ...]", _MONTHDAYS(node, reading)):
        bits |= (1 << high + 1) - (1 << low)
    return bits


_TABLE: Final = Table(
    "a time",
    (
        Key(
            "from",
            one(time_of_day, TIME_OF_DAY),
            TIME_OF_DAY,
            "when it begins on each of the days",
            default="00:00:00",
            also=("timestart", "start", "begin", "after"),
        ),
        Key(
            "to",
            one(time_of_day, TIME_OF_DAY),
            TIME_OF_DAY,
            "when it ends, this second still with it; before from, it ends on the next day",
            default="23:59:59",
            also=("timestop", "stop", "end", "until", "before"),
        ),
        Key(
            "weekdays",
            _weekday_bits,
            f"one or a list of: {WEEKDAY}",
            "on which days of the week; without it on all",
            also=("days", "day", "weekday", "dow"),
        ),
        Key(
            "monthdays",
            _monthday_bits,
            f"one or a list of: {MONTHDAY}",
            "on which days of the month; without it on all",
            also=("monthday", "dom"),
        ),
        Key(
            "date_from",
            one(_date, DATE),
            DATE,
            "from which date on",
            also=("datestart", "since", "date"),
        ),
        Key(
            "date_to",
            one(_date, DATE),
            DATE,
            "up to which date; a date without a time counts to its end",
            also=("datestop",),
        ),
        Key(
            "contiguous",
            one(truth, "true or false"),
            "true or false",
            "whether what is after midnight belongs to the day before, when it began; false is "
            "what iptables does without --contiguous",
            default=True,
        ),
        Key(
            "zone",
            one(zone, ZONE),
            ZONE,
            "whose clocks are meant; local are this machine's (/etc/localtime)",
            default=UTC_NAME,
            also=("timezone", "tz", "kerneltz"),
        ),
    ),
)


@reads(Keys(_TABLE, filled=True))
def _time(node: Node, reading: Reading) -> object:
    read = _TABLE.read(node, reading)
    entries = cast("Mapping", node).entries
    if len(read) < len(entries):
        raise Reported
    if not set(read) - {"zone", "contiguous"}:
        raise Fault("every packet has it: add from, to, weekdays, monthdays, date_from or date_to")
    start, stop = cast("int", read.get("from", 0)), cast("int", read.get("to", DAY_END))
    if start == stop:
        raise Fault("from and to are the same: for the whole day leave both out")
    first, _ = cast("tuple[int, int]", read.get("date_from", (FIRST_SECOND, 0)))
    _, last = cast("tuple[int, int]", read.get("date_to", (0, LAST_SECOND)))
    if first > last:
        raise Fault("never matches: date_from is after date_to")
    return TimeValue(
        first,
        last,
        start,
        stop,
        cast("int", read.get("weekdays", ALL_WEEKDAYS)),
        cast("int", read.get("monthdays", ALL_MONTHDAYS)),
        cast("bool", read.get("contiguous", True)),
        cast("str", read.get("zone", UTC_NAME)),
    )


TIME_KEYS: Final = (
    Key(
        "time",
        _time,
        TIME,
        "the time at which the packet comes, by the wall clock; of a capture, at which it was "
        "captured. All that is said must hold. A change of the wall clock is taken up within "
        "seconds, changes of a zone's clocks are known up to 2060 as tzdata had them at the last "
        "reload",
        also=("hour", "weekday", "weekdays", "date", "timestart", "datestart"),
        table=_TABLE,
        example="{time: {weekdays: mon-fri, from: 08:00, to: 18:00}, action: accept}",
    ),
)


class TimeEncoder:
    """Makes a plan's value of what `time:` says; reads each zone once, as it is now."""

    def __init__(self) -> None:
        self._zones: dict[str, Transitions] = {}

    def __call__(self, value: TimeValue) -> list[object]:
        name = value.zone
        if name not in self._zones:
            self._zones[name] = transitions(name)
        first, changes = self._zones[name]
        return [*value[:-1], first, changes]
