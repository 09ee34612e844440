"""Connections as plain data and back: the seam for carrying a table over to another process.

A row is a mapping of numbers and text, fit for JSON. Times are relative (seconds left, age): the
clock of the reader may be another one. Expectations, masters and a rule's timeouts are not carried:
a connection that was expected stays RELATED by its status bit.
"""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.conntrack.connection import CONFIRMED, ORIGINAL, REPLY, Connection
from firewalld_py.conntrack.sctp import SctpConnection
from firewalld_py.conntrack.table import Table
from firewalld_py.conntrack.tcp_connection import TcpConnection, TcpPeer
from firewalld_py.packet.protocols import IPPROTO_SCTP, IPPROTO_TCP

Row = dict[str, Any]

_COMMON: Final = (
    "status",
    "mark",
    "original_packets",
    "original_octets",
    "reply_packets",
    "reply_octets",
)
_TCP: Final = (
    "state",
    "last_direction",
    "last_class",
    "last_seq",
    "last_ack",
    "last_end",
    "last_window",
    "last_flags",
    "last_scale",
    "retransmissions",
)
_SCTP: Final = (
    "state",
    "original_tag",
    "reply_tag",
    "original_init",
    "reply_init",
    "heartbeat_failed",
    "heartbeat_direction",
)
_PEER: Final = ("end", "maxend", "maxwin", "maxack", "scale", "flags")


_KINDS: Final[dict[int, type[Connection]]] = {
    IPPROTO_TCP: TcpConnection,
    IPPROTO_SCTP: SctpConnection,
}


class SnapshotError(ValueError):
    """A row that `dump_connection` does not make."""


def dump_connection(connection: Connection, now: float) -> Row:
    """One connection as a row."""
    row: Row = {name: getattr(connection, name) for name in _COMMON}
    row["helper"] = connection.helper()
    row["labels"] = connection.labels()
    row["protocol"] = connection.protocol
    row["original"] = connection.original_key.hex()
    row["reply"] = connection.reply_key.hex()
    row["left_s"] = connection.deadline - now
    row["age_s"] = now - connection.started
    row["own"] = {name: getattr(connection, name) for name in _own_fields(connection)}
    if isinstance(connection, TcpConnection):
        row["peers"] = [
            {name: getattr(connection.peer_copy(direction), name) for name in _PEER}
            for direction in (ORIGINAL, REPLY)
        ]
    return row


def load_connection(row: Row, now: float) -> Connection:
    """The connection in a row, not yet in a table. Raises SnapshotError."""
    try:
        keys = bytes.fromhex(row["original"]), bytes.fromhex(row["reply"])
        kind = _KINDS.get(row["protocol"], Connection)
        connection = kind(row["protocol"], keys[0], keys[1], now - float(row["age_s"]))
        for name in _COMMON:
            setattr(connection, name, row[name])
        if row["helper"] or row["labels"]:
            connection.extended().helper = str(row["helper"])
            connection.extended().labels = int(row["labels"])
        connection.deadline = now + float(row["left_s"])
        connection.status &= ~CONFIRMED
        for name in _own_fields(connection):
            setattr(connection, name, row["own"][name])
        if isinstance(connection, TcpConnection):
            for direction, values in zip((ORIGINAL, REPLY), row["peers"], strict=True):
                connection.set_peer(direction, _peer_of(values))
    except (KeyError, TypeError, ValueError, OverflowError) as fault:
        raise SnapshotError(f"not a connection: {fault!r}") from fault
    return connection


def load_with_masters(rows: list[Row], now: float) -> Connection:
    """The connection in the first row, whose master is in the next one, and so on.

    Raises SnapshotError, also if there is no row.
    """
    if not rows:
        raise SnapshotError("not a connection with its masters")
    first = connection = load_connection(rows[0], now)
    for row in rows[1:]:
        master = load_connection(row, now)
        connection.extended().master = master
        connection = master
    return first


def restore(table: Table, rows: list[Row], now: float) -> int:
    """Enter the connections that still live; returns how many found room."""
    entered = 0
    for row in rows:
        connection = load_connection(row, now)
        if connection.deadline > now and table.insert(connection, now):
            entered += 1
    return entered


def _own_fields(connection: Connection) -> tuple[str, ...]:
    """What a protocol's connections have beside what all have."""
    if isinstance(connection, TcpConnection):
        return _TCP
    return _SCTP if isinstance(connection, SctpConnection) else ()


def _peer_of(values: Row) -> TcpPeer:
    peer = TcpPeer()
    for name in _PEER:
        setattr(peer, name, values[name])
    return peer
