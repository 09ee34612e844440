"""Which packets a rule's conditions mean: a set of numbers for each field of a packet.

A packet is in a region if each of its fields is in the region's set for that field. What a packet
does not have is -1 there: no condition on that field is met by it, inverted or not, so that every
condition takes -1 out (as rules/matches.py). Conditions on anything else are kept as they are.

Regions are for proofs: `apart` and `holds` are said only of what surely is so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from firewalld_py.policy.checks import IMPLIED
from firewalld_py.policy.model import Match, MatchValue
from firewalld_py.policy.names import ICMP, ICMPV6, PORT_PROTOCOLS, TCP
from firewalld_py.policy.ranges import Ranges, common, ranges_of, touch, without

NONE: Final = -1  # what a packet has in a field that it has not
V6: Final = 1 << 32  # IPv6 addresses come behind those of IPv4
ICMPV6_TYPES: Final = 1 << 16  # and types and codes of ICMPv6 behind those of ICMP
MAX_INTERFACES: Final = 1 << 20

# Fields. A state is the number of its bit; of interfaces see Interfaces.
STATE, FAMILY, PROTO, IN, OUT, SPORT, DPORT, SRC, DST, ICMP_TYPE, FLAGS, LENGTH, TTL, TOS = range(
    14
)
_V4_ADDRESSES: Final = ((0, V6 - 1),)
_V6_ADDRESSES: Final = ((V6, V6 + (1 << 128) - 1),)
_NOTHING: Final = ((NONE, NONE),)
_ADDRESS: Final = (*_NOTHING, *_V4_ADDRESSES, *_V6_ADDRESSES)
FULL: Final[tuple[Ranges, ...]] = tuple(
    ranges_of(ranges)
    for ranges in (
        ((0, 4),),
        ((0, 0), (4, 4), (6, 6)),
        ((NONE, 255),),
        ((0, MAX_INTERFACES),),
        ((0, MAX_INTERFACES),),
        ((NONE, 65535),),
        ((NONE, 65535),),
        _ADDRESS,
        _ADDRESS,
        ((NONE, 2 * ICMPV6_TYPES - 1),),
        ((NONE, 255),),
        ((NONE, 1 << 20),),  # a jumbogram is longer than 65535
        ((NONE, 255),),
        ((NONE, 255),),
    )
)
_PORTS: Final = ranges_of((number, number) for number in PORT_PROTOCOLS)
_IP_ONLY: Final = (LENGTH, TTL, TOS, PROTO)
_OF_FAMILY: Final = (SRC, DST, FAMILY, *_IP_ONLY)
_HAS: Final = 1  # a packet that is no whole IP packet, in a set of families
_FAMILY_BITS: Final = {0: 1, 4: 2, 6: 4}

# Fields in the order in which rules most often differ; and those of which no other field tells.
_MOST_TELLING: Final = (SRC, DST, DPORT, STATE, PROTO, IN, OUT, SPORT, ICMP_TYPE, FAMILY, FLAGS,
                        LENGTH, TTL, TOS)  # fmt: skip
_ALONE: Final = frozenset((STATE, IN, OUT))

Literal = tuple[str, bool, MatchValue]


class Region:
    """Packets by field; `others` are conditions on what is no field here. It never changes.

    `fields` of None: no packet at all. `asked` has a bit for every field that leaves anything out.
    """

    __slots__ = ("asked", "fields", "others")

    def __init__(
        self, fields: tuple[Ranges, ...] | None = FULL, others: frozenset[Literal] = frozenset()
    ) -> None:
        self.fields = fields
        self.others = others
        self.asked = 0
        if fields is not None and fields is not FULL:
            for number, ranges in enumerate(fields):
                if ranges is not FULL[number]:
                    self.asked |= 1 << number

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Region)
            and self.fields == other.fields
            and self.others == other.others
        )

    def __hash__(self) -> int:
        return hash((self.fields, self.others))

    def __repr__(self) -> str:
        return f"Region({self.fields}, {self.others})"

    def empty(self, steady: Collection[str] = ()) -> bool:
        """Whether it surely has no packet: its conditions contradict each other.

        Those on nothing that is a field here count if their kinds are `steady`: asked twice about
        a packet, they give one answer.
        """
        return self.fields is None or any(
            kind in steady and (kind, not inverted, value) in self.others
            for kind, inverted, value in self.others
        )

    def also(self, other: Region) -> Region:
        """What is in both."""
        if self.fields is None or other.fields is None:
            return NOWHERE
        others = self.others | other.others if other.others else self.others
        for one, more in ((self, other), (other, self)):
            if not one.asked:
                return more if more.others == others else Region(more.fields, others)
        pairs = zip(self.fields, other.fields, strict=True)
        fields = [mine if mine is its else common(mine, its) for mine, its in pairs]
        return Region(_tight(fields), others)

    def apart(self, other: Region) -> bool:
        """Whether the two surely have no packet in common."""
        if self.fields is None or other.fields is None:
            return True
        both = self.asked & other.asked
        for number in _MOST_TELLING:
            if both >> number & 1 and not touch(self.fields[number], other.fields[number]):
                return True
        return False

    def less(self, other: Region) -> list[Region]:
        """What of it is not in the other one, whose `others` do not count: as regions apart."""
        if self.fields is None:
            return []
        if other.fields is None or self.apart(other):
            return [self]
        left: list[Region] = []
        rest = list(self.fields)
        for number, its in enumerate(other.fields):
            mine = rest[number]
            if mine is its or its is FULL[number]:
                continue
            outside = without(mine, its)
            if outside:
                piece = list(rest)
                piece[number] = outside
                made = _tight(piece)
                if made is not None:
                    left.append(Region(made, self.others))
                rest[number] = common(mine, its)
        return left

    def with_field(self, number: int, ranges: Ranges) -> Region:
        """The same, and the field is one of these."""
        if self.fields is None:
            return NOWHERE
        before = self.fields[number]
        found = common(before, ranges)
        if found == before:
            return self
        fields = list(self.fields)
        fields[number] = found
        if number in _ALONE:
            return Region(tuple(fields), self.others) if found else NOWHERE
        return Region(_tight(fields), self.others)


def _tight(fields: list[Ranges]) -> tuple[Ranges, ...] | None:
    """The same packets, each field with what the others leave it; None if they leave nothing."""
    for ranges in fields:
        if not ranges:
            return None
    if all(mine is full for mine, full in zip(fields, FULL, strict=True)):
        return FULL
    proto = fields[PROTO]
    for tighten in (_tight_family, _tight_ports, _tight_flags, _tight_icmp):
        if not tighten(fields):
            return None
    if fields[PROTO] is not proto and not _tight_family(fields):
        return None
    return tuple(full if mine == full else mine for mine, full in zip(fields, FULL, strict=True))


def _has_none(ranges: Ranges) -> bool:
    return ranges[0][0] == NONE


def _keep(fields: list[Ranges], number: int, ranges: Ranges) -> bool:
    fields[number] = common(fields[number], ranges)
    return bool(fields[number])


def _askable(fields: list[Ranges], number: int) -> bool:
    """Only what has the field."""
    if _has_none(fields[number]):
        fields[number] = without(fields[number], _NOTHING)
    return bool(fields[number])


def _families_of(addresses: Ranges) -> int:
    if addresses is FULL[SRC]:
        return 7
    bits = _HAS if _has_none(addresses) else 0
    bits |= 2 if touch(addresses, _V4_ADDRESSES) else 0
    return bits | (4 if touch(addresses, _V6_ADDRESSES) else 0)


def _tight_family(fields: list[Ranges]) -> bool:
    """Both addresses are of one family, or there are none: then there is no header to ask."""
    if all(fields[number] is FULL[number] for number in _OF_FAMILY):
        return True
    possible = _families_of(fields[SRC]) & _families_of(fields[DST])
    for number in (4, 6):
        if not touch(fields[FAMILY], ((number, number),)):
            possible &= ~_FAMILY_BITS[number]
    if not all(_has_none(fields[number]) for number in _IP_ONLY):
        possible &= ~_HAS
    if not possible:
        return False
    if possible != 7:
        wanted: Ranges = ranges_of(
            (*(_NOTHING if possible & _HAS else ()),
             *(_V4_ADDRESSES if possible & 2 else ()),
             *(_V6_ADDRESSES if possible & 4 else ()))
        )  # fmt: skip
        if not (_keep(fields, SRC, wanted) and _keep(fields, DST, wanted)):
            return False
    if possible & _HAS:
        return True
    families: Ranges = tuple((n, n) for n in (4, 6) if possible & _FAMILY_BITS[n])
    return _keep(fields, FAMILY, families) and all(_askable(fields, n) for n in _IP_ONLY)


def _tight_ports(fields: list[Ranges]) -> bool:
    """Both ports or none; some protocols have them, most never."""
    if not (_has_none(fields[SPORT]) and _has_none(fields[DPORT])):
        return _askable(fields, SPORT) and _askable(fields, DPORT) and _keep(fields, PROTO, _PORTS)
    if not touch(fields[PROTO], _PORTS):
        return _keep(fields, SPORT, _NOTHING) and _keep(fields, DPORT, _NOTHING)
    return True


def _tight_flags(fields: list[Ranges]) -> bool:
    if not _has_none(fields[FLAGS]):
        return _keep(fields, PROTO, ((TCP, TCP),))
    return touch(fields[PROTO], ((TCP, TCP),)) or _keep(fields, FLAGS, _NOTHING)


def _tight_icmp(fields: list[Ranges]) -> bool:
    """Types are of one protocol or the other."""
    if fields[ICMP_TYPE] is FULL[ICMP_TYPE] and fields[PROTO] is FULL[PROTO]:
        return True
    without_type = _has_none(fields[ICMP_TYPE])
    for protocol, first in ((ICMP, 0), (ICMPV6, ICMPV6_TYPES)):
        its = ((first, first + ICMPV6_TYPES - 1),)
        if not touch(fields[PROTO], ((protocol, protocol),)):
            fields[ICMP_TYPE] = without(fields[ICMP_TYPE], its)
        elif not without_type and not touch(fields[ICMP_TYPE], its):
            fields[PROTO] = without(fields[PROTO], ((protocol, protocol),))
    if not without_type:
        both = ((ICMP, ICMP), (ICMPV6, ICMPV6))
        return bool(fields[ICMP_TYPE]) and bool(fields[PROTO]) and _keep(fields, PROTO, both)
    return bool(fields[ICMP_TYPE]) and bool(fields[PROTO])


EVERYWHERE: Final = Region()
NOWHERE: Final = Region(None)


class Interfaces:
    """The interface names that some rules can tell apart, each by a number.

    Of every pattern there is one name that fits it and none narrower; what no pattern fits has all
    the numbers from `other` on, and one name too.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        """`patterns` are names, and beginnings of names with a `*`."""
        self.names: list[str] = []
        known = sorted(set(patterns))
        exact = {pattern for pattern in known if not pattern.endswith("*")}
        for pattern in known:
            name = pattern if pattern in exact else _fresh(pattern[:-1], known)
            if name and name not in self.names:
                self.names.append(name)
        self.other = len(self.names)
        fresh: str = "" if "*" in known else next(
            (name for name in _UNKNOWN if not any(_fits(one, name) for one in known)), ""
        )  # fmt: skip
        if fresh:
            self.names.append(fresh)
        self.indexes = {name: index for index, name in enumerate(self.names, 1)}
        self._known: dict[tuple[str, ...], Ranges] = {}

    def numbers(self, patterns: tuple[str, ...]) -> Ranges:
        """The numbers of what any of these patterns fits, of those given at first."""
        if patterns not in self._known:
            met = [
                number
                for number, name in enumerate(self.names[: self.other])
                if any(_fits(pattern, name) for pattern in patterns)
            ]
            pairs = [(number, number) for number in met]
            if "*" in patterns:
                pairs.append((self.other, MAX_INTERFACES))
            self._known[patterns] = ranges_of(pairs)
        return self._known[patterns]


_UNKNOWN: Final = ("eth9", "other9", "zz9", "q9")
_SUFFIXES: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_NAME_LENGTH: Final = 15


def _fits(pattern: str, name: str) -> bool:
    """As rules/matches.py."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _fresh(beginning: str, patterns: Sequence[str]) -> str:
    """A name with this beginning that fits no narrower pattern; "" if none is found."""
    narrower = [one for one in patterns if one.startswith(beginning) and one != f"{beginning}*"]
    suffixes: list[str] = [*_SUFFIXES, *(f"x{letter}" for letter in _SUFFIXES)]
    for suffix in suffixes:
        name = beginning + suffix
        if len(name) <= _NAME_LENGTH and not any(_fits(one, name) for one in narrower):
            return name
    return ""


def region_of(matches: Iterable[Match], interfaces: Interfaces) -> Region:
    """The packets that meet all of these conditions; `interfaces` knows their patterns."""
    fields = list(FULL)
    others: set[Literal] = set()
    for match in matches:
        if match.key in IMPLIED:
            fields[PROTO] = common(fields[PROTO], ((IMPLIED[match.key], IMPLIED[match.key]),))
        found = field_of(match, interfaces)
        if found is None:
            others.add((match.kind, match.inverted, match.value))
        else:
            number, ranges = found
            fields[number] = common(fields[number], ranges)
    return Region(_tight(fields), frozenset(others))


def field_of(match: Match, interfaces: Interfaces) -> tuple[int, Ranges] | None:
    """The field that a condition is about and what it leaves of it; None for other conditions."""
    if match.kind in ("in", "out"):
        number = IN if match.kind == "in" else OUT
        wanted = interfaces.numbers(cast("tuple[str, ...]", match.value))
        return number, without(FULL[number], wanted) if match.inverted else wanted
    if match.kind not in _FIELDS:
        return None
    return plain_field(match.kind, match.inverted, match.value)


@lru_cache(maxsize=4096)
def plain_field(kind: str, inverted: bool, value: MatchValue) -> tuple[int, Ranges]:
    """The same for a kind of condition on a field that is no interface."""
    number, read = _FIELDS[kind]
    wanted = read(value)
    if inverted:
        wanted = without(without(FULL[number], _NOTHING), wanted)
    return number, wanted


def _states(value: Any) -> Ranges:
    return ranges_of((bit, bit) for bit in range(5) if value >> bit & 1)


def _one(value: Any) -> Ranges:
    return ((value, value),)


def _numbers(value: Any) -> Ranges:
    return ranges_of((number, number) for number in value)


def _pairs(value: Any) -> Ranges:
    return ranges_of(value)


def _addresses(value: Any) -> Ranges:
    shift = {4: 0, 6: V6}
    return ranges_of((low + shift[family], high + shift[family]) for family, low, high in value)


def _types(value: Any) -> Ranges:
    return ranges_of(
        (first + (number << 8) + low, first + (number << 8) + high)
        for protocol, number, low, high in value
        for first in (ICMPV6_TYPES if protocol == ICMPV6 else 0,)
    )


def _flags(value: Any) -> Ranges:
    return ranges_of(
        (octet, octet)
        for octet in range(256)
        if any(octet & mask == flags for mask, flags in value)
    )


def _tos(value: Any) -> Ranges:
    return ranges_of(
        (octet, octet) for octet in range(256) if any(octet & mask == bits for bits, mask in value)
    )


_FIELDS: Final[dict[str, tuple[int, Callable[[Any], Ranges]]]] = {
    "state": (STATE, _states),
    "family": (FAMILY, _one),
    "proto": (PROTO, _numbers),
    "sport": (SPORT, _pairs),
    "dport": (DPORT, _pairs),
    "src": (SRC, _addresses),
    "dst": (DST, _addresses),
    "icmp": (ICMP_TYPE, _types),
    "tcp_flags": (FLAGS, _flags),
    "length": (LENGTH, _pairs),
    "ttl": (TTL, _pairs),
    "tos": (TOS, _tos),
}
