"""What a packet has, in words, where a rule's condition asks for something else.

That is known for the kinds of condition below; of others it is only said that they fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from firewalld_py.conntrack.connection import (
    LABELS,
    STATE_NAMES,
    Connection,
    CtInfo,
)
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import IPPROTO_TCP
from firewalld_py.packet.reasons import TRANSPORT_TOO_SHORT
from firewalld_py.policy.condition_facts import FACTS
from firewalld_py.policy.flow_text import end_text, octets_text, protocol_name
from firewalld_py.policy.names import (
    ICMP,
    ICMP_TYPES,
    ICMPV6,
    PORT_PROTOCOLS,
    TCP_FLAGS,
)

MAX_NUMBERS: Final = 8  # labels of a connection that are told


# Known also of what has no whole IP header.
_OF_ANYTHING: Final = ("state", "in", "out", "mark")


class Facts:
    """What is known of one packet where a rule asks; `names` are interfaces by index."""

    def __init__(self, packet: Packet, info: CtInfo, mark: int, names: Mapping[int, str]) -> None:
        self.packet = packet
        self.info = info
        self.mark = mark
        self.names = names

    def text(self, key: str) -> str:
        """Why a condition with this key is not met, "" if nobody can say it."""
        say = _SAY.get(key)
        if say is not None and (self.packet.src or key in _OF_ANYTHING):
            return say(self)
        if key in FACTS:
            return FACTS[key](self.packet, self.info)
        value = getattr(self.packet, key, None)
        return f"the packet has {value}" if isinstance(value, int) else ""


def _state(facts: Facts) -> str:
    return f"the packet is {STATE_NAMES.get(facts.info.state, 'not tracked yet').lower()}"


def _family(facts: Facts) -> str:
    return f"the packet is IPv{facts.packet.version}"


def _protocol(facts: Facts) -> str:
    return f"the packet is {protocol_name(facts.packet.protocol)}"


def _interface(facts: Facts, index: int, came: str) -> str:
    if index == 0:
        return f"the packet {came} by none"
    return f"the packet {came} by {facts.names.get(index, f'interface {index}')}"


def _in(facts: Facts) -> str:
    return _interface(facts, facts.packet.meta.in_index, "came")


def _out(facts: Facts) -> str:
    return _interface(facts, facts.packet.meta.out_index, "leaves")


def _port(facts: Facts, number: int) -> str:
    if not facts.packet.has_ports:
        name = protocol_name(facts.packet.protocol)
        cut = facts.packet.protocol in PORT_PROTOCOLS
        return f"the packet is {name}{', too short for ports' if cut else ' and has no ports'}"
    return f"the packet has {number}"


def _sport(facts: Facts) -> str:
    return _port(facts, facts.packet.sport)


def _dport(facts: Facts) -> str:
    return _port(facts, facts.packet.dport)


def _src(facts: Facts) -> str:
    return f"the packet has {octets_text(facts.packet.src)}"


def _dst(facts: Facts) -> str:
    return f"the packet has {octets_text(facts.packet.dst)}"


def icmp_text(packet: Packet) -> str:
    """Type and code: `echo-request`, `destination-unreachable/3`."""
    types = ICMP_TYPES.get(packet.protocol, {})
    names = [name for name, number in types.items() if number == packet.icmp_type]
    name = names[0] if names else str(packet.icmp_type)
    return f"{name}/{packet.icmp_code}" if packet.icmp_code else name


def _icmp(facts: Facts) -> str:
    packet = facts.packet
    if packet.protocol not in (ICMP, ICMPV6) or packet.fault == TRANSPORT_TOO_SHORT:
        return _protocol(facts)
    return f"the packet has {icmp_text(packet)}"


def flags_text(bits: int) -> str:
    """TCP flags as `syn+ack`."""
    names = [name for name, bit in TCP_FLAGS.items() if bit & bits and name != "all"]
    return "+".join(names) or "none"


def _flags(facts: Facts) -> str:
    if facts.packet.protocol != IPPROTO_TCP:
        return _protocol(facts)
    return f"the packet has {flags_text(facts.packet.tcp_flags)}"


def _mark(facts: Facts) -> str:
    return f"the packet has {facts.mark:#x}"


def _of_connection(facts: Facts, tell: Callable[[Connection], str]) -> str:
    connection = facts.info.connection
    return "the packet has no connection" if connection is None else tell(connection)


def _connmark(facts: Facts) -> str:
    return _of_connection(facts, lambda connection: f"its connection has {connection.mark:#x}")


def _label(facts: Facts) -> str:
    def tell(connection: Connection) -> str:
        bits = connection.labels()
        numbers = [str(number) for number in range(LABELS) if bits >> number & 1][:MAX_NUMBERS]
        return f"its connection has {', '.join(numbers) or 'none'}"

    return _of_connection(facts, tell)


def _zone(facts: Facts) -> str:
    return _of_connection(facts, lambda connection: f"its connection is in {connection.zone()}")


_SAY: Final[dict[str, Callable[[Facts], str]]] = {
    "state": _state,
    "family": _family,
    "proto": _protocol,
    "in": _in,
    "out": _out,
    "sport": _sport,
    "dport": _dport,
    "src": _src,
    "dst": _dst,
    "icmp": _icmp,
    "icmpv6": _icmp,
    "flags": _flags,
    "tcp_flags": _flags,
    "mark": _mark,
    "connmark": _connmark,
    "label": _label,
    "zone": _zone,
}


def packet_line(packet: Packet) -> str:
    """The packet in one line: `tcp syn 10.1.0.5:40000 > 203.0.113.9:80, 40 octets`."""
    if packet.version == 0:
        return f"no IP packet, {len(packet.data)} octets"
    what = protocol_name(packet.protocol)
    if packet.fragment:
        what += " fragment"
    elif packet.protocol == IPPROTO_TCP:
        what += f" {flags_text(packet.tcp_flags)}"
    elif packet.protocol in (ICMP, ICMPV6):
        what += f" {icmp_text(packet)}"
    sport, dport = (packet.sport, packet.dport) if packet.has_ports else (0, 0)
    ends = f"{end_text(packet.src, sport)} > {end_text(packet.dst, dport)}"
    return f"{what} {ends}, {packet.length} octets"
