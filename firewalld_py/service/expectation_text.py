"""Expectations as the control socket tells them: plain values, addresses as text."""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.conntrack.expectation import ANY_PORT, INACTIVE, PERMANENT
from firewalld_py.policy.flow_text import flow_entry, octets_text, protocol_name
from firewalld_py.service.messages import Expected

FLAG_NAMES: Final = {PERMANENT: "permanent", INACTIVE: "inactive"}


def expectation_entry(expected: Expected) -> dict[str, Any]:
    """The values of one expectation by name; None stands for any. Of GRE ports are call ids."""
    return {
        "protocol": protocol_name(expected.protocol),
        "src": _source(expected.src, expected.src_mask),
        "sport": None if expected.sport == ANY_PORT else expected.sport,
        "dst": octets_text(expected.dst),
        "dport": expected.dport,
        "seconds": expected.left_s,
        "helper": expected.helper,
        "class": expected.kind,
        "given_helper": expected.given,
        "flags": [name for flag, name in FLAG_NAMES.items() if expected.flags & flag],
        "master": flow_entry(expected.master),
    }


def _source(octets: bytes, mask: bytes) -> str | None:
    """An address, a network, or None for any."""
    if not octets:
        return None
    if not mask:
        return octets_text(octets)
    bits = int.from_bytes(mask, "big")
    length = bits.bit_count()
    whole = 8 * len(mask)
    masked = (int.from_bytes(octets, "big") & bits).to_bytes(len(octets), "big")
    is_prefix = bits == (1 << whole) - (1 << whole - length)
    return f"{octets_text(masked)}/{length if is_prefix else octets_text(mask)}"
