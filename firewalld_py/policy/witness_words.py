"""One packet in words out of a region: of each field a value that it may have.

What words cannot say (other marks than one can set, TCP options, …) is left out; whether the packet
is in the region, and what becomes of it, Firewall.handle tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from firewalld_py.packet.protocols import (
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
)
from firewalld_py.policy.interface_names import Interfaces
from firewalld_py.policy.names import PORT_PROTOCOLS
from firewalld_py.policy.packet_keys import DEFAULT_SPORT, DEFAULT_TTL
from firewalld_py.policy.packet_words import ACK, HEADERS, MSS_OPTION, SYN, PacketWords
from firewalld_py.policy.ranges import Ranges, within
from firewalld_py.policy.region import (
    DPORT,
    DST,
    FLAGS,
    FULL,
    ICMP_TYPE,
    ICMPV6_TYPES,
    IN,
    LENGTH,
    NONE,
    OUT,
    PROTO,
    SPORT,
    SRC,
    TOS,
    TTL,
    V6,
    Literal,
    Region,
    plain_field,
)
from firewalld_py.policy.witness_sets import with_elements
from firewalld_py.policy.witness_time import moment_of

DEFAULT_DPORT: Final = 50000
HOST: Final = 5  # of a network, where nothing else is asked for
# Documentation addresses (RFC 5737, 3849), so that a packet has sender and receiver.
_SRC: Final = (0xC6336407, V6 + 0x20010DB8000100000000000000000007)
_DST: Final = (0xCB007109, V6 + 0x20010DB8000200000000000000000009)
_PROTOCOLS: Final = (IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP)
_TYPES: Final = (8 << 8, ICMPV6_TYPES + (128 << 8))
_FLAGS: Final = (SYN, ACK, SYN | ACK)
_BROADCAST: Final = ((0xFFFFFFFF, 0xFFFFFFFF),)
_MULTICAST: Final = (
    (0xE0000000, 0xEFFFFFFF),
    (V6 + (0xFF << 120), V6 + (1 << 128) - 1),
)
_MACS: Final = [f"0200000000{octet:02x}" for octet in range(1, 9)]
_MARK_BITS: Final = 0xFFFFFFFF

_ANY_LENGTH: Final = ((0, FULL[LENGTH][-1][1]),)

Wanted = Mapping[int, Iterable[int]]


def pick(ranges: Ranges, wanted: Iterable[int] = ()) -> int:
    """The first wanted number that is in the set, else its lowest; NONE if there is no other."""
    for number in wanted:
        if within(ranges, number):
            return number
    for low, high in ranges:
        if high > NONE:
            return max(low, 0)
    return NONE


def words_of(
    region: Region, chain: str, interfaces: Interfaces, wanted: Wanted | None = None
) -> PacketWords | None:
    """A packet of the region as `chain` ("forward") sees it; None if words cannot say any.

    `wanted` has numbers by field that are taken where they may be.
    """
    if region.fields is None:
        return None
    wanted = wanted or {}
    if region.others:
        region = with_elements(_of_connection(region), interfaces)
    assert region.fields is not None
    protocol = pick(region.fields[PROTO], (*wanted.get(PROTO, ()), *_PROTOCOLS))
    if protocol == NONE:
        return None
    region = region.with_field(PROTO, ((protocol, protocol),))
    for family in _families(wanted):
        made = _of_family(region.with_field(SRC, family), protocol, chain, interfaces, wanted)
        if made is not None:
            return made
    return None


def _families(wanted: Wanted) -> tuple[Ranges, Ranges]:
    both: tuple[Ranges, Ranges] = ((0, V6 - 1),), ((V6, V6 + (1 << 128) - 1),)
    asked = [number for field in (SRC, DST) for number in wanted.get(field, ())]
    return both[::-1] if asked and asked[0] >= V6 else both


def _of_family(
    region: Region, protocol: int, chain: str, interfaces: Interfaces, wanted: Wanted
) -> PacketWords | None:
    fields = region.fields
    if fields is None or _other_family(protocol, is_v4=fields[SRC][0][0] < V6):
        return None
    ends = [_address(fields[SRC], (*wanted.get(SRC, ()), *_SRC))]
    ends.append(_address(fields[DST], (*wanted.get(DST, ()), *_DST)))
    ways = _interfaces(fields, chain, interfaces, wanted)
    if b"" in ends or ways is None:
        return None
    tos = pick(fields[TOS], (*wanted.get(TOS, ()), *range(0, 256, 4)))
    if tos & 3:
        return None
    others = region.others
    ports, flags, icmp = _transport(protocol, fields, wanted)
    made = PacketWords(
        ends[0],
        ends[1],
        protocol,
        ways[0],
        ways[1],
        ports[0],
        ports[1],
        flags,
        icmp >> 8 & 0xFF,
        icmp & 0xFF,
        payload=_payload(others) if others else b"",
        ttl=pick(fields[TTL], (*wanted.get(TTL, ()), DEFAULT_TTL)),
        dscp=tos >> 2,
        mark=_mark(others) if others else 0,
        mss=_mss(others) if others and protocol == IPPROTO_TCP else 0,
        time=_time(others) if others else None,
        source_mac=_source_mac(others) if others and chain != "output" else b"",
    )
    return _long(made, fields[LENGTH], wanted)


def _other_family(protocol: int, *, is_v4: bool) -> bool:
    return (protocol == IPPROTO_ICMP and not is_v4) or (protocol == IPPROTO_ICMPV6 and is_v4)


def _address(ranges: Ranges, wanted: Iterable[int]) -> bytes:
    found = pick(ranges, wanted)
    if found == NONE:
        return b""
    if not any(found == number for number in wanted):
        high = next(high for low, high in ranges if low <= found <= high)
        found += HOST if high - found > HOST else 0
    return found.to_bytes(4, "big") if found < V6 else (found - V6).to_bytes(16, "big")


def _interfaces(
    fields: tuple[Ranges, ...], chain: str, interfaces: Interfaces, wanted: Wanted
) -> tuple[str, str] | None:
    """Where it comes in and leaves; None if no name is known for it."""
    names = interfaces.names
    usual = [number for number, name in enumerate(names) if name != "lo"]
    first = pick(fields[IN], (*wanted.get(IN, ()), *usual))
    others = [number for number in usual if chain != "forward" or number != first]
    second = pick(fields[OUT], (*wanted.get(OUT, ()), *reversed(others)))
    came, left = (names[number] if number < len(names) else "" for number in (first, second))
    if (chain != "output" and not came) or (chain != "input" and not left):
        return None
    return "" if chain == "output" else came, "" if chain == "input" else left


def _transport(
    protocol: int, fields: tuple[Ranges, ...], wanted: Wanted
) -> tuple[tuple[int, int], int, int]:
    """Ports, TCP's flags, and ICMP's type and code."""
    if protocol in PORT_PROTOCOLS:
        ports = (
            max(pick(fields[SPORT], (*wanted.get(SPORT, ()), DEFAULT_SPORT)), 0),
            max(pick(fields[DPORT], (*wanted.get(DPORT, ()), DEFAULT_DPORT)), 0),
        )
        if protocol != IPPROTO_TCP:
            return ports, 0, 0
        return ports, max(pick(fields[FLAGS], (*wanted.get(FLAGS, ()), *_FLAGS)), 0), 0
    if protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        number = pick(fields[ICMP_TYPE], (*wanted.get(ICMP_TYPE, ()), *_TYPES))
        return (0, 0), 0, max(number, 0)
    return (0, 0), 0, 0


def _long(made: PacketWords, lengths: Ranges, wanted: Wanted) -> PacketWords | None:
    """The same with a length that it may have; None if that is too short for its headers."""
    if not wanted.get(LENGTH) and lengths in (FULL[LENGTH], _ANY_LENGTH):
        return made
    least = (20 if made.version == 4 else 40) + HEADERS.get(made.protocol, 0) + len(made.payload)
    least += MSS_OPTION if made.mss else 0
    for low, high in lengths:
        if high >= least:
            ask = [number for number in wanted.get(LENGTH, ()) if low <= number <= high]
            length = max([least, low, *ask])
            return None if length > 65535 else replace(made, length=length)
    return None


def _values(others: Iterable[Literal], kind: str) -> list[tuple[bool, Any]]:
    return [(inverted, value) for name, inverted, value in sorted(others, key=repr) if name == kind]


def _mark(others: Iterable[Literal]) -> int:
    """A mark that meets all conditions on it, if one is easily found; else 0."""
    asked = _values(others, "mark")
    tried = [0]
    for _inverted, pairs in asked:
        for value, mask in pairs:
            tried += [value, value ^ (mask & -mask), value ^ mask, value | ~mask & _MARK_BITS]
    for mark in tried:
        if all(any(mark & m == v for v, m in pairs) != inverted for inverted, pairs in asked):
            return mark
    return 0


def _time(others: Iterable[Literal]) -> int | None:
    asked = tuple(_values(others, "time"))
    return moment_of(asked) if asked else None


def _source_mac(others: Iterable[Literal]) -> bytes:
    asked = _values(others, "source_mac")
    tried = [one for inverted, values in asked if not inverted for one in values] + _MACS
    for mac in tried if asked else []:
        if all((mac in values) != inverted for inverted, values in asked):
            return bytes.fromhex(mac)
    return b""


def _mss(others: Iterable[Literal]) -> int:
    for inverted, ranges in _values(others, "mss"):
        if not inverted:
            return max(int(ranges[0][0]), 1)
    asked = any(not inverted and 2 in kinds for inverted, kinds in _values(others, "tcp_option"))
    return 1460 if asked else 0


def _payload(others: Iterable[Literal]) -> bytes:
    """Octets that stand where conditions ask for them."""
    made = bytearray()
    for inverted, value in _values(others, "payload"):
        if not inverted:
            _put(made, int(value[0]), bytes.fromhex(value[1]))
    for inverted, value in _values(others, "contains"):
        if not inverted:
            _put(made, int(value[0]), bytes.fromhex(value[2][0]))
    return bytes(made)


def _put(made: bytearray, at: int, octets: bytes) -> None:
    made.extend(bytes(max(at + len(octets) - len(made), 0)))
    made[at : at + len(octets)] = octets


# What a condition on the connection means for its first packet.
_MIRROR: Final = {
    "original_src": "src",
    "original_dst": "dst",
    "original_sport": "sport",
    "original_dport": "dport",
    "reply_src": "dst",
    "reply_dst": "src",
    "reply_sport": "dport",
    "reply_dport": "sport",
    "connection_proto": "proto",
}


def _several(types: Any) -> Ranges:
    """Destinations that are broadcast or multicast whatever the machine; else any."""
    if 4 in types:
        return _MULTICAST
    return _BROADCAST if 2 in types else FULL[DST]


def _of_connection(region: Region) -> Region:
    """The region with what is asked of the connection asked of the packet."""
    for kind, inverted, value in region.others:
        if kind == "packet_type" and not inverted:
            narrowed = region.with_field(DST, _several(value))
            region = region if narrowed.fields is None else narrowed
        if kind in _MIRROR:
            narrowed = region.with_field(*plain_field(_MIRROR[kind], inverted, value))
            region = region if narrowed.fields is None else narrowed
    return region
