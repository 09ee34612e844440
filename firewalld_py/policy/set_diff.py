"""How the sets of two plans differ, and packets that some of their elements mean."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from firewalld_py.policy.compile import Plan
from firewalld_py.policy.ranges import Ranges, ranges_of, without
from firewalld_py.policy.region import (
    PROTO,
    Region,
)
from firewalld_py.policy.set_elements import element_text, parts_of
from firewalld_py.policy.witness_sets import FIELDS, network_ranges
from firewalld_py.rules.set_elements import (
    ADDRESS,
    ANY_PROTOCOL,
    EXACT_PORT,
    PORT,
    kinds_of,
)

SHOWN: Final = 8  # elements; of more the number is told
TRIED: Final = 6  # elements of one set of which packets are made
MAX_TAKEN_OUT: Final = 2000  # elements that are left out of what only the other set has
MAX_TAKEN_OUT_OF_RULES: Final = 8  # of a set that an earlier rule asks

# The octets of an element, and how many bits of each of its parts count.
Element = tuple[bytes, bytes]


def elements_of(data: Plan) -> Iterator[Element]:
    """The elements that a plan has for a set."""
    parts = len(data["type"])
    for size, records in data["elements"]:
        octets = bytes.fromhex(records)
        for at in range(0, len(octets), size + parts):
            yield octets[at : at + size], octets[at + size : at + size + parts]


def sets_of(plan: Plan) -> dict[str, Any]:
    """The sets of a plan by name."""
    return dict(plan.get("sets", {}))


def set_details(old: Plan, new: Plan) -> list[str]:
    """What differs between two sets of a name, in words; nothing if they are the same."""
    details: list[str] = []
    if old["type"] != new["type"]:
        details.append(f"type {', '.join(old['type'])} -> {', '.join(new['type'])}")
    else:
        come, gone = _only(new, old), _only(old, new)
        for word, elements in (("added", come), ("removed", gone)):
            if elements:
                details.append(f"{word}: {_listed(new['type'], elements)}")
    details += [
        f"{name} {old[name]} -> {new[name]}"
        for name in old
        if name not in ("type", "elements") and old[name] != new.get(name)
    ]
    return details


def _only(one: Plan, other: Plan) -> list[Element]:
    """The elements of one that the other has not."""
    there = set(elements_of(other))
    return [element for element in elements_of(one) if element not in there]


def _listed(words: list[str], elements: list[Element]) -> str:
    shown = [element_text(words, *element) for element in elements[:SHOWN]]
    more = len(elements) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def summary(data: Plan) -> str:
    """`address, 3 elements: 192.0.2.1, …`."""
    elements = list(elements_of(data))
    count = f"{len(elements)} element{'' if len(elements) == 1 else 's'}"
    shown = f": {_listed(data['type'], elements)}" if elements else ""
    return f"{', '.join(data['type'])}, {count}{shown}"


class Elements:
    """For rules that ask sets: regions in which a packet is one of the elements.

    Those that the other plan has not come first.
    """

    def __init__(self, plan: Plan, other: Plan) -> None:
        self._sets = sets_of(plan)
        self.changed: set[str] = set()
        self._only_here: dict[str, Ranges] = {}  # addresses, of sets that have nothing else
        self._tried: dict[str, list[Element]] = {}
        others = sets_of(other)
        for name, data in self._sets.items():
            fresh: list[Element] = []
            if name in others and others[name]["type"] == data["type"]:
                fresh = _only(data, others[name])
                if fresh or _only(others[name], data):
                    self.changed.add(name)
                if fresh and kinds_of(list(data["type"])) == bytes((ADDRESS,)):
                    there = list(islice(elements_of(others[name]), MAX_TAKEN_OUT))
                    only = without(_all_addresses(fresh[:MAX_TAKEN_OUT]), _all_addresses(there))
                    if only and len(there) < MAX_TAKEN_OUT:
                        self._only_here[name] = only
            elif name in others:
                self.changed.add(name)
            some = islice(elements_of(data), TRIED)
            self._tried[name] = [*fresh[:TRIED], *some]

    def regions(self, region: Region) -> Iterator[Region]:
        """The region itself, and narrower ones: in each a packet is an element of a set asked."""
        for kind, inverted, value in region.others:
            if kind != "set" or inverted or not isinstance(value, tuple):
                continue
            name, *of = (str(word) for word in value)
            if name in self._only_here and of and of[0] in FIELDS:
                only = region.with_field(FIELDS[of[0]], self._only_here[name])
                if only.fields is not None:
                    yield only
            for packed, lengths in self._tried.get(name, ()):
                piece = self._with(region, name, of, packed, lengths)
                if piece.fields is not None:
                    yield piece
        yield region

    def decided(self, region: Region) -> list[Region]:
        """What surely is in a region, as regions without conditions on sets; some of it."""
        asked = [value for kind, inverted, value in region.others
                 if kind == "set" and not inverted and isinstance(value, tuple)]  # fmt: skip
        if not region.others:
            return [region]
        if len(asked) != 1 or len(region.others) != 1:
            return []
        name, *of = (str(word) for word in asked[0])
        if any(word not in FIELDS or word in ("in", "out") for word in of):
            return []
        bare = Region(region.fields)
        some = islice(elements_of(self._sets[name]), MAX_TAKEN_OUT_OF_RULES)
        return [self._with(bare, name, of, packed, lengths) for packed, lengths in some]

    def _with(
        self, region: Region, name: str, of: list[str], packed: bytes, lengths: bytes
    ) -> Region:
        kinds = kinds_of(list(self._sets[name]["type"]))
        for word, (kind, part, length) in zip(of, parts_of(kinds, packed, lengths), strict=False):
            if word not in FIELDS:
                continue
            if kind == ADDRESS:
                region = region.with_field(FIELDS[word], network_ranges(part, length))
            elif kind == PORT:
                low = part[0] << 8 | part[1]
                bits = EXACT_PORT - (length & (ANY_PROTOCOL - 1))
                region = region.with_field(FIELDS[word], ((low, low + (1 << bits) - 1),))
                if length < ANY_PROTOCOL:
                    region = region.with_field(PROTO, ((part[3], part[3]),))
        return region


def _all_addresses(elements: list[Element]) -> Ranges:
    return ranges_of(
        pair for packed, lengths in elements for pair in network_ranges(packed, lengths[0])
    )
