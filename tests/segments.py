"""Parsed packets of one connection, for tests of the modules behind the parser."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ORIGINAL, SEEN_REPLY, Connection
from firewalld_py.conntrack.flow import flow_key, reply_key
from firewalld_py.conntrack.tcp import TcpTracker
from firewalld_py.conntrack.tcp_connection import TcpConnection
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK
from tests import wire

CLIENT_PORT: Final = 40000
SERVER_PORT: Final = 80


def segment(
    direction: int,
    flags: str,
    seq: int,
    ack: int = 0,
    size: int = 0,
    win: int = 65535,
    options: bytes = b"",
) -> Packet:
    """A TCP segment over IPv4 from the client (ORIGINAL) or the server."""
    ends, ports = (wire.CLIENT4, wire.SERVER4), (CLIENT_PORT, SERVER_PORT)
    if direction != ORIGINAL:
        ends, ports = ends[::-1], ports[::-1]
    octets = wire.tcp(flags, seq, ack, win, bytes(size), options, ports[0], ports[1])
    packet = parse(wire.ip(*ends, wire.TCP, octets), PacketMeta())
    assert packet.fault == OK
    return packet


def datagram(
    direction: int = ORIGINAL, payload: bytes = b"", sport: int = CLIENT_PORT, dport: int = 53
) -> Packet:
    """A UDP packet over IPv4 from the client (ORIGINAL) or the server."""
    ends, ports = (wire.CLIENT4, wire.SERVER4), (sport, dport)
    if direction != ORIGINAL:
        ends, ports = ends[::-1], ports[::-1]
    packet = parse(wire.ip(*ends, wire.UDP, wire.udp(payload, *ports)), PacketMeta())
    assert packet.fault == OK
    return packet


def connection_for(packet: Packet, now: float = 0.0) -> Connection:
    """A plain connection whose first packet this is, in no table."""
    key = flow_key(packet)
    return Connection(packet.protocol, key, reply_key(key), now)


def tcp_connection(tracker: TcpTracker, packet: Packet, now: float = 0.0) -> TcpConnection:
    """The connection that the tracker opens for this first segment."""
    key = flow_key(packet)
    connection = tracker.open(packet, key, reply_key(key), now)
    assert isinstance(connection, TcpConnection)
    assert tracker.update(connection, packet, ORIGINAL, now) == OK
    return connection


def opened(settings: Settings | None = None, win: int = 65535) -> tuple[TcpTracker, TcpConnection]:
    """A tracker, and a connection of which it saw SYN (1000), SYN/ACK (5000) and ACK."""
    tracker = TcpTracker(settings or Settings())
    connection = tcp_connection(tracker, segment(0, "S", 1000, win=win))
    for direction, flags, seq, ack in ((1, "SA", 5000, 1001), (0, "A", 1001, 5001)):
        packet = segment(direction, flags, seq, ack, win=win)
        assert tracker.update(connection, packet, direction, 0.0) == OK
        connection.status |= SEEN_REPLY  # as the engine does
    return tracker, connection
