"""From a plan's values to the matches beyond those of matches.py: a builder for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from firewalld_py.conntrack.connection import ORIGINAL, REPLY
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_connection import (
    AgeMatch,
    ConnectionAddressMatch,
    ConnectionPortMatch,
    ConnectionProtocolMatch,
    CountMatch,
    DirectionMatch,
    ExpiresMatch,
    HelperMatch,
    StatusMatch,
)
from firewalld_py.rules.matches_packet import (
    FragmentMatch,
    Ipv6HeaderMatch,
    LengthMatch,
    MssMatch,
    TcpOptionMatch,
    TosMatch,
    TtlMatch,
)
from firewalld_py.rules.matches_payload import ContainsMatch, PayloadMatch, RegexMatch
from firewalld_py.rules.matches_rate import (
    EveryMatch,
    LimitMatch,
    LimitPerMatch,
    ProbabilityMatch,
    QuotaMatch,
)
from firewalld_py.rules.patterns import MAX_WORK, searcher

LARGEST_PAYLOAD: Final = 65535

Builder = Callable[[bool, Any], Match]


def pairs(value: Any) -> list[tuple[int, int]]:
    """Ranges, or values with their masks."""
    return [(int(first), int(second)) for first, second in value]


def numbers(value: Any) -> frozenset[int]:
    return frozenset([int(number) for number in value])


def bits(value: Any) -> int:
    """A set of small numbers, such as labels."""
    found = 0
    for number in value:
        found |= 1 << int(number)
    return found


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


def _fragment(inverted: bool, value: Any) -> Match:
    if value is not True and value is not False:
        raise ValueError("neither true nor false")
    return FragmentMatch(inverted, bool(value))


def _direction(inverted: bool, value: Any) -> Match:
    return DirectionMatch(inverted, int(value))


def _status(inverted: bool, value: Any) -> Match:
    return StatusMatch(inverted, int(value))


def _helper(inverted: bool, value: Any) -> Match:
    return HelperMatch(inverted, frozenset([str(name) for name in value]))


def _age(inverted: bool, value: Any) -> Match:
    return AgeMatch(inverted, pairs(value))


def _expires(inverted: bool, value: Any) -> Match:
    return ExpiresMatch(inverted, pairs(value))


def _packets(inverted: bool, value: Any) -> Match:
    direction, low, high = value
    return CountMatch(inverted, False, int(direction), int(low), int(high))


def _octets(inverted: bool, value: Any) -> Match:
    direction, low, high = value
    return CountMatch(inverted, True, int(direction), int(low), int(high))


def _addresses(inverted: bool, value: Any, direction: int, destination: bool) -> Match:
    ranges = [(bytes.fromhex(str(low)), bytes.fromhex(str(high))) for low, high in value]
    return ConnectionAddressMatch(inverted, ranges, direction, destination)


def _original_src(inverted: bool, value: Any) -> Match:
    return _addresses(inverted, value, ORIGINAL, False)


def _original_dst(inverted: bool, value: Any) -> Match:
    return _addresses(inverted, value, ORIGINAL, True)


def _reply_src(inverted: bool, value: Any) -> Match:
    return _addresses(inverted, value, REPLY, False)


def _reply_dst(inverted: bool, value: Any) -> Match:
    return _addresses(inverted, value, REPLY, True)


def _original_sport(inverted: bool, value: Any) -> Match:
    return ConnectionPortMatch(inverted, pairs(value), ORIGINAL, False)


def _original_dport(inverted: bool, value: Any) -> Match:
    return ConnectionPortMatch(inverted, pairs(value), ORIGINAL, True)


def _reply_sport(inverted: bool, value: Any) -> Match:
    return ConnectionPortMatch(inverted, pairs(value), REPLY, False)


def _reply_dport(inverted: bool, value: Any) -> Match:
    return ConnectionPortMatch(inverted, pairs(value), REPLY, True)


def _connection_proto(inverted: bool, value: Any) -> Match:
    return ConnectionProtocolMatch(inverted, numbers(value))


def _limit(inverted: bool, value: Any) -> Match:
    rate, burst, per, mask_v4, mask_v6, over, maximum = value
    inverted = inverted != bool(over)
    if int(per) == 0:
        return LimitMatch(inverted, float(rate), int(burst))
    masks = int(mask_v4), int(mask_v6)
    return LimitPerMatch(
        inverted, float(rate), int(burst), int(per), masks[0], masks[1], int(maximum)
    )


def _quota(inverted: bool, value: Any) -> Match:
    return QuotaMatch(inverted, int(value))


def _every(inverted: bool, value: Any) -> Match:
    return EveryMatch(inverted, int(value))


def _probability(inverted: bool, value: Any) -> Match:
    threshold, seed = value
    return ProbabilityMatch(inverted, int(threshold), int(seed))


def _payload(inverted: bool, value: Any) -> Match:
    offset, octets = value
    return PayloadMatch(inverted, int(offset), bytes.fromhex(octets))


def _contains(inverted: bool, value: Any) -> Match:
    start, end, patterns = value
    found = [bytes.fromhex(pattern) for pattern in patterns]
    return ContainsMatch(inverted, int(start), int(end), found)


def _regex(inverted: bool, value: Any) -> Match:
    start, end, expressions = value
    window = min(int(end), LARGEST_PAYLOAD) - int(start)
    searchers = [searcher(bytes.fromhex(expression)) for expression in expressions]
    if sum([one.programsize for one in searchers]) * window > MAX_WORK:
        raise ValueError("too much work for a packet")
    return RegexMatch(inverted, int(start), int(end), searchers)


# Raises TypeError or ValueError for a value that policy/compile.py does not make.
BUILDERS: Final[dict[str, Builder]] = {
    "length": _length,
    "ttl": _ttl,
    "tos": _tos,
    "tcp_option": _tcp_option,
    "mss": _mss,
    "ipv6_header": _ipv6_header,
    "fragment": _fragment,
    "direction": _direction,
    "status": _status,
    "helper": _helper,
    "age": _age,
    "expires": _expires,
    "packets": _packets,
    "octets": _octets,
    "original_src": _original_src,
    "original_dst": _original_dst,
    "original_sport": _original_sport,
    "original_dport": _original_dport,
    "reply_src": _reply_src,
    "reply_dst": _reply_dst,
    "reply_sport": _reply_sport,
    "reply_dport": _reply_dport,
    "connection_proto": _connection_proto,
    "payload": _payload,
    "contains": _contains,
    "regex": _regex,
    "limit": _limit,
    "quota": _quota,
    "every": _every,
    "probability": _probability,
}
