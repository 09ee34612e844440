"""The answer to a refused packet, octet for octet as the kernel's REJECT target would send it.

What is answered, with what, and when silence is kept, follows net/ipv4/netfilter/nf_reject_ipv4.c,
net/ipv6/netfilter/nf_reject_ipv6.c, icmp_send() and icmp6_send(). Written differences: transport
checksums are not checked (local traffic reaches the queue before its checksum is made), and IPv4
options of the refused packet are not echoed.

This module imports scapy, which takes a while: whoever starts fast imports it late.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from firewalld_py.packet.extensions import fragment_offset, header_size
from firewalld_py.packet.protocols import (
    EXTENSION_HEADERS,
    HOOK_INPUT,
    ICMPV6_INFORMATIONAL,
    IPPROTO_FRAGMENT,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_NONE,
    IPPROTO_TCP,
    IPV4_MIN,
    IPV6_HEADER,
    NR_ICMP_TYPES,
    TCP_ACK,
    TCP_FIN,
    TCP_MIN,
    TCP_RST,
    TCP_SYN,
)

logging.getLogger("scapy").setLevel(logging.ERROR)  # it warns about hosts without an address

from scapy.layers.inet import ICMP, IP, TCP  # noqa: E402
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6  # noqa: E402
from scapy.packet import Packet, Raw  # noqa: E402

if TYPE_CHECKING:
    from firewalld_py.service.messages import RejectEvent

TTL: Final = 64
ICMP_DEST_UNREACH: Final = 3
TOS_MASK: Final = 0x1E
TOS_INTERNETCONTROL: Final = 0xC0  # RFC 1812 section 4.3.2.5
QUOTE4: Final = 576 - 20 - 8  # octets of the refused packet in an ICMP error (RFC 1812 4.3.2.3)
QUOTE6: Final = 1280 - 40 - 8  # and in an ICMPv6 error (RFC 4443 section 2.4)

# ICMP messages about which no error may be sent (RFC 1122 section 3.2.2). Linux counts the types it
# does not know, or only discards, among them.
ICMP_ERRORS: Final = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12})

# Reject kind → code of ICMP type 3, code of ICMPv6 type 1. A kind of one family has its nearest
# relative in the other.
UNREACHABLE_CODES: Final[dict[str, tuple[int, int]]] = {
    "icmp-net-unreachable": (0, 0),
    "icmp-host-unreachable": (1, 3),
    "icmp-proto-unreachable": (2, 4),
    "icmp-port-unreachable": (3, 4),
    "icmp-net-prohibited": (9, 1),
    "icmp-host-prohibited": (10, 1),
    "icmp-admin-prohibited": (13, 1),
    "icmp6-no-route": (0, 0),
    "icmp6-adm-prohibited": (13, 1),
    "icmp6-addr-unreachable": (1, 3),
    "icmp6-port-unreachable": (3, 4),
    "no-route": (0, 0),
    "host-unreachable": (1, 3),
    "port-unreachable": (3, 4),
    "admin-prohibited": (13, 1),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A packet to send: `data` from its IP header on, to `destination` (text)."""

    version: int
    destination: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer is due; `reason` is one word for the counters."""

    reason: str


class Surroundings(Protocol):
    """What an answer depends on beside the packet itself."""

    def is_broadcast(self, address: str) -> bool:
        """Whether an IPv4 address is a broadcast address of one of this host's networks."""

    def own_address(self, destination: str, in_index: int) -> str:
        """The IPv6 address this host would use towards `destination`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What has to be known of the refused packet. `transport` is an offset in octets.

    `length` is that of its IP header; of `data` less may be there. `later_fragment` means one
    without a transport header.
    """

    version: int
    source: str
    destination: str
    protocol: int
    transport: int
    length: int
    later_fragment: bool
    data: bytes


def build_answer(event: RejectEvent, surroundings: Surroundings) -> Answer | Silence:
    """The answer that `event.kind` asks for, or why there is none. Never raises for any octets."""
    refused = read_refused(event.head)
    if refused is None:
        return Silence("not_ip")
    reason = _unanswerable(refused, surroundings)
    if reason is not None:
        return Silence(reason)
    if event.kind == "tcp-reset":
        return _reset(refused)
    return _unreachable(refused, event, surroundings)


def read_refused(data: bytes) -> Refused | None:
    """Read the IP headers; None if they are not all there."""
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= IPV4_MIN:
        header = (data[0] & 0x0F) << 2
        if header < IPV4_MIN:
            return None
        source, destination = ipaddress.IPv4Address(data[12:16]), ipaddress.IPv4Address(data[16:20])
        later = bool((data[6] & 0x1F) << 8 | data[7])
        length = data[2] << 8 | data[3]
        return Refused(4, str(source), str(destination), data[9], header, length, later, data)
    if version == 6 and len(data) >= IPV6_HEADER:
        found = _skip_extension_headers(data)
        if found is None:
            return None
        protocol, at, later = found
        six, there = ipaddress.IPv6Address(data[8:24]), ipaddress.IPv6Address(data[24:40])
        length = IPV6_HEADER + (data[4] << 8 | data[5])
        return Refused(6, str(six), str(there), protocol, at, length, later, data)
    return None


def _skip_extension_headers(data: bytes) -> tuple[int, int, bool] | None:
    """Protocol, offset of its header, and: a later fragment? As ipv6_skip_exthdr() does it."""
    protocol, at = data[6], IPV6_HEADER
    while protocol in EXTENSION_HEADERS:
        if at + 8 > len(data):
            return None
        if protocol == IPPROTO_FRAGMENT and fragment_offset(data, at):
            return protocol, at, True
        size = header_size(protocol, data, at)
        protocol = data[at]
        at += size
    if protocol == IPPROTO_NONE:
        return None
    return protocol, at, False


def _unanswerable(refused: Refused, surroundings: Surroundings) -> str | None:
    """The reason for silence that both kinds of answers share."""
    if refused.later_fragment:
        return "fragment"
    if refused.version == 4:
        if _never_unicast4(refused.source):
            return "source_not_unicast"
        if _never_unicast4(refused.destination) or surroundings.is_broadcast(refused.destination):
            return "destination_not_unicast"
        return None
    source = ipaddress.IPv6Address(refused.source)
    if source.is_multicast or source.is_unspecified:
        return "source_not_unicast"
    if ipaddress.IPv6Address(refused.destination).is_multicast:
        return "destination_not_unicast"
    return None


def _never_unicast4(address: str) -> bool:
    found = ipaddress.IPv4Address(address)
    return found.is_multicast or found.packed[0] == 0 or found.packed == b"\xff\xff\xff\xff"


def _reset(refused: Refused) -> Answer | Silence:
    """A reset that fits the refused segment (RFC 9293 section 3.5.2, group 1)."""
    data, at = refused.data, refused.transport
    if refused.protocol != IPPROTO_TCP:
        return Silence("not_tcp")
    if at + TCP_MIN > len(data) or at + TCP_MIN > refused.length:
        return Silence("tcp_too_short")
    flags = data[at + 13]
    if flags & TCP_RST:
        return Silence("reset")
    if flags & TCP_ACK:
        sequence, acknowledged, answer_flags = _u32(data, at + 8), 0, "R"
    else:
        # The length is that of the IP header: of a long segment only the beginning is at hand.
        octets = refused.length - at - (data[at + 12] >> 4 << 2)
        octets += bool(flags & TCP_SYN) + bool(flags & TCP_FIN)
        sequence, acknowledged = 0, (_u32(data, at + 4) + octets) & 0xFFFFFFFF
        answer_flags = "RA"
    segment = TCP(
        sport=data[at + 2] << 8 | data[at + 3],
        dport=data[at] << 8 | data[at + 1],
        seq=sequence,
        ack=acknowledged,
        flags=answer_flags,
        window=0,
    )
    header: Packet
    if refused.version == 4:
        header = IP(src=refused.destination, dst=refused.source, ttl=TTL, id=0, flags="DF")
    else:
        header = IPv6(src=refused.destination, dst=refused.source, hlim=TTL)
    return Answer(refused.version, refused.source, bytes(header / segment))


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _unreachable(
    refused: Refused, event: RejectEvent, surroundings: Surroundings
) -> Answer | Silence:
    """An ICMP or ICMPv6 error that quotes the refused packet."""
    codes = UNREACHABLE_CODES.get(event.kind)
    if codes is None:
        return Silence("unknown_kind")
    if _is_icmp_error(refused):
        return Silence("icmp_error")
    header: Packet
    message: Packet
    if refused.version == 4:
        # A source of zeros is filled in by the kernel when it routes the answer: for a forwarded
        # packet the address of this host that its sender knows.
        source = refused.destination if event.hook == HOOK_INPUT else "0.0.0.0"  # noqa: S104
        tos = (refused.data[1] & TOS_MASK) | TOS_INTERNETCONTROL
        quote = Raw(refused.data[: min(QUOTE4, refused.length)])
        message = ICMP(type=ICMP_DEST_UNREACH, code=codes[0]) / quote
        header = IP(src=source, dst=refused.source, ttl=TTL, id=0, tos=tos)
    else:
        if refused.transport >= refused.length:
            return Silence("transport_too_short")
        source = refused.destination
        if event.hook != HOOK_INPUT:
            source = surroundings.own_address(refused.source, event.in_index or event.out_index)
        quote = Raw(refused.data[: min(QUOTE6, refused.length)])
        message = ICMPv6DestUnreach(code=codes[1]) / quote
        header = IPv6(src=source, dst=refused.source, hlim=TTL)
    return Answer(refused.version, refused.source, bytes(header / message))


def _is_icmp_error(refused: Refused) -> bool:
    """Whether it is an ICMP error, or too short to tell (RFC 1122 3.2.2, RFC 4443 2.4 (e))."""
    data, at = refused.data, refused.transport
    if refused.version == 4 and refused.protocol == IPPROTO_ICMP:
        return at >= len(data) or data[at] > NR_ICMP_TYPES or data[at] in ICMP_ERRORS
    if refused.version == 6 and refused.protocol == IPPROTO_ICMPV6:
        return at >= len(data) or data[at] < ICMPV6_INFORMATIONAL
    return False
