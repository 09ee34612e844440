"""Connections, told a little at a time to who asks for some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.snapshot import load_with_masters
from firewalld_py.conntrack.table import Table
from firewalld_py.service.channel import Channel, channel_pair
from firewalld_py.service.connection_listing import MAX_TOLD, PER_TURN, ConnectionListing
from firewalld_py.service.messages import ConnectionsEnd, ConnectionsRequest, Message, Tracked
from tests.segments import connection_for, datagram

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """The supervisor's end of a pipe, and the worker's."""
    ours, theirs = channel_pair()
    with theirs:
        yield ours, Channel(theirs)
    ours.close()


def table_with(count: int) -> Table:
    """UDP from so many ports of the client."""
    table = Table(count + 1)
    for sport in range(1, count + 1):
        connection = connection_for(datagram(sport=sport))
        connection.deadline = 100.0
        assert table.insert(connection, 0.0)
    return table


def told(
    ends: tuple[Channel, Channel], table: Table, at_most: int = 100, **wanted: str
) -> tuple[list[list[Any]], Message]:
    """The rows of each connection that a listing tells, and its last message."""
    listing = ConnectionListing(ConnectionsRequest(5, at_most, wanted), table)
    heard: list[Message] = []
    more = True
    while more:
        more = listing.tell(ends[1], 1.0)
        of_turn = list(ends[0].receive(1000))
        assert len(of_turn) <= PER_TURN + 1
        heard += of_turn
    *rows, end = heard
    assert all(isinstance(one, Tracked) and one.number == 5 for one in rows)
    return [one.rows for one in rows if isinstance(one, Tracked)], end


def test_those_that_fit_are_told(ends: tuple[Channel, Channel]) -> None:
    rows, end = told(ends, table_with(300), sport="10-12")
    assert end == ConnectionsEnd(5, 3)
    found = [load_with_masters(one, 1.0) for one in rows]
    assert sorted(connection.port(0, False) for connection in found) == [10, 11, 12]
    assert {connection.deadline for connection in found} == {100.0}


def test_beyond_the_bound_they_are_counted(ends: tuple[Channel, Channel]) -> None:
    rows, end = told(ends, table_with(300), at_most=7)
    assert (len(rows), end) == (7, ConnectionsEnd(5, 300))
    rows, end = told(ends, table_with(MAX_TOLD + 3), at_most=1 << 40)
    assert (len(rows), end) == (MAX_TOLD, ConnectionsEnd(5, MAX_TOLD + 3))


def test_masters_come_along(ends: tuple[Channel, Channel]) -> None:
    table = table_with(1)
    child: Connection
    (child,) = table.connections()
    child.extended().master = master = connection_for(datagram(sport=21, dport=2100))
    master.extended().helper = "tftp"
    master.extended().master = connection_for(datagram(sport=22, dport=2200))
    ((rows), _end) = told(ends, table)
    found = load_with_masters(rows[0], 1.0).master()
    assert found is not None
    assert (found.original_key, found.helper()) == (master.original_key, "tftp")
    assert (above := found.master()) is not None
    assert above.port(0, True) == 2200


def test_a_request_that_makes_no_sense_is_answered(ends: tuple[Channel, Channel]) -> None:
    rows, end = told(ends, table_with(1), colour="red")
    assert rows == []
    assert end == ConnectionsEnd(5, 0, "connections are not found by colour")


def test_a_full_pipe_is_waited_for_and_nothing_is_lost(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    filling = 0
    while theirs.send(ConnectionsEnd(0, 0)):
        filling += 1
    listing = ConnectionListing(ConnectionsRequest(1, 10, {}), table_with(2))
    assert all(listing.tell(theirs, 1.0) for _ in range(20))
    assert len(list(ours.receive(filling))) == filling
    while listing.tell(theirs, 1.0):
        pass
    kinds = [type(message).__name__ for message in ours.receive(10)]
    assert kinds == ["Tracked", "Tracked", "ConnectionsEnd"]
