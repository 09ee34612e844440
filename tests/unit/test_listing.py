"""What is expected, told a little at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from firewalld_py.conntrack.expectation import EXPECTED, Expectation, ExpectationTable, Policy
from firewalld_py.service.channel import Channel, channel_pair
from firewalld_py.service.listing import MAX_LISTED, PER_TURN, Listing
from firewalld_py.service.messages import ExpectationsEnd, Expected, Message
from tests import wire
from tests.segments import connection_for, datagram

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY: Final = Policy(0, 60.0)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """The supervisor's end of a pipe, and the worker's."""
    ours, theirs = channel_pair()
    with theirs:
        yield ours, Channel(theirs)
    ours.close()


def table_with(count: int, policy: Policy = POLICY) -> ExpectationTable:
    """UDP from anywhere to so many ports of the server."""
    table = ExpectationTable(count + 1)
    master = connection_for(datagram(dport=69))
    master.extended().helper = "tftp"
    for dport in range(1, count + 1):
        new = Expectation(master, b"", wire.SERVER4, wire.UDP, dport)
        assert table.expect(new, policy, float(dport)) == EXPECTED
    return table


def told(ends: tuple[Channel, Channel], listing: Listing, now: float) -> list[Message]:
    """All that a listing tells, each turn's messages read before the next."""
    heard: list[Message] = []
    more = True
    while more:
        more = listing.tell(ends[1], now)
        of_turn = list(ends[0].receive(1000))
        assert len(of_turn) <= PER_TURN
        heard += of_turn
    return heard


def test_each_expectation_is_a_message_and_the_end_has_their_number(
    ends: tuple[Channel, Channel],
) -> None:
    *entries, end = told(ends, Listing(5, table_with(100), 10.0), 11.5)
    assert end == ExpectationsEnd(5, 100)
    assert [entry.dport for entry in entries if isinstance(entry, Expected)] == [*range(1, 101)]
    master = connection_for(datagram(dport=69)).original_key
    assert entries[0] == Expected(
        5, wire.UDP, b"", b"", -1, wire.SERVER4, 1, 0, 0, 49.5, "tftp", "", master
    )


def test_where_nothing_is_expected_there_is_only_the_end(ends: tuple[Channel, Channel]) -> None:
    assert told(ends, Listing(1, ExpectationTable(5), 0.0), 0.0) == [ExpectationsEnd(1, 0)]


def test_what_is_over_meanwhile_is_not_told(ends: tuple[Channel, Channel]) -> None:
    heard = told(ends, Listing(1, table_with(3), 10.0), 62.5)
    assert [entry.dport for entry in heard if isinstance(entry, Expected)] == [3]
    assert heard[-1] == ExpectationsEnd(1, 1)


def test_what_was_over_before_is_not_counted(ends: tuple[Channel, Channel]) -> None:
    assert told(ends, Listing(1, table_with(3), 62.5), 62.5)[-1] == ExpectationsEnd(1, 1)


def test_of_very_many_the_rest_is_counted(ends: tuple[Channel, Channel]) -> None:
    table = table_with(MAX_LISTED + 7, Policy(0, 9000.0))
    heard = told(ends, Listing(1, table, 5000.0), 5000.0)
    assert len(heard) == MAX_LISTED + 1
    assert heard[-1] == ExpectationsEnd(1, MAX_LISTED + 7)


def test_a_full_pipe_is_waited_for_and_nothing_is_lost(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    filling = 0
    while theirs.send(ExpectationsEnd(0, 0)):
        filling += 1
    listing = Listing(1, table_with(2), 10.0)
    assert listing.tell(theirs, 10.0)
    assert listing.tell(theirs, 10.0)
    assert len(list(ours.receive(filling))) == filling
    heard = told(ends, listing, 10.0)
    assert [type(message).__name__ for message in heard] == [
        "Expected",
        "Expected",
        "ExpectationsEnd",
    ]
