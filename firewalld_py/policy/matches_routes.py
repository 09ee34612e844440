"""Conditions on where the kernel's routes lead, one Key for each."""

from __future__ import annotations

from typing import Any, Final, cast

from firewalld_py.policy.keys import Key, Reading, Reported, Table, one
from firewalld_py.policy.lists import plain_list
from firewalld_py.policy.nodes import Mapping, Node
from firewalld_py.policy.shapes import Keys, reads, shape_of
from firewalld_py.policy.values import named, truth
from firewalld_py.rules.matches_routes import (
    ANYCAST,
    BLACKHOLE,
    BROADCAST,
    LOCAL,
    MULTICAST,
    PROHIBIT,
    UNICAST,
    UNREACHABLE,
    UNSPEC,
)

ADDRESS_TYPES: Final = {
    "local": LOCAL,
    "unicast": UNICAST,
    "broadcast": BROADCAST,
    "multicast": MULTICAST,
    "anycast": ANYCAST,
    "unspec": UNSPEC,
    "blackhole": BLACKHOLE,
    "unreachable": UNREACHABLE,
    "prohibit": PROHIBIT,
}
TYPE: Final = f"a type of address ({', '.join(ADDRESS_TYPES)})"
MODE: Final = "strict or loose"
REVERSE_PATH: Final = "strict, loose, or {mode, accept_local}"

_TYPES: Final = plain_list(named(ADDRESS_TYPES, TYPE, any_case=True), TYPE)
_MODE: Final = one(named({"strict": 0, "loose": 1}, MODE), MODE)


@reads(shape_of(_TYPES))
def _types(node: Node, reading: Reading) -> int:
    bits = 0
    for bit in cast("tuple[int, ...]", _TYPES(node, reading)):
        bits |= bit
    return bits


_REVERSE_PATH: Final = Table(
    "a reverse path",
    (
        Key(
            "mode",
            _MODE,
            MODE,
            "strict: the answer goes by the interface that the packet came by; loose: by any",
            default="strict",
            also=("loose", "strict"),
        ),
        Key(
            "accept_local",
            one(truth, "true or false"),
            "true or false",
            "whether a source that is an address of this machine may pass",
            default=False,
        ),
    ),
)


@reads(shape_of(_MODE), Keys(_REVERSE_PATH))
def _reverse_path(node: Node, reading: Reading) -> object:
    """(whether it is loose, whether it accepts local)."""
    if not isinstance(node, Mapping):
        return cast("int", _MODE(node, reading)), 0
    read: dict[str, Any] = _REVERSE_PATH.read(node, reading)
    if len(read) < len(node.entries):
        raise Reported
    return int(read.get("mode", 0)), int(read.get("accept_local", False))


_KNOWN: Final = (
    "The kernel's tables local, main and default are asked, and no other policy rules. "
    "In tests of rules no routes are known, in captures those of --route: without any, it cannot "
    "be asked"
)
ROUTE_KEYS: Final = (
    Key(
        "src_type",
        _types,
        f"one or a list of: {TYPE}",
        f"what the source address is by this machine's routes. {_KNOWN}",
        also=("addrtype", "src_addrtype", "saddr_type", "fib"),
        example="{src_type: [broadcast, multicast], action: drop}",
    ),
    Key(
        "dst_type",
        _types,
        f"one or a list of: {TYPE}",
        "what the destination address is by this machine's routes: local are its own, of IPv6 they "
        "are unicast, too. As src_type",
        also=("dst_addrtype", "daddr_type"),
        example="{dst_type: local, proto: tcp, dport: 22, action: accept}",
    ),
    Key(
        "reverse_path",
        _reverse_path,
        REVERSE_PATH,
        "whether the packet came by the way on which an answer to its source goes; negated, it "
        "finds forged sources. Of several next hops any will do. Not in output. As src_type",
        also=("rpfilter", "rp_filter", "urpf", "uRPF"),
        example="{in: wan0, not: {reverse_path: strict}, action: drop}",
    ),
)
ROUTE_KINDS: Final = ("src_type", "dst_type", "reverse_path")


def asks_for_routes(rules: list[tuple[str, dict[str, Any]]]) -> bool:
    """Whether some rule of a plan (rules.build.plan_rules) asks where addresses lead."""
    return any(match[0] in ROUTE_KINDS for _chain, rule in rules for match in rule["match"])
