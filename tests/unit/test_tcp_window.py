"""Window tracking: the arithmetic, the options, the four bounds at their very edges."""

from __future__ import annotations

import struct

import pytest

from firewalld_py.conntrack.connection import ORIGINAL, REPLY
from firewalld_py.conntrack.tcp_connection import (
    FLAG_BE_LIBERAL,
    FLAG_SACK_PERMITTED,
    FLAG_WINDOW_SCALE,
    TcpConnection,
    TcpPeer,
)
from firewalld_py.conntrack.tcp_states import SEGMENT_CLASS
from firewalld_py.conntrack.tcp_window import (
    MAX_ACK_WINDOW,
    WINDOW_BELOW,
    WINDOW_OK,
    check_window,
    highest_sack,
    is_before,
    read_syn_options,
    segment_end,
)
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.reasons import TCP_ABOVE_WINDOW, TCP_ACK_OF_UNSEEN_DATA
from tests.segments import opened, segment

TOP = 0xFFFFFFFF


def checked(connection: TcpConnection, packet: Packet, direction: int) -> int:
    flags = SEGMENT_CLASS[packet.tcp_flags]
    return check_window(connection, packet, direction, flags, liberal=False)


@pytest.mark.parametrize(
    ("left", "right", "before"),
    [
        (1, 2, True),
        (2, 1, False),
        (5, 5, False),
        (TOP, 0, True),
        (0, TOP, False),
        (TOP - 10, 10, True),
        (0, 0x7FFFFFFF, True),
        (0, 0x80000000, True),  # half way round: as if it were behind
        (0, 0x80000001, False),
    ],
)
def test_sequence_numbers_are_compared_round_the_corner(
    left: int, right: int, before: bool
) -> None:
    assert is_before(left, right) is before


@pytest.mark.parametrize(
    ("flags", "size", "end"),
    [("A", 0, 1000), ("A", 10, 1010), ("S", 0, 1001), ("FA", 0, 1001), ("FA", 5, 1006),
     ("R", 0, 1000), ("S", 5, 1006)],
)  # fmt: skip
def test_syn_and_fin_count_as_an_octet(flags: str, size: int, end: int) -> None:
    assert segment_end(segment(ORIGINAL, flags, 1000, size=size)) == end


def test_the_end_of_a_segment_goes_round() -> None:
    assert segment_end(segment(ORIGINAL, "A", TOP, size=3)) == 2


@pytest.mark.parametrize(
    ("options", "scale", "flags"),
    [
        ("", 9, FLAG_WINDOW_SCALE),  # none at all: as it was
        ("01010101", 0, 0),
        ("03030701", 7, FLAG_WINDOW_SCALE),
        ("0402", 0, FLAG_SACK_PERMITTED),
        ("040203030e", 14, FLAG_SACK_PERMITTED | FLAG_WINDOW_SCALE),
        ("0303ff", 14, FLAG_WINDOW_SCALE),
        ("00030307", 0, 0),  # behind the end of options
        ("0204ffff0303050402", 5, FLAG_SACK_PERMITTED | FLAG_WINDOW_SCALE),
        ("03", 0, 0),
        ("01010103", 0, 0),  # no room for its length
        ("03000000", 0, 0),  # of length zero
        ("03010000", 0, 0),
        ("0101030a", 0, 0),  # longer than the header
        ("01010402", 0, FLAG_SACK_PERMITTED),  # up to the very end
        ("01030307", 7, FLAG_WINDOW_SCALE),
        ("01010303", 0, 0),  # its value would lie behind the header
        ("03040700", 0, 0),  # a window scale of the wrong length
        ("04030303", 0, 0),  # and a SACK-permitted
    ],
)
def test_options_of_a_syn(options: str, scale: int, flags: int) -> None:
    peer = TcpPeer()
    peer.scale, peer.flags = 9, FLAG_WINDOW_SCALE
    read_syn_options(segment(ORIGINAL, "S", 1, size=9, options=bytes.fromhex(options)), peer)
    assert (peer.scale, peer.flags) == (scale, flags)


def test_options_take_nothing_from_the_decision_to_be_liberal() -> None:
    peer = TcpPeer()
    peer.flags = FLAG_BE_LIBERAL | FLAG_WINDOW_SCALE
    read_syn_options(segment(ORIGINAL, "S", 1, options=b"\x01"), peer)
    assert peer.flags == FLAG_BE_LIBERAL


def sack(*blocks: tuple[int, int], before: bytes = b"\x01\x01") -> bytes:
    edges = b"".join(struct.pack(">II", *block) for block in blocks)
    return before + bytes((5, 2 + len(edges))) + edges


@pytest.mark.parametrize(
    ("options", "highest"),
    [
        (b"", 5000),
        (sack((6000, 7000)), 7000),
        (sack((6000, 7000), (8000, 9000), (7100, 7200)), 9000),
        (sack((1000, 2000)), 5000),  # a duplicate SACK lies below the ACK (RFC 2883)
        (sack((6000, 7000), before=b"\x08\x0a" + bytes(8)), 7000),  # behind timestamps
        (b"\0" + sack((6000, 7000)), 5000),
        (bytes((5, 9)) + bytes(7), 5000),  # no whole block
        (bytes((5, 12)) + bytes(10), 5000),
        (bytes((5, 40, 0, 0)), 5000),  # longer than the header
        (bytes((5, 0, 0, 0)), 5000),
        (bytes((1, 1, 1, 5)), 5000),
    ],
)
def test_the_highest_edge_of_the_sack_blocks(options: bytes, highest: int) -> None:
    assert highest_sack(segment(ORIGINAL, "A", 1, 5000, options=options), 5000) == highest


@pytest.mark.parametrize(
    ("seq", "size", "fault"),
    [
        (2001, 0, WINDOW_OK),  # I: up to the right edge
        (2002, 0, WINDOW_BELOW),  # above it by less than one window: let through
        (2002, 998, WINDOW_BELOW),
        (2002, 999, TCP_ABOVE_WINDOW),
        (3000, 0, WINDOW_BELOW),
        (3001, 0, TCP_ABOVE_WINDOW),
        (1, 0, WINDOW_OK),  # II: not more than a window back
        (0, 0, WINDOW_BELOW),
        (TOP, 1, WINDOW_BELOW),
        (0x80000000, 0, TCP_ABOVE_WINDOW),
    ],
)
def test_bounds_of_the_sequence_number(seq: int, size: int, fault: int) -> None:
    # The client has sent up to 1001 and may send up to 2001; both windows are 1000.
    _tracker, connection = opened(win=1000)
    packet = segment(ORIGINAL, "A", seq, 5001, size=size, win=1000)
    assert checked(connection, packet, ORIGINAL) == fault


@pytest.mark.parametrize(
    ("ack", "fault"),
    [
        (5001, WINDOW_OK),  # III: no more than was sent
        (5002, TCP_ACK_OF_UNSEEN_DATA),
        ((5001 - MAX_ACK_WINDOW) & TOP, WINDOW_OK),  # IV
        ((5001 - MAX_ACK_WINDOW - 1) & TOP, WINDOW_BELOW),
    ],
)
def test_bounds_of_the_acknowledgement(ack: int, fault: int) -> None:
    _tracker, connection = opened(win=1000)
    packet = segment(ORIGINAL, "A", 1001, ack, win=1000)
    assert checked(connection, packet, ORIGINAL) == fault


def test_a_little_above_the_window_moves_what_may_be_acknowledged() -> None:
    _tracker, connection = opened(win=1000)
    assert checked(connection, segment(ORIGINAL, "A", 2500, 5001, 10), ORIGINAL) == WINDOW_BELOW
    assert connection.peer_copy(ORIGINAL).end == 2510
    assert checked(connection, segment(REPLY, "A", 5001, 2510), REPLY) == WINDOW_OK


def test_what_is_liberal_is_never_out_of_window_and_teaches_nothing() -> None:
    _tracker, connection = opened(win=1000)
    far = segment(ORIGINAL, "A", 900_000, 5001, 10)
    assert check_window(connection, far, ORIGINAL, 3, liberal=True) == WINDOW_OK
    assert connection.peer_copy(ORIGINAL).end == 1001
    connection.original_flags |= FLAG_BE_LIBERAL
    assert checked(connection, far, ORIGINAL) == WINDOW_OK
    # To be liberal is a matter of the sender.
    assert checked(connection, segment(REPLY, "A", 900_000, 1001), REPLY) == TCP_ABOVE_WINDOW


def test_each_acknowledgement_moves_the_right_edge_of_the_other_side() -> None:
    _tracker, connection = opened(win=1000)
    server_says = segment(REPLY, "A", 5001, 1001, win=4000)
    assert checked(connection, server_says, REPLY) == WINDOW_OK
    assert connection.peer_copy(ORIGINAL).maxend == 5001
    assert connection.peer_copy(REPLY).maxwin == 4000


def test_a_repeated_ack_is_counted_and_a_different_one_starts_anew() -> None:
    _tracker, connection = opened()
    again = segment(ORIGINAL, "A", 1001, 5001)
    for count in (1, 2, 3):
        assert checked(connection, again, ORIGINAL) == WINDOW_OK
        assert connection.retransmissions == count
    assert checked(connection, segment(ORIGINAL, "A", 1001, 5001, win=9), ORIGINAL) == WINDOW_OK
    assert connection.retransmissions == 0
