"""A TCP connection's two sides, taken out and put back."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.connection import ORIGINAL, REPLY
from firewalld_py.conntrack.tcp_connection import TcpConnection, TcpPeer
from firewalld_py.conntrack.tcp_states import STATE_NAMES

NAMES = ("end", "maxend", "maxwin", "maxack", "scale", "flags")
TOP = 0xFFFFFFFF


@pytest.mark.parametrize("direction", [ORIGINAL, REPLY])
def test_a_side_comes_back_as_it_was_put_and_the_other_is_left_alone(direction: int) -> None:
    connection = TcpConnection(6, bytes(13), bytes(13), 0.0)
    peer = TcpPeer()
    for value, name in enumerate(NAMES, 7):
        setattr(peer, name, value)
    peer.end = TOP
    connection.set_peer(direction, peer)
    back, other = connection.peer_copy(direction), connection.peer_copy(1 - direction)
    assert [getattr(back, name) for name in NAMES] == [TOP, 8, 9, 10, 11, 12]
    assert [getattr(other, name) for name in NAMES] == [0] * 6


def test_a_side_that_was_taken_out_is_a_copy() -> None:
    connection = TcpConnection(6, bytes(13), bytes(13), 0.0)
    connection.peer_copy(ORIGINAL).end = 5
    assert connection.peer_copy(ORIGINAL).end == 0


def test_it_is_closed_once_both_sides_are_through_with_it() -> None:
    connection = TcpConnection(6, bytes(13), bytes(13), 0.0)
    closed = []
    for state, name in enumerate(STATE_NAMES):
        connection.state = state
        if connection.is_closed():
            closed.append(name)
    assert closed == ["TIME_WAIT", "CLOSE"]
