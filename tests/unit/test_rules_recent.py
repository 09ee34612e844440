"""Lists of addresses that were seen of late, with a clock of their own."""

from __future__ import annotations

from typing import Any, Final

import pytest

from firewalld_py.conntrack.connection import NEW, CtInfo
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.protocols import HOOK_FORWARD, HOOK_INPUT
from firewalld_py.rules.recent import (
    RecentList,
    RecentMatch,
    RecentRemoveTarget,
    RecentSetTarget,
    ttl_of,
)
from firewalld_py.rules.targets import Effects
from tests import wire

A, B, C = (bytes((10, 1, 0, number)) for number in (1, 2, 3))
ALL: Final = 10_000


class World:
    """A list, packets that are noted in it, and conditions that ask for it."""

    def __init__(self, maximum: int = 100, times: int = 10, mask: int = 32) -> None:
        self.recent = RecentList(mask, 128, maximum, times)

    def match(self, hits: int = 1, within: float = 0.0, **more: Any) -> RecentMatch:
        """`more` are inverted, destination, update, remove, same_ttl and reap."""
        inverted, destination = more.pop("inverted", False), more.pop("destination", False)
        match = RecentMatch(inverted, self.recent, destination, within, hits)
        for name, value in more.items():
            setattr(match, name, value)
        return match

    def set(self, now: float, src: bytes = A, **more: int) -> None:
        RecentSetTarget(self.recent, False).apply(
            packet_of(now, src, **more), CtInfo(NEW), Effects(0), now
        )

    def known(self) -> list[bytes]:
        return list(self.recent.entries)


def packet_of(now: float, src: bytes = A, ttl: int = 64, hook: int = HOOK_INPUT) -> Packet:
    dst = wire.SERVER4 if len(src) == 4 else wire.SERVER6
    data = wire.ip(src, dst, wire.UDP, wire.udp())
    at = 8 if len(src) == 4 else 7
    meta = PacketMeta(hook=hook)
    meta.arrived = now
    return parse(data[:at] + bytes((ttl,)) + data[at + 1 :], meta)


def asked(match: RecentMatch, now: float, src: bytes = A, **more: int) -> bool:
    return match.matches(packet_of(now, src, **more), CtInfo(NEW), 0)


def test_what_was_never_seen_is_not_in_the_list() -> None:
    world = World()
    assert not asked(world.match(), 0.0)
    assert asked(world.match(inverted=True), 0.0)
    world.set(0.0)
    assert asked(world.match(), 0.0)
    assert not asked(world.match(inverted=True), 0.0)
    assert not asked(world.match(), 0.0, B)


def test_hits_are_counted_within_the_time() -> None:
    world = World()
    for now in (0.0, 10.0, 20.0):
        world.set(now)
    assert asked(world.match(hits=3), 1e6)
    assert not asked(world.match(hits=4), 20.0)
    assert [asked(world.match(hits=3, within=20.0), now) for now in (20.0, 20.1)] == [True, False]
    assert [asked(world.match(hits=1, within=20.0), now) for now in (40.0, 40.1)] == [True, False]


def test_asking_does_not_make_it_seen_but_an_update_does_where_it_is_met() -> None:
    world = World()
    world.set(0.0)
    update = world.match(hits=1, within=10.0, update=True)
    assert [asked(world.match(within=10.0), now) for now in (9.0, 11.0)] == [True, False]
    assert [asked(update, now) for now in (9.0, 18.0, 27.0, 38.0, 39.0)] == [True] * 3 + [False] * 2
    assert not asked(update, 0.0, B)
    assert world.known() == [A]


def test_an_inverted_update_notes_what_was_not_seen_often_enough() -> None:
    world = World()
    world.set(0.0)
    update = world.match(hits=3, inverted=True, update=True)
    assert [asked(update, 1.0) for _ in range(4)] == [True, True, False, False]
    assert asked(update, 1.0, B)
    assert world.known() == [A]


def test_remove_is_met_by_what_is_in_the_list_and_takes_it_out() -> None:
    world = World()
    world.set(0.0)
    remove = world.match(remove=True)
    assert [asked(remove, 1.0), asked(remove, 1.0)] == [True, False]
    inverse = world.match(remove=True, inverted=True)
    world.set(2.0)
    assert [asked(inverse, 3.0), asked(inverse, 3.0)] == [False, True]


def test_only_as_many_times_are_known_as_rules_ask_for() -> None:
    world = World(times=3)
    for now in range(10):
        world.set(float(now))
    assert world.recent.entries[A].stamps == [7.0, 8.0, 9.0]


def test_in_a_full_list_the_one_seen_longest_ago_makes_room() -> None:
    world = World(maximum=2)
    world.set(0.0, A)
    world.set(1.0, B)
    world.set(2.0, A)
    world.set(3.0, C)
    assert world.known() == [A, C]
    assert asked(world.match(update=True), 4.0, A)
    world.set(5.0, B)
    assert world.known() == [A, B]


def test_a_list_that_is_to_be_smaller_shrinks_as_new_ones_come() -> None:
    world = World(maximum=10)
    for number in range(10):
        world.set(0.0, bytes((10, 2, 0, number)))
    world.recent.resize(3, 1)
    for number, left in enumerate((9, 8, 7, 6, 5, 4, 3, 3)):
        world.set(1.0, bytes((10, 3, 0, number)))
        assert len(world.known()) == left


def test_reaping_forgets_one_that_was_seen_too_long_ago() -> None:
    world = World()
    world.set(0.0, A)
    world.set(1.0, B)
    world.set(50.0, C)
    reap = world.match(within=30.0, reap=True)
    assert asked(reap, 30.5, C)
    assert world.known() == [B, C]
    assert not asked(reap, 40.0, A), "it is not in the list: nothing is done"
    assert world.known() == [B, C]
    assert asked(reap, 51.0, C)
    assert asked(reap, 51.0, C)
    assert world.known() == [C]


def test_what_an_update_notes_is_not_reaped_before() -> None:
    world = World()
    world.set(0.0, A)
    reap = world.match(within=30.0, hits=1, reap=True, update=True, inverted=True)
    assert asked(reap, 100.0, A)
    assert world.recent.entries[A].stamps == [0.0, 100.0]


def test_the_same_ttl_is_that_of_the_packet_seen_last() -> None:
    world = World()
    world.set(0.0, ttl=60)
    match = world.match(same_ttl=True)
    assert asked(match, 1.0, ttl=60)
    assert not asked(match, 1.0, ttl=61)
    assert asked(world.match(same_ttl=True, inverted=True), 1.0, ttl=61)
    world.set(2.0, ttl=61)
    assert asked(match, 3.0, ttl=61)


def test_a_forwarded_packet_has_lost_one_hop_before_it_is_seen() -> None:
    for src in (A, wire.CLIENT6):
        assert ttl_of(packet_of(0.0, src, ttl=63, hook=HOOK_FORWARD)) == 64
        assert ttl_of(packet_of(0.0, src, ttl=64, hook=HOOK_INPUT)) == 64


def test_a_network_is_one_entry() -> None:
    world = World(mask=24)
    world.set(0.0, A)
    assert asked(world.match(), 0.0, B)
    assert not asked(world.match(), 0.0, bytes((10, 1, 1, 1)))


def test_families_do_not_meet_and_the_destination_may_be_noted() -> None:
    world = World()
    RecentSetTarget(world.recent, True).apply(packet_of(0.0, A), CtInfo(NEW), Effects(0), 0.0)
    assert world.known() == [wire.SERVER4]
    assert asked(world.match(destination=True), 0.0, B)
    assert not asked(world.match(), 0.0, wire.CLIENT6)
    RecentRemoveTarget(world.recent, True).apply(packet_of(0.0, C), CtInfo(NEW), Effects(0), 0.0)
    RecentRemoveTarget(world.recent, False).apply(packet_of(0.0, C), CtInfo(NEW), Effects(0), 0.0)
    assert world.known() == []


@pytest.mark.parametrize("inverted", [False, True])
def test_what_has_no_address_is_neither_asked_nor_noted(inverted: bool) -> None:
    world = World()
    packet = parse(b"\0" * 40, PacketMeta())
    assert not world.match(inverted=inverted).matches(packet, CtInfo(NEW), 0)
    for target in (RecentSetTarget(world.recent, False), RecentRemoveTarget(world.recent, False)):
        target.apply(packet, CtInfo(NEW), Effects(0), 0.0)
    assert world.known() == []
