"""What a rule asks of a packet, in a form that can be conjoined and negated exactly.

iptables rules are conjunctions. Those of a chain that is jumped to are conjoined with what the jump
asks for; a RETURN negates what it asks for in all that follows. Each field of a packet has a part.
"""

from __future__ import annotations

from typing import Final, NamedTuple

Ranges = tuple[tuple[int, int], ...]

MAX_ALTERNATIVES: Final = 64  # that one rule may become; then it cannot be expressed

TRACKED: Final[Ranges] = ((0, 2),)  # new, established, related: there is a connection
NOT_TRACKED: Final[Ranges] = ((3, 4),)  # invalid, untracked
STATE_TOP: Final = 4
# In this order a part may rely on those before it: addresses on the family, ports on proto.
KEYS: Final = (
    *("family", "state", "proto", "in", "out", "src", "dst", "sport", "dport", "icmp"),
    *("tcp_flags", "tcp_option", "mss", "length", "ttl", "dscp", "tos", "ipv6_header"),
    *("source_mac", "packet_type", "fragment", "time", "src_type", "dst_type", "reverse_path"),
    *("mark", "connmark", "label", "zone", "direction", "status", "helper", "expires"),
    *("packets", "octets", "connection_proto"),
    *("original_src", "original_dst", "original_sport", "original_dport"),
    *("reply_src", "reply_dst", "reply_sport", "reply_dport", "payload", "contains", "set"),
    *("connections", "recent"),
    *("every", "probability", "limit", "quota"),
)
_PLACES: Final = {key: place for place, key in enumerate(KEYS)}
# What is asked of a connection: without one neither it nor its inverse matches.
OF_CONNECTION: Final = ("connmark", "label")


class NotExpressible(Exception):  # noqa: N818
    """What our language cannot say exactly, and what would do instead, if anything."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


class AskedTwice(NotExpressible):
    """What one rule of ours cannot ask together, but two of them one after the other."""


class Numbers(NamedTuple):
    """One of these numbers, of those from 0 to `top`; ranges in order that do not touch."""

    ranges: Ranges
    top: int

    def both(self, other: Numbers) -> Numbers | None:
        found = [
            (max(low, other_low), min(high, other_high))
            for low, high in self.ranges
            for other_low, other_high in other.ranges
            if max(low, other_low) <= min(high, other_high)
        ]
        return Numbers(tuple(sorted(found)), self.top) if found else None

    def others(self) -> Ranges:
        """All other numbers."""
        found: list[tuple[int, int]] = []
        start = 0
        for low, high in self.ranges:
            if start < low:
                found.append((start, low - 1))
            start = high + 1
        if start <= self.top:
            found.append((start, self.top))
        return tuple(found)

    def negated(self) -> list[Numbers]:
        others = self.others()
        return [Numbers(others, self.top)] if others else []

    def is_any(self) -> bool:
        return self.ranges == ((0, self.top),)


def numbers(ranges: list[tuple[int, int]], top: int) -> Numbers:
    """Ranges in any order, made one where they meet."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return Numbers(tuple(merged), top)


class Interface(NamedTuple):
    """A name or a beginning with `*` ("" for any), and those that it must not be."""

    wanted: str = ""
    unwanted: tuple[str, ...] = ()

    def both(self, other: Interface) -> Interface | None:
        wanted = self.wanted or other.wanted
        if self.wanted and other.wanted:
            if covers(other.wanted, self.wanted):
                wanted = self.wanted
            elif covers(self.wanted, other.wanted):
                wanted = other.wanted
            else:
                return None
        unwanted = tuple(dict.fromkeys(self.unwanted + other.unwanted))
        if wanted and any(covers(pattern, wanted) for pattern in unwanted):
            return None
        if wanted and not wanted.endswith("*"):
            unwanted = ()
        return Interface(wanted, unwanted)

    def negated(self) -> list[Interface]:
        result = [Interface("", (self.wanted,))] if self.wanted else []
        for at, pattern in enumerate(self.unwanted):
            other = Interface(self.wanted, self.unwanted[:at]).both(Interface(pattern))
            if other is not None:
                result.append(other)
        return result

    def is_any(self) -> bool:
        return not self.wanted and not self.unwanted


def covers(pattern: str, other: str) -> bool:
    """Whether every name that fits `other` fits `pattern`."""
    if pattern.endswith("*"):
        return other.startswith(pattern[:-1])
    return pattern == other


class Bits(NamedTuple):
    """Bits of a number: `wanted` is (value, mask), and of `unwanted` none may hold."""

    wanted: tuple[int, int] = (0, 0)
    unwanted: tuple[tuple[int, int], ...] = ()

    def both(self, other: Bits) -> Bits | None:
        (value, mask), (other_value, other_mask) = self.wanted, other.wanted
        if (value ^ other_value) & mask & other_mask:
            return None
        value, mask = value | other_value, mask | other_mask
        unwanted = []
        for bad, bad_mask in dict.fromkeys(self.unwanted + other.unwanted):
            if (value ^ bad) & mask & bad_mask:
                continue  # cannot hold
            if bad_mask & ~mask == 0:
                return None  # holds always
            unwanted.append((bad, bad_mask))
        return Bits((value, mask), tuple(unwanted))

    def negated(self) -> list[Bits]:
        result = [Bits((0, 0), (self.wanted,))] if self.wanted[1] else []
        for at, pair in enumerate(self.unwanted):
            other = Bits(self.wanted, self.unwanted[:at]).both(Bits(pair))
            if other is not None:
                result.append(other)
        return result

    def is_any(self) -> bool:
        return not self.wanted[1] and not self.unwanted


class Words(NamedTuple):
    """What only words of ours say: a value in YAML ("" for any), and those that must not be."""

    wanted: str = ""
    unwanted: tuple[str, ...] = ()

    def both(self, other: Words) -> Words | None:
        if self.wanted and other.wanted and self.wanted != other.wanted:
            raise AskedTwice(f"{self.wanted} and {other.wanted} cannot be asked for in one rule")
        unwanted = tuple(dict.fromkeys(self.unwanted + other.unwanted))
        wanted = self.wanted or other.wanted
        return None if wanted in unwanted else Words(wanted, unwanted)

    def negated(self) -> list[Words]:
        result = [Words("", (self.wanted,))] if self.wanted else []
        for at, text in enumerate(self.unwanted):
            other = Words(self.wanted, self.unwanted[:at]).both(Words(text))
            if other is not None:
                result.append(other)
        return result

    def is_any(self) -> bool:
        return not self.wanted and not self.unwanted


Part = Numbers | Interface | Bits | Words
Conditions = dict[str, Part]


FAMILIES: Final = (4, 6)  # what the numbers of a `family` part stand for


def family(version: int) -> Conditions:
    """Packets of an IP version."""
    place = FAMILIES.index(version)
    return {"family": Numbers(((place, place),), 1)}


def of_family(version: int, conditions: Conditions) -> tuple[int, Conditions]:
    """The IP version that conditions are for, 0 for both, and the conditions without it."""
    part = conditions.get("family")
    if not isinstance(part, Numbers):
        return version, conditions
    rest = {key: one for key, one in conditions.items() if key != "family"}
    return FAMILIES[part.ranges[0][0]], rest


def conjoined(first: Conditions, second: Conditions) -> Conditions | None:
    """Both; None if no packet can meet them."""
    result = dict(first)
    for key, part in sorted(second.items(), key=lambda item: item[0] != "family"):
        if key in result:
            if type(part) is not type(result[key]):
                raise AskedTwice(f"{key} cannot be asked for in two ways in one rule")
            both = result[key].both(part)  # type: ignore[arg-type]
            if both is None:
                return None
            result[key] = both
        else:
            result[key] = part
    order = sorted(result, key=_PLACES.__getitem__)  # a key that is not in KEYS must not be lost
    return {key: result[key] for key in order if not result[key].is_any()}


def states(ranges: Ranges) -> Conditions:
    return {"state": Numbers(ranges, STATE_TOP)}


def negated(conditions: Conditions) -> list[Conditions]:
    """All other packets, as alternatives of which no two match the same packet."""
    result: list[Conditions] = []
    before: Conditions = {}
    for key, part in conditions.items():
        result += [{**before, key: other} for other in part.negated()]
        if key in OF_CONNECTION:
            without = conjoined(before, states(NOT_TRACKED))
            if without is not None:
                result.append(without)
        before[key] = part
    return result


def all_others(alternatives: list[Conditions]) -> list[Conditions]:
    """What meets none of the alternatives."""
    result: list[Conditions] = [{}]
    for conditions in alternatives:
        others = negated(conditions)
        result = [
            both
            for left in result
            for other in others
            if (both := conjoined(left, other)) is not None
        ]
        if len(result) > MAX_ALTERNATIVES:
            raise NotExpressible("it would become too many rules")
    return result
