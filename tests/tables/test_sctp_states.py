"""Every cell of the SCTP table, walked: an association comes into the state, then one chunk.

The table below is this test's own copy, in the kernel's words. Packets come as octets through the
whole of tracking, with verification tags that are right, so that nothing but the cell decides.
"""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import STATE_NAMES as CT_STATE_NAMES
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import flow_key, reply_key
from firewalld_py.conntrack.sctp import SctpConnection, SctpTracker
from firewalld_py.conntrack.sctp_states import (
    ABORT,
    COOKIE_ACK,
    COOKIE_ECHO,
    DATA,
    ERROR,
    HEARTBEAT,
    HEARTBEAT_ACK,
    INIT,
    INIT_ACK,
    INVALID,
    NONE,
    ROWS,
    SHUTDOWN,
    SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE,
    STATE_NAMES,
    TRANSITIONS,
)
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.reasons import OK, REASON_NAMES, SCTP_STATE
from tests.associations import CLIENT_TAG, SERVER_TAG, handshake, init, sctp
from tests.differential.sctp import chunk

NOW: Final = 1000.0
SHORT_NAMES: Final = "NO CL CW CE ES SS SR SA HS IV"
SHORT: Final = dict(zip(SHORT_NAMES.split(), STATE_NAMES, strict=True))
TABLE: Final = """
original           NO CL CW CE ES SS SR SA HS
init               CL CL CW CE ES CL CL SA CW
init_ack           CL CL CW CE ES SS SR SA CL
abort              CL CL CL CL CL CL CL CL CL
shutdown           CL CL CW CE SS SS SR SA CL
shutdown_ack       SA CL CW CE ES SA SA SA SA
error              CL CL CW CE ES SS SR SA CL
cookie_echo        CL CL CE CE ES SS SR SA CL
cookie_ack         CL CL CW ES ES SS SR SA CL
shutdown_complete  CL CL CW CE ES SS SR CL CL
heartbeat          HS CL CW CE ES SS SR SA HS
heartbeat_ack      CL CL CW CE ES SS SR SA HS
reply              NO CL CW CE ES SS SR SA HS
init               IV CL CW CE ES SS SR SA IV
init_ack           IV CW CW CE ES SS SR SA IV
abort              IV CL CL CL CL CL CL CL IV
shutdown           IV CL CW CE SR SS SR SA IV
shutdown_ack       IV CL CW CE ES SA SA SA IV
error              IV CL CW CL ES SS SR SA IV
cookie_echo        IV CL CE CE ES SS SR SA IV
cookie_ack         IV CL CW ES ES SS SR SA IV
shutdown_complete  IV CL CW CE ES SS SR CL IV
heartbeat          IV CL CW CE ES SS SR SA HS
heartbeat_ack      IV CL CW CE ES SS SR SA ES
"""
KINDS: Final = {
    "init": INIT,
    "init_ack": INIT_ACK,
    "abort": ABORT,
    "shutdown": SHUTDOWN,
    "shutdown_ack": SHUTDOWN_ACK,
    "error": ERROR,
    "cookie_echo": COOKIE_ECHO,
    "cookie_ack": COOKIE_ACK,
    "shutdown_complete": SHUTDOWN_COMPLETE,
    "heartbeat": HEARTBEAT,
    "heartbeat_ack": HEARTBEAT_ACK,
}
# RFC 9260 section 8.4: what answers nothing never opens an association.
NEVER_FIRST: Final = ("abort", "shutdown_complete", "cookie_ack")
CHUNK_BODIES: Final = {SHUTDOWN: bytes(4), COOKIE_ECHO: b"cookie!!", HEARTBEAT: b"\0\1\0\x08beat"}


def ways() -> dict[str, list[tuple[int, Packet]]]:
    """How an association comes into each state."""
    opened = handshake()
    shutdown = (0, sctp(0, SERVER_TAG, chunk(SHUTDOWN, bytes(4))))
    return {
        "NONE": [],
        "CLOSED": opened[:1],
        "COOKIE_WAIT": opened[:2],
        "COOKIE_ECHOED": opened[:3],
        "ESTABLISHED": opened,
        "SHUTDOWN_SENT": [*opened, shutdown],
        "SHUTDOWN_RECD": [*opened, (1, sctp(1, CLIENT_TAG, chunk(SHUTDOWN, bytes(4))))],
        "SHUTDOWN_ACK_SENT": [*opened, shutdown, (1, sctp(1, CLIENT_TAG, chunk(SHUTDOWN_ACK)))],
        "HEARTBEAT_SENT": [(0, sctp(0, SERVER_TAG, chunk(HEARTBEAT, b"\0\1\0\x08beat")))],
    }


WAYS: Final = ways()


def cells() -> list[tuple[str, str, str, str]]:
    """(direction, chunk, state, what the cell says) of the whole table."""
    found = []
    direction = ""
    columns: list[str] = []
    for line in TABLE.strip().splitlines():
        head, *words = line.split()
        if head in ("original", "reply"):
            direction, columns = head, words
            continue
        for column, word in zip(columns, words, strict=True):
            found.append((direction, head, SHORT[column], SHORT[word]))
    return found


CELLS: Final = cells()


class Walk:
    """One association over IPv4 that has come into a state."""

    def __init__(self, state: str) -> None:
        self.conntrack = Conntrack(Settings())
        for _direction, packet in WAYS[state]:
            word, _reason = self.send(packet)
            assert word != "INVALID"
        assert self.state() == state

    def send(self, packet: Packet) -> tuple[str, str]:
        """Track and accept a packet; its state, and its reason if it is INVALID ("" if not)."""
        info = self.conntrack.inspect(packet, NOW)
        assert self.conntrack.confirm(info, packet, NOW) == OK
        return CT_STATE_NAMES[info.state], REASON_NAMES[info.reason] if info.reason else ""

    def state(self) -> str:
        entries = self.conntrack.table.connections()
        assert len(entries) <= 1
        if not entries:
            return "NONE"
        assert isinstance(entries[0], SctpConnection)
        return STATE_NAMES[entries[0].state]


def probe(direction: int, name: str, state: str) -> Packet:
    """A packet with one such chunk, whose tag is the one that is known in that state."""
    kind = KINDS[name]
    tag = (SERVER_TAG, CLIENT_TAG)[direction]
    if kind == INIT or (direction == 0 and state in ("NONE", "CLOSED")):
        tag = 0
    if direction == 1 and state == "HEARTBEAT_SENT":
        tag = 0  # the tag of the other direction was not heard yet
    if kind in (INIT, INIT_ACK):
        return sctp(direction, tag, init(kind, (CLIENT_TAG, SERVER_TAG)[direction]))
    return sctp(direction, tag, chunk(kind, CHUNK_BODIES.get(kind, b"")))


def test_the_table_is_the_one_that_the_tracker_uses() -> None:
    assert len(CELLS) == 2 * len(ROWS) * INVALID
    assert tuple(KINDS.values()) == ROWS
    for direction, name, state, says in CELLS:
        row = ("original", "reply").index(direction) * len(ROWS) + ROWS.index(KINDS[name])
        cell = TRANSITIONS[row][STATE_NAMES.index(state)]
        assert STATE_NAMES[cell] == says, f"{direction} {name} in {state}"


@pytest.mark.parametrize(("direction", "name", "state", "says"), [
    pytest.param(*cell, id="{} {} in {} is {}".format(*cell))
    for cell in CELLS
    if cell[0] == "original" or cell[2] != "NONE"  # who speaks first is the originator
])  # fmt: skip
def test_cell(direction: str, name: str, state: str, says: str) -> None:
    index = ("original", "reply").index(direction)
    walk = Walk(state)
    word, reason = walk.send(probe(index, name, state))
    answered = state not in ("NONE", "CLOSED", "HEARTBEAT_SENT") or direction == "reply"
    if state == "NONE" and name in NEVER_FIRST:
        assert (word, reason, walk.state()) == ("INVALID", "sctp_not_a_start", "NONE")
    elif says == "INVALID":
        assert (word, reason, walk.state()) == ("INVALID", "sctp_state", state)
    else:
        assert (word, walk.state()) == ("ESTABLISHED" if answered else "NEW", says)


@pytest.mark.parametrize("state", [state for state in WAYS if state not in ("NONE", "CLOSED")])
@pytest.mark.parametrize("direction", [0, 1])
def test_chunks_without_a_row_leave_every_state(direction: int, state: str) -> None:
    walk = Walk(state)
    tag = (SERVER_TAG, CLIENT_TAG)[direction]
    if direction == 1 and state == "HEARTBEAT_SENT":
        tag = 0
    word, _reason = walk.send(sctp(direction, tag, chunk(DATA, bytes(16), 3)))
    assert word == ("NEW" if (direction, state) == (0, "HEARTBEAT_SENT") else "ESTABLISHED")
    assert walk.state() == state


@pytest.mark.parametrize("name", KINDS)
def test_nothing_that_answers_may_come_before_the_first_packet(name: str) -> None:
    # No trace leads here: whoever speaks first is the originator. So the state is set.
    tracker = SctpTracker(Settings())
    first = handshake()[0][1]
    key = flow_key(first)
    connection = tracker.open(first, key, reply_key(key), NOW)
    assert isinstance(connection, SctpConnection)
    assert connection.state == NONE
    answer = probe(1, name, "NONE")
    assert tracker.update(connection, answer, 1, NOW) == SCTP_STATE
    assert connection.state == NONE
