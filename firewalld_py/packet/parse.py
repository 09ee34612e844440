"""Octets to Packet. Never raises, whatever the octets are.

A length is checked once, then the fields are read. A fault on the wire is a value with a name (see
reasons.py); it is decided here, once, and makes the packet INVALID unless a raw rule says NOTRACK.
What is checked is what nf_conntrack checks before it looks at a connection, no more: IP options and
addresses, for instance, are not its business.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.packet.extensions import fragment_offset, header_size, octets_asked
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.protocols import (
    EXTENSION_HEADERS,
    FRAGMENT_HEADER,
    GRE_PPTP_HEADER,
    GRE_PROTOCOL_PPP,
    GRE_VERSION,
    GRE_VERSION_PPTP,
    ICMP_HEADER,
    IPPROTO_DCCP,
    IPPROTO_FRAGMENT,
    IPPROTO_GRE,
    IPPROTO_HOPOPTS,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_NONE,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    IPV4_MIN,
    IPV6_HEADER,
    NR_ICMP_TYPES,
    SCTP_HEADER,
    TCP_ACK,
    TCP_FIN,
    TCP_MIN,
    TCP_RST,
    TCP_SYN,
    TCP_URG,
    UDP_HEADER,
)
from firewalld_py.packet.reasons import (
    FRAGMENT,
    GRE_PAYLOAD,
    ICMP_TYPE,
    ICMP_WRONG_FAMILY,
    IP_HEADER_LENGTH,
    IP_TOO_SHORT,
    IP_TOTAL_LENGTH,
    IPV6_EXTENSION,
    IPV6_NO_NEXT_HEADER,
    NOT_IP,
    OK,
    TCP_DATA_OFFSET,
    TCP_FLAGS,
    TRANSPORT_TOO_SHORT,
    UDP_LENGTH,
    UDPLITE_COVERAGE,
    UDPLITE_NO_CHECKSUM,
)


def _valid_flags() -> bytes:
    """A 256-octet table: 1 where the flag octet is a combination that nf_conntrack takes.

    PSH and the two ECN flags never matter (nf_conntrack_proto_tcp.c, tcp_valid_flags).
    """
    valid = {
        TCP_SYN,
        TCP_SYN | TCP_URG,
        TCP_SYN | TCP_ACK,
        TCP_RST,
        TCP_RST | TCP_ACK,
        TCP_FIN | TCP_ACK,
        TCP_FIN | TCP_ACK | TCP_URG,
        TCP_ACK,
        TCP_ACK | TCP_URG,
    }
    matter = TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG
    return bytes(1 if flags & matter in valid else 0 for flags in range(256))


VALID_TCP_FLAGS: Final[bytes] = _valid_flags()


def parse(data: bytes, meta: PacketMeta, is_gathered: bool = False) -> Packet:
    """Take one IP packet apart; the fault, if any, is in `Packet.fault`.

    An IPv6 fragment is left for packet/fragments.py, unless it `is_gathered`: what has been there,
    or need not go there, may have a fragment header as it may have others, if its offset is 0.
    """
    packet = Packet(data, meta)
    if len(data) == 0:
        packet.fault = IP_TOO_SHORT
        return packet
    version = data[0] >> 4
    if version == 4:
        packet.fault = _parse_ipv4(packet, data)
    elif version == 6:
        packet.fault = _parse_ipv6(packet, data, is_gathered)
    else:
        packet.fault = NOT_IP
    if packet.fault == OK:
        packet.fault = _parse_transport(packet, data)
    return packet


def _parse_ipv4(packet: Packet, data: bytes) -> int:
    """RFC 791 section 3.1."""
    packet.version = 4
    if len(data) < IPV4_MIN:
        return IP_TOO_SHORT
    header_length = (data[0] & 0x0F) << 2
    length = data[2] << 8 | data[3]
    packet.length = length
    packet.src = data[12:16]
    packet.dst = data[16:20]
    packet.protocol = data[9]
    if header_length < IPV4_MIN or header_length > len(data):
        return IP_HEADER_LENGTH
    if length < header_length or (length > len(data) and not packet.meta.truncated):
        return IP_TOTAL_LENGTH
    packet.transport = header_length
    fragment = (data[6] & 0x3F) << 8 | data[7]  # more-fragments bit and offset
    if fragment:
        packet.fragment = True
        return FRAGMENT
    return OK


def _parse_ipv6(packet: Packet, data: bytes, is_gathered: bool) -> int:
    """RFC 8200 section 3; the walk over extension headers stops where the kernel's does."""
    packet.version = 6
    if len(data) < IPV6_HEADER:
        return IP_TOO_SHORT
    packet.src = data[8:24]
    packet.dst = data[24:40]
    payload_length = data[4] << 8 | data[5]
    next_header = data[6]
    packet.protocol = next_header
    length = IPV6_HEADER + payload_length
    if payload_length == 0 and next_header == IPPROTO_HOPOPTS:
        length = len(data)  # a jumbogram (RFC 2675), or a super-packet made of one connection
    packet.length = length
    if length > len(data) and not packet.meta.truncated:
        return IP_TOTAL_LENGTH
    packet.transport = IPV6_HEADER
    if next_header in EXTENSION_HEADERS or next_header == IPPROTO_NONE:
        return _skip_extension_headers(packet, data, is_gathered)
    return OK


def _skip_extension_headers(packet: Packet, data: bytes, is_gathered: bool) -> int:
    """Find the transport header, as ipv6_skip_exthdr() in net/ipv6/exthdrs_core.c does."""
    end = min(packet.length, len(data))
    while True:  # ends with the packet: every header has 8 octets at least
        protocol = packet.protocol
        at = packet.transport
        if protocol == IPPROTO_NONE:
            return IPV6_NO_NEXT_HEADER
        if protocol not in EXTENSION_HEADERS:
            return OK
        if at + octets_asked(protocol) > end:
            return IPV6_EXTENSION
        packet.protocol = data[at]
        if protocol == IPPROTO_FRAGMENT:
            # One that is cut short makes no fragment (nf_ct_frag6_gather() lets it pass).
            is_whole = at + FRAGMENT_HEADER <= end
            if fragment_offset(data, at) or (is_whole and not is_gathered):
                packet.fragment = is_whole
                return FRAGMENT if is_whole else IPV6_EXTENSION
        packet.transport = at + header_size(protocol, data, at)


def _parse_transport(packet: Packet, data: bytes) -> int:
    protocol = packet.protocol
    at = packet.transport
    end = min(packet.length, len(data))
    if protocol == IPPROTO_TCP:
        return _parse_tcp(packet, data, at, end)
    if protocol == IPPROTO_UDP:
        return _parse_udp(packet, data, at, end)
    if protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        return _parse_icmp(packet, data, at, end)
    if protocol in (IPPROTO_SCTP, IPPROTO_DCCP):
        if at + 4 <= end:
            _read_ports(packet, data, at)
        if protocol == IPPROTO_SCTP and at + SCTP_HEADER > end:
            return TRANSPORT_TOO_SHORT
        return OK
    if protocol == IPPROTO_GRE:
        return _parse_gre(data, at, end)
    if protocol == IPPROTO_UDPLITE:
        return _parse_udplite(packet, data, at, end)
    return OK


def _read_ports(packet: Packet, data: bytes, at: int) -> None:
    packet.sport = data[at] << 8 | data[at + 1]
    packet.dport = data[at + 2] << 8 | data[at + 3]
    packet.has_ports = True


def _parse_tcp(packet: Packet, data: bytes, at: int, end: int) -> int:
    """RFC 9293 section 3.1."""
    if at + 4 <= end:
        _read_ports(packet, data, at)
    if at + TCP_MIN > end:
        return TRANSPORT_TOO_SHORT
    packet.seq = data[at + 4] << 24 | data[at + 5] << 16 | data[at + 6] << 8 | data[at + 7]
    packet.ack = data[at + 8] << 24 | data[at + 9] << 16 | data[at + 10] << 8 | data[at + 11]
    packet.tcp_flags = data[at + 13]
    packet.window = data[at + 14] << 8 | data[at + 15]
    header_length = (data[at + 12] >> 4) << 2
    packet.header_length = header_length
    if header_length < TCP_MIN or at + header_length > packet.length:
        return TCP_DATA_OFFSET
    if VALID_TCP_FLAGS[packet.tcp_flags] == 0:
        return TCP_FLAGS
    return OK


def _parse_udp(packet: Packet, data: bytes, at: int, end: int) -> int:
    """RFC 768; a length shorter than the payload is fine, as nf_conntrack_proto_udp.c has it."""
    if at + 4 <= end:
        _read_ports(packet, data, at)
    if at + UDP_HEADER > end:
        return TRANSPORT_TOO_SHORT
    length = data[at + 4] << 8 | data[at + 5]
    if length < UDP_HEADER or at + length > packet.length:
        return UDP_LENGTH
    return OK


def _parse_udplite(packet: Packet, data: bytes, at: int, end: int) -> int:
    """RFC 3828 section 3.1: coverage 0 means all, and the checksum is never absent."""
    if at + 4 <= end:
        _read_ports(packet, data, at)
    if at + UDP_HEADER > end:
        return TRANSPORT_TOO_SHORT
    coverage = data[at + 4] << 8 | data[at + 5]
    if coverage != 0 and (coverage < UDP_HEADER or at + coverage > packet.length):
        return UDPLITE_COVERAGE
    if data[at + 6] == 0 and data[at + 7] == 0:
        return UDPLITE_NO_CHECKSUM
    return OK


def _parse_gre(data: bytes, at: int, end: int) -> int:
    """RFC 2784; of version 1 (RFC 2637) the payload is always PPP."""
    if at + GRE_PPTP_HEADER > end or data[at + 1] & GRE_VERSION != GRE_VERSION_PPTP:
        return OK
    payload = data[at + 2] << 8 | data[at + 3]
    return OK if payload == GRE_PROTOCOL_PPP else GRE_PAYLOAD


def _parse_icmp(packet: Packet, data: bytes, at: int, end: int) -> int:
    """RFC 792 and 4443; each belongs to one IP version."""
    if at + ICMP_HEADER > end:
        return TRANSPORT_TOO_SHORT
    packet.icmp_type = data[at]
    packet.icmp_code = data[at + 1]
    if (packet.protocol == IPPROTO_ICMP) != (packet.version == 4):
        return ICMP_WRONG_FAMILY
    if packet.version == 4 and packet.icmp_type > NR_ICMP_TYPES:
        return ICMP_TYPE
    return OK
