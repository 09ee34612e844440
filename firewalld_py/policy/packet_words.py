"""A packet in words: what rule tests and `explain` say of one, and what it means.

`{in: lan0, src: 10.1.0.5, dst: 203.0.113.9, proto: tcp, dport: 23}`: the words are those of a rule,
but each says one thing, not several. What is not said has a default. The state is no word of a
packet: tracking finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, cast

from firewalld_py.policy import packet_values, values
from firewalld_py.policy.addresses import BITS, address_range, address_text
from firewalld_py.policy.errors import Fault, Problem, Problems, quoted
from firewalld_py.policy.keys import Key, Reading, Reported, Table, items_of, one, text_of
from firewalld_py.policy.names import ICMP, ICMPV6, PORT_PROTOCOLS, TCP
from firewalld_py.policy.nodes import Mapping, Node, Scalar
from firewalld_py.policy.shapes import OneOrMore, Text, reads, shape_of

DEFAULT_SPORT: Final = 40000
DEFAULT_TTL: Final = 64
MAX_PAYLOAD: Final = 60_000  # octets
MAX_LENGTH: Final = 65_535
SYN: Final = 0x02
ACK: Final = 0x10
# Octets before the payload, of protocols that have a header of their own here.
HEADERS: Final = {ICMP: 8, TCP: 20, 17: 8, 33: 16, 47: 4, ICMPV6: 8, 132: 12, 136: 8}
_ECHO_REQUEST: Final = {ICMP: 8, ICMPV6: 128}
# Questions and their answers, as conntrack/icmp.py pairs them.
_ICMP_ANSWERS: Final = {
    ICMP: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17},
    ICMPV6: {128: 129, 129: 128},
}


@dataclass(frozen=True, slots=True)
class PacketWords:
    """One packet; `in_interface` and `out_interface` are "" where nothing is said of them.

    `length` is that of the datagram, 0 for as long as its payload makes it; the payload is filled
    up with zeros then. TCP's sequence numbers are no words: they follow from the packets before.
    """

    src: bytes
    dst: bytes
    protocol: int
    in_interface: str = ""
    out_interface: str = ""
    sport: int = 0
    dport: int = 0
    flags: int = 0
    icmp_type: int = 0
    icmp_code: int = 0
    payload: bytes = b""
    length: int = 0
    ttl: int = DEFAULT_TTL
    dscp: int = 0
    mark: int = 0

    @property
    def version(self) -> int:
        """4 or 6, as its addresses say."""
        return 4 if len(self.src) == 4 else 6


@reads(shape_of(address_range))
def _address(text: str) -> bytes:
    expected = "one address"
    if text.startswith("$"):
        raise Fault(f"expected {expected}, found {quoted(text)}: a packet has one, not a list")
    family, low, high = address_range(text)
    if low != high:
        raise Fault(f"expected {expected}, found {quoted(text)}", address_text(family, low + 1))
    return low.to_bytes(BITS[family] // 8, "big")


@reads(shape_of(packet_values.interface))
def _interface(text: str) -> str:
    name = packet_values.interface(text)
    if name.endswith("*"):
        raise Fault(f"expected one interface's name, found {quoted(text)}")
    return name


@reads(shape_of(packet_values.port_range))
def _port(text: str) -> int:
    low, high = packet_values.port_range(text)
    if low != high:
        raise Fault(f"expected one port, found {quoted(text)}", str(low))
    return low


@reads(shape_of(packet_values.mark))
def _mark(text: str) -> int:
    value, mask = packet_values.mark(text)
    if mask != 0xFFFFFFFF:
        raise Fault(f"expected the whole mark of the packet, found {quoted(text)}", f"{value:#x}")
    return value


@reads(Text(plain=True))
def _payload(text: str) -> bytes:
    if text.startswith("0x"):
        try:
            data = bytes.fromhex(text[2:])
        except ValueError:
            raise Fault(f"expected octets in hexadecimal after 0x, found {quoted(text)}") from None
    else:
        data = text.encode()
    if len(data) > MAX_PAYLOAD:
        raise Fault(f"expected at most {MAX_PAYLOAD} octets of payload, found {len(data)}")
    return data


_FLAGS: Final = "TCP flags as syn, syn+ack, [fin, ack] or none"


@reads(OneOrMore(Text(r"^\s*[A-Za-z]+(?:\s*[+,]\s*[A-Za-z]+)*\s*$")))
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
        one(values.whole_number(0, 63), "a number"),
        "a number from 0 to 63",
        "its class of service",
        0,
        also=("tos",),
    ),
    Key(
        "mark",
        one(_mark, "a mark (0x1)"),
        "a mark (0x1)",
        "the mark that the kernel gave it before we saw it",
        0,
        also=("fwmark", "nfmark"),
    ),
)
PACKET: Final = Table("a packet", _KEYS)
ANSWER: Final = Table("an answer", _KEYS)


def read_packet(node: Node, reading: Reading) -> PacketWords:
    """The packet that a mapping describes. Raises Fault or Reported."""
    return _whole(_read(PACKET, node, reading), node, reading)


def read_answer(node: Node, reading: Reading, before: PacketWords) -> PacketWords:
    """The packet `before` with its ends swapped, and what the mapping says otherwise."""
    said = _swapped(before)
    read = _read(ANSWER, node, reading)
    if {"icmp", "icmpv6", "proto"} & read.keys():
        for name in ("icmp", "icmpv6"):
            said.pop(name, None)
    return _whole({**said, **read}, node, reading)


def _read(table: Table, node: Node, reading: Reading) -> dict[str, object]:
    before = len(reading.problems.found)
    read = table.read(node, reading)
    if len(reading.problems.found) > before:
        raise Reported
    return read


def _swapped(words: PacketWords) -> dict[str, object]:
    """What an answer says as long as nothing else is said."""
    said: dict[str, object] = {"src": words.dst, "dst": words.src, "proto": words.protocol}
    if words.out_interface:
        said["in"] = words.out_interface
    if words.in_interface:
        said["out"] = words.in_interface
    if words.protocol in PORT_PROTOCOLS:
        said |= {"sport": words.dport, "dport": words.sport}
    if words.protocol == TCP:
        said["flags"] = SYN | ACK if words.flags & (SYN | ACK) == SYN else ACK
    if words.protocol in _ICMP_ANSWERS:
        key = "icmp" if words.protocol == ICMP else "icmpv6"
        number = _ICMP_ANSWERS[words.protocol].get(words.icmp_type, words.icmp_type)
        said[key] = number, words.icmp_code
    return said


def _whole(read: dict[str, object], node: Node, reading: Reading) -> PacketWords:
    """All that was said, with the defaults, if it fits together. Raises Fault or Reported."""
    right = True
    for name in ("src", "dst"):
        if name not in read:
            reading.fault(node, f"{name} is missing in a packet: it needs both addresses")
            right = False
    if not right:
        raise Reported
    src, dst = cast("bytes", read["src"]), cast("bytes", read["dst"])
    if len(src) != len(dst):
        raise Fault("src and dst are of different families: one is IPv4, the other IPv6")
    protocol = _protocol(read, 4 if len(src) == 4 else 6)
    number, code = 0, 0
    if protocol in _ECHO_REQUEST:
        given = read.get("icmp", read.get("icmpv6", (_ECHO_REQUEST[protocol], 0)))
        number, code = cast("tuple[int, int]", given)
    _check_length(read, protocol, len(src))
    with_ports = protocol in PORT_PROTOCOLS
    if with_ports and "dport" not in read:
        raise Fault("dport is missing in a packet: its protocol has ports")
    return PacketWords(
        src,
        dst,
        protocol,
        cast("str", read.get("in", "")),
        cast("str", read.get("out", "")),
        cast("int", read.get("sport", DEFAULT_SPORT)) if with_ports else 0,
        cast("int", read.get("dport", 0)),
        cast("int", read.get("flags", SYN)) if protocol == TCP else 0,
        number,
        code,
        cast("bytes", read.get("payload", b"")),
        cast("int", read.get("length", 0)),
        cast("int", read.get("ttl", DEFAULT_TTL)),
        cast("int", read.get("dscp", 0)),
        cast("int", read.get("mark", 0)),
    )


def _check_length(read: dict[str, object], protocol: int, octets: int) -> None:
    """Whether the headers and the payload fit into the length that is asked for."""
    payload = len(cast("bytes", read.get("payload", b"")))
    least = (20 if octets == 4 else 40) + HEADERS.get(protocol, 0) + payload
    length = cast("int", read.get("length", least))
    if length < least:
        raise Fault(f"length: its headers and payload alone are {least} octets", str(least))


def _protocol(read: dict[str, object], version: int) -> int:
    """What `proto` says, or what follows from other words; they may not contradict it."""
    implied = {"icmp": ICMP, "icmpv6": ICMPV6, "flags": TCP}
    protocol = cast("int | None", read.get("proto"))
    for name, number in implied.items():
        if name in read:
            if protocol not in (None, number):
                raise Fault(f"{name} is of another protocol than the packet is")
            protocol = number
    if protocol is None:
        raise Fault("proto is missing in a packet: tcp, udp, icmp, …")
    if protocol not in PORT_PROTOCOLS and {"sport", "dport"} & read.keys():
        raise Fault("a packet of this protocol has no ports")
    if (protocol == ICMP and version == 6) or (protocol == ICMPV6 and version == 4):
        meant = "icmpv6" if version == 6 else "icmp"
        raise Fault(f"the addresses are IPv{version}: there it is {meant}", meant)
    return protocol


def described(words: Iterable[str]) -> tuple[PacketWords | None, list[Problem]]:
    """The packet that KEY=VALUE words describe, as on the command line; or what is wrong."""
    line = " ".join(words)
    problems = Problems("packet", (line,))
    reading = Reading(problems)
    node = Mapping(1, 1)
    at = 1
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            problems.add(1, at, f"expected KEY=VALUE as dport=22, found {quoted(word)}")
        elif key in node.entries:
            problems.add(1, at, f"{key} stands here twice")
        else:
            place = at + len(key) + 1
            node.entries[key] = Scalar(key, True, 1, at), Scalar(value, True, 1, place)
        at += len(word) + 1
    made: PacketWords | None = None
    try:
        made = read_packet(node, reading)
    except Fault as fault:
        reading.fault(node, fault.message, fault.suggestion)
    except Reported:
        pass
    return (None if problems.found else made), problems.ordered()


def guessed_chain(words: PacketWords) -> str:
    """The filter chain that judges it where nobody says: what only leaves is this machine's own."""
    if words.in_interface == "lo":
        return "input"
    if words.out_interface and not words.in_interface:
        return "output"
    return "forward"


def chain_fault(words: PacketWords, chain: str) -> str:
    """What the packet says that cannot be in this chain; "" if nothing."""
    if chain == "input" and words.out_interface:
        return "out: what is for this machine leaves by no interface; the chain is input"
    if chain == "output" and words.in_interface:
        return "in: what this machine makes came by no interface; the chain is output"
    return ""
