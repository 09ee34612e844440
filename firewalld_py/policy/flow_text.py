"""Addresses, protocols and flows in words."""

from __future__ import annotations

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.flow import (
    destination,
    destination_port,
    protocol_of,
    source,
    source_port,
    zone_of,
)
from firewalld_py.policy.addresses import address_text
from firewalld_py.policy.checks import PROTOCOL_NAMES
from firewalld_py.policy.names import PORT_PROTOCOLS


def octets_text(address: bytes) -> str:
    """An address; octets that are none are shown as such."""
    if len(address) not in (4, 16):
        return "none"
    return address_text(4 if len(address) == 4 else 6, int.from_bytes(address, "big"))


def protocol_name(number: int) -> str:
    """As rules call it; -1 is none."""
    return "of no known protocol" if number < 0 else PROTOCOL_NAMES.get(number, str(number))


def end_text(address: bytes, port: int) -> str:
    """An address with its port, if it is not 0."""
    text = octets_text(address)
    if not port:
        return text
    return f"[{text}]:{port}" if len(address) == 16 else f"{text}:{port}"


def flow_text(key: bytes) -> str:
    """The packets that have this key: `tcp 10.1.0.5:40000 > 203.0.113.9:80`."""
    protocol = protocol_of(key)
    with_ports = protocol in PORT_PROTOCOLS
    ends = (
        end_text(source(key), source_port(key) if with_ports else 0),
        end_text(destination(key), destination_port(key) if with_ports else 0),
    )
    return f"{protocol_name(protocol)} {' > '.join(ends)}"


def flow_entry(key: bytes) -> dict[str, str | int]:
    """A flow by name; of ICMP and GRE what stands in the place of ports is told as such."""
    return {
        "protocol": protocol_name(protocol_of(key)),
        "src": octets_text(source(key)),
        "sport": source_port(key),
        "dst": octets_text(destination(key)),
        "dport": destination_port(key),
        "zone": zone_of(key),
    }


def connection_text(connection: Connection) -> str:
    """The connection by its first packet."""
    return flow_text(connection.original_key)
