"""The pipe between supervisor and worker: order, a full pipe, the other end gone."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pytest

from firewalld_py.service.channel import Channel, ChannelClosedError, channel_pair, split
from firewalld_py.service.messages import (
    Bound,
    Failed,
    Message,
    MessageError,
    RulesEnd,
    StatsRequest,
    Stop,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    ours, theirs = channel_pair()
    other = Channel(theirs)
    yield ours, other
    ours.close()
    other.close()


def test_messages_arrive_whole_and_in_order(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    sent: list[Message] = [Bound(1), Failed("x" * 60_000), RulesEnd(2), Stop()]
    for message in sent:
        assert ours.send(message)
    assert list(theirs.receive(10)) == sent


def test_a_long_message_is_sent_in_pieces_that_whoever_may_wait_sends(
    ends: tuple[Channel, Channel],
) -> None:
    ours, theirs = ends
    long = Failed("x" * 200_000)
    with pytest.raises(MessageError, match="too long"):
        ours.send(long)
    pieces = split(long)
    assert len(pieces) == 4
    for piece in pieces[:-1]:
        assert ours.send_piece(piece)
    assert list(theirs.receive(10)) == []
    assert ours.send_piece(pieces[-1])
    assert list(theirs.receive(10)) == [long]


def test_both_ends_speak(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    assert theirs.send(Bound(1))
    assert ours.send(Stop())
    assert (list(ours.receive(9)), list(theirs.receive(9))) == ([Bound(1)], [Stop()])


def test_no_more_are_received_than_asked_for(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    for number in range(5):
        assert ours.send(Bound(number))
    assert list(theirs.receive(2)) == [Bound(0), Bound(1)]
    assert list(theirs.receive(9)) == [Bound(2), Bound(3), Bound(4)]


def test_an_empty_pipe_gives_nothing_and_waits_for_nobody(ends: tuple[Channel, Channel]) -> None:
    assert list(ends[0].receive(5)) == []


def test_a_full_pipe_takes_no_more_and_every_lost_message_is_counted(
    ends: tuple[Channel, Channel],
) -> None:
    ours, theirs = ends
    taken = 0
    while ours.send(Failed("x" * 50_000)):
        taken += 1
    assert taken > 0
    assert ours.lost == 1
    assert not ours.send(Failed("x" * 50_000))
    assert ours.lost == 2
    assert len(list(theirs.receive(taken + 5))) == taken
    assert ours.send(Stop())
    assert list(theirs.receive(1)) == [Stop()]


def test_what_was_said_before_the_end_is_still_heard(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    assert ours.send(Failed("no queue"))
    ours.close()
    heard = theirs.receive(9)
    assert next(heard) == Failed("no queue")
    with pytest.raises(ChannelClosedError):
        next(heard)


def test_what_was_said_by_one_who_did_not_listen_to_the_end_is_still_heard(
    ends: tuple[Channel, Channel],
) -> None:
    # The kernel tells of the unread message first (ECONNRESET), and only then gives the last words.
    ours, theirs = ends
    assert theirs.send(Stop())
    assert ours.send(Failed("no queue"))
    ours.close()
    heard = theirs.receive(9)
    assert next(heard) == Failed("no queue")
    with pytest.raises(ChannelClosedError):
        next(heard)


def test_to_speak_to_an_end_that_is_gone_is_an_error_of_its_own(
    ends: tuple[Channel, Channel],
) -> None:
    ours, theirs = ends
    theirs.close()
    with pytest.raises(ChannelClosedError):
        ours.send(Stop())


def test_a_datagram_that_is_no_message_is_an_error() -> None:
    ours, theirs = channel_pair()
    with theirs:
        theirs.send(b"hello")
        with pytest.raises(MessageError):
            list(ours.receive(1))
    ours.close()


def test_an_end_can_be_waited_for(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    assert ours.send(StatsRequest(1))
    assert select.select([theirs], [], [], 5.0)[0] == [theirs]
