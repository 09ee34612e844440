"""Conditions that count packets, one Key for each."""

from __future__ import annotations

import re
from typing import Final, cast

from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.keys import Key, Reading, Reported, Table, one
from firewalld_py.policy.lists import plain_list
from firewalld_py.policy.nodes import Mapping, Node
from firewalld_py.policy.shapes import Keys, Text, reads, shape_of
from firewalld_py.policy.values import RATE, named, rate, truth, unexpected, whole_number

BURST: Final = 5  # as iptables' --limit-burst and --hashlimit-burst
MAX_BURST: Final = 1_000_000
ENTRIES: Final = 65536
MAX_ENTRIES: Final = 1_000_000
MAX_QUOTA: Final = 10**12 - 1
MAX_EVERY: Final = 1_000_000

LIMIT: Final = "a rate (10/second), or {rate, burst, per, mask, mask6, over, max}"
PER: Final = "src, dst, sport, dport"
PROBABILITY: Final = "a share of all packets (0.25, 25%)"

# Bits as in rules.matches_rate.
_PER: Final = plain_list(named({"src": 1, "dst": 2, "sport": 4, "dport": 8}, f"one of {PER}"), PER)
_SHARE: Final = re.compile(r"(0|[1-9][0-9]{0,2}|0?(?=\.))(\.[0-9]{1,9})?(%?)")


@reads(shape_of(_PER))
def _per(node: Node, reading: Reading) -> object:
    bits = 0
    for bit in cast("tuple[int, ...]", _PER(node, reading)):
        bits |= bit
    return bits


_LIMIT: Final = Table(
    "a limit",
    (
        Key("rate", one(rate, RATE), RATE, "so many on average", required=f"name {RATE}"),
        Key(
            "burst",
            one(whole_number(1, MAX_BURST), "a number"),
            f"a number from 1 to {MAX_BURST}",
            "so many at once, after a pause",
            default=BURST,
        ),
        Key("per", _per, f"one or a list of {PER}", "a limit of its own for each of these"),
        Key(
            "mask",
            one(whole_number(0, 32), "a prefix length"),
            "a number from 0 to 32",
            "of IPv4 addresses so many bits count: one limit for a network",
            default=32,
        ),
        Key(
            "mask6",
            one(whole_number(0, 128), "a prefix length"),
            "a number from 0 to 128",
            "of IPv6 addresses so many bits count",
            default=128,
        ),
        Key(
            "over",
            one(truth, "true or false"),
            "true or false",
            "whether it is met by what is above the rate; under not: by what is within it again",
            default=False,
            also=("above",),
        ),
        Key(
            "max",
            one(whole_number(1, MAX_ENTRIES), "a number"),
            f"a number from 1 to {MAX_ENTRIES}",
            "how many addresses, networks, ports are remembered at once; beyond it, new ones "
            "count as above the rate",
            default=ENTRIES,
            also=("htable_max",),
        ),
    ),
)


@reads(shape_of(rate), Keys(_LIMIT))
def _limit(node: Node, reading: Reading) -> object:
    """(rate, burst, per, mask, mask6, over, max)."""
    if not isinstance(node, Mapping):
        return cast("float", one(rate, LIMIT)(node, reading)), BURST, 0, 32, 128, False, ENTRIES
    read = _LIMIT.read(node, reading)
    if len(read) < len(node.entries) or "rate" not in read:
        raise Reported
    for name in ("mask", "mask6", "max"):
        if name in read and "per" not in read:
            raise Fault(f"{name} says nothing without per: add per: src, or leave {name} out")
    values = {key.name: read.get(key.name, key.default) for key in _LIMIT}
    values["per"] = values["per"] or 0
    return tuple(values.values())


@reads(Text(f"^(?:{_SHARE.pattern})$", plain=True))
def _probability(node: Node, reading: Reading) -> object:
    """(share of 2^32, seed); the seed is the condition's place, so that no two go together."""
    threshold = cast("int", one(share, PROBABILITY)(node, reading))
    return threshold, (node.line << 10 ^ node.column) & 0xFFFFFFFF


def share(text: str) -> int:
    """A share as so many of 2^32; one that is never met is refused."""
    match = _SHARE.fullmatch(text)
    if match is None:
        raise unexpected(PROBABILITY, text)
    number = float(f"{match[1] or 0}{match[2] or ''}") / (100 if match[3] else 1)
    if not 0 < number <= 1:
        raise Fault(f"expected a share above 0 and up to 1 or 100%, found {quoted(text)}")
    return max(round(number * (1 << 32)), 1)


RATE_KEYS: Final = (
    Key(
        "limit",
        _limit,
        LIMIT,
        "as many packets as the rate allows, of those that meet the rule's other conditions; "
        "negated, those above it. Each worker counts by itself, and a reload begins anew",
        also=("hashlimit", "rate", "rate_limit"),
        example="{flags: syn, dport: 22, limit: {rate: 6/minute, per: src}, action: accept}",
    ),
    Key(
        "quota",
        one(whole_number(1, MAX_QUOTA), "octets"),
        "a number of octets",
        "until packets of so many octets in all have met the rule; negated, from then on. A reload "
        "begins anew",
        example="{src: 10.1.0.9, quota: 1000000000, action: accept}",
    ),
    Key(
        "every",
        one(whole_number(2, MAX_EVERY), "a number"),
        f"a number from 2 to {MAX_EVERY}",
        "the first of every so many packets that meet the rule's other conditions",
        also=("nth", "statistic"),
        example="{every: 100, action: log}",
    ),
    Key(
        "probability",
        _probability,
        PROBABILITY,
        "a share of the packets, by chance, but the same ones each time a capture is judged",
        also=("random", "share"),
        example="{probability: 1%, action: log}",
    ),
)
# In the order in which they are asked, behind all else: what one refuses the next does not count.
RATE_KINDS: Final = ("every", "probability", "limit", "quota")
