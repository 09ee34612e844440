"""The condition on the time: the kernel's clock and ours say the same now."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import pytest

from firewalld_py.rules.machine import Machine
from tests import wire
from tests.differential.link_world import LinkJudges, LinkWorld, Sent
from tests.differential.matching import Matched, Pair, both

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

PAIRS: Final = 150
FRAMES: Final = 20
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PACKET: Final = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp())


def _pair(rng: Random, now: datetime) -> Pair:
    """A condition around now, or far from it; its ends are a minute from now at least."""
    words, ours = ["-m time"], []
    crosses_midnight = False
    if rng.random() < 0.7:
        ends = []
        for _ in range(2):
            minutes = rng.choice((-1, 1)) * rng.choice((2, 30, 300, 700))
            ends.append(now + timedelta(minutes=minutes + rng.randrange(20) * (minutes > 0)))
        if ends[0].time() == ends[1].time():
            ends[1] += timedelta(minutes=5)
        crosses_midnight = ends[0].time() > ends[1].time()
        words += [f"--timestart {ends[0]:%H:%M:%S}", f"--timestop {ends[1]:%H:%M:%S}"]
        ours += [f"from: '{ends[0]:%H:%M:%S}'", f"to: '{ends[1]:%H:%M:%S}'"]
    if rng.random() < 0.5:
        days = rng.sample(DAYS, rng.randrange(1, 7))
        words.append(f"--weekdays {','.join(days)}")
        ours.append(f"weekdays: [{', '.join(days)}]")
    if rng.random() < 0.4:
        numbers = {now.day, *rng.sample(range(1, 32), 3)} - {rng.choice((0, now.day))}
        words.append(f"--monthdays {','.join(map(str, sorted(numbers)))}")
        ours.append(f"monthdays: [{', '.join(map(str, sorted(numbers)))}]")
    if rng.random() < 0.4 or not ours:
        dates = sorted(now + timedelta(hours=rng.choice((-900, -30, -1, 1, 30, 900))) for _ in "ab")
        words += [f"--datestart {dates[0]:%Y-%m-%dT%H:%M:%S}"]
        words += [f"--datestop {dates[1]:%Y-%m-%dT%H:%M:%S}"]
        ours += [f"date_from: '{dates[0]:%Y-%m-%d %H:%M:%S}'"]
        ours += [f"date_to: '{dates[1]:%Y-%m-%d %H:%M:%S}'"]
    contiguous = crosses_midnight and rng.random() < 0.5
    if contiguous:
        words.append("--contiguous")
    else:
        ours.append("contiguous: false")
    return both(" ".join(words), f"time: {{{', '.join(ours)}}}")


def test_times_are_met_as_iptables_has_it() -> None:
    rng = Random(11)
    now = datetime.fromtimestamp(time.time(), UTC)
    plain = [_pair(rng, now) for _ in range(PAIRS)]
    pairs = plain
    machine = Machine()
    machine.wall_offset = time.time() - time.monotonic()
    matched = Matched()
    with LinkWorld() as world, LinkJudges(world, pairs, machine) as judges:
        for _ in range(FRAMES):
            judges.compare(Sent("lan0", PACKET), matched)
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    assert 20 < len(matched.met) < len(pairs) - 20, "too few were met, or too many"
