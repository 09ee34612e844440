"""From a plan's values to the matches of matches.py but interfaces': a builder for each kind."""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.rules.build_matches import Builder, bits, numbers, pairs
from firewalld_py.rules.matches import (
    AddressMatch,
    ConnmarkMatch,
    FamilyMatch,
    IcmpMatch,
    LabelMatch,
    MarkMatch,
    Match,
    PortMatch,
    ProtocolMatch,
    StateMatch,
    TcpFlagsMatch,
    ZoneMatch,
)


def _state(inverted: bool, value: Any) -> Match:
    return StateMatch(inverted, int(value))


def _family(inverted: bool, value: Any) -> Match:
    return FamilyMatch(inverted, int(value))


def _ranges(value: Any) -> list[tuple[bytes, bytes]]:
    return [(bytes.fromhex(str(low)), bytes.fromhex(str(high))) for low, high in value]


def _src(inverted: bool, value: Any) -> Match:
    return AddressMatch(inverted, _ranges(value), False)


def _dst(inverted: bool, value: Any) -> Match:
    return AddressMatch(inverted, _ranges(value), True)


def _proto(inverted: bool, value: Any) -> Match:
    return ProtocolMatch(inverted, numbers(value))


def _sport(inverted: bool, value: Any) -> Match:
    return PortMatch(inverted, pairs(value), False)


def _dport(inverted: bool, value: Any) -> Match:
    return PortMatch(inverted, pairs(value), True)


def _icmp(inverted: bool, value: Any) -> Match:
    types = [(int(p), int(t), int(low), int(high)) for p, t, low, high in value]
    return IcmpMatch(inverted, types)


def _tcp_flags(inverted: bool, value: Any) -> Match:
    return TcpFlagsMatch(inverted, pairs(value))


def _mark(inverted: bool, value: Any) -> Match:
    return MarkMatch(inverted, pairs(value))


def _connmark(inverted: bool, value: Any) -> Match:
    return ConnmarkMatch(inverted, pairs(value))


def _label(inverted: bool, value: Any) -> Match:
    return LabelMatch(inverted, bits(value))


def _zone(inverted: bool, value: Any) -> Match:
    return ZoneMatch(inverted, numbers(value))


# Raises TypeError or ValueError for a value that policy/compile.py does not make.
BASIC_BUILDERS: Final[dict[str, Builder]] = {
    "state": _state,
    "family": _family,
    "src": _src,
    "dst": _dst,
    "proto": _proto,
    "sport": _sport,
    "dport": _dport,
    "icmp": _icmp,
    "tcp_flags": _tcp_flags,
    "mark": _mark,
    "connmark": _connmark,
    "label": _label,
    "zone": _zone,
}
