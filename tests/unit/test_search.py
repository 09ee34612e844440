"""Connections are found by what is known of them, a little at a time."""

from __future__ import annotations

import random
from typing import Any

import pytest

from firewalld_py.conntrack.connection import ORIGINAL, REPLY, Connection
from firewalld_py.conntrack.flow import in_zone, reply_key
from firewalld_py.conntrack.search import LOOKS_PER_PART, Search, SearchError, Wanted
from firewalld_py.conntrack.search import wanted_from_text as from_text
from firewalld_py.conntrack.table import PARTS, Table
from tests import wire


def entry(number: int, protocol: int = wire.UDP, zone: int = 0, version: int = 4) -> Connection:
    ends = wire.CLIENT4 + wire.SERVER4 if version == 4 else wire.CLIENT6 + wire.SERVER6
    key = in_zone(ends + number.to_bytes(2, "big") + b"\x00\x50" + bytes((protocol,)), zone)
    connection = Connection(protocol, key, reply_key(key), 0.0)
    connection.deadline = 100.0
    return connection


def found(table: Table, looks: int = 100, now: float = 1.0, **wanted: Any) -> list[Connection]:
    search = Search(table, Wanted(**wanted))
    connections: list[Connection] = []
    while not search.is_done():
        connections += search.step(looks, now)
    return connections


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, True),
        ({"protocol": wire.UDP}, True),
        ({"protocol": wire.TCP}, False),
        ({"zone": 0}, False),
        ({"zone": 7}, True),
        ({"src": (wire.CLIENT4, wire.CLIENT4)}, True),
        ({"src": (bytes(4), bytes((9, 255, 255, 255)))}, False),
        ({"src": (bytes(16), b"\xff" * 16)}, False),
        ({"dst": (wire.CLIENT4, wire.CLIENT4)}, False),
        ({"dst": (wire.CLIENT4, wire.CLIENT4), "directions": (REPLY,)}, True),
        ({"src": (wire.SERVER4, wire.SERVER4), "directions": (ORIGINAL, REPLY)}, True),
        ({"sport": (4000, 4009)}, True),
        ({"sport": (4006, 4009)}, False),
        ({"dport": (80, 80)}, True),
        ({"dport": (4005, 4005)}, False),
        # all of it of one direction
        ({"sport": (80, 80), "dst": (wire.SERVER4, wire.SERVER4), "directions": (0, 1)}, False),
    ],
)
def test_each_part_says_which_connections_fit(wanted: dict[str, Any], fits: bool) -> None:
    connection = entry(4005, zone=7)
    assert Wanted(**wanted).fits(connection) == fits
    assert from_text(Wanted(**wanted).as_text()).fits(connection) == fits


def test_numbers_and_octets_say_the_same() -> None:
    """Keys of a zone are compared as octets, those of IPv4 without one as numbers."""
    chance = random.Random(9)
    ends = [wire.CLIENT4, wire.SERVER4, bytes(4), b"\xff" * 4, wire.CLIENT6, wire.SERVER6]
    fitting = 0
    for _ in range(3000):
        wanted: dict[str, Any] = {"directions": chance.choice([(0,), (1,), (0, 1)])}
        for name in ("src", "dst"):
            low, high = sorted(chance.choices(ends, k=2))
            if chance.random() < 0.5 and len(low) == len(high):
                wanted[name] = low, high
        for name in ("sport", "dport"):
            if chance.random() < 0.3:
                low_port, high_port = sorted(chance.choices((0, 79, 80, 81, 4005, 65535), k=2))
                wanted[name] = low_port, high_port
        fits = [Wanted(**wanted).fits(entry(4005, zone=zone)) for zone in (0, 7)]
        assert fits[0] == fits[1], wanted
        fitting += fits[0]
    assert 300 < fitting < 2700


@pytest.mark.parametrize("version", [4, 6])
def test_every_connection_is_seen_once_in_bounded_steps(version: int) -> None:
    table = Table(10_000)
    entries = [entry(number, version=version) for number in range(5000)]
    assert all(table.insert(connection, 0.0) for connection in entries)
    search, seen, steps = Search(table, Wanted()), list[Connection](), 0
    while not search.is_done():
        steps += 1
        some = search.step(200, 1.0)
        assert len(some) < 250
        seen += some
    assert steps > 20
    assert sorted(map(id, seen)) == sorted(map(id, entries))


def test_what_stays_is_seen_once_whatever_comes_and_goes() -> None:
    table, chance = Table(20_000), random.Random(3)
    staying = [entry(number) for number in range(2000)]
    leaving = [entry(number) for number in range(2000, 4000)]
    for connection in staying + leaving:
        table.insert(connection, 0.0)
    search, seen = Search(table, Wanted()), list[Connection]()
    for number in range(4000, 40_000):
        if search.is_done():
            break
        seen += search.step(4 * LOOKS_PER_PART, 1.0)
        table.insert(entry(number), 1.0)
        if leaving:
            table.remove(leaving.pop(chance.randrange(len(leaving))))
    assert search.is_done()
    assert {id(one) for one in staying} <= {id(one) for one in seen}
    assert len({id(one) for one in seen}) == len(seen)


def test_what_is_over_is_not_found() -> None:
    table = Table(10)
    table.insert(entry(1), 0.0)
    assert len(found(table, now=99.0)) == 1
    assert found(table, now=100.0) == []


def test_an_empty_table_takes_few_steps() -> None:
    search, steps = Search(Table(10), Wanted()), 0
    while not search.is_done():
        assert search.step(512, 0.0) == []
        steps += 1
    assert steps == PARTS * LOOKS_PER_PART // 512


def test_an_end_is_found_in_either_direction() -> None:
    table = Table(10)
    table.insert(entry(1), 0.0)
    table.insert(entry(1, version=6), 0.0)
    ends = (wire.SERVER4, wire.SERVER4)
    (one,) = found(table, src=ends, directions=(ORIGINAL, REPLY))
    assert one.address(ORIGINAL, True) == wire.SERVER4


@pytest.mark.parametrize(
    "said",
    [
        {"colour": "red"},
        {"protocol": "tcp"},
        {"src": "0a"},
        {"src": "0a010005-00"},
        {"sport": "1"},
        {"directions": "2"},
        {"zone": ""},
    ],
)
def test_what_nobody_can_be_found_by(said: dict[str, str]) -> None:
    with pytest.raises(SearchError):
        from_text(said)
