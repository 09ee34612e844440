"""Packets made octet by octet, with right checksums: what the tests of the core send.

A field that is to be wrong is given as such (`total_length=19`); all that is not given is as a
well-behaved stack would have it. Slower, richer packets come from scapy where a test wants them.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final

CLIENT4: Final = ipaddress.ip_address("10.1.0.5").packed
SERVER4: Final = ipaddress.ip_address("203.0.113.9").packed
ROUTER4: Final = ipaddress.ip_address("192.0.2.1").packed
CLIENT6: Final = ipaddress.ip_address("fd00:1::5").packed
SERVER6: Final = ipaddress.ip_address("fd00:2::9").packed
ROUTER6: Final = ipaddress.ip_address("fd00:3::1").packed

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMPV6: Final = 58
UDPLITE: Final = 136

# The letters of tcpdump and iptables, in the order of the bits.
FLAG_LETTERS: Final = "FSRPAUEC"
# Where the checksum stands in each transport header.
_CHECKSUM_AT: Final = {ICMP: 2, TCP: 16, UDP: 6, ICMPV6: 2, UDPLITE: 6}


def tcp_flags(letters: str) -> int:
    """The flag octet for letters such as "SA"; ValueError for any other letter."""
    return sum({1 << FLAG_LETTERS.index(letter) for letter in letters})


def tcp(
    flags: str,
    seq: int = 0,
    ack: int = 0,
    win: int = 65535,
    payload: bytes = b"",
    options: bytes = b"",
    sport: int = 40000,
    dport: int = 80,
    data_offset: int | None = None,
) -> bytes:
    """A TCP segment; `options` are padded to a multiple of four, `data_offset` is in words."""
    options += b"\0" * (-len(options) % 4)
    words = 5 + len(options) // 4 if data_offset is None else data_offset
    header = struct.pack(
        ">HHIIBBHHH",
        sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, words << 4, tcp_flags(flags), win, 0, 0,
    )  # fmt: skip
    return header + options + payload


def udp(
    payload: bytes = b"", sport: int = 40000, dport: int = 53, length: int | None = None
) -> bytes:
    """A UDP datagram, or one of UDP-Lite, whose `length` is the coverage."""
    size = 8 + len(payload) if length is None else length
    return struct.pack(">HHHH", sport, dport, size, 0) + payload


def icmp(kind: int, code: int = 0, rest: bytes = b"\0\0\0\0", payload: bytes = b"") -> bytes:
    """An ICMP or ICMPv6 message; `rest` are the four octets behind the checksum."""
    return struct.pack(">BBH", kind, code, 0) + rest + payload


def query(kind: int, code: int = 0, identifier: int = 7, payload: bytes = b"") -> bytes:
    """An ICMP or ICMPv6 message with an identifier."""
    return icmp(kind, code, struct.pack(">HH", identifier, 1), payload)


def ip(
    src: bytes,
    dst: bytes,
    protocol: int,
    transport: bytes,
    hops: int = 64,
    total_length: int | None = None,
    checksum: int | None = None,
) -> bytes:
    """An IPv4 or IPv6 packet, by the size of the addresses.

    `total_length` counts the header for IPv6 too; `checksum` is the transport's, computed if None.
    """
    transport = _with_checksum(src, dst, protocol, transport, checksum)
    if len(src) == 4:
        return ipv4(src, dst, protocol, transport, hops, total_length)
    return ipv6(src, dst, protocol, transport, hops, total_length)


def ipv4(
    src: bytes,
    dst: bytes,
    protocol: int,
    payload: bytes,
    hops: int = 64,
    total_length: int | None = None,
    header_words: int | None = None,
    options: bytes = b"",
    fragment: int = 0,
) -> bytes:
    """An IPv4 packet around octets that are left as they are; `fragment` are flags and offset."""
    words = 5 + len(options) // 4 if header_words is None else header_words
    length = 20 + len(options) + len(payload) if total_length is None else total_length
    header = struct.pack(
        ">BBHHHBBH4s4s", 4 << 4 | words, 0, length, 1, fragment, hops, protocol, 0, src, dst
    )
    header += options
    sum_ = ones_complement(header)
    return header[:10] + sum_.to_bytes(2, "big") + header[12:] + payload


def ipv6(
    src: bytes,
    dst: bytes,
    next_header: int,
    payload: bytes,
    hops: int = 64,
    total_length: int | None = None,
) -> bytes:
    """An IPv6 packet around octets that are left as they are."""
    length = len(payload) if total_length is None else total_length - 40
    return struct.pack(">IHBB16s16s", 6 << 28, length, next_header, hops, src, dst) + payload


def extension(next_header: int, octets: int = 8) -> bytes:
    """A hop-by-hop, routing or destination-options header that says nothing."""
    padding = bytes((1, octets - 4)) + bytes(octets - 4)  # PadN
    return bytes((next_header, octets // 8 - 1)) + padding


def ones_complement(data: bytes) -> int:
    """The internet checksum (RFC 1071) of octets whose checksum field is zero."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _with_checksum(
    src: bytes, dst: bytes, protocol: int, transport: bytes, checksum: int | None
) -> bytes:
    at = _CHECKSUM_AT.get(protocol)
    if at is None or len(transport) < at + 2:
        return transport
    if checksum is None:
        pseudo = src + dst + struct.pack(">II", len(transport), protocol)
        checksum = ones_complement((b"" if protocol == ICMP else pseudo) + transport)
        if checksum == 0 and protocol in (UDP, UDPLITE):
            checksum = 0xFFFF  # zero would mean that there is none (RFC 768)
    return transport[:at] + checksum.to_bytes(2, "big") + transport[at + 2 :]
