"""Candidates for what some policies mention: every rule met, and missed by a hair.

For each rule there are packets that meet its own conditions, and packets that differ from these in
one field: at the edges of what the rule asks for, just outside, in another state, of another
protocol, by another interface. Always the same ones in the same order, and so many at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from firewalld_py.policy.entries import RAW_OF, Places, patterns_of
from firewalld_py.policy.model import Policy, Rule
from firewalld_py.policy.ranges import Ranges
from firewalld_py.policy.region import (
    DPORT,
    DST,
    EVERYWHERE,
    FLAGS,
    FULL,
    ICMP_TYPE,
    IN,
    LENGTH,
    NONE,
    OUT,
    PROTO,
    SPORT,
    SRC,
    STATE,
    TOS,
    TTL,
    Interfaces,
    Region,
)
from firewalld_py.policy.witness import Candidate, candidates_in

MAX_CANDIDATES: Final = 50_000
MAX_EDGES: Final = 4  # ranges of one condition whose edges are tried
_WITH_EDGES: Final = (SRC, DST, DPORT, SPORT, PROTO, ICMP_TYPE, FLAGS, LENGTH, TTL, TOS)
_PROTOCOLS: Final = (6, 17, 1, 58, 132, 47)


def interfaces_of(policies: Iterable[Policy]) -> Interfaces:
    """The interfaces that the rules of these policies can tell apart."""
    return Interfaces(patterns_of(policies))


def candidates(
    policies: Sequence[Policy], interfaces: Interfaces, most: int = MAX_CANDIDATES
) -> Iterator[Candidate]:
    """Candidates for the rules of all these policies; first each rule met, then the variations."""
    seen: set[Candidate] = set()
    return islice(
        (one for one in _all(policies, interfaces) if not (one in seen or seen.add(one))),  # type: ignore[func-returns-value]
        most,
    )


def _all(policies: Sequence[Policy], interfaces: Interfaces) -> Iterator[Candidate]:
    every = [Places(policy, interfaces) for policy in policies]
    for places in every:
        for chain in RAW_OF:
            yield from of_region(places, EVERYWHERE, chain)
    for varied in (False, True):
        for places in every:
            for rule, region, chain in _rules(places):
                if varied:
                    yield from _variations(places, region, chain)
                else:
                    yield from of_region(places, region, chain)
                del rule


def of_rule(places: Places, wanted: Rule) -> Iterator[Candidate]:
    """Candidates that meet a rule's own conditions, and variations of them."""
    found = [(region, chain) for rule, region, chain in _rules(places) if rule is wanted]
    for region, chain in found:
        yield from of_region(places, region, chain)
    for region, chain in found:
        yield from _variations(places, region, chain)


def _rules(places: Places) -> Iterator[tuple[Rule, Region, str]]:
    """Each rule by each way, with what it means there, in each filter chain behind that way."""
    for place, chain, _number, rule in places.rules():
        for entry in places.entries[place]:
            region = entry.region.also(places.region(rule))
            if region.fields is not None:
                for hook in places.hooks(chain, entry):
                    yield rule, region, hook


def of_region(places: Places, region: Region, chain: str) -> Iterator[Candidate]:
    """Candidates in a region, in every state that it has, as a filter chain sees them."""
    if region.fields is None:
        return
    free = tuple(places.untracked(RAW_OF[chain]))
    yield from candidates_in(region, chain, places.interfaces, free)


def _variations(places: Places, region: Region, chain: str) -> Iterator[Candidate]:
    assert region.fields is not None
    for number in _WITH_EDGES:
        for value in _edges(region.fields[number], FULL[number]):
            yield from of_region(places, _replaced(region, number, ((value, value),)), chain)
    for state in range(5):
        yield from of_region(places, _replaced(region, STATE, ((state, state),)), chain)
    for protocol in _PROTOCOLS:
        yield from of_region(places, _replaced(region, PROTO, ((protocol, protocol),)), chain)
    for number in (IN, OUT):
        for index in range(len(places.interfaces.names)):
            yield from of_region(places, _replaced(region, number, ((index, index),)), chain)


def _edges(ranges: Ranges, full: Ranges) -> Iterator[int]:
    """The first and last of some ranges, and their neighbours; none of what is not asked for."""
    if ranges == full or ranges == full[1:]:
        return
    some = ranges if len(ranges) <= MAX_EDGES else (*ranges[: MAX_EDGES - 1], ranges[-1])
    last = full[-1][1]
    for low, high in some:
        for value in (low, high, low - 1, high + 1):
            if NONE < value <= last:
                yield value


def _replaced(region: Region, number: int, ranges: Ranges) -> Region:
    """The same with another value in one field, whatever it was before."""
    assert region.fields is not None
    fields = list(region.fields)
    fields[number] = FULL[number]
    return Region(tuple(fields), region.others).with_field(number, ranges)
