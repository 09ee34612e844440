"""The TCP tracker: what a segment does to its connection (nf_conntrack_tcp_packet()).

The state machine is in tcp_states.py, the window in tcp_window.py; here is their order, and what
keeps a firewall in step with two ends of which it may have missed something: a SYN, a SYN/ACK or an
ACK that the table cannot place is let through and remembered ("ignored"), and what the other end
answers tells who was right.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ASSURED, ORIGINAL, REPLY, SEEN_REPLY, Connection
from firewalld_py.conntrack.tcp_connection import (
    FLAG_BE_LIBERAL,
    FLAG_CHALLENGE_ACK,
    FLAG_CLOSE_INIT,
    FLAG_DATA_UNACKNOWLEDGED,
    FLAG_MAXACK_SET,
    FLAG_SACK_PERMITTED,
    FLAG_SIMULTANEOUS_OPEN,
    FLAG_WINDOW_SCALE,
    TcpConnection,
    TcpPeer,
)
from firewalld_py.conntrack.tcp_states import (
    CLASS_ACK,
    CLASS_FIN,
    CLASS_RST,
    CLASS_SYN,
    CLASS_SYN_ACK,
    CLASSES,
    CLOSE,
    CLOSING_STATES,
    ESTABLISHED,
    FIN_WAIT,
    IGNORED,
    INVALID,
    LAST_ACK,
    NONE,
    SEGMENT_CLASS,
    SYN_RECV,
    SYN_SENT,
    SYN_SENT2,
    TIME_WAIT,
    TRANSITIONS,
)
from firewalld_py.conntrack.tcp_window import (
    WINDOW_BELOW,
    WINDOW_OK,
    check_window,
    is_before,
    read_syn_options,
    segment_end,
)
from firewalld_py.conntrack.tracker import REMOVE, REOPEN, Tracker
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.reasons import (
    OK,
    TCP_NOT_A_START,
    TCP_NOT_PICKED_UP,
    TCP_STALE_RST,
    TCP_STATE,
)

CLOSING_EXPIRY_S: Final = 120.0  # a closing connection with less than this left is left alone

# Steps of judging an RST.
_CHECK_WINDOW: Final = 0
_SKIP_WINDOW: Final = 1
_KEEP_STATE: Final = 2
_STALE: Final = 3


class TcpTracker(Tracker):
    """nf_conntrack_proto_tcp.c; its switches (`tcp_loose` and the like) are in the settings."""

    def refusal(self, packet: Packet) -> int:
        """A SYN opens; an ACK is picked up in mid-stream if `tcp_loose`; nothing else starts."""
        start = TRANSITIONS[SEGMENT_CLASS[packet.tcp_flags]][NONE]
        if start == SYN_SENT:
            return OK
        if start != ESTABLISHED:
            return TCP_NOT_A_START
        return OK if self.settings.tcp_loose else TCP_NOT_PICKED_UP

    def open(self, packet: Packet, key: bytes, reply: bytes, now: float) -> Connection:
        connection = TcpConnection(packet.protocol, key, reply, now)
        sender = connection.peer_copy(ORIGINAL)
        sender.end = segment_end(packet)
        sender.maxwin = max(packet.window, 1)
        if SEGMENT_CLASS[packet.tcp_flags] == CLASS_SYN:
            sender.maxend = sender.end
            read_syn_options(packet, sender)
        else:
            # Scale factors were missed with the SYN: be liberal about windows, and assume SACK.
            sender.maxend = (sender.end + sender.maxwin) & 0xFFFFFFFF
            sender.flags = FLAG_SACK_PERMITTED | FLAG_BE_LIBERAL
            connection.reply_flags = FLAG_SACK_PERMITTED | FLAG_BE_LIBERAL
        connection.set_peer(ORIGINAL, sender)
        return connection

    def update(self, connection: Connection, packet: Packet, direction: int, now: float) -> int:
        assert isinstance(connection, TcpConnection)
        old_state = connection.state
        segment_class = SEGMENT_CLASS[packet.tcp_flags]
        new_state: int = TRANSITIONS[direction * CLASSES + segment_class][old_state]
        if new_state == INVALID:
            return TCP_STATE
        if new_state == SYN_SENT and old_state >= TIME_WAIT:
            if _may_reopen(connection, direction):
                return REOPEN
            new_state = IGNORED
        if new_state == IGNORED:
            if not _answers_ignored_syn(connection, packet, direction, segment_class):
                _remember_ignored(connection, packet, direction, segment_class)
                return OK
            _get_in_step(connection, direction)
            return self._check(connection, packet, direction, SYN_RECV, SYN_SENT, now)
        if new_state == CLOSE and segment_class == CLASS_RST:
            return self._reset(connection, packet, direction, now)
        if new_state == TIME_WAIT and _is_challenge_ack(connection, direction, segment_class):
            connection.last_flags &= 0xFF ^ FLAG_CHALLENGE_ACK
            return OK
        if new_state == SYN_SENT2:
            connection.last_flags |= FLAG_SIMULTANEOUS_OPEN
        elif (
            new_state == SYN_RECV
            and direction == REPLY
            and segment_class == CLASS_ACK
            and connection.last_flags & FLAG_SIMULTANEOUS_OPEN
        ):
            new_state = ESTABLISHED
        return self._check(connection, packet, direction, new_state, old_state, now)

    def _reset(self, connection: TcpConnection, packet: Packet, direction: int, now: float) -> int:
        """An RST: obey it, doubt it, or call it stale."""
        old_state = connection.state
        step = self._judge_rst(connection, packet, direction)
        if step == _STALE:
            return TCP_STALE_RST
        if step == _SKIP_WINDOW:
            return self._advance(connection, packet, direction, CLOSE, old_state, now)
        new_state = old_state if step == _KEEP_STATE else CLOSE
        return self._check(connection, packet, direction, new_state, old_state, now)

    def _check(
        self,
        connection: TcpConnection,
        packet: Packet,
        direction: int,
        new_state: int,
        old_state: int,
        now: float,
    ) -> int:
        """Enter the new state if the segment lies in the window."""
        segment_class = SEGMENT_CLASS[packet.tcp_flags]
        fault = check_window(
            connection, packet, direction, segment_class, self.settings.tcp_be_liberal
        )
        if fault == WINDOW_BELOW:
            return OK
        if fault != WINDOW_OK:
            self._shorten_if_closing(connection, direction, segment_class, now)
            return fault
        return self._advance(connection, packet, direction, new_state, old_state, now)

    def _advance(
        self,
        connection: TcpConnection,
        packet: Packet,
        direction: int,
        new_state: int,
        old_state: int,
        now: float,
    ) -> int:
        """Enter the new state and move the deadline; the segment is good."""
        segment_class = SEGMENT_CLASS[packet.tcp_flags]
        connection.last_class = segment_class
        connection.last_direction = direction
        connection.state = new_state
        if old_state != new_state and new_state == FIN_WAIT:
            if direction == ORIGINAL:
                connection.original_flags |= FLAG_CLOSE_INIT
            else:
                connection.reply_flags |= FLAG_CLOSE_INIT
        timeout_s = self._timeout(connection, segment_class)
        if not connection.status & SEEN_REPLY:
            if segment_class == CLASS_RST:
                return REMOVE  # refused at once: nothing to remember
            if segment_class == CLASS_SYN and old_state == SYN_SENT:
                return OK  # a repeated SYN keeps no entry alive
            if new_state == ESTABLISHED:
                timeout_s = min(timeout_s, self.timeouts_of(connection).tcp_unacknowledged)
        elif (
            not connection.status & ASSURED
            and (old_state in (SYN_RECV, ESTABLISHED))
            and new_state == ESTABLISHED
        ):
            connection.status |= ASSURED
        connection.refresh(now + timeout_s, direction, packet.length)
        return OK

    def _timeout(self, connection: TcpConnection, segment_class: int) -> float:
        timeouts = self.timeouts_of(connection)
        timeout_s = timeouts.tcp[connection.state]
        if (
            connection.retransmissions >= self.settings.tcp_max_retrans
            and timeout_s > timeouts.tcp_max_retrans
        ):
            return timeouts.tcp_max_retrans
        if segment_class == CLASS_RST:
            return timeouts.tcp[CLOSE]
        flags = connection.original_flags | connection.reply_flags
        if flags & FLAG_DATA_UNACKNOWLEDGED and timeout_s > timeouts.tcp_unacknowledged:
            return timeouts.tcp_unacknowledged
        if connection.last_window == 0 and timeout_s > timeouts.tcp_max_retrans:
            return timeouts.tcp_max_retrans
        return timeout_s

    def _judge_rst(self, connection: TcpConnection, packet: Packet, direction: int) -> int:
        """An RST must hit the sequence number that its receiver acknowledged (RFC 5961, 3.2)."""
        if connection.state in CLOSING_STATES:
            return _SKIP_WINDOW  # the ports may be in use again already; what is known is old
        step = _CHECK_WINDOW
        receiver = connection.peer_copy(1 - direction)
        is_established = connection.state == ESTABLISHED and connection.status & ASSURED != 0
        if receiver.flags & FLAG_MAXACK_SET and connection.last_class != CLASS_SYN:
            if packet.seq == 0 and not is_established:
                return _CHECK_WINDOW  # likely the answer to a SYN that was let through
            if is_before(packet.seq, receiver.maxack) and not self.settings.tcp_ignore_invalid_rst:
                return _STALE
            if not is_established or packet.seq == receiver.maxack:
                return _CHECK_WINDOW
            if (
                connection.last_class == CLASS_ACK
                and connection.last_direction == direction
                and packet.seq == connection.last_end
            ):
                return _CHECK_WINDOW  # follows the last data segment without a gap
            step = _KEEP_STATE  # in the window but inexact: a challenge ACK may follow
        if _answers_ignored(connection, packet, direction):
            return _SKIP_WINDOW
        if (
            connection.state == SYN_SENT
            and connection.last_class == CLASS_ACK
            and connection.last_direction == REPLY
            and packet.seq == connection.last_ack
        ):
            return _SKIP_WINDOW  # answers a challenge ACK that was let through
        return step

    def _shorten_if_closing(
        self, connection: TcpConnection, direction: int, segment_class: int, now: float
    ) -> None:
        """Both sides close, though out of window: do not hold the entry for days."""
        if not connection.status & ASSURED:
            return
        if segment_class not in (CLASS_RST, CLASS_FIN):
            return
        if connection.last_direction != direction and connection.last_class in (
            CLASS_FIN,
            CLASS_RST,
        ):
            left_s = connection.deadline - now
            timeout_s = self.timeouts_of(connection).tcp_unacknowledged
            if left_s >= CLOSING_EXPIRY_S and left_s > timeout_s:
                connection.deadline = now + timeout_s
        else:
            connection.last_class = segment_class
            connection.last_direction = direction


def _may_reopen(connection: TcpConnection, direction: int) -> bool:
    """A SYN may start a connection anew once one side closed it, or the SYN's sender reset it."""
    closed = (connection.original_flags | connection.reply_flags) & FLAG_CLOSE_INIT
    return closed != 0 or (
        connection.last_direction == direction and connection.last_class == CLASS_RST
    )


def _answers_ignored_syn(
    connection: TcpConnection, packet: Packet, direction: int, segment_class: int
) -> bool:
    return (
        segment_class == CLASS_SYN_ACK
        and connection.last_class == CLASS_SYN
        and connection.last_direction != direction
        and packet.ack == connection.last_end
    )


def _get_in_step(connection: TcpConnection, direction: int) -> None:
    """Believe the SYN that was ignored: its SYN/ACK has come, in this direction."""
    asker = connection.peer_copy(1 - direction)
    asker.end = asker.maxend = connection.last_end
    asker.maxwin = max(connection.last_window, 1)
    asker.scale = connection.last_scale
    connection.last_flags &= 0xFF ^ FLAG_CHALLENGE_ACK
    asker.flags = connection.last_flags
    connection.set_peer(1 - direction, asker)
    answerer = connection.peer_copy(direction)
    answerer.reset()
    connection.set_peer(direction, answerer)


def _remember_ignored(
    connection: TcpConnection, packet: Packet, direction: int, segment_class: int
) -> None:
    """Let it through, and keep what the answer to it may prove right."""
    connection.last_class = segment_class
    connection.last_direction = direction
    connection.last_seq = packet.seq
    connection.last_end = segment_end(packet)
    connection.last_window = packet.window
    if segment_class == CLASS_SYN and direction == ORIGINAL:
        seen = TcpPeer()
        read_syn_options(packet, seen)
        connection.last_flags = seen.flags & (FLAG_WINDOW_SCALE | FLAG_SACK_PERMITTED)
        connection.last_scale = seen.scale
        if connection.state == LAST_ACK:
            connection.last_flags |= FLAG_CHALLENGE_ACK
    if connection.state == SYN_SENT and segment_class == CLASS_ACK and direction == REPLY:
        connection.last_ack = packet.ack  # may be a challenge ACK


def _is_challenge_ack(connection: TcpConnection, direction: int, segment_class: int) -> bool:
    """An ACK that answers a spurious SYN, not the last FIN (RFC 5961 section 4)."""
    return (
        connection.state == LAST_ACK
        and segment_class == CLASS_ACK
        and connection.last_direction != direction
        and connection.last_class == CLASS_SYN
        and connection.last_flags & FLAG_CHALLENGE_ACK != 0
    )


def _answers_ignored(connection: TcpConnection, packet: Packet, direction: int) -> bool:
    """An RST for the peer's SYN, or the ACK of a half-open connection, that was let through."""
    syn = (
        connection.status & SEEN_REPLY
        and connection.last_class == CLASS_SYN
        and connection.last_direction != direction
    )
    ack = not connection.status & ASSURED and connection.last_class == CLASS_ACK
    return bool((syn or ack) and packet.ack == connection.last_end)
