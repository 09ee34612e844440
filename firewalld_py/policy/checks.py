"""What cannot be meant, although every key of the rule is right by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from firewalld_py.policy.addresses import BITS, AddressRange, families
from firewalld_py.policy.matches_connection import CONNECTION_KINDS
from firewalld_py.policy.matches_payload import PAYLOAD_KINDS, WITH_PAYLOAD
from firewalld_py.policy.model import Action, Match, SetTarget
from firewalld_py.policy.names import ALL_STATES, ICMP, ICMPV6, PORT_PROTOCOLS, PROTOCOLS, TCP
from firewalld_py.policy.targets import KINDS
from firewalld_py.policy.timeouts import protocols_of

PROTOCOL_NAMES: Final = {number: name for name, number in reversed(PROTOCOLS.items())}
_FAMILY_NAMES: Final = {4: "IPv4", 6: "IPv6"}
# Keys that match one protocol only, negated or not.
IMPLIED: Final = {
    "icmp": ICMP,
    "icmpv6": ICMPV6,
    "flags": TCP,
    "tcp_flags": TCP,
    "tcp_option": TCP,
    "mss": TCP,
}
# What connection tracking tells.
_OF_CONNECTION: Final = ("state", "connmark", "label", "zone", "connections", *CONNECTION_KINDS)
# Ranges that leave nothing out.
_WHOLE: Final = {"length": ((0, 65535),), "ttl": ((0, 255),)}
# Chains in which an interface is not known.
_NO_OUT: Final = ("raw/prerouting", "filter/input")
_NO_IN: Final = ("raw/output", "filter/output")

Finding = tuple[Match, str]


def check_matches(chain: str, matches: tuple[Match, ...]) -> Iterator[Finding]:
    """What is wrong with the conditions of a rule in `chain` ("filter/input"), at which match."""
    yield from check_place(chain, matches)
    for match in matches:
        if match.inverted and covers_all(match):
            yield match, f"not {match.key}: never matches, for it leaves nothing"
    yield from _check_negated(matches)
    of_protocols = list(_check_protocols(matches))
    yield from of_protocols or _check_families(matches)


def check_action(chain: str, action: Action, matches: tuple[Match, ...]) -> Iterator[str]:
    """What is wrong with the action of a rule in `chain`."""
    raw = chain.startswith("raw/")
    if not raw:
        wanted = ("notrack",) if action.verdict == "notrack" else action.tracking
        for name in wanted:
            yield f"{name} is possible in raw only, before connection tracking"
    if raw and action.verdict == "reject":
        yield "reject is not possible in raw: drop here, or reject in filter"
    for target in action.targets:
        if raw and KINDS[target.kind].of_connection:
            name = target.kind.partition("_")[0]
            yield f"{name} is possible in filter only: in raw the connection is not known"
        if isinstance(target.value, SetTarget):
            yield from _not_known(chain, target.value.of)
    if action.verdict == "notrack" and action.tracking:
        name = action.tracking[0]
        yield f"{name} says how to track what notrack leaves untracked: {name} or notrack"
    yield from _check_timeouts(action, matches)
    if action.reject == "tcp-reset" and protocols(matches) != frozenset((TCP,)):
        yield "reject with tcp-reset needs a rule that matches only tcp: add proto: tcp"


def _check_timeouts(action: Action, matches: tuple[Match, ...]) -> Iterator[str]:
    """Timeouts of protocols that the rule does not match."""
    possible = protocols(matches)
    for name in action.timeouts or ():
        if possible is not None and not possible & protocols_of(name):
            yield f"{name} is not for {listed(possible)}, which is all that the rule matches"


def protocols(matches: tuple[Match, ...]) -> frozenset[int] | None:
    """The protocols that a rule can match; None for all."""
    possible: frozenset[int] | None = None
    for match in matches:
        if match.key in IMPLIED:
            only = frozenset((IMPLIED[match.key],))
        elif match.key == "proto" and not match.inverted:
            only = frozenset(cast("tuple[int, ...]", match.value))
        else:
            continue
        possible = only if possible is None else possible & only
    return possible


def rule_families(matches: tuple[Match, ...]) -> frozenset[int]:
    """The IP versions that a rule can match."""
    possible = frozenset((4, 6))
    for match in matches:
        possible &= _families_of(match)
    return possible


def check_place(chain: str, matches: tuple[Match, ...]) -> Iterator[Finding]:
    """Conditions that packets of `chain` cannot be asked."""
    for match in matches:
        if match.kind in _OF_CONNECTION and chain.startswith("raw/"):
            yield match, f"{match.key} is not known in raw, which comes before connection tracking"
        else:
            of = cast("tuple[str, ...]", match.value)[1:] if match.kind == "set" else (match.kind,)
            for message in _not_known(chain, of):
                yield match, message


def _not_known(chain: str, parts: tuple[str, ...]) -> Iterator[str]:
    """What packets of a chain do not have."""
    for part in parts:
        if part == "out" and chain in _NO_OUT:
            yield f"out is not known in {chain}: the packet has not been routed out"
        elif part in ("in", "source_mac", "reverse_path") and chain in _NO_IN:
            yield f"{part} is not known in {chain}: the packet was made on this machine"


def covers_all(match: Match) -> bool:
    """Whether the match, not negated, would match every packet that it can be asked about."""
    if match.kind == "state":
        return match.value == ALL_STATES
    if match.kind in ("src", "dst"):
        ranges = cast("tuple[AddressRange, ...]", match.value)
        return {found.family for found in ranges if _whole(found)} == {4, 6}
    if match.kind == "proto":
        return len(cast("tuple[int, ...]", match.value)) == 256
    if match.kind in ("sport", "dport"):
        return match.value == ((0, 65535),)
    if match.kind == "tcp_flags":
        return any(mask == 0 for mask, _ in cast("tuple[tuple[int, int], ...]", match.value))
    if match.kind in _WHOLE:
        return match.value == _WHOLE[match.kind]
    if match.kind in ("mark", "connmark", "tos"):
        return any(mask == 0 for _, mask in cast("tuple[tuple[int, int], ...]", match.value))
    return False


def _whole(found: AddressRange) -> bool:
    return found.high - found.low + 1 == 1 << BITS[found.family]


def _check_negated(matches: tuple[Match, ...]) -> Iterator[Finding]:
    """A negated state or protocol that takes away all that the rule asks for."""
    states = next((cast("int", m.value) for m in matches if _is(m, "state", inverted=False)), 0)
    possible = protocols(matches)
    for match in matches:
        if _is(match, "state", inverted=True):
            if states and not states & ~cast("int", match.value):
                yield match, "not state: takes away every state that the rule asks for"
        elif _is(match, "proto", inverted=True):
            negated = frozenset(cast("tuple[int, ...]", match.value))
            if possible is not None and possible <= negated:
                yield match, f"not proto: takes away {listed(possible)}, and nothing is left"


def _is(match: Match, key: str, *, inverted: bool) -> bool:
    return match.key == key and match.inverted is inverted


def _check_protocols(matches: tuple[Match, ...]) -> Iterator[Finding]:
    """Ports, ICMP types and TCP flags against proto and against each other."""
    stated: frozenset[int] | None = None
    for match in matches:
        if match.key == "proto" and not match.inverted:
            stated = frozenset(cast("tuple[int, ...]", match.value))
    implied: Match | None = None
    for match in matches:
        if match.key in IMPLIED:
            number = IMPLIED[match.key]
            if stated is not None and stated != {number}:
                others = listed(stated - {number})
                yield (
                    match,
                    f"{match.key} matches only {PROTOCOL_NAMES[number]}, but proto allows {others}",
                )
            elif implied is not None and IMPLIED[implied.key] != number:
                yield match, f"{match.key} and {implied.key} can never both match: make two rules"
            implied = match
    possible = frozenset((IMPLIED[implied.key],)) if implied and stated is None else stated
    for match in matches:
        if match.kind in ("sport", "dport") and possible is not None and possible - PORT_PROTOCOLS:
            without = listed(possible - PORT_PROTOCOLS)
            yield match, f"{match.key} needs a protocol with ports, {without} has none"
        elif match.kind in PAYLOAD_KINDS and possible is not None and not possible & WITH_PAYLOAD:
            others = listed(possible)
            yield match, f"{match.key} is for tcp, udp and udplite: of {others} it never matches"


def listed(numbers: frozenset[int]) -> str:
    """Protocols by name."""
    names = [PROTOCOL_NAMES.get(number, str(number)) for number in sorted(numbers)]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _check_families(matches: tuple[Match, ...]) -> Iterator[Finding]:
    """Conditions that together leave neither IPv4 nor IPv6."""
    possible = frozenset((4, 6))
    because = ""
    for match in matches:
        only = _families_of(match)
        if not possible & only:
            names = " and ".join(_FAMILY_NAMES[number] for number in sorted(only))
            yield match, f"{match.key} matches {names} only and {because}: the rule can never match"
            return
        if possible & only != possible:
            (left,) = possible & only
            because = f"{match.key} {_FAMILY_NAMES[left]} only"
            possible &= only


def _families_of(match: Match) -> frozenset[int]:
    if match.kind == "icmp":  # negated too: it matches only its own protocol
        return frozenset((4,) if match.key == "icmp" else (6,))
    if match.kind == "ipv6_header":  # likewise
        return frozenset((6,))
    if match.kind == "family":
        number = cast("int", match.value)
        return frozenset((4, 6)) - {number} if match.inverted else frozenset((number,))
    if match.inverted:
        return frozenset((4, 6))
    if match.kind in ("src", "dst"):
        return families(cast("tuple[AddressRange, ...]", match.value))
    if match.kind == "proto" and match.value == (ICMP,):
        return frozenset((4,))
    if match.kind == "proto" and match.value == (ICMPV6,):
        return frozenset((6,))
    return frozenset((4, 6))
