"""The index of keys: growth, gaps, and keys that differ in what their numbers do not hold."""

from __future__ import annotations

import random

import pytest

from firewalld_py.conntrack import key_index
from firewalld_py.conntrack.connection import ORIGINAL, REPLY, Connection
from firewalld_py.conntrack.flow import reply_key
from firewalld_py.conntrack.key_index import KeyIndex
from tests import wire

ENDS = {4: wire.CLIENT4 + wire.SERVER4, 6: wire.CLIENT6 + wire.SERVER6}


def entry(number: int, version: int = 4) -> Connection:
    ports = (number & 0xFFFF).to_bytes(2, "big") + (number >> 16).to_bytes(2, "big")
    key = ENDS[version] + ports + bytes((wire.UDP,))
    return Connection(wire.UDP, key, reply_key(key), 0.0)


@pytest.mark.parametrize("version", [4, 6])
def test_the_direction_is_that_of_the_key(version: int) -> None:
    index, connection = KeyIndex(), entry(7, version)
    assert index.insert(connection)
    assert index.find(connection.original_key) is connection
    assert index.direction == ORIGINAL
    assert index.find(connection.reply_key) is connection
    assert index.direction == REPLY


@pytest.mark.parametrize("version", [4, 6])
def test_keys_come_back_from_a_connection(version: int) -> None:
    connection = entry(70_000, version)
    assert connection.original_key[:-5] == ENDS[version]
    assert connection.reply_key == reply_key(connection.original_key)


@pytest.mark.parametrize("version", [4, 6])
def test_many_come_and_go_and_the_rest_are_found(version: int) -> None:
    index, chance = KeyIndex(), random.Random(5)
    there: dict[int, Connection] = {}
    for _ in range(60_000):
        number = chance.randrange(20_000)
        if number in there and chance.random() < 0.7:
            assert index.remove(there[number])
            assert not index.remove(there.pop(number))
        elif number not in there:
            there[number] = entry(number, version)
            assert index.insert(there[number])
        else:
            assert not index.insert(entry(number, version))
    for number in range(20_000):
        absent = entry(number, version)
        assert index.find(absent.original_key) is there.get(number)
        assert index.find(absent.reply_key) is there.get(number)


def test_slots_of_the_gone_are_used_again() -> None:
    index = KeyIndex()
    for number in range(100_000):
        connection = entry(number)
        assert index.insert(connection)
        assert index.remove(connection)
    slots = sum(len(shard) for shard in index._shards)
    assert slots == key_index.SHARDS * key_index.FEWEST_SLOTS


def test_ipv6_keys_of_one_hash_are_told_apart() -> None:
    first, second = entry(1, 6), entry(1, 6)
    second.original_wide = wire.SERVER6 * 2 + second.original_wide[-5:]
    second.reply_wide = wire.CLIENT6 * 2 + second.reply_wide[-5:]
    index = KeyIndex()
    assert index.insert(first)
    assert index.insert(second)
    assert index.find(first.original_key) is first
    assert index.remove(second)
    assert index.find(first.reply_key) is first


def test_a_cleared_index_is_empty() -> None:
    index, connection = KeyIndex(), entry(1)
    assert index.insert(connection)
    index.clear()
    assert index.find(connection.original_key) is None
    assert not index.remove(connection)
