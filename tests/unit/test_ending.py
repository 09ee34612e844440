"""Ending the connections of some hosts: which, all of them, and in bounded slices."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator
from typing import Final

import pytest

import firewalld_py
from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.ending import Ending, Hosts
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import in_zone, reply_key
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.service.set_work import LOOKS_PER_TURN
from tests import wire

ALL: Final = 1 << 30
BANNED4: Final = bytes((192, 0, 2, 7))
BANNED6: Final = bytes.fromhex("20010db8000000000000000000000007")


def connection(source: bytes, destination: bytes, number: int = 0, zone: int = 0) -> Connection:
    key = source + destination + number.to_bytes(4, "big") + bytes((wire.UDP,))
    made = Connection(wire.UDP, in_zone(key, zone), in_zone(reply_key(key), zone), 0.0)
    made.deadline = 1000.0
    return made


def tracking(*connections: Connection) -> Conntrack:
    conntrack = Conntrack(Settings(maximum=10_000_000))
    for one in connections:
        assert conntrack.table.insert(one, 0.0)
    return conntrack


def hosts(*networks: tuple[bytes, int]) -> Hosts:
    made = Hosts()
    for address, bits in networks:
        made.add(address, bits)
    return made


def ended(conntrack: Conntrack, banned: Hosts) -> int:
    """How many there were, all at once."""
    ending = Ending(conntrack, banned)
    assert not ending.step(ALL)
    return ending.ended


@pytest.mark.parametrize("zone", [0, 7])
@pytest.mark.parametrize("banned", [BANNED4, BANNED6])
def test_connections_from_and_to_a_host_end_and_others_stay(banned: bytes, zone: int) -> None:
    client, server = (
        (wire.CLIENT4, wire.SERVER4) if len(banned) == 4 else (wire.CLIENT6, wire.SERVER6)
    )
    other_family = connection(wire.CLIENT6, wire.SERVER6, 9)
    staying = [connection(client, server, 1, zone), other_family]
    conntrack = tracking(
        connection(banned, server, 1, zone), connection(client, banned, 2, zone), *staying
    )
    assert ended(conntrack, hosts((banned, 8 * len(banned)))) == 2
    assert set(map(id, conntrack.table.connections())) == set(map(id, staying))
    assert ended(conntrack, hosts((banned, 8 * len(banned)))) == 0


def test_a_network_is_all_the_addresses_that_begin_like_it() -> None:
    inside = [connection(bytes((192, 0, 2, last)), wire.SERVER4) for last in (0, 7, 127)]
    outside = connection(bytes((192, 0, 2, 128)), wire.SERVER4)
    conntrack = tracking(*inside, outside)
    assert ended(conntrack, hosts((bytes((192, 0, 2, 0)), 25))) == 3
    assert conntrack.table.connections() == [outside]


def test_networks_of_several_lengths_and_all_there_is() -> None:
    entries = [connection(bytes((a, 0, 0, b)), wire.SERVER4) for a in (10, 11, 12) for b in (1, 2)]
    conntrack = tracking(*entries, connection(wire.CLIENT6, wire.SERVER6))
    of_two = hosts((bytes((10, 0, 0, 0)), 8), (bytes((11, 0, 0, 2)), 32))
    assert ended(conntrack, of_two) == 3
    assert ended(conntrack, hosts((bytes(4), 0))) == 3
    assert conntrack.table.size == 1
    assert ended(conntrack, hosts((bytes(16), 0))) == 1


def test_it_goes_on_where_it_was_while_the_table_grows() -> None:
    chance = random.Random(3)
    banned = [connection(BANNED4, wire.SERVER4, number) for number in range(5000)]
    conntrack = tracking(*banned)
    ending = Ending(conntrack, hosts((BANNED4, 32)))
    number, steps = 0, 0
    while ending.step(97):
        steps += 1
        for _ in range(chance.randrange(60)):  # shards are rebuilt under it
            assert conntrack.table.insert(connection(wire.CLIENT4, wire.SERVER4, number), 0.0)
            number += 1
    assert ending.ended == 5000
    assert steps > 50
    assert conntrack.table.size == number


@pytest.fixture
def without_collector() -> Iterator[None]:
    """As in a worker."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("banned", [bytes((10, 1, 0, 0)), bytes((10, 0, 0, 0))], ids=["few", "all"])
def test_no_turn_of_a_large_table_takes_long(banned: bytes) -> None:
    """A million connections, of which some or all end; as many as can be had in time uncompiled."""
    count = 1_000_000 if firewalld_py.compiled() else 20_000
    conntrack = Conntrack(Settings(maximum=count))
    for number in range(count):
        source = (0x0A000000 + number % 100_000).to_bytes(4, "big")
        key = source + wire.SERVER4 + number.to_bytes(4, "big") + bytes((wire.TCP,))
        made = Connection(wire.TCP, key, reply_key(key), 0.0)
        made.deadline = 1000.0
        assert conntrack.table.insert(made, 0.0)
    ending = Ending(conntrack, hosts((banned, 16 if banned[1] else 8)))
    turns = []
    more = True
    while more:
        began = time.thread_time()
        more = ending.step(LOOKS_PER_TURN)
        turns.append(time.thread_time() - began)
    longest, whole = max(turns) * 1000, sum(turns)
    print(f"{ending.ended} of {count}: {len(turns)} turns, {longest:.1f} ms at most, {whole:.2f} s")
    assert conntrack.table.size == count - ending.ended
    assert ending.ended == (
        count if banned[1] == 0 else sum(number % 100_000 >= 0x10000 for number in range(count))
    )
    if firewalld_py.compiled():
        assert longest < 10.0


def test_who_is_done_stays_done() -> None:
    ending = Ending(tracking(), hosts((BANNED4, 32)))
    assert not ending.step(ALL)
    assert not ending.step(1)
    assert ending.ended == 0
