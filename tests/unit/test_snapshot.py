"""Connections carried over to another table go on as if nothing had happened."""

from __future__ import annotations

import json
import struct

import pytest

from firewalld_py.conntrack.connection import ESTABLISHED, INVALID, NEW
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.snapshot import (
    SnapshotError,
    dump_connection,
    load_connection,
    restore,
)
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse

CLIENT, SERVER = bytes((10, 1, 0, 5)), bytes((203, 0, 113, 9))
SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10


def segment(to_server: bool, flags: int, seq: int, ack: int) -> bytes:
    src, dst, sport, dport = (CLIENT, SERVER, 4000, 80) if to_server else (SERVER, CLIENT, 80, 4000)
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 1000, 0, 0)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, src, dst) + tcp


def state(conntrack: Conntrack, data: bytes, now: float) -> int:
    packet = parse(data, PacketMeta())
    info = conntrack.inspect(packet, now)
    conntrack.confirm(info, packet, now)
    return info.state


def handshake() -> Conntrack:
    conntrack = Conntrack(Settings())
    assert state(conntrack, segment(True, SYN, 99, 0), 1.0) == NEW
    assert state(conntrack, segment(False, SYN_ACK, 499, 100), 1.1) == ESTABLISHED
    assert state(conntrack, segment(True, ACK, 100, 500), 1.2) == ESTABLISHED
    return conntrack


def moved(conntrack: Conntrack, now: float, then: float) -> Conntrack:
    rows = [dump_connection(entry, now) for entry in conntrack.table.connections()]
    successor = Conntrack(Settings())
    restore(successor.table, json.loads(json.dumps(rows)), then)
    return successor


def test_a_connection_goes_on_in_the_new_table_under_another_clock() -> None:
    successor = moved(handshake(), 2.0, 5000.0)
    assert state(successor, segment(False, ACK, 500, 100), 5000.1) == ESTABLISHED


def test_its_window_is_carried_along() -> None:
    successor = moved(handshake(), 2.0, 5000.0)
    assert state(successor, segment(True, ACK, 100 + 500_000, 500), 5000.1) == INVALID


def test_what_it_was_is_what_it_is() -> None:
    conntrack = handshake()
    before = [dump_connection(entry, 2.0) for entry in conntrack.table.connections()]
    after = [
        dump_connection(entry, 9.0) for entry in moved(conntrack, 2.0, 9.0).table.connections()
    ]
    for row in (*before, *after):
        row["age_s"] = round(row["age_s"], 6)
        row["left_s"] = round(row["left_s"], 6)
    assert after == before


def test_one_that_died_on_the_way_is_left_behind() -> None:
    conntrack = handshake()
    rows = [dump_connection(entry, 2.0) for entry in conntrack.table.connections()]
    rows[0]["left_s"] = -0.5
    successor = Conntrack(Settings())
    assert restore(successor.table, rows, 5000.0) == 0
    assert successor.table.size == 0


@pytest.mark.parametrize("damage", [{"original": "xyz"}, {"left_s": None}, {"peers": []}])
def test_a_damaged_row_is_refused(damage: dict[str, object]) -> None:
    row = dump_connection(handshake().table.connections()[0], 2.0)
    with pytest.raises(SnapshotError):
        load_connection({**row, **damage}, 2.0)
