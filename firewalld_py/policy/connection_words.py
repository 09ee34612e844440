"""A live connection in words: which one is meant, and what its next packets are.

`proto=tcp src=10.1.0.5 sport=40000 dst=203.0.113.9 dport=443`: the words are those of a packet, but
each may be left out, and addresses and ports may be ranges.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from firewalld_py.conntrack.connection import ORIGINAL, Connection
from firewalld_py.conntrack.flow import destination, destination_port, source, source_port
from firewalld_py.conntrack.sctp import SctpConnection
from firewalld_py.conntrack.search import ANY, Wanted
from firewalld_py.conntrack.tcp_connection import TcpConnection
from firewalld_py.conntrack.tcp_states import SYN_RECV, SYN_SENT, SYN_SENT2
from firewalld_py.packet.protocols import (
    IPPROTO_GRE,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_SCTP,
    TCP_ACK,
    TCP_SYN,
)
from firewalld_py.policy import packet_values
from firewalld_py.policy.addresses import BITS, EXPECTED, AddressRange, address_range
from firewalld_py.policy.errors import Fault, Problem, Problems
from firewalld_py.policy.keys import Key, Reading, Table, one
from firewalld_py.policy.names import PORT_PROTOCOLS
from firewalld_py.policy.packet_keys import PACKET
from firewalld_py.policy.packet_octets import Talk
from firewalld_py.policy.packet_words import PacketWords, node_of

_PORT: Final = "a port (22) or a range of ports (1024-65535)"
_DATA_CHUNK: Final = struct.pack("!BBHIHHI", 0, 3, 17, 1, 0, 0, 0) + b"\0" * 4  # RFC 9260, 3.3.1
CONNECTION: Final = Table(
    "a connection",
    (
        Key(
            "proto",
            one(packet_values.protocol, packet_values.PROTOCOL),
            packet_values.PROTOCOL,
            "its protocol",
            also=("protocol", "l4proto", "p"),
        ),
        *(
            Key(name, one(address_range, EXPECTED), EXPECTED, doc, also=PACKET.by_name[name].also)
            for name, doc in (("src", "who opened it"), ("dst", "to whom"))
        ),
        *(
            Key(
                name, one(packet_values.port_range, _PORT), _PORT, doc,
                also=PACKET.by_name[name].also,
            )
            for name, doc in (("sport", "from which port"), ("dport", "to which port"))
        ),
        Key(
            "zone",
            one(packet_values.zone, packet_values.ZONE),
            packet_values.ZONE,
            "the zone that it is tracked in",
        ),
        PACKET.by_name["in"],
        PACKET.by_name["out"],
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meant:
    """Which connections are meant, and by which interfaces packets of the original direction go."""

    wanted: Wanted
    in_interface: str = ""
    out_interface: str = ""


def meant(words: Sequence[str]) -> tuple[Meant | None, list[Problem]]:
    """What KEY=VALUE words say of a connection; or what is wrong with them."""
    problems = Problems("connection", (" ".join(words),))
    node = node_of(words, problems)
    said: dict[str, object] = {}
    try:
        said = CONNECTION.read(node, Reading(problems))
    except Fault as fault:
        problems.add(1, 1, fault.message)
    if problems.found:
        return None, problems.ordered()
    wanted = Wanted(
        cast("int", said.get("proto", ANY)),
        cast("int", said.get("zone", ANY)),
        _octets(said.get("src")),
        _octets(said.get("dst")),
        cast("tuple[int, int] | None", said.get("sport")),
        cast("tuple[int, int] | None", said.get("dport")),
    )
    return Meant(wanted, cast("str", said.get("in", "")), cast("str", said.get("out", ""))), []


def _octets(addresses: object) -> tuple[bytes, bytes] | None:
    if addresses is None:
        return None
    family, low, high = cast("AddressRange", addresses)
    size = BITS[family] // 8
    return low.to_bytes(size, "big"), high.to_bytes(size, "big")


def next_packet(
    connection: Connection, direction: int, said: Meant, talk: Talk
) -> PacketWords | None:
    """What may come next in a direction, `talk` made ready for it; None if nobody can make it up.

    Of TCP that is what opens the connection further, or else an ACK without data.
    """
    key = connection.key(direction)
    protocol = connection.protocol
    ports = source_port(key), destination_port(key)
    if protocol == IPPROTO_GRE and any(ports):
        return None  # of a PPTP call: its packets name call ids
    interfaces = (said.in_interface, said.out_interface)
    if direction != ORIGINAL:
        interfaces = interfaces[::-1]
    is_icmp = protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6)
    flags = _tcp_flags(connection, direction)
    with_ports = protocol in PORT_PROTOCOLS
    words = PacketWords(
        source(key),
        destination(key),
        protocol,
        *interfaces,
        ports[0] if with_ports else 0,
        ports[1] if with_ports else 0,
        flags,
        ports[1] >> 8 if is_icmp else 0,
        ports[1] & 0xFF if is_icmp else 0,
        _DATA_CHUNK if protocol == IPPROTO_SCTP else b"",
        identifier=ports[0] if is_icmp else 1,
    )
    if isinstance(connection, TcpConnection):
        sender, receiver = connection.peer_copy(direction), connection.peer_copy(1 - direction)
        seq = sender.end - (1 if flags & TCP_SYN and sender.end else 0)
        talk.go_on(words, seq & 0xFFFFFFFF, int(receiver.end), 0)
    elif isinstance(connection, SctpConnection):
        talk.go_on(words, 0, 0, connection.tag(direction))
    return words


def _tcp_flags(connection: Connection, direction: int) -> int:
    if not isinstance(connection, TcpConnection):
        return 0
    state = connection.state
    if state == SYN_SENT:
        return TCP_SYN if direction == ORIGINAL else TCP_SYN | TCP_ACK
    if state == SYN_SENT2 or (state == SYN_RECV and direction != ORIGINAL):
        return TCP_SYN | TCP_ACK
    return TCP_ACK
