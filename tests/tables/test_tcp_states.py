"""Every cell of the TCP table, walked: a connection is brought into the state, then one segment.

The table below is this test's own copy, in the kernel's words. Segments come as octets through the
whole of tracking, with sequence numbers that are right, so that nothing but the cell decides.
"""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import ORIGINAL, REPLY
from firewalld_py.conntrack.connection import STATE_NAMES as CT_STATE_NAMES
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import flow_key, reply_key
from firewalld_py.conntrack.tcp import TcpTracker
from firewalld_py.conntrack.tcp_connection import TcpConnection
from firewalld_py.conntrack.tcp_states import (
    CLASS_NAMES,
    CLASSES,
    NONE,
    SEGMENT_CLASS,
    STATE_NAMES,
    TRANSITIONS,
)
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK, REASON_NAMES, TCP_STATE
from tests import wire

NOW: Final = 1000.0
CONNECTION_STATES: Final = STATE_NAMES[:10]
SHORT_NAMES: Final = "NO SS SR ES FW CW LA TW CL S2 IV IG"
SHORT: Final = dict(zip(SHORT_NAMES.split(), STATE_NAMES, strict=True))
TABLE: Final = """
original  NO SS SR ES FW CW LA TW CL S2
syn       SS SS IG IG IG IG IG SS SS S2
syn_ack   IV IV SR IV IV IV IV IV IV SR
fin       IV IV FW FW LA LA LA TW CL IV
ack       ES IV ES ES CW CW TW TW CL IV
rst       IV CL CL CL CL CL CL CL CL CL
none      IV IV IV IV IV IV IV IV IV IV
reply     NO SS SR ES FW CW LA TW CL S2
syn       IV S2 IV IV IV IV IV SS IV S2
syn_ack   IV SR IG IG IG IG IG IG IG SR
fin       IV IV FW FW LA LA LA TW CL IV
ack       IV IG SR ES CW CW TW TW CL IG
rst       IV CL CL CL CL CL CL CL CL CL
none      IV IV IV IV IV IV IV IV IV IV
"""

Segment = tuple[int, str, int, int]  # direction, flags, seq, ack
OPENED: Final[list[Segment]] = [
    (ORIGINAL, "S", 1000, 0),
    (REPLY, "SA", 5000, 1001),
    (ORIGINAL, "A", 1001, 5001),
]
CLOSED: Final[list[Segment]] = [
    *OPENED,
    (ORIGINAL, "FA", 1001, 5001),
    (REPLY, "A", 5001, 1002),
    (REPLY, "FA", 5001, 1002),
    (ORIGINAL, "A", 1002, 5002),
]
# How a connection comes into each state.
WAYS: Final[dict[str, list[Segment]]] = {
    "NONE": [],
    "SYN_SENT": OPENED[:1],
    "SYN_RECV": OPENED[:2],
    "ESTABLISHED": OPENED,
    "FIN_WAIT": CLOSED[:4],
    "CLOSE_WAIT": CLOSED[:5],
    "LAST_ACK": CLOSED[:6],
    "TIME_WAIT": CLOSED,
    "CLOSE": [*OPENED, (ORIGINAL, "R", 1001, 0)],
    "SYN_SENT2": [OPENED[0], (REPLY, "S", 5000, 0)],
}
FLAGS_OF_CLASS: Final = {
    "syn": "S", "syn_ack": "SA", "fin": "FA", "ack": "A", "rst": "R", "none": ""
}  # fmt: skip

# Where the table alone does not say what becomes of the connection.
REOPENED: Final = "the connection goes, and the SYN opens a new one, sent by its own sender"
REMOVED: Final = "refused before it was answered: no entry is left"
NO_START: Final = "there is no connection, and this segment does not begin one"
NOT_THE_TABLE_ALONE: Final[dict[tuple[str, str, str], str]] = {
    ("original", "syn", "TIME_WAIT"): REOPENED,
    ("reply", "syn", "TIME_WAIT"): REOPENED,
    ("original", "syn", "CLOSE"): REOPENED,  # the client itself had reset it
    ("original", "rst", "SYN_SENT"): REMOVED,
    ("reply", "rst", "SYN_SENT"): REMOVED,
    **{("original", name, "NONE"): NO_START for name in ("syn_ack", "fin", "rst", "none")},
}


def cells() -> list[tuple[str, str, str, str]]:
    """(direction, class, state, what the cell says) of the whole table."""
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
    """One connection over IPv4, and the segments of both sides."""

    def __init__(self) -> None:
        self.conntrack = Conntrack(Settings())

    def segment(self, direction: int, flags: str, seq: int, ack: int) -> Packet:
        """The segment as it comes off the wire; the lack of all flags is no fault here."""
        ends = (wire.CLIENT4, wire.SERVER4), (wire.SERVER4, wire.CLIENT4)
        ports = (40000, 80), (80, 40000)
        sport, dport = ports[direction]
        octets = wire.tcp(flags, seq, ack, sport=sport, dport=dport)
        packet = parse(wire.ip(*ends[direction], wire.TCP, octets), PacketMeta())
        if not flags:
            packet.fault = OK
        return packet

    def send(self, direction: int, flags: str, seq: int, ack: int) -> tuple[str, str]:
        """Track and accept a segment; its state, and its reason if it is INVALID ("" if not)."""
        packet = self.segment(direction, flags, seq, ack)
        info = self.conntrack.inspect(packet, NOW)
        assert self.conntrack.confirm(info, packet, NOW) == OK
        return CT_STATE_NAMES[info.state], REASON_NAMES[info.reason] if info.reason else ""

    def connection(self) -> TcpConnection | None:
        """The entry that the table has."""
        entries = self.conntrack.table.connections()
        assert len(entries) <= 1
        if not entries:
            return None
        assert isinstance(entries[0], TcpConnection)
        return entries[0]

    def state(self) -> str:
        entry = self.connection()
        return "NONE" if entry is None else STATE_NAMES[entry.state]


def probe(direction: int, segment_class: str, state: str) -> Segment:
    """A segment of the class whose numbers are right in that state."""
    fins = {"FIN_WAIT": (1, 0), "CLOSE_WAIT": (1, 0), "LAST_ACK": (1, 1), "TIME_WAIT": (1, 1)}
    client_fin, server_fin = fins.get(state, (0, 0))
    following = (1001 + client_fin, 5001 + server_fin)
    begins = (1000, 5000)
    is_syn = segment_class in ("syn", "syn_ack")
    seq = begins[direction] if is_syn else following[direction]
    if segment_class == "syn" and state in ("TIME_WAIT", "CLOSE"):
        seq = 9000
    ack = 0 if segment_class in ("syn", "rst", "none") else following[1 - direction]
    return direction, FLAGS_OF_CLASS[segment_class], seq, ack


def walked(state: str) -> Walk:
    """A walk that has come into the state."""
    walk = Walk()
    for segment in WAYS[state]:
        word, _reason = walk.send(*segment)
        assert word != "INVALID"
    assert walk.state() == state
    return walk


def test_the_table_is_the_one_that_the_tracker_uses() -> None:
    assert len(CELLS) == 2 * CLASSES * len(CONNECTION_STATES)
    for direction, segment_class, state, says in CELLS:
        row = ("original", "reply").index(direction) * CLASSES + CLASS_NAMES.index(segment_class)
        cell = TRANSITIONS[row][STATE_NAMES.index(state)]
        assert STATE_NAMES[cell] == says, f"{direction} {segment_class} in {state}"


@pytest.mark.parametrize(("direction", "segment_class", "state", "says"), [
    pytest.param(*cell, id="{} {} in {} is {}".format(*cell))
    for cell in CELLS
    if cell[0] == "original" or cell[2] != "NONE"  # who speaks first is the originator
])  # fmt: skip
def test_cell(direction: str, segment_class: str, state: str, says: str) -> None:
    index = ("original", "reply").index(direction)
    walk = walked(state)
    before = walk.connection()
    word, reason = walk.send(*probe(index, segment_class, state))
    more = NOT_THE_TABLE_ALONE.get((direction, segment_class, state), "")

    answered = state not in ("NONE", "SYN_SENT") or direction == "reply"
    passes = "ESTABLISHED" if answered else "NEW"
    if more == NO_START:
        assert (word, walk.state()) == ("INVALID", "NONE")
        assert reason == "tcp_not_a_start"
    elif more == REMOVED:
        assert (word, walk.state()) == (passes, "NONE")
    elif more == REOPENED:
        fresh = walk.connection()
        assert (word, walk.state()) == ("NEW", "SYN_SENT")
        assert fresh is not None
        assert fresh is not before
        assert fresh.original_key == flow_key(walk.segment(index, "S", 9000, 0))
    elif says == "INVALID":
        assert (word, reason, walk.state()) == ("INVALID", "tcp_state", state)
    elif says == "IGNORED":
        assert (word, walk.state()) == (passes, state)
    else:
        assert (word, walk.state()) == (passes, says)


@pytest.mark.parametrize("segment_class", CLASS_NAMES)
def test_nothing_that_answers_may_come_before_the_first_segment(segment_class: str) -> None:
    # No trace leads here: whoever speaks first is the originator. So the state is set.
    first = Walk().segment(ORIGINAL, "S", 1000, 0)
    key = flow_key(first)
    connection = TcpTracker(Settings()).open(first, key, reply_key(key), NOW)
    assert isinstance(connection, TcpConnection)
    connection.state = NONE
    answer = Walk().segment(*probe(REPLY, segment_class, "NONE"))
    assert TcpTracker(Settings()).update(connection, answer, REPLY, NOW) == TCP_STATE
    assert connection.state == NONE


@pytest.mark.parametrize("flags", range(256))
def test_the_class_of_a_segment_is_decided_by_rst_then_syn_then_fin_then_ack(flags: int) -> None:
    rst, syn, fin, ack = (flags & wire.tcp_flags(letter) for letter in "RSFA")
    expected = "none"
    if rst:
        expected = "rst"
    elif syn:
        expected = "syn_ack" if ack else "syn"
    elif fin:
        expected = "fin"
    elif ack:
        expected = "ack"
    assert CLASS_NAMES[SEGMENT_CLASS[flags]] == expected
