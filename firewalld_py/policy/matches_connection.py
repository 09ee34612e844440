"""Conditions on a packet's connection, one Key for each."""

from __future__ import annotations

from typing import Final, cast

from firewalld_py.conntrack.connection import (
    ASSURED,
    CONFIRMED,
    EXPECTED,
    ORIGINAL,
    REPLY,
    SEEN_REPLY,
)
from firewalld_py.conntrack.helpers.control_ports import OF_MODULE
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.policy import packet_values
from firewalld_py.policy.addresses import EXPECTED as ADDRESS
from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Key, Parser, Reading, Reported, Table, one
from firewalld_py.policy.lists import ADDRESSES, PORTS, listed, plain_list, ports_merged
from firewalld_py.policy.names import HELPER_NAME
from firewalld_py.policy.nodes import Mapping, Node
from firewalld_py.policy.numbers import number_range
from firewalld_py.policy.shapes import AnyOf, Choice, Keys, Number, OneOrMore, Text, reads, shape_of
from firewalld_py.policy.values import duration, named, unexpected

MAX_COUNT: Final = 10**18 - 1
MAX_SECONDS: Final = 2**31 - 1
BOTH: Final = 2  # directions, as rules.matches_connection.BOTH_DIRECTIONS

DIRECTION: Final = "original or reply"
STATUS: Final = "a status (expected, seen-reply, assured, confirmed)"
HELPER: Final = "a helper's name (ftp)"
SECONDS: Final = "a time (30), a range (0-5m) or from a time on (1h-)"
COUNT: Final = "a number (10), a range (1-10) or from a number on (100-)"
COUNTS: Final = f"{COUNT} of both directions, or one of them: {{original: 100-}}"

_STATUS_BITS: Final = {
    "expected": EXPECTED,
    "seen-reply": SEEN_REPLY,
    "seen_reply": SEEN_REPLY,
    "assured": ASSURED,
    "confirmed": CONFIRMED,
}
_STATUSES: Final = plain_list(named(_STATUS_BITS, STATUS, any_case=True), STATUS)


@reads(shape_of(_STATUSES))
def _status(node: Node, reading: Reading) -> int:
    bits = 0
    for bit in cast("tuple[int, ...]", _STATUSES(node, reading)):
        bits |= bit
    return bits


# Packages bring others.
@reads(OneOrMore(AnyOf((Choice((*READABLE, *OF_MODULE)), Text(f"^{HELPER_NAME}$", plain=True)))))
def _helpers(node: Node, reading: Reading) -> object:
    known = (*reading.helpers, *OF_MODULE)

    def helper(text: str) -> tuple[str, ...]:
        if text not in known:
            raise unexpected(f"a helper ({', '.join(sorted(known))})", text, nearest(text, known))
        return OF_MODULE.get(text, (text,))

    found = cast("tuple[tuple[str, ...], ...]", plain_list(helper, HELPER)(node, reading))
    return tuple(dict.fromkeys(name for names in found for name in names))


@reads(Number(0, MAX_SECONDS), Text(r"^\s*[0-9][0-9dhms]*\s*(?:-\s*[0-9dhms]*\s*)?$"))
def _seconds(text: str) -> tuple[int, int]:
    """A range of whole seconds, each end a duration."""
    if text.startswith(("<", ">")):
        raise unexpected(SECONDS, text)
    first, dash, last = (part.strip() for part in text.partition("-"))
    second = duration(0, MAX_SECONDS)
    if not first:
        raise unexpected(SECONDS, text, f"0{text}" if dash else "")
    low = second(first)
    if not dash:
        return low, low
    high = second(last) if last else MAX_SECONDS
    if low > high:
        raise Fault(f"range {quoted(text)} is upside down", f"{last}-{first}")
    return low, high


_SECONDS_LISTED: Final = plain_list(_seconds, SECONDS)


@reads(shape_of(_SECONDS_LISTED))
def _times(node: Node, reading: Reading) -> object:
    return ports_merged(cast("tuple[tuple[int, int], ...]", _SECONDS_LISTED(node, reading)))


_COUNT: Final = one(number_range(0, MAX_COUNT, COUNT), COUNT)
_DIRECTIONS: Final = {"original": ORIGINAL, "reply": REPLY, "both": BOTH}
_BY_DIRECTION: Final = Table(
    "a count",
    (
        Key("original", _COUNT, COUNT, "what the side sent that opened the connection"),
        Key("reply", _COUNT, COUNT, "what the other side sent"),
        Key("both", _COUNT, COUNT, "what both sent together"),
    ),
)


@reads(shape_of(_COUNT), Keys(_BY_DIRECTION, single=True))
def _counts(node: Node, reading: Reading) -> object:
    """(direction, lowest, highest)."""
    if not isinstance(node, Mapping):
        low, high = cast("tuple[int, int]", _COUNT(node, reading))
        return BOTH, low, high
    counts = cast("dict[str, tuple[int, int]]", _BY_DIRECTION.read(node, reading))
    if len(node.entries) != 1:
        raise Fault("expected one of original, reply, both: for more make more rules")
    if not counts:
        raise Reported
    ((name, (low, high)),) = counts.items()
    return _DIRECTIONS[name], low, high


def _ends(direction: str, word: str) -> tuple[Key, ...]:
    """The addresses and ports of one direction."""
    of = f"of the {direction} packets of the connection"
    form = f"one or a list of: {ADDRESS}"
    ports = f"one or a list of: {packet_values.PORT}"
    addresses: Parser = listed(ADDRESSES)
    return (
        Key(f"{direction}_src", addresses, form, f"source {of}", also=(f"ct{word}src",)),
        Key(f"{direction}_dst", addresses, form, f"destination {of}", also=(f"ct{word}dst",)),
        Key(
            f"{direction}_sport",
            listed(PORTS),
            ports,
            f"source port {of}, of any protocol that has ports",
            also=(f"ct{word}srcport",),
        ),
        Key(
            f"{direction}_dport",
            listed(PORTS),
            ports,
            f"destination port {of}, of any protocol that has ports",
            also=(f"ct{word}dstport",),
        ),
    )


CONNECTION_KEYS: Final = (
    Key(
        "direction",
        one(named({"original": ORIGINAL, "reply": REPLY}, DIRECTION, any_case=True), DIRECTION),
        DIRECTION,
        "whether the packet goes as the first one of its connection did, or comes back",
        also=("ctdir", "ct_direction"),
        example="{direction: reply, proto: udp, sport: 53, action: accept}",
    ),
    Key(
        "status",
        _status,
        f"one or a list of: {STATUS}",
        "what became of the connection so far, any of those named: a helper expected it, answers "
        "were seen, it is beyond its beginnings, its first packet was accepted",
        also=("ctstatus", "ct_status"),
        example="{status: assured, action: accept}",
    ),
    Key(
        "helper",
        _helpers,
        f"one or a list of: {HELPER}",
        "the helper that expected the packet's connection, as -m helper; negated, all else",
        also=("cthelper", "ct_helper"),
        example="{state: related, helper: ftp, action: accept}",
    ),
    Key(
        "age",
        _times,
        f"one or a list of: {SECONDS}",
        "how long ago the connection's first packet came, in whole seconds",
        example="{age: 1h-, dport: 22, action: log}",
    ),
    Key(
        "expires",
        _times,
        f"one or a list of: {SECONDS}",
        "how long the connection would live on without another packet, in whole seconds",
        also=("ctexpire", "ct_expiration", "expiry"),
        example="{expires: 0-10, action: log}",
    ),
    Key(
        "packets",
        _counts,
        COUNTS,
        "the connection's packets so far, with this one",
        also=("connpackets", "ct_packets"),
        example="{packets: 1-20, action: accept}",
    ),
    Key(
        "octets",
        _counts,
        COUNTS,
        "the connection's octets so far, with this packet and its IP header",
        also=("connbytes", "bytes", "ct_bytes"),
        example="{octets: {reply: 10000000-}, action: {mark: 0x2}}",
    ),
    *_ends("original", "orig"),
    *_ends("reply", "repl"),
    Key(
        "connection_proto",
        plain_list(packet_values.protocol, packet_values.PROTOCOL),
        f"one or a list of: {packet_values.PROTOCOL}",
        "the connection's protocol: of an ICMP error that of what it is about",
        also=("ctproto", "ct_proto"),
        example="{state: related, connection_proto: udp, action: accept}",
    ),
)
# All of them are known after tracking only.
CONNECTION_KINDS: Final = tuple(key.name for key in CONNECTION_KEYS)
# Their values are addresses.
ADDRESS_KINDS: Final = tuple(
    f"{direction}_{end}" for direction in ("original", "reply") for end in ("src", "dst")
)
