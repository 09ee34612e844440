"""Are the transport checksums right? (RFC 1071, 768, 9293, 792, 4443; CRC32c: RFC 9260)

The ones' complement sum of 16-bit words equals the big-endian number made of all octets modulo
65535, which one long division gives at the speed of C.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import (
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
)


def checksum_is_wrong(packet: Packet) -> bool:
    """Whether the packet's TCP, UDP, ICMP, ICMPv6 or SCTP checksum is wrong.

    False for other protocols, for UDP without a checksum, and for a packet of which only the
    beginning is at hand. Precondition: `packet.fault` is OK.
    """
    protocol = packet.protocol
    if packet.length > len(packet.data):
        return False
    segment = packet.data[packet.transport : packet.length]
    if protocol == IPPROTO_UDP:
        if segment[6] == 0 and segment[7] == 0:
            return False
        # All octets of the datagram count, also those behind UDP's own length, as in nf_checksum().
    elif protocol == IPPROTO_SCTP:
        return _crc32c_is_wrong(segment)
    elif protocol not in (IPPROTO_TCP, IPPROTO_ICMP, IPPROTO_ICMPV6):
        return False
    covered = (
        segment if protocol == IPPROTO_ICMP else _pseudo_header(packet, len(segment)) + segment
    )
    if len(covered) & 1:
        covered += b"\0"
    return int.from_bytes(covered, "big") % 0xFFFF != 0


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for octet in range(256):
        value = octet
        for _ in range(8):
            value = value >> 1 ^ (CRC32C_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


CRC32C_POLYNOMIAL: Final = 0x82F63B78  # RFC 9260 appendix A, reflected
CRC32C_TABLE: Final[tuple[int, ...]] = _crc32c_table()


def _crc32c_is_wrong(segment: bytes) -> bool:
    """The CRC is taken with zeros in its own place and stands there little-endian."""
    crc = 0xFFFFFFFF
    for octet in segment[:8] + b"\0\0\0\0" + segment[12:]:
        crc = crc >> 8 ^ CRC32C_TABLE[(crc ^ octet) & 0xFF]
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "little") != segment[8:12]


def _pseudo_header(packet: Packet, length: int) -> bytes:
    """RFC 9293 section 3.1 and RFC 8200 section 8.1; both sum to the same with 32-bit fields."""
    return packet.src + packet.dst + length.to_bytes(4, "big") + packet.protocol.to_bytes(4, "big")
