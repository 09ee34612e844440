"""SCTP packets, chunk by chunk, of one association between the client and the server."""

from __future__ import annotations

import struct
from typing import Final

from firewalld_py.conntrack.connection import ORIGINAL
from firewalld_py.conntrack.flow import flow_key, reply_key
from firewalld_py.conntrack.sctp import SctpConnection, SctpTracker
from firewalld_py.conntrack.sctp_states import (
    COOKIE_ACK,
    COOKIE_ECHO,
    INIT,
    INIT_ACK,
)
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK
from tests import wire
from tests.differential.sctp import SCTP, chunk, crc32c

# The tag that each side chose: all packets that the other one sends carry it.
CLIENT_TAG: Final = 0xC0C0C0C0
SERVER_TAG: Final = 0x5E5E5E5E
CLIENT_PORT: Final = 40000
SERVER_PORT: Final = 3868


def init(kind: int = INIT, tag: int = CLIENT_TAG) -> bytes:
    """An INIT or INIT ACK chunk that names the sender's tag."""
    return chunk(kind, struct.pack(">IIHHI", tag, 65536, 10, 10, 1))


def transport(tag: int, chunks: bytes, sport: int = CLIENT_PORT, dport: int = SERVER_PORT) -> bytes:
    """The common header with its right checksum, and the chunks."""
    header = struct.pack(">HHI", sport, dport, tag)
    return header + struct.pack("<I", crc32c(header + bytes(4) + chunks)) + chunks


def sctp(direction: int, tag: int, *chunks: bytes) -> Packet:
    """A packet over IPv4 from the client (ORIGINAL) or the server."""
    ends, ports = (wire.CLIENT4, wire.SERVER4), (CLIENT_PORT, SERVER_PORT)
    if direction != ORIGINAL:
        ends, ports = ends[::-1], ports[::-1]
    octets = transport(tag, b"".join(chunks), *ports)
    packet = parse(wire.ip(*ends, SCTP, octets), PacketMeta())
    assert packet.fault == OK
    return packet


def handshake() -> list[tuple[int, Packet]]:
    """The four packets that set an association up, with their directions."""
    return [
        (0, sctp(0, 0, init())),
        (1, sctp(1, CLIENT_TAG, init(INIT_ACK, SERVER_TAG))),
        (0, sctp(0, SERVER_TAG, chunk(COOKIE_ECHO, b"cookie!!"))),
        (1, sctp(1, CLIENT_TAG, chunk(COOKIE_ACK))),
    ]


def association(tracker: SctpTracker, packet: Packet, now: float = 0.0) -> SctpConnection:
    """The connection that the tracker opens for this first packet, in no table."""
    key = flow_key(packet)
    assert tracker.refusal(packet) == OK
    connection = tracker.open(packet, key, reply_key(key), now)
    assert isinstance(connection, SctpConnection)
    assert tracker.update(connection, packet, ORIGINAL, now) == OK
    return connection


def associated(settings: Settings | None = None) -> tuple[SctpTracker, SctpConnection]:
    """A tracker, and an association of which it saw the handshake."""
    tracker = SctpTracker(settings or Settings())
    (_, first), *others = handshake()
    connection = association(tracker, first)
    for direction, packet in others:
        assert tracker.update(connection, packet, direction, 0.0) == OK
    return tracker, connection
