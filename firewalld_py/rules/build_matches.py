"""From a plan's values to the matches beyond those of matches.py: a builder for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_packet import (
    Ipv6HeaderMatch,
    LengthMatch,
    MssMatch,
    TcpOptionMatch,
    TosMatch,
    TtlMatch,
)

Builder = Callable[[bool, Any], Match]


def pairs(value: Any) -> list[tuple[int, int]]:
    """Ranges, or values with their masks."""
    return [(int(first), int(second)) for first, second in value]


def numbers(value: Any) -> frozenset[int]:
    return frozenset([int(number) for number in value])


def _length(inverted: bool, value: Any) -> Match:
    return LengthMatch(inverted, pairs(value))


def _ttl(inverted: bool, value: Any) -> Match:
    return TtlMatch(inverted, pairs(value))


def _tos(inverted: bool, value: Any) -> Match:
    return TosMatch(inverted, pairs(value))


def _tcp_option(inverted: bool, value: Any) -> Match:
    return TcpOptionMatch(inverted, numbers(value))


def _mss(inverted: bool, value: Any) -> Match:
    return MssMatch(inverted, pairs(value))


def _ipv6_header(inverted: bool, value: Any) -> Match:
    return Ipv6HeaderMatch(inverted, numbers(value))


# Raises TypeError or ValueError for a value that policy/compile.py does not make.
BUILDERS: Final[dict[str, Builder]] = {
    "length": _length,
    "ttl": _ttl,
    "tos": _tos,
    "tcp_option": _tcp_option,
    "mss": _mss,
    "ipv6_header": _ipv6_header,
}
