"""Flow keys: which packets belong to one connection, and in which direction.

A key is `source ‖ destination ‖ four octets of the protocol ‖ protocol number`: 13 octets for IPv4,
37 for IPv6, so that keys of the two never meet. The four octets are the two ports; for ICMP and
ICMPv6 the identifier, the type and the code; for GRE the call ids; else zeros. In a zone other than
0 its number follows, in two octets: what is in different zones never meets.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.gre_map import NO_CALLS, GreMap
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import (
    GRE_PPTP_HEADER,
    GRE_PROTOCOL_PPP,
    GRE_VERSION,
    GRE_VERSION_PPTP,
    ICMP_ADDRESS,
    ICMP_ADDRESSREPLY,
    ICMP_ECHO,
    ICMP_ECHOREPLY,
    ICMP_INFO_REPLY,
    ICMP_INFO_REQUEST,
    ICMP_TIMESTAMP,
    ICMP_TIMESTAMPREPLY,
    ICMPV6_ECHO_REPLY,
    ICMPV6_ECHO_REQUEST,
    ICMPV6_NI_QUERY,
    ICMPV6_NI_REPLY,
    IPPROTO_DCCP,
    IPPROTO_GRE,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
)

IPV4_KEY: Final = 13
IPV6_KEY: Final = 37
NO_KEY: Final = b""

NO_PORTS: Final = b"\0\0\0\0"
PROTOCOL_OCTET: Final[tuple[bytes, ...]] = tuple(bytes((number,)) for number in range(256))

NO_INVERSE: Final = 255


def _inverse(pairs: tuple[tuple[int, int], ...]) -> bytes:
    table = bytearray([NO_INVERSE] * 256)
    for query, answer in pairs:
        table[query] = answer
        table[answer] = query
    return bytes(table)


# Which ICMP type answers which, both ways (the inverse maps of nf_conntrack_proto_icmp[v6].c).
ICMP_INVERSE: Final[bytes] = _inverse(
    (
        (ICMP_ECHO, ICMP_ECHOREPLY),
        (ICMP_TIMESTAMP, ICMP_TIMESTAMPREPLY),
        (ICMP_INFO_REQUEST, ICMP_INFO_REPLY),
        (ICMP_ADDRESS, ICMP_ADDRESSREPLY),
    )
)
ICMPV6_INVERSE: Final[bytes] = _inverse(
    ((ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY), (ICMPV6_NI_QUERY, ICMPV6_NI_REPLY))
)


def flow_key(packet: Packet, calls: GreMap = NO_CALLS) -> bytes:
    """The packet's key; `calls` are PPTP's. Precondition: `packet.fault` is OK."""
    data = packet.data
    at = packet.transport
    # Both addresses stand side by side in either header: one slice serves for two.
    addresses = data[12:20] if packet.version == 4 else data[8:40]
    if packet.has_ports and packet.protocol != IPPROTO_DCCP:  # the kernel no longer tracks DCCP
        ports = data[at : at + 4]
    elif packet.protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        ports = data[at + 4 : at + 6] + data[at : at + 2]
    elif packet.protocol == IPPROTO_GRE:
        ports = gre_keys(data, at, min(packet.length, len(data)), addresses, calls)
    else:
        ports = NO_PORTS
    return addresses + ports + PROTOCOL_OCTET[packet.protocol]


def gre_keys(data: bytes, at: int, end: int, addresses: bytes, calls: GreMap) -> bytes:
    """The four octets of a GRE packet: of PPTP (version 1) both call ids, else zeros.

    The packet has the destination's, the source's is in `calls`, or 0 (gre_pkt_to_tuple()). NO_KEY
    if PPTP carries something else than PPP; no packet of ours comes here with that, a quoted one
    may.
    """
    if at + GRE_PPTP_HEADER <= end and data[at + 1] & GRE_VERSION == GRE_VERSION_PPTP:
        if data[at + 2] << 8 | data[at + 3] != GRE_PROTOCOL_PPP:
            return NO_KEY
        call_id = data[at + 6 : at + 8]
        return calls.source_id(addresses + call_id) + call_id
    return NO_PORTS


def address_size(key: bytes) -> int:
    """The octets of each of the two addresses with which a key begins."""
    return 4 if len(key) < IPV6_KEY else 16


def source(key: bytes) -> bytes:
    return key[: address_size(key)]


def destination(key: bytes) -> bytes:
    size = address_size(key)
    return key[size : 2 * size]


def protocol_of(key: bytes) -> int:
    return key[2 * address_size(key) + 4]


def source_port(key: bytes) -> int:
    """The source port; of ICMP and GRE what stands in its place."""
    at = 2 * address_size(key)
    return key[at] << 8 | key[at + 1]


def destination_port(key: bytes) -> int:
    at = 2 * address_size(key) + 2
    return key[at] << 8 | key[at + 1]


def in_zone(key: bytes, zone: int) -> bytes:
    """The key of the same flow in a zone. Precondition: `key` is one of zone 0."""
    return key + bytes((zone >> 8, zone & 0xFF)) if zone else key


def zone_of(key: bytes) -> int:
    """The zone that a key is of."""
    size = IPV4_KEY if len(key) < IPV6_KEY else IPV6_KEY
    return 0 if len(key) == size else key[size] << 8 | key[size + 1]


def reply_key(key: bytes) -> bytes:
    """The key of the packets that answer; NO_KEY if nothing can (an ICMP type without an inverse).

    `reply_key(reply_key(key)) == key` for every key that has one.
    """
    size = address_size(key)
    protocol = protocol_of(key)
    addresses = key[size : 2 * size] + key[:size]
    at = 2 * size
    if protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        inverse = ICMP_INVERSE if protocol == IPPROTO_ICMP else ICMPV6_INVERSE
        answer = inverse[key[at + 2]]
        if answer == NO_INVERSE:
            return NO_KEY
        return addresses + key[at : at + 2] + PROTOCOL_OCTET[answer] + key[at + 3 :]
    return addresses + key[at + 2 : at + 4] + key[at : at + 2] + key[at + 4 :]
