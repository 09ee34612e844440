"""Lists of addresses seen of late: iptables' recent and ours say the same of the same packets.

What is forgotten after a time is asked at times that are far from it, for both have clocks of
their own.
"""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.differential.matching import Matched, MatchingJudges, Pair, both
from tests.differential.sequence import Sent, Sequence
from tests.differential.test_tracking_rules import with_hops

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK_S: Final = 0.4  # so that nothing is about one or two seconds old
TICKS: Final = 9
KERNELS_ROOM: Final = 100  # ip_list_tot
# What a packet is to do, by its destination port.
SETS, REMOVES = 1001, 1002
NETWORKS: Final = {
    4: (" --mask 255.255.255.240", ", mask: 28"),
    6: (" --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0", ", mask6: 124"),
}
LISTS: Final = ("plain", "often", "late", "ttl", "reap", "net")


def _asks(name: str, words: str, ours: str) -> Pair:
    return both(f"-m recent --name {name} {words}", f"recent: {{list: {name}, {ours}}}")


def _lists(version: int) -> Iterator[Pair]:
    """Rules that fill the lists, then some that ask, then some that empty them.

    The kernel's list has one mask for both families: its rules are of one alone.
    """
    for pair in _pairs(NETWORKS[version]):
        if "--name net" not in pair.v4:
            yield pair
        else:
            words = {4: "", 6: "", version: pair.v4}
            yield pair._replace(v4=words[4], v6=words[6])


def _pairs(network: tuple[str, str]) -> Iterator[Pair]:
    masked = {"net": network}
    for name in LISTS:
        words, ours = masked.get(name, ("", ""))
        text = f"-p udp --dport {SETS} -m recent --name {name} --set{words}"
        yield _sets(text, f"{{list: {name}, max: {KERNELS_ROOM}{ours}}}")
    yield from _asked()
    for name in LISTS[:2]:
        yield both(
            f"-p udp --dport {REMOVES} -m recent --name {name} --remove",
            f"proto: udp, dport: {REMOVES}, recent: {{list: {name}, remove: true}}",
        )
    yield both("-m recent --name plain --rcheck --rdest", "recent: {list: plain, of: dst}")


def _sets(words: str, ours: str) -> Pair:
    action = f"action: [{{recent_set: {ours}}}, drop]"
    return Pair(words, words, f"proto: udp, dport: {SETS}, {action}", acts=True)


def _asked() -> Iterator[Pair]:
    for pair in (
        _asks("plain", "--rcheck", "of: src"),
        _asks("often", "--rcheck --hitcount 3", "hits: 3"),
        _asks("often", "--rcheck --seconds 1 --hitcount 2", "within: 1s, hits: 2"),
        _asks("often", "--rcheck --seconds 2", "within: 2s"),
        _asks("ttl", "--rcheck --rttl", "same_ttl: true"),
        _asks("net", "--rcheck --hitcount 4", "hits: 4"),
    ):
        inverse = pair.v4.replace("--rcheck", "! --rcheck")
        yield from (pair, both(inverse, f"not: {{{pair.ours}}}"))
    yield _asks("late", "--update --seconds 1", "within: 1s, update: true")
    yield _asks("late", "--update --hitcount 5 --rttl", "hits: 5, update: true, same_ttl: true")
    yield _asks("reap", "--rcheck --seconds 1 --reap", "within: 1s, reap: true")
    yield _asks(
        "reap",
        "--update --seconds 2 --hitcount 2 --reap",
        "within: 2s, hits: 2, update: true, reap: true",
    )


def _packet(host: int, port: int, hops: int, version: int) -> Sent:
    src, dst = (bytes((10, 1, number >> 4, number & 15)) for number in (host, host + 1))
    if version == 6:
        src, dst = (bytes.fromhex("fd00000100000000") + bytes(4) + end for end in (src, dst))
    return Sent(
        with_hops(wire.ip(src, dst, wire.UDP, wire.udp(dport=port)), hops), f"{host} {port}"
    )


class _Clock:
    """Waits until the next tick, every so many packets."""

    def __init__(self, packets: int) -> None:
        self._packets = packets
        self._sent = 0
        self._next = time.monotonic()

    def __call__(self) -> None:
        if self._sent % self._packets == 0:
            time.sleep(max(self._next - time.monotonic(), 0.0))
            self._next += TICK_S
        self._sent += 1


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("version", [4, 6])
def test_lists_are_kept_as_iptables_does(version: int) -> None:
    rng, at_once = Random(61), 40
    sent = [
        _packet(
            rng.randrange(2, 30),
            rng.choice((SETS, SETS, REMOVES, 9)),
            rng.choice((64, 65)),
            version,
        )
        for _ in range(TICKS * at_once)
    ]
    matched = Matched()
    with MatchingJudges(list(_lists(version)), before_each=_Clock(at_once)) as judges:
        judges.compare(Sequence("lists", sent), matched)
        asked = [n for n, pair in enumerate(judges.pairs) if not pair.acts]
        never = [judges.pairs[n].ours for n in asked if n not in matched.met]
    assert not matched.wrong, f"{len(matched.wrong)}\n" + "\n".join(matched.wrong[:10])
    assert not never
    assert matched.packets == len(sent)


@pytest.mark.needs("conntrack")
def test_a_full_list_forgets_the_address_seen_longest_ago_as_the_kernels_does() -> None:
    rng = Random(62)
    hosts = [*range(KERNELS_ROOM), *(rng.randrange(KERNELS_ROOM + 40) for _ in range(300))]
    sent = [_packet(host, rng.choice((SETS, 9, 9)), 64, 4) for host in hosts]
    filled = f"-p udp --dport {SETS} -m recent --name plain --set"
    pairs = [
        _asks("plain", "--rcheck", "of: src"),
        _asks("plain", "--update --hitcount 2", "hits: 2, update: true"),
        _sets(filled, f"{{list: plain, max: {KERNELS_ROOM}}}"),
    ]
    matched = Matched()
    with MatchingJudges(pairs) as judges:
        judges.compare(Sequence("full", sent), matched)
    assert not matched.wrong, f"{len(matched.wrong)}\n" + "\n".join(matched.wrong[:10])
    assert all(matched.met[number] > 30 for number in range(2))
