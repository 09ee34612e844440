"""A packet in one line, for people."""

from __future__ import annotations

import ipaddress
from typing import Final

from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.protocols import (
    ICMP_HEADER,
    IPPROTO_DCCP,
    IPPROTO_GRE,
    IPPROTO_HOPOPTS,
    IPPROTO_SCTP,
    IPV4_MIN,
    IPV6_HEADER,
    NDISC_REDIRECT,
    SCTP_HEADER,
    TCP_MIN,
    UDP_HEADER,
)
from tests import wire

_NAMES: Final = {
    wire.ICMP: "icmp",
    wire.TCP: "tcp",
    wire.UDP: "udp",
    IPPROTO_DCCP: "dccp",
    IPPROTO_GRE: "gre",
    wire.ICMPV6: "icmpv6",
    IPPROTO_SCTP: "sctp",
    wire.UDPLITE: "udplite",
}


def protocol_name(data: bytes) -> str:
    """The protocol behind the IP header and its extensions, as far as it can be told."""
    protocol = parse(data, PacketMeta()).protocol
    return "no protocol" if protocol < 0 else _NAMES.get(protocol, f"protocol {protocol}")


def is_fragment(data: bytes) -> bool:
    """Whether the packet is a piece of a datagram, and nothing can stop it before it is put in.

    What is wrong with IPv6 hop-by-hop options is found out, and the packet dropped, before that.
    """
    hop_by_hop = data[0] >> 4 == 6 and len(data) > 6 and data[6] == IPPROTO_HOPOPTS
    return not hop_by_hop and parse(data, PacketMeta()).fragment


def describe(data: bytes) -> str:
    """Addresses, protocol, and what is most telling of the transport header."""
    if not data:
        return "no packet"
    packet = parse(data, PacketMeta(truncated=True))
    if not packet.dst:
        return f"{len(data)} octets {data[:24].hex()}"
    words = [f"{_address(packet.src)} > {_address(packet.dst)} {protocol_name(data)}"]
    if packet.length != len(data):
        words.append(f"total length {packet.length} of {len(data)}")
    header = IPV4_MIN if packet.version == 4 else IPV6_HEADER
    if packet.transport > header:
        words.append(f"behind {data[header : packet.transport].hex()}")
    if packet.fragment:
        words.append(_fragment(packet, data))
    words.append(_transport(packet.protocol, data[packet.transport or header :]))
    return " ".join(words).rstrip()


def _fragment(packet: Packet, data: bytes) -> str:
    """Where the piece begins and ends, + if more follow, and its congestion mark."""
    if packet.version == 4:
        field = int.from_bytes(data[6:8], "big")
        start, more, body = (field & 0x1FFF) * 8, field & 0x2000, packet.length - packet.transport
        mark = data[1] & 3
    else:
        field = int.from_bytes(data[packet.transport + 2 : packet.transport + 4], "big")
        start, more, body = field & 0xFFF8, field & 1, packet.length - packet.transport - 8
        mark = data[1] >> 4 & 3
    return f"fragment {start}-{start + body}{'+' if more else ''} ECN {mark}:"


def _address(address: bytes) -> str:
    return str(ipaddress.ip_address(address))


def _transport(protocol: int, data: bytes) -> str:
    ports = f"{int.from_bytes(data[:2], 'big')} > {int.from_bytes(data[2:4], 'big')}"
    if protocol == wire.TCP and len(data) >= TCP_MIN:
        return f"{ports} {_tcp(data)}"
    if protocol in (wire.UDP, wire.UDPLITE) and len(data) >= UDP_HEADER:
        return f"{ports} length {int.from_bytes(data[4:6], 'big')} sum {data[6:8].hex()}"
    if protocol == IPPROTO_SCTP and len(data) >= SCTP_HEADER:
        return f"{ports} tag {data[4:8].hex()} chunks {_chunks(data)}"
    if protocol in (wire.ICMP, wire.ICMPV6) and len(data) >= ICMP_HEADER:
        head = f"type {data[0]} code {data[1]} id {data[4:6].hex()}"
        quoted = data[48:] if protocol == wire.ICMPV6 and data[0] == NDISC_REDIRECT else data[8:]
        return (
            f"{head} [{describe(quoted)}]" if len(quoted) >= IPV4_MIN else f"{head} {quoted.hex()}"
        )
    return data[:24].hex()


def _chunks(data: bytes) -> str:
    """Type/flags(length) of each chunk of an SCTP packet."""
    chunks, at = [], SCTP_HEADER
    while at + 4 <= len(data):
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        chunks.append(f"{data[at]}/{data[at + 1]:x}({size})")
        at += max((size + 3) // 4 * 4, 4)
    return " ".join(chunks)


def _tcp(data: bytes) -> str:
    seq, ack = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    letters = "".join(x for bit, x in enumerate(wire.FLAG_LETTERS) if data[13] >> bit & 1) or "NULL"
    header = (data[12] >> 4) * 4
    text = f"{letters} seq={seq} ack={ack} win={int.from_bytes(data[14:16], 'big')}"
    text += f" len={len(data) - header}"
    return text + (f" options {data[TCP_MIN:header].hex()}" if header > TCP_MIN else "")
