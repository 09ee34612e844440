"""What nftables' expressions look at, as conditions of ours: a table of selectors.

Each reads the right side of a comparison and gives alternatives of which no two match the same
packet, with what the selector implies (tcp dport is for TCP only).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from firewalld_py.imports.conditions import (
    STATE_TOP,
    TRACKED,
    Bits,
    Conditions,
    Interface,
    NotExpressible,
    Numbers,
    Words,
    family,
    numbers,
    states,
)
from firewalld_py.imports.iptables_connection import NO_TIME
from firewalld_py.imports.nft_file import Json
from firewalld_py.imports.nft_text import value_text
from firewalld_py.imports.nft_values import (
    ToNumber,
    address,
    bits_of,
    by_name,
    elements,
    part,
    whole,
)
from firewalld_py.imports.rule_text import scalar
from firewalld_py.imports.ruling import Ruling
from firewalld_py.policy import packet_values
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.matches_connection import MAX_COUNT, MAX_SECONDS
from firewalld_py.policy.matches_packet import DSCP_CLASSES, IPV6_HEADERS, TCP_OPTIONS
from firewalld_py.policy.names import ICMP_TYPES, PROTOCOLS, STATES, TCP, TCP_FLAGS

_32_BITS: Final = 0xFFFFFFFF
_PORTS_OF: Final = ("tcp", "udp", "udplite", "sctp", "dccp")
_FLAG_BITS: Final = {name: bit for name, bit in TCP_FLAGS.items() if name not in ("all", "none")}
_STATE_PLACES: Final = {name: place for place, name in enumerate(STATES)}
_STATUSES: Final = ("expected", "seen-reply", "assured", "confirmed")
_ICMP_NAMES: Final = {
    1: ICMP_TYPES[1],
    58: {
        **ICMP_TYPES[58],
        "nd-redirect": 137,
        "mld-listener-done": 132,
        "mld2-listener-report": 143,
    },
}
_ICMP_CODES: Final = {
    1: {
        "net-unreachable": 0,
        "host-unreachable": 1,
        "prot-unreachable": 2,
        "port-unreachable": 3,
        "frag-needed": 4,
        "net-prohibited": 9,
        "host-prohibited": 10,
        "admin-prohibited": 13,
    },
    58: {
        "no-route": 0,
        "admin-prohibited": 1,
        "addr-unreachable": 3,
        "port-unreachable": 4,
        "policy-fail": 5,
        "reject-route": 6,
    },
}
_HEADERS: Final = {"hbh": "hop-by-hop", "rt": "route", "frag": "frag", "dst": "dst"}
_OPTIONS: Final = {
    **TCP_OPTIONS,
    "maxseg": 2,
    "window": 3,
    "sack-perm": 4,
    "sack-permitted": 4,
    "md5sig": 19,
    "fastopen": 34,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A comparison: its operator, its mask (0 for none), its right side, and the sets there are."""

    ruling: Ruling
    operator: str
    mask: int
    right: Json
    sets: dict[str, Json]

    def part(self, to_number: ToNumber, top: int) -> Numbers:
        """The numbers that it lets through."""
        if self.mask:
            raise NotExpressible("a part of this number cannot be looked at")
        return part(self.operator, self.right, to_number, top, self.sets)

    def words(self) -> list[str]:
        """The texts that it compares with."""
        found = elements(self.right, self.sets)
        if self.mask or not all(isinstance(one, str) for one in found):
            raise NotExpressible(f"{value_text(self.right)[:60]} has no like in our language")
        return found


Selector = Callable[[Asked], list[Conditions]]


def numeric(
    key: str, top: int, to_number: ToNumber = whole, also: Conditions | None = None
) -> Selector:
    """A number of a packet."""

    def select(asked: Asked) -> list[Conditions]:
        found = asked.part(to_number, top)
        if not found.ranges:
            return []
        return [{**(also or {}), key: found} if not found.is_any() else dict(also or {})]

    return select


def _protocol(number: int) -> Conditions:
    return {"proto": Numbers(((number, number),), 255)}


def _port(key: str, protocol: str) -> Selector:
    """A port of a protocol, or of whatever comes (th)."""
    if protocol != "th":
        return numeric(key, 65535, also=_protocol(PROTOCOLS[protocol]))

    def select(asked: Asked) -> list[Conditions]:
        known = [one.get("proto") for one in asked.ruling.segments[-1].alternatives]
        if not all(isinstance(one, Numbers) and _have_ports(one) for one in known):
            asked.ruling.almost("th looks into what has no ports, too: ask for meta l4proto")
        return numeric(key, 65535)(asked)

    return select


def _have_ports(protocols: Numbers) -> bool:
    found = {number for low, high in protocols.ranges for number in range(low, high + 1)}
    return found <= {PROTOCOLS[name] for name in _PORTS_OF}


def _bits(key: str, top: int = _32_BITS) -> Selector:
    """A mark: values, perhaps of some of its bits."""

    def select(asked: Asked) -> list[Conditions]:
        if asked.operator not in ("==", "!="):
            raise NotExpressible(f"marks are not compared by {asked.operator}")
        mask = asked.mask or top
        values = [whole(one) for one in elements(asked.right, asked.sets)]
        if any(not 0 <= value <= top for value in values) or not 0 <= mask <= top:
            raise NotExpressible("it is no mark")
        pairs = [(value, mask) for value in dict.fromkeys(values) if not value & ~mask]
        if asked.operator == "!=":
            return [{key: Bits((0, 0), tuple(pairs))} if pairs else {}]
        if len(pairs) > 1:
            end = "" if mask == _32_BITS else f"/{mask:#x}"
            texts = [f"{value:#x}{end}" for value, _ in pairs]
            return [{key: Words(f"[{', '.join(texts)}]")}]
        return [{key: Bits(pair)} for pair in pairs]

    return select


def _connmark(asked: Asked) -> list[Conditions]:
    # What has no connection breaks the rule (nft_ct.c), whatever it is compared with.
    return [one or states(TRACKED) for one in _bits("connmark")(asked)]


def _interface(key: str) -> Selector:
    def select(asked: Asked) -> list[Conditions]:
        if asked.operator not in ("==", "!="):
            raise NotExpressible(f"interfaces are not compared by {asked.operator}")
        names = list(dict.fromkeys(asked.words()))
        for name in names:
            try:
                packet_values.interface(name)
            except Fault:
                raise NotExpressible(f"the interface {name[:60]} cannot be written") from None
        if asked.operator == "!=":
            return [{key: Interface("", tuple(names))}]
        if len(names) > 1:
            return [{key: Words(f"[{', '.join(scalar(name) for name in names)}]")}]
        return [{key: Interface(name)} for name in names]

    return select


def _family(names: dict[str, int]) -> Selector:
    return numeric("family", 1, by_name(names, "family"))


def _next_header(asked: Asked) -> list[Conditions]:
    asked.ruling.almost("ip6 nexthdr is the first header only: meta l4proto is the protocol")
    return numeric("proto", 255, by_name(PROTOCOLS, "protocol"), family(6))(asked)


def _ipv6_length(asked: Asked) -> list[Conditions]:
    """What stands in the header is without it."""
    found = asked.part(whole, 65535)
    spans = [(low + 40, min(high + 40, 65535)) for low, high in found.ranges if low + 40 <= 65535]
    return [{**family(6), "length": numbers(spans, 65535)}] if spans else []


def _flags(asked: Asked) -> list[Conditions]:
    """TCP flags; all eight bits are compared, unless some of them are asked for."""
    to_number = by_name(_FLAG_BITS, "TCP flag")
    own = _protocol(PROTOCOLS["tcp"])
    if asked.operator in ("in", "!"):
        bits = bits_of(asked.right, to_number) & 0xFF
        none = (0, bits)
        wanted = Bits(none) if asked.operator == "!" else Bits((0, 0), (none,))
        return [{**own, "tcp_flags": wanted}]
    mask = asked.mask or 0xFF
    values = [bits_of(one, to_number) for one in elements(asked.right, asked.sets)]
    pairs = tuple((v, mask) for v in dict.fromkeys(values) if not v & ~mask)
    if asked.operator == "==":
        return [{**own, "tcp_flags": Bits(pair)} for pair in pairs]
    if asked.operator == "!=":
        return [{**own, "tcp_flags": Bits((0, 0), pairs)} if pairs else own]
    raise NotExpressible(f"TCP flags are not compared by {asked.operator}")


def _icmp(field: str, protocol: int) -> Selector:
    def select(asked: Asked) -> list[Conditions]:
        own = {**family(4 if protocol == 1 else 6), **_protocol(protocol)}
        if field == "type":
            found = asked.part(by_name(_ICMP_NAMES[protocol], "ICMP type"), 255)
            spans = [(low << 8, high << 8 | 0xFF) for low, high in found.ranges]
        else:
            found = asked.part(by_name(_ICMP_CODES[protocol], "ICMP code"), 255)
            spans = [
                (k << 8 | low, k << 8 | high) for k in range(256) for low, high in found.ranges
            ]
        return [{**own, "icmp": numbers(spans, 65535)}] if spans else []

    return select


def _state(asked: Asked) -> list[Conditions]:
    place = by_name(_STATE_PLACES, "state")
    right = asked.right
    if isinstance(right, dict) and list(right) == ["|"] and asked.operator == "!=":
        asked.ruling.note("always met: no packet has several states at once")
        return [{}]
    found = right if isinstance(right, list) else elements(right, asked.sets)
    places = [place(one) for one in found]
    wanted = numbers([(one, one) for one in places if 0 <= one <= STATE_TOP], STATE_TOP)
    if asked.operator in ("!=", "!"):
        wanted = Numbers(wanted.others(), STATE_TOP)
    elif asked.operator not in ("==", "in"):
        raise NotExpressible(f"states are not compared by {asked.operator}")
    if asked.mask:
        raise NotExpressible("a part of a state cannot be looked at")
    return [{"state": wanted} if not wanted.is_any() else {}] if wanted.ranges else []


def _status(asked: Asked) -> list[Conditions]:
    right = asked.right if isinstance(asked.right, list) else [asked.right]
    if asked.operator not in ("in", "!") or asked.mask:
        raise NotExpressible("what a connection's status is as a whole cannot be asked for")
    if not all(one in _STATUSES for one in right):
        raise NotExpressible(f"the status {value_text(asked.right)[:60]} is not known here")
    value = right[0] if len(right) == 1 else f"[{', '.join(right)}]"
    return [{"status": Words("", (value,)) if asked.operator == "!" else Words(value)}]


def _direction(asked: Asked) -> list[Conditions]:
    words = set(asked.words())
    if not words <= {"original", "reply"} or asked.operator not in ("==", "!="):
        raise NotExpressible("the direction is original or reply")
    if asked.operator == "!=":
        words = {"original", "reply"} - words
    return [{"direction": Words(word)} for word in sorted(words)]


def _expiration(asked: Asked) -> list[Conditions]:
    """It is in thousandths of a second there, ours in whole ones: a range ends before its end."""
    top = MAX_SECONDS
    known = [one.get("status") for one in asked.ruling.segments[-1].alternatives]
    if any(one != Words("confirmed") for one in known):
        asked.ruling.almost(NO_TIME)
    if asked.operator in ("==", "!=") and not isinstance(asked.right, dict):
        raise NotExpressible("nothing has exactly so many seconds left", "write a range")
    found = asked.part(whole, top)
    cut = asked.operator in ("==", "<=")
    plus = 1 if asked.operator == "!=" else 0
    spans = [
        (low - plus if low else 0, high - cut if high < top else top) for low, high in found.ranges
    ]
    if asked.operator == ">":
        spans = [(low - 1, high) for low, high in spans]
    result = numbers([one for one in spans if one[0] <= one[1]], top)
    return [{"expires": result}] if result.ranges else []


def _helper(asked: Asked) -> list[Conditions]:
    names = asked.words()
    if asked.operator != "==":
        raise NotExpressible("who has a helper, but not this one, cannot be asked for")
    value = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    if not all(name.replace("-", "").replace(".", "").isalnum() for name in names):
        raise NotExpressible(f"there is no helper {value[:60]}")
    return [{"helper": Words(value)}]


def _count(key: str, direction: str) -> Selector:
    def select(asked: Asked) -> list[Conditions]:
        found = asked.part(whole, MAX_COUNT)
        if len(found.ranges) != 1:
            raise NotExpressible("only one range can be asked for")
        low, high = found.ranges[0]
        value = f"{low}-{high if high < MAX_COUNT else ''}"
        return [{key: Words(f"{{{direction}: {value}}}" if direction else value)}]

    return select


def _zone(asked: Asked) -> list[Conditions]:
    if asked.operator not in ("==", "!=") or asked.mask:
        raise NotExpressible("zones are not compared so")
    values = [str(whole(one)) for one in elements(asked.right, asked.sets)]
    value = values[0] if len(values) == 1 else f"[{', '.join(values)}]"
    return [{"zone": Words("", (value,)) if asked.operator == "!=" else Words(value)}]


def _label(asked: Asked) -> list[Conditions]:
    number = whole(asked.right)
    if asked.operator not in ("in", "==") or not 0 <= number <= 127:
        raise NotExpressible("a label is asked for by its number, from 0 to 127")
    return [{"label": Bits((1 << number, 1 << number))}]


def _mac(asked: Asked) -> list[Conditions]:
    values = [f'"{word}"' for word in asked.words()]
    value = values[0] if len(values) == 1 else f"[{', '.join(values)}]"
    return [{"source_mac": Words("", (value,)) if asked.operator == "!=" else Words(value)}]


def _packet_type(asked: Asked) -> list[Conditions]:
    words = ["unicast" if word == "host" else word for word in asked.words()]
    if not set(words) <= {"unicast", "broadcast", "multicast"}:
        raise NotExpressible("a packet type is unicast, broadcast or multicast")
    asked.ruling.almost("the type is told by the destination address, not by the frame")
    value = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
    return [{"packet_type": Words("", (value,)) if asked.operator == "!=" else Words(value)}]


def header(name: str, asked: Asked) -> list[Conditions]:
    """Whether an IPv6 header is there."""
    if (
        name not in _HEADERS
        or _HEADERS[name] not in IPV6_HEADERS
        or asked.right not in (True, False)
    ):
        raise NotExpressible(f"the header {name[:60]} has no like here")
    word = _HEADERS[name]
    present = asked.right is (asked.operator != "!=")
    return [{**family(6), "ipv6_header": Words(word) if present else Words("", (word,))}]


def tcp_option(name: str, field: str, asked: Asked) -> list[Conditions]:
    """Whether a TCP option is there, or the segment size that one names."""
    own = _protocol(PROTOCOLS["tcp"])
    number = _OPTIONS.get(name, 0)
    if field == "size" and number == 2:
        found = asked.part(whole, 65535)
        values = [f"{low}-{high}" for low, high in found.ranges]
        return [{**own, "mss": Words(f"[{', '.join(values)}]")}] if values else []
    if field or not number or asked.right not in (True, False):
        raise NotExpressible(f"the TCP option {name} {field} has no like here")
    bit = 1 << number
    if asked.right is (asked.operator != "!="):
        return [{**own, "tcp_option": Bits((bit, bit))}]
    # What is no TCP has none either: nft_exthdr_tcp_eval() in net/netfilter/nft_exthdr.c.
    (others,) = Numbers(((TCP, TCP),), 255).negated()
    return [{"proto": others}, {**own, "tcp_option": Bits((0, 0), ((bit, bit),))}]


PAYLOAD: Final[dict[tuple[str, str], Selector]] = {
    **{
        (name, f"{end[0]}addr"): numeric(end, (1 << bits) - 1, address(version), family(version))
        for name, version, bits in (("ip", 4, 32), ("ip6", 6, 128))
        for end in ("src", "dst")
    },
    **{
        (protocol, key): _port(key, protocol)
        for protocol in (*_PORTS_OF, "th")
        for key in ("sport", "dport")
    },
    ("ip", "protocol"): numeric("proto", 255, by_name(PROTOCOLS, "protocol"), family(4)),
    ("ip6", "nexthdr"): _next_header,
    ("ip", "ttl"): numeric("ttl", 255, also=family(4)),
    ("ip6", "hoplimit"): numeric("ttl", 255, also=family(6)),
    ("ip", "dscp"): numeric("dscp", 63, by_name(DSCP_CLASSES, "class"), family(4)),
    ("ip6", "dscp"): numeric("dscp", 63, by_name(DSCP_CLASSES, "class"), family(6)),
    ("ip", "length"): numeric("length", 65535, also=family(4)),
    ("ip6", "length"): _ipv6_length,
    ("tcp", "flags"): _flags,
    **{
        (name, field): _icmp(field, number)
        for name, number in (("icmp", 1), ("icmpv6", 58))
        for field in ("type", "code")
    },
    ("ether", "saddr"): _mac,
}
META: Final[dict[str, Selector]] = {
    **dict.fromkeys(("iifname", "iif"), _interface("in")),
    **dict.fromkeys(("oifname", "oif"), _interface("out")),
    "l4proto": numeric("proto", 255, by_name(PROTOCOLS, "protocol")),
    "nfproto": _family({"ipv4": 0, "ipv6": 1}),
    "protocol": _family({"ip": 0, "ip6": 1}),
    "mark": _bits("mark"),
    "length": numeric("length", 65535),
    "pkttype": _packet_type,
}
CT: Final[dict[tuple[str, str], Selector]] = {
    ("state", ""): _state,
    ("status", ""): _status,
    ("direction", ""): _direction,
    ("mark", ""): _connmark,
    ("expiration", ""): _expiration,
    ("helper", ""): _helper,
    ("zone", ""): _zone,
    ("label", ""): _label,
    ("protocol", ""): numeric("connection_proto", 255, by_name(PROTOCOLS, "protocol")),
    **{
        (key, direction): _count("octets" if key == "bytes" else key, direction)
        for key in ("packets", "bytes")
        for direction in ("", "original", "reply")
    },
    **{
        (f"{name} {end[0]}addr", direction): numeric(
            f"{direction}_{end}", (1 << bits) - 1, address(version), family(version)
        )
        for name, version, bits in (("ip", 4, 32), ("ip6", 6, 128))
        for end in ("src", "dst")
        for direction in ("original", "reply")
    },
    **{
        (f"proto-{end}", direction): numeric(f"{direction}_{end[0]}port", 65535)
        for end in ("src", "dst")
        for direction in ("original", "reply")
    },
}
