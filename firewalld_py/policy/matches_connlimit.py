"""The condition that counts connections, and its Key."""

from __future__ import annotations

import hashlib
from typing import Final, cast

from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.keys import Key, Reading, Reported, Table, one
from firewalld_py.policy.model import Rule
from firewalld_py.policy.nodes import Mapping, Node, Scalar
from firewalld_py.policy.shapes import Keys, reads
from firewalld_py.policy.values import NUMBER, named, whole_number

MAX_CONNECTIONS: Final = 2**32 - 1
CONNECTIONS: Final = "{over: NUMBER} or {up_to: NUMBER}, with per, mask, mask6"
SIDE: Final = "src or dst"

_NUMBER: Final = one(whole_number(1, MAX_CONNECTIONS), "a number")
_NUMBER_FORM: Final = f"a number from 1 to {MAX_CONNECTIONS}"


def mask_keys(what: str) -> tuple[Key, ...]:
    """How many bits of an address count; `what` that means for networks."""
    return (
        Key(
            "mask",
            one(whole_number(0, 32), "a prefix length"),
            "a number from 0 to 32",
            f"of IPv4 addresses so many bits count: {what}",
            default=32,
        ),
        Key(
            "mask6",
            one(whole_number(0, 128), "a prefix length"),
            "a number from 0 to 128",
            "of IPv6 addresses so many bits count",
            default=128,
        ),
    )


_CONNECTIONS: Final = Table(
    "connections",
    (
        Key("over", _NUMBER, _NUMBER_FORM, "met by more than so many", also=("above",)),
        Key(
            "up_to",
            _NUMBER,
            _NUMBER_FORM,
            "met by so many at most",
            also=("upto", "limit", "max", "below"),
        ),
        Key(
            "per",
            one(named({"src": 0, "dst": 1}, SIDE), SIDE),
            SIDE,
            "the address whose connections are counted: the packet's source or destination",
            default="src",
            also=("of", "saddr", "daddr"),
        ),
        *mask_keys("one count for a network"),
    ),
)


@reads(Keys(_CONNECTIONS, one_of=("over", "up_to")))
def _connections(node: Node, reading: Reading) -> object:
    """(over, limit, whether of the destination, mask, mask6)."""
    if isinstance(node, Scalar) and NUMBER.fullmatch(node.text):
        raise Fault(f"expected {CONNECTIONS}, found {quoted(node.text)}", f"{{over: {node.text}}}")
    read = cast("dict[str, int]", _CONNECTIONS.read(node, reading))
    assert isinstance(node, Mapping)
    if len(read) < len(node.entries):
        raise Reported
    if ("over" in read) == ("up_to" in read):
        raise Fault(f"expected one of over and up_to: {CONNECTIONS}")
    over = "over" in read
    return (
        over,
        read["over" if over else "up_to"],
        read.get("per", 0) == 1,
        read.get("mask", 32),
        read.get("mask6", 128),
    )


CONNLIMIT_KEYS: Final = (
    Key(
        "connections",
        _connections,
        CONNECTIONS,
        "how many connections an address has, this one included: those of which a packet met the "
        "rule's other conditions, until they are closed or gone. Each worker counts by itself; a "
        "reload goes on where a rule's conditions stay as they are; not in raw",
        also=("connlimit", "connlimit_above", "ct_count", "conn_limit"),
        example="{flags: syn, dport: 22, connections: {over: 3}, action: reject}",
    ),
)


def count_name(rule: Rule) -> str:
    """By what a count is found again after a reload: the chain and the conditions of its rule."""
    chain = rule.place.rpartition("/")[0]
    conditions = sorted((match.key, match.inverted, repr(match.value)) for match in rule.matches)
    return hashlib.sha256(repr((chain, conditions)).encode()).hexdigest()[:32]
