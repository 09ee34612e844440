"""TCP window tracking: is a segment one that the receiver could have asked for?

After Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2000), with the bounds
that nf_conntrack_proto_tcp.c uses today. For a segment `seq..end` with acknowledgement `sack` (the
highest edge of its SACK blocks, or its ACK):

    I    seq  <= sender.maxend                      above: INVALID, unless by less than one window
    II   end  >= sender.end - receiver.maxwin       below: let through, nothing learnt from it
    III  sack <= receiver.end                       above: INVALID
    IV   sack >= receiver.end - max(maxwin, 66000)  below: let through, nothing learnt from it
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from firewalld_py.conntrack.connection import REPLY
from firewalld_py.conntrack.tcp_connection import (
    FLAG_BE_LIBERAL,
    FLAG_DATA_UNACKNOWLEDGED,
    FLAG_MAXACK_SET,
    FLAG_SACK_PERMITTED,
    FLAG_WINDOW_SCALE,
    TcpConnection,
    TcpPeer,
)
from firewalld_py.conntrack.tcp_states import (
    CLASS_ACK,
    SYN_RECV,
    SYN_SENT,
)
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import (
    TCP_ACK,
    TCP_FIN,
    TCP_MAX_WSCALE,
    TCP_MIN,
    TCP_RST,
    TCP_SYN,
    TCPOPT_EOL,
    TCPOPT_NOP,
    TCPOPT_SACK,
    TCPOPT_SACK_PERMITTED,
    TCPOPT_WINDOW,
)
from firewalld_py.packet.reasons import OK, TCP_ABOVE_WINDOW, TCP_ACK_OF_UNSEEN_DATA

WINDOW_OK: Final = OK
WINDOW_BELOW: Final = -1  # bounds II or IV, or a little above I: pass it on, learn nothing

MAX_ACK_WINDOW: Final = 66000
SEQUENCE: Final = 0xFFFFFFFF
HALF: Final = 0x80000000

# Both sides of the segment's connection while check_window() looks at it, and no longer: made anew
# for each segment they would cost more than the checks.
_SENDER: Final = TcpPeer()
_RECEIVER: Final = TcpPeer()


def is_before(left: i64, right: i64) -> bool:
    """RFC 9293 section 3.4: comparison modulo 2**32."""
    return ((left - right) & SEQUENCE) >= HALF


def segment_end(packet: Packet) -> int:
    """The sequence number behind the segment; SYN and FIN count as one octet each."""
    end = packet.seq + packet.length - packet.transport - packet.header_length
    if packet.tcp_flags & TCP_SYN:
        end += 1
    if packet.tcp_flags & TCP_FIN:
        end += 1
    return end & SEQUENCE


def read_syn_options(packet: Packet, peer: TcpPeer) -> None:
    """Take window scale and SACK-permitted from a SYN; without any options nothing changes."""
    data = packet.data
    at = packet.transport + TCP_MIN
    end = min(packet.transport + packet.header_length, len(data))
    if at >= end:
        return
    peer.scale = 0
    peer.flags &= FLAG_BE_LIBERAL
    while at < end:
        kind = data[at]
        if kind == TCPOPT_EOL:
            return
        if kind == TCPOPT_NOP:
            at += 1
            continue
        if at + 2 > end:
            return
        size = data[at + 1]
        if size < 2 or at + size > end:
            return
        if kind == TCPOPT_SACK_PERMITTED and size == 2:
            peer.flags |= FLAG_SACK_PERMITTED
        elif kind == TCPOPT_WINDOW and size == 3:
            peer.scale = min(data[at + 2], TCP_MAX_WSCALE)
            peer.flags |= FLAG_WINDOW_SCALE
        at += size


def highest_sack(packet: Packet, sack: int) -> int:
    """The highest right edge among the SACK blocks (RFC 2018), or `sack` if none is higher."""
    data = packet.data
    at = packet.transport + TCP_MIN
    end = min(packet.transport + packet.header_length, len(data))
    while at < end:
        kind = data[at]
        if kind == TCPOPT_EOL:
            break
        if kind == TCPOPT_NOP:
            at += 1
            continue
        if at + 2 > end:
            break
        size = data[at + 1]
        if size < 2 or at + size > end:
            break
        if kind == TCPOPT_SACK and size >= 10 and (size - 2) % 8 == 0:
            for block in range(at + 2, at + size, 8):
                edge = (
                    data[block + 4] << 24
                    | data[block + 5] << 16
                    | data[block + 6] << 8
                    | data[block + 7]
                )
                if is_before(sack, edge):
                    sack = edge
            break
        at += size
    return sack


def check_window(
    connection: TcpConnection, packet: Packet, direction: int, segment_class: int, liberal: bool
) -> int:
    """Judge the segment's place in the window and learn from it.

    Returns WINDOW_OK, WINDOW_BELOW, or the reason why it is INVALID; `liberal` turns the latter two
    into WINDOW_OK without learning (tcp_in_window()).
    """
    sender, receiver = _SENDER, _RECEIVER
    connection.read_peer(direction, sender)
    connection.read_peer(1 - direction, receiver)
    result = _check_window(connection, packet, direction, segment_class, liberal, sender, receiver)
    connection.set_peer(direction, sender)
    connection.set_peer(1 - direction, receiver)
    return result


def _check_window(
    connection: TcpConnection,
    packet: Packet,
    direction: int,
    segment_class: int,
    liberal: bool,
    sender: TcpPeer,
    receiver: TcpPeer,
) -> int:
    """The order of the checks; what is learnt is in the two sides."""
    flags = packet.tcp_flags
    seq: i64 = packet.seq
    ack: i64 = packet.ack
    end: i64 = segment_end(packet)
    sack = ack
    if receiver.flags & FLAG_SACK_PERMITTED and packet.header_length > TCP_MIN:
        sack = highest_sack(packet, sack)

    if _learn_start(connection, packet, direction, end, sack, sender, receiver):
        return WINDOW_OK

    if not flags & TCP_ACK or (flags & TCP_RST and ack == 0):
        # No acknowledgement, or a stack that resets with ACK set and zero in it: as if right.
        ack = sack = receiver.end
    if flags & TCP_RST and seq == 0 and connection.state == SYN_SENT:
        seq = end = sender.end  # a reset that answers a SYN

    fault = _check_bounds(sender, receiver, seq, end, sack)
    if fault != WINDOW_OK:
        return WINDOW_OK if liberal or sender.flags & FLAG_BE_LIBERAL else fault
    _learn(connection, packet, direction, segment_class, seq, end, ack, sack, sender, receiver)
    return WINDOW_OK


def _learn_start(
    connection: TcpConnection,
    packet: Packet,
    direction: int,
    end: i64,
    sack: i64,
    sender: TcpPeer,
    receiver: TcpPeer,
) -> bool:
    """Start a side's window with the first that is heard of it; True if that settles the matter."""
    flags = packet.tcp_flags
    if sender.maxwin == 0:
        if flags & TCP_SYN:
            _start_sender(sender, receiver, packet, direction, end)
            return not flags & TCP_ACK  # simultaneous open
        # The middle of a connection whose beginning was missed.
        sender.end = end
        sender.maxwin = max((packet.window << int(sender.scale)) & SEQUENCE, 1)
        sender.maxend = (end + sender.maxwin) & SEQUENCE
        if receiver.maxwin == 0:
            receiver.end = receiver.maxend = sack
        elif sack == (receiver.end + 1) & SEQUENCE:
            receiver.end = sack  # likely the answer to a keep-alive
    elif (
        flags & TCP_SYN
        and is_before(sender.end, end)
        and (connection.state in (SYN_SENT, SYN_RECV))
    ):
        # The same side starts anew with a higher sequence number (RFC 9293 section 3.4.1).
        _start_sender(sender, receiver, packet, direction, end)
        return direction == REPLY and not flags & TCP_ACK
    return False


def _start_sender(
    sender: TcpPeer, receiver: TcpPeer, packet: Packet, direction: int, end: i64
) -> None:
    sender.end = sender.maxend = end
    sender.maxwin = max(packet.window, 1)
    read_syn_options(packet, sender)
    # RFC 7323 section 2.2: scaling is in force only when both sides offered it.
    if direction == REPLY and not sender.flags & receiver.flags & FLAG_WINDOW_SCALE:
        sender.scale = 0
        receiver.scale = 0


def _check_bounds(sender: TcpPeer, receiver: TcpPeer, seq: i64, end: i64, sack: i64) -> int:
    """Bounds I to IV. A little above I moves `sender.end`, lest the ACK of it be INVALID too."""
    lowest_ack = receiver.end - max(sender.maxwin, MAX_ACK_WINDOW) - 1
    lowest_end = sender.end - receiver.maxwin - 1
    if not is_before(seq, sender.maxend + 1):
        overshot = (end - sender.maxend + 1) & SEQUENCE
        if (
            receiver.maxwin != 0
            and is_before(lowest_end, end)
            and is_before(lowest_ack, sack)
            and overshot <= receiver.maxwin
            and is_before(sack, receiver.end + 1)
        ):
            sender.end = end
            sender.flags |= FLAG_DATA_UNACKNOWLEDGED
            return WINDOW_BELOW
        return TCP_ABOVE_WINDOW
    if not is_before(sack, receiver.end + 1):
        return TCP_ACK_OF_UNSEEN_DATA
    if receiver.maxwin != 0 and not is_before(lowest_end, end):
        return WINDOW_BELOW
    if not is_before(lowest_ack, sack):
        return WINDOW_BELOW
    return WINDOW_OK


def _learn(
    connection: TcpConnection,
    packet: Packet,
    direction: int,
    segment_class: int,
    seq: i64,
    end: i64,
    ack: i64,
    sack: i64,
    sender: TcpPeer,
    receiver: TcpPeer,
) -> None:
    """Move both sides' bounds by a segment that lies within them."""
    window: i64 = packet.window
    if not packet.tcp_flags & TCP_SYN:
        window = (packet.window << int(sender.scale)) & SEQUENCE
    sender.maxwin = max(sender.maxwin, (window + sack - ack) & SEQUENCE)
    if is_before(sender.end, end):
        sender.end = end
        sender.flags |= FLAG_DATA_UNACKNOWLEDGED
    if packet.tcp_flags & TCP_ACK:
        if not sender.flags & FLAG_MAXACK_SET:
            sender.maxack = ack
            sender.flags |= FLAG_MAXACK_SET
        elif is_before(sender.maxack, ack):
            sender.maxack = ack
    if receiver.maxwin != 0 and is_before(sender.maxend, end):
        receiver.maxwin = (receiver.maxwin + end - sender.maxend) & SEQUENCE
    if is_before(receiver.maxend - 1, sack + window):
        receiver.maxend = (sack + window + (1 if window == 0 else 0)) & SEQUENCE
    if ack == receiver.end:
        receiver.flags &= 0xFF ^ FLAG_DATA_UNACKNOWLEDGED
    if segment_class == CLASS_ACK:
        _count_retransmission(connection, packet, direction, seq, end, ack)


def _count_retransmission(
    connection: TcpConnection, packet: Packet, direction: int, seq: i64, end: i64, ack: i64
) -> None:
    if (
        connection.last_direction == direction
        and connection.last_seq == seq
        and connection.last_ack == ack
        and connection.last_end == end
        and connection.last_window == packet.window
    ):
        connection.retransmissions += 1
        return
    connection.last_direction = direction
    connection.last_seq = seq
    connection.last_ack = ack
    connection.last_end = end
    connection.last_window = packet.window
    connection.retransmissions = 0
