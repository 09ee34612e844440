"""Connections counted by address: iptables' connlimit and ours say the same of the same packets."""

from __future__ import annotations

import os
import time
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.differential.iptables_rules import HOSTS
from tests.differential.matching import Matched, MatchingJudges, Pair, both
from tests.differential.sequence import Sent, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firewalld_py.conntrack.connection import Connection

CONNECTIONS: Final = 90
CLIENT, SERVER = bytes((10, 1, 0, 1)), bytes((198, 51, 100, 9))
CLOCK_MONOTONIC_COARSE: Final = 6  # include/uapi/linux/time.h: it goes on with each jiffy


def _pairs() -> Iterator[Pair]:
    for side, per in (("saddr", "src"), ("daddr", "dst")):
        for limit in (1, 2, 5):
            yield both(
                f"-m connlimit --connlimit-above {limit} --connlimit-{side}",
                f"connections: {{over: {limit}, per: {per}}}",
            )
            yield both(
                f"-m connlimit --connlimit-upto {limit} --connlimit-{side}",
                f"connections: {{up_to: {limit}, per: {per}}}",
            )
    for mask, mask6 in ((24, 32), (0, 0), (31, 127)):
        words = "-m connlimit --connlimit-above 4 --connlimit-mask"
        ours = f"connections: {{over: 4, mask: {mask}, mask6: {mask6}}}"
        yield Pair(f"{words} {mask}", f"{words} {mask6}", ours)
    # Only what meets the other conditions is counted.
    for words, ours in (
        ("-p tcp --syn", "flags: syn"),
        ("-p udp", "proto: udp"),
        ("-m conntrack --ctstate NEW", "state: new"),
    ):
        yield both(f"{words} -m connlimit --connlimit-above 2", f"{ours}, connections: {{over: 2}}")
    yield both("-m connlimit ! --connlimit-above 2", "not: {connections: {over: 2}}")


def two_jiffies() -> None:
    """Wait for them: earlier the kernel does not look which connections are gone."""
    for _ in range(2):
        before = time.clock_gettime(CLOCK_MONOTONIC_COARSE)
        while time.clock_gettime(CLOCK_MONOTONIC_COARSE) == before:
            os.sched_yield()


def _is_first(connection: Connection | None) -> bool:
    """Whether the packet opened it: then the kernel has looked which of the others are gone."""
    return connection is not None and connection.original_packets + connection.reply_packets == 1


def _conversations(rng: Random, count: int) -> list[Sent]:
    """Connections of some hosts, mixed: opened, answered, closed, and what comes after that."""
    waiting: list[list[Sent]] = []
    for port in range(1024, 1024 + count):
        hosts = rng.sample(HOSTS[rng.choice((4, 6))], 2)
        if rng.random() < 0.5:
            times = rng.randrange(1, 4)
            waiting.append([_udp(port, hosts, back=back) for back in (False, True) * times])
        else:
            rest = rng.choice(((), ("R",), ("RA back",), ("A", "R", "R"), ("SA back",)))
            flags = ["S", *rest] if rest == ("RA back",) else ["S", "SA back", "A", *rest]
            waiting.append([_tcp(text, port, hosts) for text in flags])
    sent: list[Sent] = []
    while waiting:
        # Some are far on before others begin.
        talk = rng.choice(waiting[:6])
        sent.append(talk.pop(0))
        if not talk:
            waiting.remove(talk)
    return sent


def _tcp(text: str, port: int, hosts: list[bytes]) -> Sent:
    flags, _, back = text.partition(" ")
    client, server = hosts
    ends = (server, client, 80, port) if back else (client, server, port, 80)
    segment = wire.tcp(flags, 1000, 1000, sport=ends[2], dport=ends[3])
    return Sent(wire.ip(ends[0], ends[1], wire.TCP, segment), f"{text} {port}")


def _udp(port: int, hosts: list[bytes], *, back: bool = False) -> Sent:
    client, server = hosts
    ends = (server, client, 53, port) if back else (client, server, port, 53)
    datagram = wire.udp(sport=ends[2], dport=ends[3])
    return Sent(wire.ip(ends[0], ends[1], wire.UDP, datagram), f"udp {port}")


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("seed", [71, 72, 73])
def test_connections_are_counted_as_iptables_does(seed: int) -> None:
    matched = Matched()
    sequence = Sequence(f"seed {seed}", _conversations(Random(seed), CONNECTIONS))
    with MatchingJudges([], list(_pairs()), before_each=two_jiffies) as judges:
        judges.compare(sequence, matched, _is_first)
        never = [pair.ours for n, pair in enumerate(judges.pairs) if n not in matched.met]
    assert not matched.wrong, f"{len(matched.wrong)}\n" + "\n".join(matched.wrong[:10])
    assert not never, "pairs that no packet met"
    assert matched.packets == CONNECTIONS


@pytest.mark.needs("conntrack")
def test_answers_closed_connections_and_what_has_none_are_counted_as_iptables_does() -> None:
    """In an order in which the kernel has no need to learn late that a connection is gone."""
    ends = [CLIENT, SERVER]
    steps = [
        *(_udp(3, ends), _udp(4, ends)),
        *(_tcp(text, 1, ends) for text in ("S", "SA back", "A")),
        *(_udp(3, ends, back=True), _udp(4, ends, back=True), _udp(3, ends)),
        *(_tcp("R", 1, ends), _tcp("R", 1, ends), _udp(3, ends), _udp(5, ends), _udp(4, ends)),
        *(_tcp("SF", 9, ends), _udp(6, ends), _udp(3, ends)),
    ]
    matched = Matched()
    with MatchingJudges([], list(_pairs()), before_each=two_jiffies) as judges:
        judges.compare(Sequence("steps", steps), matched)
    assert not matched.wrong, "\n".join(matched.wrong)
    assert matched.packets == len(steps)
