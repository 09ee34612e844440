"""Expectations as the control socket tells them: plain values, addresses as text."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from firewalld_py.conntrack.expectation import ANY_PORT, INACTIVE, PERMANENT
from firewalld_py.conntrack.flow import (
    address_size,
    destination,
    destination_port,
    source,
    source_port,
    zone_of,
)
from firewalld_py.policy.checks import PROTOCOL_NAMES
from firewalld_py.service.messages import Expected

FLAG_NAMES: Final = {PERMANENT: "permanent", INACTIVE: "inactive"}


def expectation_entry(expected: Expected) -> dict[str, Any]:
    """The values of one expectation by name; None stands for any. Of GRE ports are call ids."""
    return {
        "protocol": _protocol(expected.protocol),
        "src": _source(expected.src, expected.src_mask),
        "sport": None if expected.sport == ANY_PORT else expected.sport,
        "dst": _address(expected.dst),
        "dport": expected.dport,
        "seconds": expected.left_s,
        "helper": expected.helper,
        "class": expected.kind,
        "given_helper": expected.given,
        "flags": [name for flag, name in FLAG_NAMES.items() if expected.flags & flag],
        "master": _flow(expected.master),
    }


def _flow(key: bytes) -> dict[str, Any]:
    return {
        "protocol": _protocol(key[2 * address_size(key) + 4]),
        "src": _address(source(key)),
        "sport": source_port(key),
        "dst": _address(destination(key)),
        "dport": destination_port(key),
        "zone": zone_of(key),
    }


def _protocol(number: int) -> str:
    return PROTOCOL_NAMES.get(number, str(number))


def _address(octets: bytes) -> str:
    return str(ipaddress.ip_address(octets))


def _source(octets: bytes, mask: bytes) -> str | None:
    """An address, a network, or None for any."""
    if not octets:
        return None
    if not mask:
        return _address(octets)
    bits = int.from_bytes(mask, "big")
    length = bits.bit_count()
    whole = 8 * len(mask)
    masked = (int.from_bytes(octets, "big") & bits).to_bytes(len(octets), "big")
    is_prefix = bits == (1 << whole) - (1 << whole - length)
    return f"{_address(masked)}/{length if is_prefix else _address(mask)}"
