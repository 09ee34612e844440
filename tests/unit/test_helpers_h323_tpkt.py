"""TPKT: which octets of a segment are messages."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.helpers.h323_tpkt import TpktState, take_messages, tpkt_state
from tests.h323_messages import tpkt
from tests.segments import connection_for, datagram

HEADER = tpkt(b"abc")[:4]


def taken(*segments: bytes) -> list[bytes]:
    """The messages of the last of these segments of one side."""
    state, found = TpktState(), []
    for segment in segments:
        found = [segment[begin:end] for begin, end in take_messages(segment, 0, state)]
    return found


@pytest.mark.parametrize(
    ("segment", "messages"),
    [
        (tpkt(b"abc"), [b"abc"]),
        (tpkt(b"abc") + tpkt(b"d"), [b"abc", b"d"]),
        (tpkt(b"abc") + b"x", [b"abc"]),
        (tpkt(b"") + tpkt(b"abc"), [b"", b"abc"]),
        (tpkt(b"abc") + HEADER, [b"abc"]),
        (b"", []),
        (b"\3\0\0", []),
        (b"\2\0\0\7abc", []),
        (b"\3\1\0\7abc", []),
        (b"\3\0\0\3abc", []),  # shorter than its header
        (b"\3\0\0\x08abc", []),  # longer than the segment
    ],
)
def test_messages_of_one_segment(segment: bytes, messages: list[bytes]) -> None:
    assert taken(segment) == messages


def test_a_header_may_come_alone() -> None:
    assert taken(HEADER) == []
    assert taken(HEADER, b"abc") == [b"abc"]
    assert taken(HEADER, b"abcx") == [b"abc"]
    assert taken(HEADER, b"abc" + tpkt(b"d")) == [b"abc", b"d"]


def test_but_nothing_else_is_put_together() -> None:
    assert taken(HEADER, b"ab", b"c") == []
    assert taken(HEADER, b"ab", b"abc") == []  # what fell short is waited for no longer
    assert taken(HEADER, b"", b"abc") == []
    assert taken(tpkt(b"abc")[:5], b"bc") == []
    assert taken(tpkt(b"x") + HEADER, b"abc") == []


def test_each_side_has_headers_of_its_own() -> None:
    state = TpktState()
    take_messages(HEADER, 0, state)
    assert take_messages(b"abc", 1, state) == []
    assert take_messages(b"abc", 0, state) == [(0, 3)]


def test_a_connection_keeps_its_state() -> None:
    connection = connection_for(datagram())
    assert tpkt_state(connection) is tpkt_state(connection)
