"""The SCTP tracker (nf_conntrack_sctp_packet(); RFC 9260).

Every chunk of a packet moves the state machine of sctp_states.py in turn. Verification tags are
learnt from INIT and INIT ACK and checked as section 8.5 has it; a heartbeat on another path of the
association may bring a tag of its own.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import ASSURED, CONFIRMED, ORIGINAL, REPLY, Connection
from firewalld_py.conntrack.sctp_states import (
    ABORT,
    CLOSED,
    COOKIE_ACK,
    COOKIE_ECHO,
    DATA,
    ESTABLISHED,
    HEARTBEAT,
    HEARTBEAT_ACK,
    INIT,
    INIT_ACK,
    INVALID,
    NO_ROW,
    NONE,
    ROW_OF_CHUNK,
    ROWS,
    SHUTDOWN_ACK,
    SHUTDOWN_COMPLETE,
    SHUTDOWN_STATES,
    TRANSITIONS,
)
from firewalld_py.conntrack.tracker import Tracker
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import SCTP_HEADER
from firewalld_py.packet.reasons import (
    OK,
    SCTP_CHUNKS,
    SCTP_NOT_A_START,
    SCTP_STATE,
    SCTP_VERIFICATION_TAG,
)

CHUNK_HEADER: Final = 4
INIT_HEADER: Final = 16
TAG_REFLECTED: Final = 0x01  # the T bit: the sender had no association, the tag is the peer's own

# Chunks that must be the only one, or the first one, of a packet (RFC 9260 section 6.10).
ALONE: Final[frozenset[int]] = frozenset({INIT, INIT_ACK, SHUTDOWN_COMPLETE})
FIRST: Final[frozenset[int]] = frozenset({COOKIE_ACK, COOKIE_ECHO})
# Chunks out of the blue that never open an association (section 8.4).
NEVER_FIRST: Final[frozenset[int]] = frozenset({ABORT, SHUTDOWN_COMPLETE, COOKIE_ACK})
# Chunks whose packets have rules of their own for the tag, or none (section 8.5.1).
OWN_TAG_RULE: Final[frozenset[int]] = frozenset(
    {INIT, SHUTDOWN_COMPLETE, COOKIE_ECHO, ABORT, SHUTDOWN_ACK, HEARTBEAT, HEARTBEAT_ACK}
)


@mypyc_attr(acyclic=True)
class Chunk:
    """One chunk: its type, its flags, and where it begins in the packet's octets."""

    __slots__ = ("at", "flags", "kind")

    def __init__(self, kind: int, flags: int, at: int) -> None:
        self.kind = kind
        self.flags = flags
        self.at = at


@mypyc_attr(acyclic=True)
class SctpConnection(Connection):
    """An association: its state and the verification tag that packets of each direction carry."""

    __slots__ = (
        "heartbeat_direction",
        "heartbeat_failed",
        "original_init",
        "original_tag",
        "reply_init",
        "reply_tag",
        "state",
    )

    def __init__(self, protocol: int, original_key: bytes, reply_key: bytes, now: float) -> None:
        super().__init__(protocol, original_key, reply_key, now)
        self.state = NONE
        self.original_tag = 0
        self.reply_tag = 0
        # Whether each side has sent an INIT since the last COOKIE ACK: both sides may at once.
        self.original_init = False
        self.reply_init = False
        self.heartbeat_failed = False  # a heartbeat came with another tag: an answer may prove it
        self.heartbeat_direction = ORIGINAL

    def may_be_forgotten(self, now: float) -> bool:
        return self.state in SHUTDOWN_STATES or super().may_be_forgotten(now)

    def protocol_state(self) -> int:
        return self.state

    def tag(self, direction: int) -> int:
        return self.original_tag if direction == ORIGINAL else self.reply_tag

    def set_tag(self, direction: int, tag: int) -> None:
        if direction == ORIGINAL:
            self.original_tag = tag
        else:
            self.reply_tag = tag

    def note_init(self, direction: int) -> None:
        """A side starts anew; if both had, only this one counts now."""
        both = self.original_init and self.reply_init
        self.original_init = direction == ORIGINAL or (self.original_init and not both)
        self.reply_init = direction == REPLY or (self.reply_init and not both)

    def takes_tag(self, direction: int, tag: int) -> bool:
        """Whether an INIT ACK of this direction may name the tag of the other one's packets."""
        known = self.tag(1 - direction)
        mine, other = self.original_init, self.reply_init
        if direction == REPLY:
            mine, other = other, mine
        if tag == known:
            return True
        return (other or known == 0) and not (mine and other)


class SctpTracker(Tracker):
    """Chunks, tags and states; timeouts by state."""

    def refusal(self, packet: Packet) -> int:
        chunks = _chunks(packet)
        if not _in_order(chunks):
            return SCTP_CHUNKS
        tag = _tag(packet)
        for chunk in chunks:
            if chunk.kind in NEVER_FIRST:
                return SCTP_NOT_A_START
        for chunk in chunks:
            if _next_state(ORIGINAL, NONE, chunk.kind) in (NONE, INVALID):
                return SCTP_NOT_A_START
            if chunk.kind == INIT and (tag != 0 or _init_tag(packet, chunk) < 0):
                return SCTP_VERIFICATION_TAG
        return OK

    def open(self, packet: Packet, key: bytes, reply: bytes, now: float) -> Connection:
        connection = SctpConnection(packet.protocol, key, reply, now)
        tag = _tag(packet)
        for chunk in _chunks(packet):
            if chunk.kind == INIT:
                connection.reply_tag = _init_tag(packet, chunk)
            elif chunk.kind == HEARTBEAT:
                connection.original_tag = tag
            elif chunk.kind == SHUTDOWN_ACK:
                connection.reply_tag = tag  # out of the blue: the answer reflects it (8.4)
        return connection

    def update(self, connection: Connection, packet: Packet, direction: int, now: float) -> int:
        assert isinstance(connection, SctpConnection)
        chunks = _chunks(packet)
        if not _in_order(chunks):
            return SCTP_CHUNKS
        tag = _tag(packet)
        has_data = False
        checks_tag = True
        for chunk in chunks:
            has_data = has_data or chunk.kind == DATA
            checks_tag = checks_tag and chunk.kind not in OWN_TAG_RULE
        if checks_tag and tag != connection.tag(direction):
            return SCTP_VERIFICATION_TAG
        refresh = True
        for chunk in chunks:
            if chunk.kind in (HEARTBEAT, HEARTBEAT_ACK):
                step = _heartbeat(connection, chunk, direction, tag, has_data or not refresh)
                if step == _WRONG_TAG:
                    return SCTP_VERIFICATION_TAG
                if step == _OTHER_PATH:
                    refresh = False
                    continue
            elif not _tag_fits(connection, chunk, direction, tag):
                return SCTP_VERIFICATION_TAG
            fault = self._move(connection, packet, chunk, direction)
            if fault == _REPEATED_INIT:
                refresh = False
            elif fault != OK:
                return fault
        if refresh:
            timeout_s = self.timeouts_of(connection).sctp[connection.state]
            connection.refresh(now + timeout_s, direction, packet.length)
        return OK

    def _move(
        self, connection: SctpConnection, packet: Packet, chunk: Chunk, direction: int
    ) -> int:
        """One step of the state machine; OK, _REPEATED_INIT, or the reason why it is INVALID."""
        old_state = connection.state
        new_state = _next_state(direction, old_state, chunk.kind)
        if new_state == INVALID:
            return SCTP_STATE
        result = OK
        if chunk.kind in (INIT, INIT_ACK):
            init_tag = _init_tag(packet, chunk)
            if init_tag < 0:
                return SCTP_CHUNKS
            if chunk.kind == INIT:
                is_late = init_tag == connection.tag(1 - direction)
                if not (is_late and connection.status & CONFIRMED):
                    connection.note_init(direction)
                if new_state == CLOSED and old_state == CLOSED and connection.status & CONFIRMED:
                    result = _REPEATED_INIT  # keeps no entry alive
            elif not connection.takes_tag(direction, init_tag):
                return SCTP_VERIFICATION_TAG
            connection.set_tag(1 - direction, init_tag)
        connection.state = new_state
        if new_state == ESTABLISHED and old_state != ESTABLISHED:
            connection.status |= ASSURED
        return result


_REPEATED_INIT: Final = -1

# What a heartbeat with its tag means.
_FITS: Final = 0
_WRONG_TAG: Final = 1
_OTHER_PATH: Final = 2


def _chunks(packet: Packet) -> list[Chunk]:
    """The chunks as far as the octets at hand go; one of length 0 ends the walk and is kept."""
    data = packet.data
    at = packet.transport + SCTP_HEADER
    end = min(packet.length, len(data))
    chunks: list[Chunk] = []
    while at + CHUNK_HEADER <= end:
        length = data[at + 2] << 8 | data[at + 3]
        if length == 0:
            chunks.append(Chunk(-1, 0, at))
            break
        chunks.append(Chunk(data[at], data[at + 1], at))
        at += (length + 3) & 0x1FFFC
    return chunks


def _in_order(chunks: list[Chunk]) -> bool:
    """Whether there are chunks, none empty, and none beside another where it must not be."""
    alone = False
    for place, chunk in enumerate(chunks):
        alone = alone or chunk.kind in ALONE
        if chunk.kind < 0 or (place > 0 and (alone or chunk.kind in FIRST)):
            return False
    return len(chunks) > 0


def _tag(packet: Packet) -> int:
    return _u32(packet.data, packet.transport + 4)


def _init_tag(packet: Packet, chunk: Chunk) -> int:
    """The initiate tag of an INIT or INIT ACK; -1 if its header is cut short."""
    at = chunk.at + CHUNK_HEADER
    if at + INIT_HEADER > min(packet.length, len(packet.data)):
        return -1
    return _u32(packet.data, at)


def _u32(data: bytes, at: int) -> int:
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]


def _next_state(direction: int, state: int, kind: int) -> int:
    row = ROW_OF_CHUNK[kind]
    if row == NO_ROW:
        return state
    return TRANSITIONS[direction * len(ROWS) + row][state]


def _tag_fits(connection: SctpConnection, chunk: Chunk, direction: int, tag: int) -> bool:
    """The rules of section 8.5.1 for chunks other than heartbeats."""
    if chunk.kind == INIT:
        return tag == 0
    if chunk.kind in (ABORT, SHUTDOWN_COMPLETE):
        reflected = chunk.flags & TAG_REFLECTED
        return tag == connection.tag(1 - direction if reflected else direction)
    if chunk.kind == COOKIE_ECHO:
        return tag == connection.tag(direction)
    if chunk.kind == COOKIE_ACK:
        connection.original_init = connection.reply_init = False
    return True


def _heartbeat(
    connection: SctpConnection, chunk: Chunk, direction: int, tag: int, is_burdened: bool
) -> int:
    """A heartbeat may come over another path, whose tag is then learnt from the answer to it."""
    known = connection.tag(direction)
    if known == 0:
        connection.set_tag(direction, tag)
    elif tag == known:
        connection.heartbeat_failed = False
    elif is_burdened:
        return _WRONG_TAG
    elif chunk.kind == HEARTBEAT:
        connection.heartbeat_failed = True
        connection.heartbeat_direction = direction
        return _OTHER_PATH
    elif not connection.heartbeat_failed or connection.heartbeat_direction == direction:
        return _WRONG_TAG
    else:
        connection.heartbeat_failed = False
        connection.set_tag(direction, tag)
        connection.set_tag(1 - direction, 0)
    return _FITS
