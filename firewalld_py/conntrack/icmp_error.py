"""ICMP and ICMPv6 errors: RELATED to the connection whose packet they quote, or INVALID.

As nf_conntrack_inet_error() and its two callers: the quoted packet is found by its own addresses
and ports; the error must be addressed to the one who sent it; who complains is not checked. Its
direction is the opposite of the quoted packet's. An error never creates or refreshes anything.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import INVALID, RELATED, CtInfo
from firewalld_py.conntrack.flow import (
    NO_KEY,
    NO_PORTS,
    PROTOCOL_OCTET,
    gre_keys,
    in_zone,
    reply_key,
)
from firewalld_py.conntrack.gre_map import NO_CALLS, GreMap
from firewalld_py.conntrack.table import Table
from firewalld_py.packet.extensions import fragment_offset, header_size, octets_asked
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import (
    EXTENSION_HEADERS,
    ICMP_DEST_UNREACH,
    ICMP_HEADER,
    ICMP_PARAMETERPROB,
    ICMP_REDIRECT,
    ICMP_SOURCE_QUENCH,
    ICMP_TIME_EXCEEDED,
    ICMPV6_INFORMATIONAL,
    IPPROTO_FRAGMENT,
    IPPROTO_GRE,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_NONE,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    IPV4_MIN,
    IPV6_HEADER,
    NDISC_REDIRECT,
)
from firewalld_py.packet.reasons import (
    ICMP_ERROR_ADDRESS,
    ICMP_ERROR_QUOTE,
    ICMP_ERROR_UNRELATED,
    ICMPV6_REDIRECT_SOURCE,
)

ICMP_ERRORS: Final[frozenset[int]] = frozenset(
    {ICMP_DEST_UNREACH, ICMP_SOURCE_QUENCH, ICMP_REDIRECT, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB}
)
WITH_PORTS: Final[frozenset[int]] = frozenset(
    {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP}
)
REDIRECT_TARGETS: Final = 40  # RFC 4861 section 4.5: header, target and destination address
REDIRECTED_HEADER: Final = 4  # the option that quotes the packet, behind 8 octets of its own
OPTION_HEADER: Final = 8
HOP_LIMIT_OF_NEIGHBOUR: Final = 255


def is_icmp_error(packet: Packet) -> bool:
    """Whether tracking looks at what the packet quotes. Precondition: a fault-free packet."""
    if packet.protocol == IPPROTO_ICMP:
        return packet.icmp_type in ICMP_ERRORS
    if packet.protocol == IPPROTO_ICMPV6:
        return packet.icmp_type < ICMPV6_INFORMATIONAL or packet.icmp_type == NDISC_REDIRECT
    return False


def inspect_error(
    packet: Packet, table: Table, now: float, zone: int, calls: GreMap = NO_CALLS
) -> CtInfo:
    """RELATED with the quoted connection of this zone, or INVALID with the reason.

    `calls` are PPTP's, by which quoted GRE is told apart.
    """
    at = packet.transport + ICMP_HEADER
    if packet.icmp_type == NDISC_REDIRECT and packet.protocol == IPPROTO_ICMPV6:
        if packet.data[7] != HOP_LIMIT_OF_NEIGHBOUR or not _is_link_local(packet.src):
            return CtInfo(INVALID, reason=ICMPV6_REDIRECT_SOURCE)
        at = packet.transport + REDIRECT_TARGETS
        if packet.icmp_code != 0 or not _quotes_packet(packet, at):
            return CtInfo(INVALID, reason=ICMP_ERROR_QUOTE)
        at += OPTION_HEADER
    quoted = _quoted_key(packet, at, calls)
    if quoted == NO_KEY:
        return CtInfo(INVALID, reason=ICMP_ERROR_QUOTE)
    answer = reply_key(quoted)
    if answer == NO_KEY:
        return CtInfo(INVALID, reason=ICMP_ERROR_QUOTE)
    answer = in_zone(answer, zone)
    connection = table.find(answer, now)
    if connection is None:
        return CtInfo(INVALID, reason=ICMP_ERROR_UNRELATED)
    size = len(packet.dst)
    if answer[size : 2 * size] != packet.dst:
        return CtInfo(INVALID, reason=ICMP_ERROR_ADDRESS)
    return CtInfo(RELATED, table.direction(), connection)


def _quoted_key(packet: Packet, at: int, calls: GreMap) -> bytes:
    """The flow key of the packet quoted at `at`, or NO_KEY.

    The quoted version nibble is not looked at; the outer one counts. Four transport octets suffice
    for ports, an ICMP query must be quoted with its eight.
    """
    end = min(packet.length, len(packet.data))
    if packet.version == 4:
        return _quoted_ipv4(packet.data, at, end, calls)
    return _quoted_ipv6(packet.data, at, end, calls)


def _quoted_ipv4(data: bytes, at: int, end: int, calls: GreMap) -> bytes:
    if at + IPV4_MIN > end:
        return NO_KEY
    if (data[at + 6] & 0x1F) << 8 | data[at + 7]:
        return NO_KEY  # a later fragment says nothing of ports
    transport = at + ((data[at] & 0x0F) << 2)
    if transport > end:
        return NO_KEY
    return _with_transport(data, data[at + 12 : at + 20], data[at + 9], transport, end, calls)


def _quoted_ipv6(data: bytes, at: int, end: int, calls: GreMap) -> bytes:
    if at + IPV6_HEADER > end:
        return NO_KEY
    addresses = data[at + 8 : at + 40]
    protocol = data[at + 6]
    transport = at + IPV6_HEADER
    while protocol in EXTENSION_HEADERS:
        if transport + octets_asked(protocol) > end:
            return NO_KEY
        if protocol == IPPROTO_FRAGMENT and fragment_offset(data, transport):
            return NO_KEY
        size = header_size(protocol, data, transport)
        protocol = data[transport]
        transport += size
    if protocol == IPPROTO_NONE:
        return NO_KEY
    return _with_transport(data, addresses, protocol, transport, end, calls)


def _with_transport(
    data: bytes, addresses: bytes, protocol: int, at: int, end: int, calls: GreMap
) -> bytes:
    ports = NO_PORTS
    if protocol in WITH_PORTS:
        if at + 4 > end:
            return NO_KEY
        ports = data[at : at + 4]
    elif protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        if at + ICMP_HEADER > end:
            return NO_KEY
        ports = data[at + 4 : at + 6] + data[at : at + 2]
    elif protocol == IPPROTO_GRE:
        ports = gre_keys(data, at, end, addresses, calls)
        if not ports:
            return NO_KEY
    return addresses + ports + PROTOCOL_OCTET[protocol]


def _quotes_packet(packet: Packet, at: int) -> bool:
    """Whether a redirect's first option is the one that quotes the redirected packet."""
    data = packet.data
    return at + 2 <= min(packet.length, len(data)) and (
        data[at] == REDIRECTED_HEADER and data[at + 1] != 0
    )


def _is_link_local(address: bytes) -> bool:
    """fe80::/10 (RFC 4291 section 2.5.6)."""
    return address[0] == 0xFE and address[1] & 0xC0 == 0x80
