"""What a packet has where a condition on its other headers or its connection asks, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from firewalld_py.conntrack.connection import (
    DIRECTION_NAMES,
    ORIGINAL,
    REPLY,
    Connection,
    CtInfo,
)
from firewalld_py.packet.packet import Packet
from firewalld_py.policy.connection_text import status_names
from firewalld_py.policy.flow_text import octets_text, protocol_name
from firewalld_py.policy.names import PORT_PROTOCOLS, TCP

# Says it, "" if there is nothing to be said.
Fact = Callable[[Packet, CtInfo], str]
ConnectionFact = Callable[[Packet, CtInfo, Connection], str]

NO_CONNECTION: Final = "the packet has no connection"


def _ttl(packet: Packet, info: CtInfo) -> str:  # noqa: ARG001
    if not packet.src:
        return ""
    return f"the packet has {packet.data[8 if packet.version == 4 else 7]}"


def _class(packet: Packet) -> int:
    data = packet.data
    return data[1] if packet.version == 4 else (data[0] & 0x0F) << 4 | data[1] >> 4


def _tos(packet: Packet, info: CtInfo) -> str:  # noqa: ARG001
    return f"the packet has {_class(packet):#04x}" if packet.src else ""


def _dscp(packet: Packet, info: CtInfo) -> str:  # noqa: ARG001
    return f"the packet has {_class(packet) >> 2}" if packet.src else ""


def _source_mac(packet: Packet, info: CtInfo) -> str:  # noqa: ARG001
    mac = packet.meta.source_mac
    return f"the packet has {mac.hex(':')}" if mac else "the packet has no Ethernet source"


def _fragment(packet: Packet, info: CtInfo) -> str:  # noqa: ARG001
    came = "in fragments" if packet.fragment or packet.was_fragmented else "whole"
    return f"the packet came {came}" if packet.src else ""


def _of_protocol(numbers: frozenset[int]) -> Fact:
    """Of a condition that other protocols never meet."""

    def say(packet: Packet, info: CtInfo) -> str:  # noqa: ARG001
        if packet.protocol in numbers:
            return ""
        return f"the packet is {protocol_name(packet.protocol)}"

    return say


def _ipv6(packet: Packet, info: CtInfo) -> str:  # noqa: ARG001
    return "" if packet.version == 6 else f"the packet is IPv{packet.version}"


def _of_connection(say: ConnectionFact) -> Fact:
    def tell(packet: Packet, info: CtInfo) -> str:
        connection = info.connection
        return NO_CONNECTION if connection is None else say(packet, info, connection)

    return tell


def _direction(packet: Packet, info: CtInfo, connection: Connection) -> str:  # noqa: ARG001
    return f"the packet goes in {DIRECTION_NAMES[info.direction]} direction"


def _status(packet: Packet, info: CtInfo, connection: Connection) -> str:  # noqa: ARG001
    return f"its connection is {', '.join(status_names(connection)) or 'none of these'}"


def _helper(packet: Packet, info: CtInfo) -> str:  # noqa: ARG001
    master = None if info.connection is None else info.connection.master()
    if master is None:
        return "no helper expected its connection"
    return f"its connection was expected by {master.helper()}"


def _age(packet: Packet, info: CtInfo, connection: Connection) -> str:  # noqa: ARG001
    return f"its connection is {max(int(packet.meta.arrived - connection.started), 0)} s old"


def _expires(packet: Packet, info: CtInfo, connection: Connection) -> str:  # noqa: ARG001
    return f"its connection has {max(int(connection.deadline - packet.meta.arrived), 0)} s left"


def _packets(packet: Packet, info: CtInfo, connection: Connection) -> str:  # noqa: ARG001
    counts = connection.original_packets, connection.reply_packets
    return f"its connection has {counts[0]} original and {counts[1]} reply packets"


def _octets(packet: Packet, info: CtInfo, connection: Connection) -> str:  # noqa: ARG001
    counts = connection.original_octets, connection.reply_octets
    return f"its connection has {counts[0]} original and {counts[1]} reply octets"


def _protocol(packet: Packet, info: CtInfo, connection: Connection) -> str:  # noqa: ARG001
    return f"its connection is {protocol_name(connection.protocol)}"


def _address(direction: int, *, of_destination: bool) -> ConnectionFact:
    def say(packet: Packet, info: CtInfo, connection: Connection) -> str:  # noqa: ARG001
        return f"its connection has {octets_text(connection.address(direction, of_destination))}"

    return say


def _port(direction: int, *, of_destination: bool) -> ConnectionFact:
    def say(packet: Packet, info: CtInfo, connection: Connection) -> str:
        if connection.protocol not in PORT_PROTOCOLS:
            return f"{_protocol(packet, info, connection)} and has no ports"
        return f"its connection has {connection.port(direction, of_destination)}"

    return say


def _ends() -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for direction in (ORIGINAL, REPLY):
        for word, of_destination in (("s", False), ("d", True)):
            name = DIRECTION_NAMES[direction]
            address = _address(direction, of_destination=of_destination)
            facts[f"{name}_{'dst' if of_destination else 'src'}"] = _of_connection(address)
            port = _port(direction, of_destination=of_destination)
            facts[f"{name}_{word}port"] = _of_connection(port)
    return facts


_TCP: Final = _of_protocol(frozenset((TCP,)))
_WITH_PAYLOAD: Final = _of_protocol(frozenset((6, 17, 136)))

# By the key of the condition.
FACTS: Final[dict[str, Fact]] = {
    "ttl": _ttl,
    "tos": _tos,
    "dscp": _dscp,
    "tcp_option": _TCP,
    "mss": _TCP,
    "ipv6_header": _ipv6,
    "fragment": _fragment,
    "source_mac": _source_mac,
    "direction": _of_connection(_direction),
    "status": _of_connection(_status),
    "helper": _helper,
    "age": _of_connection(_age),
    "expires": _of_connection(_expires),
    "packets": _of_connection(_packets),
    "octets": _of_connection(_octets),
    "connection_proto": _of_connection(_protocol),
    **_ends(),
    "payload": _WITH_PAYLOAD,
    "contains": _WITH_PAYLOAD,
    "regex": _WITH_PAYLOAD,
}
