"""A moment at which conditions on the time of day, the weekday and the date are met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.policy.matches_time import TimeEncoder, TimeValue
from firewalld_py.policy.trial import WALL_START
from firewalld_py.rules.build_machine_matches import MACHINE_BUILDERS
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches import Match

HOUR_S: Final = 3600
DAY_S: Final = 86400
_HOURS: Final = 24 * 7
_DAYS: Final = 62
_ENCODER: Final = TimeEncoder()


@lru_cache(maxsize=1024)
def _match(value: TimeValue, inverted: bool) -> Match:
    return MACHINE_BUILDERS["time"](inverted, _ENCODER(value), Machine())


@lru_cache(maxsize=1024)
def moment_of(asked: tuple[tuple[bool, TimeValue], ...]) -> int | None:
    """A second since the epoch that meets all of these conditions, if one is found easily."""
    matches = [_match(value, inverted) for inverted, value in asked]
    meta = PacketMeta()
    packet = Packet(b"", meta)
    for second in _moments(value for _inverted, value in asked):
        meta.arrived = float(second)
        if all(match.matches(packet, CtInfo(0), 0) for match in matches):
            return second
    return None


def _moments(values: Iterable[TimeValue]) -> Iterator[int]:
    """The usual moment, then hours and days from there, and from where conditions begin and end."""
    begin = int(WALL_START)
    yield from (begin + HOUR_S * hour for hour in range(_HOURS))
    for value in values:
        for first in (begin - begin % DAY_S, value.first, value.last - DAY_S):
            for at in (0, value.start, value.stop):
                yield from (first + at + DAY_S * day for day in range(_DAYS) if first + at >= 0)
