"""Conditions conjoined and negated: every packet meets one side, and one alternative of it."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from firewalld_py.imports.conditions import (
    Bits,
    Conditions,
    Interface,
    NotExpressible,
    Numbers,
    all_others,
    conjoined,
    negated,
    numbers,
)

NAMES: Final = ("eth0", "eth1", "lan0", "")
TOP: Final = 7

# state (0 to 4), proto, interface, mark, connmark (of tracked packets only)
Packet = tuple[int, int, str, int, int]


def packets() -> list[Packet]:
    return [
        (state, proto, name, mark, mark ^ proto & 3)
        for state in range(5)
        for proto in range(TOP + 1)
        for name in NAMES
        for mark in range(4)
    ]


def meets(packet: Packet, conditions: Conditions) -> bool:
    state, proto, name, mark, connmark = packet
    values: dict[str, int] = {"state": state, "proto": proto, "mark": mark, "connmark": connmark}
    for key, part in conditions.items():
        if key == "connmark" and state > 2:
            return False
        if isinstance(part, Interface):
            if part.wanted and not fits(part.wanted, name):
                return False
            if any(fits(pattern, name) for pattern in part.unwanted):
                return False
        elif isinstance(part, Numbers):
            if not any(low <= values[key] <= high for low, high in part.ranges):
                return False
        elif isinstance(part, Bits):
            value, mask = part.wanted
            if values[key] & mask != value:
                return False
            if any(values[key] & bad_mask == bad for bad, bad_mask in part.unwanted):
                return False
    return True


def fits(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def some(rng: Random) -> Conditions:
    """Conditions as rules have them."""
    found: Conditions = {}
    if rng.random() < 0.5:
        found["state"] = numbers([(rng.randrange(5),) * 2, (rng.randrange(5),) * 2], 4)
    if rng.random() < 0.5:
        low = rng.randrange(TOP)
        found["proto"] = numbers([(low, rng.randrange(low, TOP + 1))], TOP)
    if rng.random() < 0.5:
        pattern = rng.choice(("eth0", "eth*", "lan*"))
        found["in"] = rng.choice((Interface(pattern), Interface("", (pattern,))))
    for key in ("mark", "connmark"):
        if rng.random() < 0.4:
            mask = rng.randrange(1, 4)
            pair = (rng.randrange(4) & mask, mask)
            found[key] = rng.choice((Bits(pair), Bits((0, 0), (pair,))))
    return conjoined({}, found) or {}


@pytest.mark.parametrize("seed", range(40))
def test_every_packet_meets_the_conditions_or_one_alternative_of_their_inverse(seed: int) -> None:
    rng = Random(seed)
    first, second = some(rng), some(rng)
    both = conjoined(first, second)
    try:
        neither = all_others([first, second])
    except NotExpressible:
        neither = None
    for packet in packets():
        sides = [meets(packet, one) for one in (first, *negated(first))]
        assert sum(sides) == 1, (packet, first)
        of_both = meets(packet, first) and meets(packet, second)
        assert of_both == (both is not None and meets(packet, both)), (packet, first, second)
        if neither is not None:
            of_neither = not meets(packet, first) and not meets(packet, second)
            assert sum(meets(packet, one) for one in neither) == of_neither


def test_ranges_that_meet_are_one() -> None:
    assert numbers([(5, 6), (1, 2), (3, 4)], 9) == Numbers(((1, 6),), 9)
    assert Numbers(((1, 6),), 9).others() == ((0, 0), (7, 9))
