"""Where the IP packet begins in a captured frame, by the link type of the capture.

Link types are those of https://www.tcpdump.org/linktypes.html. Only headers are looked at: padding
that follows the IP packet stays, and is kept out of the judgement by the packet's own length
(packet/parse.py).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

NO_IP: Final = -1

ETHERTYPES_IP: Final = {0x0800: 4, 0x86DD: 6}
ETHERTYPES_VLAN: Final = (0x8100, 0x88A8, 0x9100)  # 802.1Q, 802.1ad (QinQ), and before it
ETHERTYPE_PPPOE: Final = 0x8864
PPP_IP: Final = {0x0021: 4, 0x0057: 6}
# Address families as BSD, Darwin and Linux number them; IPv6 differs everywhere.
FAMILIES_IP: Final = {2: 4, 10: 6, 24: 6, 28: 6, 30: 6}
NFULA_PAYLOAD: Final = 9
MAC_OCTETS: Final = 6
ETHERNET: Final = 1
LINUX_COOKED: Final = 113
LINUX_COOKED_2: Final = 276
# The kind of hardware (ARPHRD_ETHER) and the octets of its addresses, as they stand in either.
COOKED_ETHERNET: Final = b"\x00\x01\x00\x06"
COOKED_2_ETHERNET: Final = b"\x00\x01\x06"


def ip_offset(link_type: int, frame: bytes) -> int:
    """The offset of the IP header, or NO_IP: another protocol, an unknown link type, or cut."""
    find = LINK_TYPES.get(link_type)
    return NO_IP if find is None else find(frame)


def source_mac(link_type: int, frame: bytes) -> bytes:
    """The Ethernet address that sent a frame; b"" where there is none, as on the loopback."""
    at = -1
    if link_type == ETHERNET or (link_type == LINUX_COOKED and frame[2:6] == COOKED_ETHERNET):
        at = 6
    elif link_type == LINUX_COOKED_2 and frame[8:10] + frame[11:12] == COOKED_2_ETHERNET:
        at = 12
    if at < 0 or len(frame) < at + MAC_OCTETS:
        return b""
    mac = frame[at : at + MAC_OCTETS]
    return mac if any(mac) else b""


def _checked(frame: bytes, at: int, version: int | None) -> int:
    """`at`, if an IP header of this version (None: of either) begins there."""
    if not 0 <= at < len(frame):
        return NO_IP
    found = frame[at] >> 4
    return at if found == version or (version is None and found in (4, 6)) else NO_IP


def _ethertype(frame: bytes, at: int) -> int:
    """What follows an EtherType at `at`, through any number of VLAN tags."""
    while at + 2 <= len(frame):
        kind = frame[at] << 8 | frame[at + 1]
        if kind in ETHERTYPES_VLAN:
            at += 4
            continue
        if kind in ETHERTYPES_IP:
            return _checked(frame, at + 2, ETHERTYPES_IP[kind])
        if kind == ETHERTYPE_PPPOE:
            return _pppoe(frame, at + 2)
        return NO_IP
    return NO_IP


def _ethernet(frame: bytes) -> int:
    return _ethertype(frame, 12)


def _raw(frame: bytes) -> int:
    return _checked(frame, 0, None)


def _raw_ipv4(frame: bytes) -> int:
    return _checked(frame, 0, 4)


def _raw_ipv6(frame: bytes) -> int:
    return _checked(frame, 0, 6)


def _linux_cooked(frame: bytes) -> int:
    """Version 1: 16 octets, the protocol in the last two."""
    return _ethertype(frame, 14)


def _linux_cooked_2(frame: bytes) -> int:
    """Version 2: 20 octets, the protocol in the first two; a VLAN tag follows the header."""
    if len(frame) < 20:
        return NO_IP
    kind = frame[0] << 8 | frame[1]
    if kind in ETHERTYPES_VLAN:
        return _ethertype(frame, 22)
    version = ETHERTYPES_IP.get(kind)
    return NO_IP if version is None else _checked(frame, 20, version)


def _loopback(frame: bytes) -> int:
    """BSD loopback: an address family of 32 bits, in the byte order of whoever captured."""
    for family in (int.from_bytes(frame[:4], "little"), int.from_bytes(frame[:4], "big")):
        version = FAMILIES_IP.get(family)
        if version is not None:
            return _checked(frame, 4, version)
    return NO_IP


def _ppp(frame: bytes, at: int = 0) -> int:
    """RFC 1661, 1662: address and control may be there, the protocol may be one octet."""
    if frame[at : at + 2] == b"\xff\x03":
        at += 2
    if at + 2 > len(frame):
        return NO_IP
    if frame[at] & 1:  # compressed
        protocol, at = frame[at], at + 1
    else:
        protocol, at = frame[at] << 8 | frame[at + 1], at + 2
    version = PPP_IP.get(protocol)
    return NO_IP if version is None else _checked(frame, at, version)


def _ppp_with_direction(frame: bytes) -> int:
    return _ppp(frame, 1)


def _pppoe(frame: bytes, at: int = 0) -> int:
    """RFC 2516: version and type 1, code 0 for a session; six octets in all."""
    if frame[at : at + 2] != b"\x11\x00":
        return NO_IP
    return _ppp(frame, at + 6)


def _nflog(frame: bytes) -> int:
    """What NFLOG hands out: four octets, then attributes; the packet is one of them."""
    for numbers in (struct.Struct("<HH"), struct.Struct(">HH")):  # in the writer's byte order
        at = _nflog_payload(frame, numbers)
        if at != NO_IP:
            return _checked(frame, at, None)
    return NO_IP


def _nflog_payload(frame: bytes, numbers: struct.Struct) -> int:
    at = 4
    while at + 4 <= len(frame):
        length, kind = numbers.unpack_from(frame, at)
        if length < 4:
            return NO_IP
        if kind == NFULA_PAYLOAD:
            return at + 4
        at += length + 3 & ~3
    return NO_IP


LINK_TYPES: Final[dict[int, Callable[[bytes], int]]] = {
    0: _loopback,  # NULL
    ETHERNET: _ethernet,
    9: _ppp,
    12: _raw,
    14: _raw,  # RAW where OpenBSD wrote it
    50: _ppp,  # PPP_HDLC
    51: _pppoe,
    101: _raw,
    108: _loopback,
    LINUX_COOKED: _linux_cooked,
    204: _ppp_with_direction,
    228: _raw_ipv4,
    229: _raw_ipv6,
    239: _nflog,
    LINUX_COOKED_2: _linux_cooked_2,
}
