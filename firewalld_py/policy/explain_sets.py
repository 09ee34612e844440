"""Sets in explanations: what a packet has where one is asked, and what they held before it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from firewalld_py.packet.packet import Packet
from firewalld_py.policy.set_elements import element_text
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_sets import OF_KINDS, OF_NAMES, SetMatch
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.set_elements import PORT
from firewalld_py.rules.sets import Set

_LACKING: Final = {
    "source_mac": "the packet has no Ethernet source",
    "in": "the packet came by none",
    "out": "the packet leaves by none",
}

# The elements of a set that were added, with their deadlines.
_Added = dict[tuple[bytes, bytes], float]


def set_fact(match: Match, packet: Packet) -> str:
    """Why a condition on a set is not met: `203.0.113.9 is not in set blocked`; "" for others."""
    if not isinstance(match, SetMatch):
        return ""
    the_set = match.the_set
    packed = match.parts.pack(packet)
    if not packed:
        return _lacks(match.parts.of, packet)
    text = element_text(the_set.words, packed, the_set.exact(packed))
    return f"{text or 'none'} is {'in' if match.inverted else 'not in'} set {the_set.name}"


def _lacks(of: bytes, packet: Packet) -> str:
    if not packet.src:
        return "the packet has no IP header"
    if any(OF_KINDS[what] == PORT for what in of) and not packet.has_ports:
        return "the packet is too short for ports, or a fragment behind the first"
    return next((_LACKING[OF_NAMES[what]] for what in of if OF_NAMES[what] in _LACKING), "")


class SetsBefore:
    """What was added to the sets of a rule set before a packet came."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._sets = list(ruleset.sets.values()) if _changes_sets(ruleset) else []
        self._added = [_added(one) for one in self._sets]

    def restore(self) -> None:
        """Let them hold just that again."""
        for one, before in zip(self._sets, self._added, strict=True):
            _restore(one, before, _added(one))


def _changes_sets(ruleset: Ruleset) -> bool:
    return bool(ruleset.sets) and any(
        rule.targets for chain in ruleset.chains() for rule in chain.rules
    )


def _added(one: Set) -> _Added:
    slots = one.dynamic.slots
    return {(entry.packed, entry.lengths): entry.deadline for entry in slots if entry is not None}


def _restore(
    one: Set, before: Mapping[tuple[bytes, bytes], float], now: Iterable[tuple[bytes, bytes]]
) -> None:
    for packed, lengths in now:
        entry = one.dynamic.get(packed, lengths)
        if entry is not None and (packed, lengths) not in before:
            one.dynamic.remove(entry)
    for (packed, lengths), deadline in before.items():
        entry = one.dynamic.get(packed, lengths)
        if entry is None:
            one.dynamic.put(packed, lengths, deadline)
        else:
            one.dynamic.stay(entry, deadline)
