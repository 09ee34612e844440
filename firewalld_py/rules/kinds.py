"""Kinds of packet: its state, protocol, family and interfaces, and the rules that each may meet."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.fields import CROWD, Found
from firewalld_py.rules.matches import (
    FamilyMatch,
    InterfaceMatch,
    Interfaces,
    Match,
    ProtocolMatch,
    StateMatch,
)
from firewalld_py.rules.prefixes import rules_of

KINDS_REMEMBERED: Final = 1024  # then all are forgotten; each has a set of all the rules


class Asked:
    """A condition on the kind of packet, however many rules have it; `homes` of them live here."""

    __slots__ = ("bits", "homes", "match")

    def __init__(self, match: Match) -> None:
        self.match = match
        self.bits = 0
        self.homes = 0


class Kinds:
    """Kinds of packet: state, protocol, family and interfaces, which few values have.

    What a kind meets is found out once, by asking the conditions themselves, inverted or not, and
    then remembered, until the interfaces of this machine change.
    """

    __slots__ = ("asked", "by_condition", "homed", "interfaces", "masks", "of_kind")

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.by_condition: dict[tuple[int, bool, object], Asked] = {}
        self.homed = 0
        self.interfaces: Interfaces | None = None
        self.masks: dict[int, int] = {}
        self.of_kind: dict[int, Found] = {}

    def ask(self, match: Match, rule_bit: int) -> Asked | None:
        """Note that a rule has this condition; None if it is none on the kind of packet."""
        if isinstance(match, StateMatch):
            condition: tuple[int, bool, object] = (0, match.inverted, match.states)
        elif isinstance(match, ProtocolMatch):
            condition = (1, match.inverted, match.wanted)
        elif isinstance(match, FamilyMatch):
            condition = (2, match.inverted, match.version)
        elif isinstance(match, InterfaceMatch):
            condition = (4 if match.outgoing else 3, match.inverted, match.patterns)
            self.interfaces = match.interfaces
        else:
            return None
        asked = self.by_condition.get(condition)
        if asked is None:
            asked = Asked(match)
            self.by_condition[condition] = asked
            self.asked.append(asked)
        asked.bits |= rule_bit
        return asked

    def find(self, packet: Packet, info: CtInfo, every: int) -> Found:
        """The rules for this kind of packet, of all the rules in the set `every`."""
        interfaces = self.interfaces
        kind = info.state | (packet.version >> 1) << 5 | (packet.protocol + 1) << 7
        if interfaces is not None:
            if interfaces.masks is not self.masks:
                self.masks = interfaces.masks
                self.of_kind.clear()
            meta = packet.meta
            kind |= (meta.in_index + 1) << 16 | (meta.out_index + 1) << 48
        found = self.of_kind.get(kind)
        if found is None:
            found = self._ask_all(packet, info, every)
            if len(self.of_kind) >= KINDS_REMEMBERED:
                self.of_kind.clear()
            self.of_kind[kind] = found
        return found

    def _ask_all(self, packet: Packet, info: CtInfo, every: int) -> Found:
        bits = every
        for asked in self.asked:
            if not asked.match.matches(packet, info, 0):
                bits ^= bits & asked.bits
        homed = rules_of(bits & self.homed)
        if len(homed) > CROWD:
            return Found([], True, bits)
        return Found(homed, False, bits)
