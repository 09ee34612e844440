"""Conditions on what else stands in a packet's headers, one Key for each."""

from __future__ import annotations

from typing import Final, cast

from firewalld_py.policy.errors import nearest
from firewalld_py.policy.keys import Key, Parser, Reading, one
from firewalld_py.policy.lists import plain_list, ports_merged
from firewalld_py.policy.nodes import Node
from firewalld_py.policy.numbers import number_range, number_with_mask
from firewalld_py.policy.shapes import Choice, Number, Text, any_case, reads, shape_of
from firewalld_py.policy.values import NUMBER, truth, unexpected

DSCP: Final = "a class (ef, cs1, af41) or a number from 0 to 63"
TOS: Final = "an octet as VALUE or VALUE/MASK (0x10, 0x08/0x3f)"
TCP_OPTION: Final = "a TCP option by name (mss, window-scale, sack) or number (1-255)"
IPV6_HEADER: Final = "a header (hop-by-hop, route, frag, auth, dst, esp, none)"
LENGTHS: Final = "octets (1500), a range (0-128), or from a number on (1000-)"
TTLS: Final = "hops (64), a range (0-5), or from a number on (200-)"
MSSES: Final = "octets (1460), a range (0-535), or from a number on (1461-)"

# RFC 2474, 2597, 3246, 8622; the names are those of iptables' --dscp-class.
DSCP_CLASSES: Final[dict[str, int]] = {
    "be": 0,
    **{f"cs{number}": number << 3 for number in range(8)},
    **{f"af{high}{low}": high << 3 | low << 1 for high in range(1, 5) for low in range(1, 4)},
    "le": 1,
    "ef": 46,
}
# IANA, "TCP Option Kind Numbers"; 0 ends the list, iptables cannot ask for it either.
TCP_OPTIONS: Final[dict[str, int]] = {
    "nop": 1,
    "mss": 2,
    "window-scale": 3,
    "sack-permitted": 4,
    "sack": 5,
    "timestamp": 8,
    "md5": 19,
    "mptcp": 30,
    "fast-open": 34,
}
# Protocol numbers of IPv6's headers, under the short and the long names of -m ipv6header.
IPV6_HEADERS: Final[dict[str, int]] = {
    "hop-by-hop": 0,
    "hop": 0,
    "route": 43,
    "frag": 44,
    "esp": 50,
    "auth": 51,
    "none": 59,
    "dst": 60,
}


@reads(Choice(tuple(DSCP_CLASSES), any_case=True), Number(0, 63), Text("^0[xX][0-9a-zA-Z]+$"))
def dscp(text: str) -> tuple[int, int]:
    """A class as value and mask of the octet that it stands in, above the two ECN bits."""
    number = DSCP_CLASSES.get(text.lower(), -1)
    if NUMBER.fullmatch(text) and int(text) <= 63:
        number = int(text)
    if text.lower().startswith("0x") and text[2:].isalnum():
        number, _ = number_with_mask(63, DSCP)(text)
    if number < 0:
        raise unexpected(DSCP, text, nearest(text.lower(), DSCP_CLASSES))
    return number << 2, 0xFC


@reads(
    Choice(tuple(TCP_OPTIONS)),
    Number(1, 255),
    Text(any_case(TCP_OPTIONS).replace("-", "[-_]")),
)
def tcp_option(text: str) -> int:
    """The number of a TCP option."""
    number = TCP_OPTIONS.get(text.lower().replace("_", "-"), 0)
    if NUMBER.fullmatch(text) and 1 <= int(text) <= 255:
        number = int(text)
    if number == 0:
        raise unexpected(TCP_OPTION, text, nearest(text.lower(), TCP_OPTIONS))
    return number


@reads(Choice(tuple(IPV6_HEADERS), any_case=True))
def ipv6_header(text: str) -> int:
    """The number of an IPv6 header."""
    number = IPV6_HEADERS.get(text.lower())
    if number is None:
        raise unexpected(IPV6_HEADER, text, nearest(text.lower(), IPV6_HEADERS))
    return number


def ranges(low: int, high: int, expected: str) -> Parser:
    """A list of numbers and ranges, merged."""
    parse = plain_list(number_range(low, high, expected), expected)

    @reads(shape_of(parse))
    def merged(node: Node, reading: Reading) -> object:
        return ports_merged(cast("tuple[tuple[int, int], ...]", parse(node, reading)))

    return merged


PACKET_KEYS: Final = (
    Key(
        "length",
        ranges(0, 65535, LENGTHS),
        f"one or a list of: {LENGTHS}",
        "the packet's length with its IP header; of a datagram in fragments the whole datagram's, "
        "of what the network card has merged (gso) all of it",
        also=("packet_length", "len", "size"),
        example="{length: 1400-, proto: udp, action: drop}",
    ),
    Key(
        "ttl",
        ranges(0, 255, TTLS),
        f"one or a list of: {TTLS}",
        "how many hops the packet may still go: IPv4's TTL, IPv6's hop limit. In forward this "
        "machine's own hop is taken off",
        also=("hl", "hop_limit", "hoplimit", "hops"),
        example="{ttl: 0-1, action: drop}",
    ),
    Key(
        "dscp",
        plain_list(dscp, DSCP),
        f"one or a list of: {DSCP}",
        "the class of service that the packet asks for: the upper six bits of the TOS or traffic "
        "class octet",
        also=("dscp_class", "diffserv"),
        example="{dscp: [ef, af41], action: {mark: 0x1}}",
    ),
    Key(
        "tos",
        plain_list(number_with_mask(255, TOS), TOS),
        f"one or a list of: {TOS}",
        "the TOS or traffic class octet, its bits outside of the mask left out",
        also=("traffic_class", "tclass"),
        example="{tos: 0x08/0x1c, action: accept}",
    ),
    Key(
        "tcp_option",
        plain_list(tcp_option, TCP_OPTION),
        f"one or a list of: {TCP_OPTION}",
        "a TCP option that is present, any of those named; also negated it matches TCP only",
        also=("tcp_options", "tcpoption"),
        example="{proto: tcp, tcp_option: fast-open, action: drop}",
    ),
    Key(
        "mss",
        ranges(0, 65535, MSSES),
        f"one or a list of: {MSSES}",
        "the maximum segment size that a TCP segment (a SYN) names; negated it matches TCP that "
        "names another one or none",
        also=("tcpmss", "tcp_mss", "maxseg"),
        example="{flags: syn, mss: 0-535, action: drop}",
    ),
    Key(
        "ipv6_header",
        plain_list(ipv6_header, IPV6_HEADER),
        f"one or a list of: {IPV6_HEADER}",
        "an IPv6 header that is present, any of those named; also negated it matches IPv6 only",
        also=("ipv6header", "exthdr", "extension_header", "extension_headers"),
        example="{ipv6_header: [route, hop-by-hop], action: drop}",
    ),
    Key(
        "fragment",
        one(truth, "true or false"),
        "true or false",
        "whether the packet came in fragments. Its datagram is judged once, as a whole. On a "
        "gateway the kernel puts fragments together before we see them, and no packet is one any "
        "more: this is for captures, and for kernels that cannot (the log says so at start)",
        also=("frag", "fragments", "is_fragment", "f"),
        example="{fragment: true, proto: icmp, action: drop}",
    ),
)
