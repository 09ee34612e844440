"""PPTP (RFC 2637): the GRE connection of a call that two hosts agree on.

As nf_conntrack_pptp.c. The client is the one that opened the control connection. When a call is
agreed on, GRE is expected from both sides, and the map of calls (gre_map.py) learns both call ids,
so that the two directions are one connection. A control connection has one such call at a time. A
call's end, or that of the control connection, ends its GRE connection.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import ESTABLISHED, Connection
from firewalld_py.conntrack.expectation import EXPECTED, Expectation, Policy
from firewalld_py.conntrack.flow import PROTOCOL_OCTET, reply_key
from firewalld_py.conntrack.gre_map import Mapped
from firewalld_py.conntrack.helpers.base import IPV4, Call, Helper, Tables
from firewalld_py.packet.protocols import IPPROTO_GRE, IPPROTO_TCP
from firewalld_py.packet.reasons import OK

# The header of a control message (RFC 2637 section 2): length, message type, cookie; then the
# control message's type and two octets without a meaning. The length is not looked at.
PPTP_HEADER: Final = 12
TYPE_AND_COOKIE: Final = b"\0\1\x1a\x2b\x3c\x4d"

# What the body of each message has at least, by type.
BODY_OCTETS: Final[tuple[int, ...]] = (
    0, 144, 144, 4, 4, 0, 0, 156, 20, 208, 12, 16, 4, 136, 28, 12
)  # fmt: skip

# States, as bits, so that a message may be good in several: of the session ...
NO_SESSION: Final = 1 << 0
SESSION_ERROR: Final = 1 << 1
STOP_REQUESTED: Final = 1 << 2
SESSION_REQUESTED: Final = 1 << 3
CONFIRMED: Final = 1 << 4
ANY: Final = 0xFF
# ... and of the call; NO_CALL is also what an error leads to.
NO_CALL: Final = 1 << 0
OUT_REQUESTED: Final = 1 << 1
OUT_CONFIRMED: Final = 1 << 2
IN_REQUESTED: Final = 1 << 3
IN_REPLIED: Final = 1 << 4
IN_CONFIRMED: Final = 1 << 5
CLEAR_REQUESTED: Final = 1 << 6
AS_IT_IS: Final = 0

# Whose call id: that of the client (PNS) or of the server (PAC), as an index.
CLIENTS: Final = 0
SERVERS: Final = 1
NOWHERE: Final = -1

# What else a message does.
NOTHING: Final = 0
EXPECT: Final = 1
END: Final = 2
GOOD: Final = 1  # the result code of all replies


@mypyc_attr(acyclic=True)
class Message:
    """What one control message asks for, and what it does.

    It counts in certain states of session and call, if the call id at `peer_at` is the one that
    `peer` has told. Then they become `session` and `call`, and the id at `id_at` is that of
    `whose`; but if there is a result (`result_at`) and it is not GOOD, they become `bad_session`
    and `bad_call`, and that is all. Places are offsets in the body.
    """

    __slots__ = (
        "action",
        "bad_call",
        "bad_session",
        "call",
        "id_at",
        "in_calls",
        "in_sessions",
        "peer",
        "peer_at",
        "result_at",
        "session",
        "whose",
    )

    def __init__(
        self,
        in_sessions: int = ANY,
        in_calls: int = ANY,
        peer: int = CLIENTS,
        peer_at: int = NOWHERE,
        result_at: int = NOWHERE,
        session: int = AS_IT_IS,
        call: int = AS_IT_IS,
        bad_session: int = AS_IT_IS,
        bad_call: int = AS_IT_IS,
        whose: int = CLIENTS,
        id_at: int = NOWHERE,
        action: int = NOTHING,
    ) -> None:
        self.in_sessions = in_sessions
        self.in_calls = in_calls
        self.peer = peer
        self.peer_at = peer_at
        self.result_at = result_at
        self.session = session
        self.call = call
        self.bad_session = bad_session
        self.bad_call = bad_call
        self.whose = whose
        self.id_at = id_at
        self.action = action


# All messages that do something, by who sends them and their type; all others change nothing.
MESSAGES: Final[tuple[dict[int, Message], dict[int, Message]]] = (
    {
        # Start-Control-Connection-Request, Stop-Control-Connection-Request
        1: Message(NO_SESSION, session=SESSION_REQUESTED),
        3: Message(session=STOP_REQUESTED),
        # Outgoing-Call-Request
        7: Message(CONFIRMED, call=OUT_REQUESTED, whose=CLIENTS, id_at=0),
        # Incoming-Call-Reply
        10: Message(
            in_calls=IN_REQUESTED | IN_REPLIED, peer=SERVERS, peer_at=2, result_at=4,
            call=IN_REPLIED, bad_call=NO_CALL, whose=CLIENTS, id_at=0,
        ),
        # Call-Clear-Request
        12: Message(CONFIRMED, call=CLEAR_REQUESTED),
    },
    {
        # Start-Control-Connection-Reply, Stop-Control-Connection-Reply
        2: Message(
            SESSION_REQUESTED | CONFIRMED, result_at=2,
            session=CONFIRMED, bad_session=SESSION_ERROR,
        ),
        4: Message(
            NO_SESSION | SESSION_ERROR | STOP_REQUESTED, result_at=0,
            session=NO_SESSION, bad_session=SESSION_ERROR,
        ),
        # Outgoing-Call-Reply
        8: Message(
            CONFIRMED, OUT_REQUESTED | OUT_CONFIRMED, peer=CLIENTS, peer_at=2, result_at=4,
            call=OUT_CONFIRMED, bad_call=NO_CALL, whose=SERVERS, id_at=0, action=EXPECT,
        ),
        # Incoming-Call-Request
        9: Message(CONFIRMED, call=IN_REQUESTED, whose=SERVERS, id_at=0),
        # Incoming-Call-Connected
        11: Message(
            CONFIRMED, IN_REPLIED | IN_CONFIRMED, peer=CLIENTS, peer_at=0,
            call=IN_CONFIRMED, action=EXPECT,
        ),
        # Call-Disconnect-Notify
        13: Message(call=NO_CALL, action=END),
    },
)  # fmt: skip

# Everything is found that is in the tables, be it past its deadline: it is to be removed.
BEFORE_ALL_DEADLINES: Final = float("-inf")


@mypyc_attr(acyclic=True)
class PptpState:
    """Of one control connection: session, call, both call ids (octets), its part of the map."""

    __slots__ = ("call", "call_ids", "mapped", "session")

    def __init__(self) -> None:
        self.session = NO_SESSION
        self.call = NO_CALL
        self.call_ids = [b"\0\0", b"\0\0"]  # by CLIENTS and SERVERS
        self.mapped: list[Mapped] = []  # none, or one of each direction

    def accepts(self, message: Message, body: bytes) -> bool:
        """Whether a message counts, as things are."""
        if not (self.session & message.in_sessions and self.call & message.in_calls):
            return False
        at = message.peer_at
        return at == NOWHERE or body[at : at + 2] == self.call_ids[message.peer]

    def step(self, message: Message, body: bytes) -> int:
        """Follow a message that counts; what else it does."""
        good = message.result_at == NOWHERE or body[message.result_at] == GOOD
        session = message.session if good else message.bad_session
        call = message.call if good else message.bad_call
        self.session = session or self.session
        self.call = call or self.call
        if not good:
            return NOTHING
        if message.id_at != NOWHERE:
            self.call_ids[message.whose] = body[message.id_at : message.id_at + 2]
        return message.action


class PptpHelper(Helper):
    """It drops nothing, whatever is said."""

    def __init__(self) -> None:
        super().__init__("pptp", frozenset({(IPV4, IPPROTO_TCP)}), [Policy(2, 300.0)])

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        """Only the first message of a segment is read."""
        if call.state != ESTABLISHED or len(payload) < PPTP_HEADER:
            return OK
        if payload[2:8] != TYPE_AND_COOKIE:
            return OK
        message = MESSAGES[direction].get(payload[8] << 8 | payload[9])
        body = payload[PPTP_HEADER:]
        if message is None or len(body) < BODY_OCTETS[payload[9]]:
            return OK
        state = _state(connection)
        if state.accepts(message, body):
            action = state.step(message, body)
            if action == EXPECT:
                _expect(call, state)
            elif action == END:
                _end(connection, state, call.tables)
        return OK

    def opened(self, child: Connection, expectation: Expectation, tables: Tables) -> None:
        """One direction is met: the other one is no longer expected, it answers."""
        _forget(tables, child.reply_key)

    def destroyed(self, connection: Connection, tables: Tables) -> None:
        _end(connection, _state(connection), tables)

    def child_destroyed(self, child: Connection, master: Connection, tables: Tables) -> None:
        """Without its GRE connection a call is not known any more; another may be agreed on."""
        _unmap(_state(master), tables)


def _state(connection: Connection) -> PptpState:
    extension = connection.extended()
    state = extension.helper_state
    if not isinstance(state, PptpState):
        state = PptpState()
        extension.helper_state = state
    return state


def _gre_key(connection: Connection, state: PptpState) -> bytes:
    """The flow key of the client's GRE packets, in the zone of the control connection."""
    key = connection.original_key
    return key[:8] + state.call_ids[CLIENTS] + state.call_ids[SERVERS] + _GRE + key[13:]


_GRE: Final = PROTOCOL_OCTET[IPPROTO_GRE]


def _expect(call: Call, state: PptpState) -> None:
    """Expect the GRE packets of a call from both sides; both or none of them."""
    key = _gre_key(call.connection, state)
    answers = reply_key(key)
    if not _expect_one(call, key):
        return
    if not _expect_one(call, answers):
        _forget(call.tables, key)
    elif not _map(state, key, answers, call.tables):
        _forget(call.tables, answers)
        _forget(call.tables, key)


def _expect_one(call: Call, key: bytes) -> bool:
    sport, dport = key[8] << 8 | key[9], key[10] << 8 | key[11]
    return call.expect(key[:4], key[4:8], IPPROTO_GRE, dport, sport) == EXPECTED


def _map(state: PptpState, key: bytes, answers: bytes, tables: Tables) -> bool:
    """Tell the map of a call, or see that it has been told; False while it knows another call."""
    wanted = [_where(key), _where(answers)]
    if not state.mapped:
        state.mapped = [Mapped(wanted[0], key[8:10]), Mapped(wanted[1], key[10:12])]
        for entry in state.mapped:
            tables.calls.add(entry)
        return True
    if state.mapped[0].where != wanted[0]:
        return False
    if state.mapped[1].where != wanted[1]:
        _unmap(state, tables)
        return False
    return True


def _where(key: bytes) -> bytes:
    return key[:8] + key[10:12]


def _unmap(state: PptpState, tables: Tables) -> None:
    for entry in state.mapped:
        tables.calls.remove(entry)
    state.mapped = []


def _end(connection: Connection, state: PptpState, tables: Tables) -> None:
    """End what there is of the call that was spoken of last: each direction's connection if there
    is one, else what is expected.

    As in the kernel that may be any GRE connection between the two with these call ids, which are 0
    at first.
    """
    _unmap(state, tables)
    key = _gre_key(connection, state)
    for one in (key, reply_key(key)):
        sibling = tables.connections.find(one, BEFORE_ALL_DEADLINES)
        if sibling is not None:
            tables.connections.remove(sibling)
        else:
            _forget(tables, one)


def _forget(tables: Tables, key: bytes) -> None:
    """Expect the flow no longer, if it is expected."""
    expectation = tables.expectations.find(key, BEFORE_ALL_DEADLINES)
    if expectation is not None:
        tables.expectations.remove(expectation)
