"""Hand-made IPv4 packets for the measures of the core: headers only, checksums left out."""

from __future__ import annotations

import struct
from typing import Final

from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP, TCP_ACK, TCP_SYN

LAN: Final = 2
WAN: Final = 3
INTERFACES: Final = {1: "lo", LAN: "lan0", WAN: "wan0"}
CLIENTS: Final = 0x0A010000  # 10.1.0.0/16
SERVER: Final = 0xCB007109  # 203.0.113.9
SERVER_PORT: Final = 30000
FORWARD: Final = 2  # the number of the netfilter hook

Queued = tuple[bytes, PacketMeta]


def _ipv4(protocol: int, source: int, destination: int, payload: bytes) -> bytes:
    length = 20 + len(payload)
    return (
        struct.pack("!BBHHHBBHII", 0x45, 0, length, 0, 0, 64, protocol, 0, source, destination)
        + payload
    )


def _ends(number: int, answer: bool) -> tuple[int, int, int, int]:
    """Addresses and ports of connection `number`, seen from the sender of this packet."""
    client, port = CLIENTS | (number >> 4) & 0xFFFF, 20000 + (number & 15)
    if answer:
        return SERVER, client, SERVER_PORT, port
    return client, SERVER, port, SERVER_PORT


def udp(number: int, answer: bool) -> Queued:
    """A datagram of connection `number` with 18 octets."""
    source, destination, sport, dport = _ends(number, answer)
    head = struct.pack("!HHHH", sport, dport, 26, 0)
    return _ipv4(IPPROTO_UDP, source, destination, head + bytes(18)), _meta(answer)


def tcp(number: int, answer: bool, flags: int, seq: int, ack: int) -> Queued:
    """A segment of connection `number` without data."""
    source, destination, sport, dport = _ends(number, answer)
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 0xFFFF, 0, 0)
    return _ipv4(IPPROTO_TCP, source, destination, head), _meta(answer)


def tcp_opening(number: int) -> list[Queued]:
    """The three segments that open connection `number`."""
    return [
        tcp(number, False, TCP_SYN, 1000, 0),
        tcp(number, True, TCP_SYN | TCP_ACK, 5000, 1001),
        tcp(number, False, TCP_ACK, 1001, 5001),
    ]


def udp_opening(number: int) -> list[Queued]:
    """Question and answer of connection `number`."""
    return [udp(number, False), udp(number, True)]


def _meta(answer: bool) -> PacketMeta:
    if answer:
        return PacketMeta(FORWARD, WAN, LAN)
    return PacketMeta(FORWARD, LAN, WAN)
