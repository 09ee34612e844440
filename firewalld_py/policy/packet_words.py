"""A packet in words: what rule tests and `explain` say of one, and what it means.

`{in: lan0, src: 10.1.0.5, dst: 203.0.113.9, proto: tcp, dport: 23}`: the words are those of a rule,
but each says one thing, not several. What is not said has a default. The state is no word of a
packet: tracking finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from firewalld_py.policy.errors import Fault, Problem, Problems, quoted
from firewalld_py.policy.keys import Reading, Reported, Table
from firewalld_py.policy.names import ICMP, ICMPV6, PORT_PROTOCOLS, TCP
from firewalld_py.policy.nodes import Mapping, Node, Scalar
from firewalld_py.policy.packet_keys import ANSWER, DEFAULT_SPORT, DEFAULT_TTL, PACKET

SCTP: Final = 132
SYN: Final = 0x02
ACK: Final = 0x10
# Octets before the payload, of protocols that have a header of their own here.
HEADERS: Final = {ICMP: 8, TCP: 20, 17: 8, 33: 16, 47: 4, ICMPV6: 8, SCTP: 12, 136: 8}
MSS_OPTION: Final = 4  # octets
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
    `mss` is 0 where no TCP option says it, `source_mac` empty where nobody says it; `identifier` is
    that of an ICMP query; `time`, in seconds since the epoch, None where nobody says it.
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
    mss: int = 0
    source_mac: bytes = b""
    identifier: int = 1
    time: int | None = None

    @property
    def version(self) -> int:
        """4 or 6, as its addresses say."""
        return 4 if len(self.src) == 4 else 6


def read_packet(node: Node, reading: Reading) -> PacketWords:
    """The packet that a mapping describes. Raises Fault or Reported."""
    return _whole(_read(PACKET, node, reading))


def read_answer(node: Node, reading: Reading, before: PacketWords) -> PacketWords:
    """The packet `before` with its ends swapped, and what the mapping says otherwise."""
    said = _swapped(before)
    read = _read(ANSWER, node, reading)
    if {"icmp", "icmpv6", "proto"} & read.keys():
        for name in ("icmp", "icmpv6"):
            said.pop(name, None)
    return _whole({**said, **read})


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


def _whole(read: dict[str, object]) -> PacketWords:
    """All that was said, with the defaults, if it fits together. Raises Fault."""
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
        cast("int", read.get("mss", 0)),
        cast("bytes", read.get("source_mac", b"")),
        time=cast("int | None", read.get("time")),
    )


def _check_length(read: dict[str, object], protocol: int, octets: int) -> None:
    """Whether the headers and the payload fit into the length that is asked for."""
    if protocol != TCP and "mss" in read:
        raise Fault("mss is of another protocol than the packet is")
    if protocol == SCTP and "length" in read:
        raise Fault("length: an SCTP packet is as long as the chunks that are its payload")
    payload = len(cast("bytes", read.get("payload", b"")))
    least = (20 if octets == 4 else 40) + HEADERS.get(protocol, 0) + payload
    least += MSS_OPTION if "mss" in read else 0
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


def described(words: Sequence[str]) -> tuple[PacketWords | None, list[Problem]]:
    """The packet that KEY=VALUE words describe, as on the command line; or what is wrong."""
    problems = Problems("packet", (" ".join(words),))
    reading = Reading(problems)
    node = node_of(words, problems)
    made: PacketWords | None = None
    try:
        made = read_packet(node, reading)
    except Fault as fault:
        reading.fault(node, fault.message, fault.suggestion)
    except Reported:
        pass
    return (None if problems.found else made), problems.ordered()


def node_of(words: Sequence[str], problems: Problems) -> Mapping:
    """KEY=VALUE words as a mapping."""
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
    return node


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
    if chain == "output" and words.source_mac:
        return "source_mac: what this machine makes came over no link; the chain is output"
    if chain == "output" and words.in_interface:
        return "in: what this machine makes came by no interface; the chain is output"
    return ""
