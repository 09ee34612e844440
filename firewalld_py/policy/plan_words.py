"""A plan in words: what the rules in force say where the file that they were made from is no more.

The words are those of the rule file as far as a plan still has them: names of defines are gone, for
instance, and lists are merged.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Callable
from typing import Any, Final

from firewalld_py.conntrack.connection import DIRECTION_NAMES
from firewalld_py.policy.addresses import BITS, AddressRange
from firewalld_py.policy.checks import PROTOCOL_NAMES
from firewalld_py.policy.compile import FILTER_CHAINS, RAW_CHAINS, Plan
from firewalld_py.policy.connection_text import STATUSES
from firewalld_py.policy.matches_connection import ADDRESS_KINDS
from firewalld_py.policy.model import Action, Chain, Log, Mark, Match, Policy, Rule, Target
from firewalld_py.policy.names import ICMP_TYPES, STATES, TCP_FLAGS
from firewalld_py.policy.set_uses import SET_KIND

SHOWN: Final = 6  # parts of a list; of more the number is told
PAIR: Final = 2


def plan_digest(plan: Plan) -> str:
    """The same for plans that are the same, wherever they were made."""
    text = json.dumps(plan, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class PlanConditions:
    """Conditions of a plan as policy_of_plan() has them."""

    def text(self, file: str, match: Match) -> str:
        """`dport 80, 443`, `not src 10.1.0.0/24`."""
        shown = _listed(self.items(file, match))
        return f"{'not ' if match.inverted else ''}{match.key} {shown}"

    def items(self, file: str, match: Match) -> list[str]:  # noqa: ARG002
        """The parts of its value."""
        return condition_words(match.kind, match.value)


def policy_of_plan(plan: Plan, file: str) -> Policy:
    """The rules of a plan, to be shown with PlanConditions; `file` is where they came from.

    Conditions are as they were before they were compiled; of targets, timeouts and limits of logs
    that is not always so: what judges is to be built from the plan.
    """
    patterns = [str(pattern) for pattern in plan["interfaces"]]
    chains = [
        _chain("raw", name, "accept", plan["raw"][name], file, patterns) for name in RAW_CHAINS
    ]
    for name in FILTER_CHAINS:
        entry = plan["filter"][name]
        chains.append(_chain("filter", name, entry["policy"], entry["rules"], file, patterns))
    for place, rules in plan.get("chains", {}).items():
        table, _slash, name = place.partition("/")
        chains.append(_chain(table, name, "accept", rules, file, patterns, user=True))
    return Policy(file, 1, tuple(chains))


def _chain(
    table: str,
    name: str,
    policy: str,
    rules: list[Any],
    file: str,
    patterns: list[str],
    *,
    user: bool = False,
) -> Chain:
    read = [
        _rule(f"{table}/{name}/{number}", entry, patterns) for number, entry in enumerate(rules, 1)
    ]
    return Chain(table, name, file, 0, 0, policy, tuple(read), user)


def _rule(place: str, entry: Any, patterns: list[str]) -> Rule:
    matches = tuple(
        Match(kind, kind, bool(inverted), _value(kind, value, patterns), 0, 0)
        for kind, inverted, value in entry["match"]
    )
    log = entry["log"]
    reject = entry["reject"]
    template = entry["template"] or {"zone": None, "helper": "", "timeouts": None}
    action = Action(
        entry["verdict"],
        None if log is None else Log(log["prefix"], log["level"], log["rate"], log["burst"]),
        tuple(_target(kind, value) for kind, value in entry["targets"]),
        template["helper"] or None,
        None if reject is None else reject["with"],
        template["zone"],
        template["timeouts"],
        entry.get("chain"),
    )
    return Rule(entry["name"], place, entry["file"], entry["line"], 0, matches, action)


def _target(kind: str, value: Any) -> Target:
    if kind in ("mark", "connmark"):
        return Target(kind, Mark(int(value[0]), int(value[1])))
    return Target(kind, _tuples(value))


def _value(kind: str, value: Any, patterns: list[str]) -> Any:
    """A condition's value before it was compiled."""
    if kind in ("in", "out"):
        return tuple(name for bit, name in enumerate(patterns) if int(value) >> bit & 1)
    if kind in ("src", "dst", *ADDRESS_KINDS):
        sizes = {8: 4, 32: 6}  # digits of an address
        return tuple(
            AddressRange(sizes[len(low)], int(low, 16), int(high, 16)) for low, high in value
        )
    if kind == SET_KIND:
        name, of = value
        return (name, *of)
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value


def condition_words(kind: str, value: Any) -> list[str]:
    """The parts of a condition's value; what nobody knows the words of is shown as it is."""
    say = _SAY.get(kind)
    try:
        if say is not None:
            return say(value)
        if isinstance(value, tuple) and value and all(_is_range(entry) for entry in value):
            return [_range(*entry) for entry in value]
        if isinstance(value, tuple):
            return [str(entry) for entry in value]
    except (TypeError, ValueError, KeyError):
        pass
    return [str(value)]


def _is_range(entry: Any) -> bool:
    return (
        isinstance(entry, tuple)
        and len(entry) == PAIR
        and all(isinstance(bound, int) for bound in entry)
    )


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _listed(parts: list[str]) -> str:
    shown = ", ".join(parts[:SHOWN])
    return shown if len(parts) <= SHOWN else f"{shown} and {len(parts) - SHOWN} more"


def _addresses(value: Any) -> list[str]:
    return [_address_range(*entry) for entry in value]


def _address_range(family: int, low: int, high: int) -> str:
    size = BITS[family] // 8
    first, last = (ipaddress.ip_address(one.to_bytes(size, "big")) for one in (low, high))
    networks = list(ipaddress.summarize_address_range(first, last))
    if low == high:
        return str(first)
    return str(networks[0]) if len(networks) == 1 else f"{first}-{last}"


def _protocols(value: Any) -> list[str]:
    return [PROTOCOL_NAMES.get(number, str(number)) for number in value]


def _bits(names: dict[str, int]) -> Callable[[Any], list[str]]:
    def say(value: Any) -> list[str]:
        return [name for name, bit in names.items() if int(value) & bit]

    return say


def _family(value: Any) -> list[str]:
    return [f"ipv{value}"]


def _direction(value: Any) -> list[str]:
    return [DIRECTION_NAMES[int(value)]]


def _set(value: Any) -> list[str]:
    name, *of = value
    return [f"${name} by {', '.join(of)}"]


def _masked(value: Any) -> list[str]:
    return [f"{number:#x}/{mask:#x}" for number, mask in value]


def _flags(value: Any) -> list[str]:
    def names(bits: int) -> str:
        found = [name for name, bit in TCP_FLAGS.items() if bit & bits and name != "all"]
        return "+".join(found) or "none"

    return [f"{names(mask)}/{names(flags)}" for mask, flags in value]


def _icmp(value: Any) -> list[str]:
    words = []
    for protocol, number, low, high in value:
        names = [name for name, one in ICMP_TYPES[protocol].items() if one == number]
        code = "" if (low, high) == (0, 255) else f"/{_range(low, high)}"
        words.append(f"{names[0] if names else number}{code}")
    return words


_SAY: Final[dict[str, Callable[[Any], list[str]]]] = {
    "state": _bits(STATES),
    "direction": _direction,
    SET_KIND: _set,
    "status": _bits({name: bit for bit, name in STATUSES}),
    "family": _family,
    "src": _addresses,
    "dst": _addresses,
    **dict.fromkeys(ADDRESS_KINDS, _addresses),
    "proto": _protocols,
    "connection_proto": _protocols,
    "mark": _masked,
    "connmark": _masked,
    "tos": _masked,
    "tcp_flags": _flags,
    "icmp": _icmp,
}
