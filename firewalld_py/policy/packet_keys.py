"""The keys of a packet in words: those of rules' conditions, but each says one thing only."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from firewalld_py.policy import packet_values, values
from firewalld_py.policy.addresses import BITS, ONE_FORM, address_range, address_text
from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.keys import Key, Reading, Table, items_of, one, text_of
from firewalld_py.policy.matches_link import MAC, mac
from firewalld_py.policy.matches_packet import DSCP, dscp
from firewalld_py.policy.matches_time import MOMENT, moment
from firewalld_py.policy.names import ICMP, ICMPV6, TCP_FLAGS
from firewalld_py.policy.nodes import Node
from firewalld_py.policy.shapes import Number, OneOrMore, Text, any_case, reads, shape_of

DEFAULT_SPORT: Final = 40000
DEFAULT_TTL: Final = 64
MAX_PAYLOAD: Final = 60_000  # octets
MAX_LENGTH: Final = 65_535


@reads(Text(ONE_FORM))
def _address(text: str) -> bytes:
    expected = "one address"
    if text.startswith("$"):
        raise Fault(f"expected {expected}, found {quoted(text)}: a packet has one, not a list")
    family, low, high = address_range(text)
    if low != high or "-" in text:
        raise Fault(f"expected {expected}, found {quoted(text)}", address_text(family, low + 1))
    return low.to_bytes(BITS[family] // 8, "big")


@reads(Text(packet_values.ONE_INTERFACE_FORM, plain=True))
def _interface(text: str) -> str:
    name = packet_values.interface(text)
    if name.endswith("*"):
        raise Fault(f"expected one interface's name, found {quoted(text)}")
    return name


@reads(Number(0, 65535), Text(packet_values.ONE_PORT_FORM))
def _port(text: str) -> int:
    low, high = packet_values.port_range(text)
    if low != high or not re.fullmatch(packet_values.ONE_PORT_FORM, text):
        raise Fault(f"expected one port, found {quoted(text)}", str(low))
    return low


@reads(Number(0, 0xFFFFFFFF), Text(packet_values.ONE_MARK_FORM))
def _mark(text: str) -> int:
    value, _mask = packet_values.mark(text)
    if "/" in text:
        raise Fault(f"expected the whole mark of the packet, found {quoted(text)}", f"{value:#x}")
    return value


@reads(shape_of(dscp))
def _dscp(text: str) -> int:
    octet, _mask = dscp(text)
    return octet >> 2


@reads(shape_of(mac))
def _mac(text: str) -> bytes:
    return bytes.fromhex(mac(text))


@reads(Text(r"^(?:0x(?:\s*[0-9a-fA-F]{2})*\s*|(?!0x)(?:[^\x00]|\x00)*)$", plain=True))
def _payload(text: str) -> bytes:
    if text.startswith("0x"):
        try:
            data = bytes.fromhex(text[2:])
        except ValueError:
            raise Fault(f"expected octets in hexadecimal after 0x, found {quoted(text)}") from None
    else:
        try:
            data = text.encode("utf-8", "surrogateescape")  # the command line's octets as they are
        except UnicodeEncodeError:
            raise Fault("expected a text, found half of a surrogate pair") from None
    if len(data) > MAX_PAYLOAD:
        raise Fault(f"expected at most {MAX_PAYLOAD} octets of payload, found {len(data)}")
    return data


_FLAG: Final = any_case(TCP_FLAGS)[1:-1]
_FLAGS: Final = "TCP flags as syn, syn+ack, [fin, ack] or none"


@reads(OneOrMore(Text(rf"^\s*{_FLAG}(?:\s*[+,]\s*{_FLAG})*\s*$")))
def _flags(node: Node, reading: Reading) -> int:  # noqa: ARG001
    bits = 0
    for item in items_of(node, _FLAGS):
        for name in text_of(item, _FLAGS).replace(",", "+").split("+"):
            bits |= packet_values.tcp_flag(name.strip())
    return bits


def _icmp(protocol: int) -> Callable[[str], tuple[int, int]]:
    convert = packet_values.icmp_type(protocol)

    @reads(shape_of(convert))
    def converted(text: str) -> tuple[int, int]:
        _protocol, number, code, _last = convert(text)
        return number, code

    return converted


_ONE_ADDRESS: Final = "an address (10.1.0.5)"
_ONE_PORT: Final = "a port (22) or a service name (ssh)"
_ONE_INTERFACE: Final = "an interface name (eth0)"
_ALSO: Final = {
    "in": ("iif", "iifname", "in_interface", "i"),
    "out": ("oif", "oifname", "out_interface", "o"),
    "src": ("source", "saddr", "source_address", "s", "from"),
    "dst": ("destination", "daddr", "dest", "destination_address", "d", "to"),
    "dport": ("destination_port", "dst_port", "dpt", "port"),
    "sport": ("source_port", "src_port", "spt"),
}
_KEYS: Final = (
    Key(
        "in",
        one(_interface, _ONE_INTERFACE),
        _ONE_INTERFACE,
        "where the packet came in; in forward, without it every `in:` counts as met",
        also=_ALSO["in"],
    ),
    Key(
        "out",
        one(_interface, _ONE_INTERFACE),
        _ONE_INTERFACE,
        "where the packet leaves; in forward, without it every `out:` counts as met",
        also=_ALSO["out"],
    ),
    Key("src", one(_address, _ONE_ADDRESS), _ONE_ADDRESS, "its source", also=_ALSO["src"]),
    Key("dst", one(_address, _ONE_ADDRESS), _ONE_ADDRESS, "its destination", also=_ALSO["dst"]),
    Key(
        "proto",
        one(packet_values.protocol, packet_values.PROTOCOL),
        packet_values.PROTOCOL,
        "the protocol; not needed where flags, icmp or icmpv6 say it",
        also=("protocol", "l4proto", "p"),
    ),
    Key(
        "sport",
        one(_port, _ONE_PORT),
        _ONE_PORT,
        "the source port",
        DEFAULT_SPORT,
        also=_ALSO["sport"],
    ),
    Key("dport", one(_port, _ONE_PORT), _ONE_PORT, "the destination port", also=_ALSO["dport"]),
    Key(
        "flags",
        _flags,
        _FLAGS,
        "its TCP flags; without them syn, of an answer syn+ack to a syn and else ack",
        also=("tcp_flags", "tcpflags", "syn"),
    ),
    Key(
        "icmp",
        one(_icmp(ICMP), "an ICMP type"),
        "a type (echo-request, 8) or a type/code (3/4, redirect/host)",
        "its ICMP type",
        "echo-request",
        also=("icmp_type",),
    ),
    Key(
        "icmpv6",
        one(_icmp(ICMPV6), "an ICMPv6 type"),
        "a type (echo-request, 128) or a type/code (1/4, 1/no-route)",
        "its ICMPv6 type",
        "echo-request",
        also=("icmpv6_type", "icmp6", "ipv6_icmp"),
    ),
    Key(
        "payload",
        one(_payload, "a text or octets as 0x1f8b"),
        f"a text, or octets as 0x1f8b; at most {MAX_PAYLOAD} octets",
        "what it carries behind the header of its protocol",
        also=("data", "content"),
    ),
    Key(
        "length",
        one(values.whole_number(20, MAX_LENGTH), "a number"),
        f"a number from 20 to {MAX_LENGTH}",
        "octets of the whole datagram; the payload is filled up with zeros",
        also=("len", "size"),
    ),
    Key(
        "ttl",
        one(values.whole_number(0, 255), "a number"),
        "a number from 0 to 255",
        "its time to live, of IPv6 the hop limit",
        DEFAULT_TTL,
        also=("hop_limit", "hoplimit", "hl"),
    ),
    Key(
        "dscp",
        one(_dscp, DSCP),
        DSCP,
        "its class of service",
        0,
        also=("tos", "dscp_class"),
    ),
    Key(
        "mss",
        one(values.whole_number(1, 65535), "a number"),
        "a number from 1 to 65535",
        "the segment size in its TCP options; without it, it has no options",
        also=("tcpmss",),
    ),
    Key(
        "mark",
        one(_mark, "a mark (0x1)"),
        "a mark (0x1)",
        "the mark that the kernel gave it before we saw it",
        0,
        also=("fwmark", "nfmark"),
    ),
    Key(
        "source_mac",
        one(_mac, MAC),
        MAC,
        "the Ethernet address that sent it; without it, it has none",
        also=("mac", "mac_source", "src_mac"),
    ),
    Key(
        "time",
        one(moment, MOMENT),
        MOMENT,
        "what the wall clock shows when it comes, for rules that ask; the age of connections "
        "is not changed. Without it, tests begin at 2026-01-01 12:00, a Thursday, and explain now",
        also=("at", "date", "now"),
    ),
)
PACKET: Final = Table(
    "a packet",
    tuple(
        replace(key, required="it needs both addresses") if key.name in ("src", "dst") else key
        for key in _KEYS
    ),
)
ANSWER: Final = Table("an answer", _KEYS)
