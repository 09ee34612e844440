"""Which rules of a chain a packet may meet, without asking each of them.

Every rule has one home: the field in which it asks for the rarest thing. A packet's value in a
field leads, by one lookup, to the few rules that are at home there and may be met; all homes
together are the candidates, and only these are asked. What the lookups give is a superset of the
rules that are met: the rule itself has the last word (Rule.is_met), so that its semantics stand in
matches.py alone, and what is not looked up (marks, flags, inverted addresses) needs no care here.
Conditions that count packets stand last in a rule, so that they are asked no less than in a walk.

Where rules crowd, so that a lookup gives more than CROWD of them (a hundred sources times a hundred
destinations), the fields' rules are intersected as bit sets instead: the lowest bit left is the
first rule to ask. With 10 000 rules that is some microseconds.

Rules are added one by one, between two batches of packets, and nothing is left to be computed after
the last. Bit sets per field: Lakshman and Stiliadis, SIGCOMM 1998.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.fields import Field
from firewalld_py.rules.kinds import Asked, Kinds
from firewalld_py.rules.matches import AddressMatch, Match, PortMatch
from firewalld_py.rules.prefixes import Bucket, octets_of

MAX_RANGES: Final = 4096  # of one condition; one with more is not looked up
# What a home costs beside the rules that live there already. Ports cost more than addresses, for
# most packets share a few of them; kinds of packet are fewer still.
PORT_COST: Final = 8
KIND_COST: Final = 24
NO_HOME: Final = 1 << 30


class Classifier:
    """The lookups of one chain. `add` its rules in order; then ask for `candidates`."""

    __slots__ = ("count", "destinations", "dports", "every", "kinds", "sources", "sports")

    def __init__(self) -> None:
        self.count = 0
        self.every = 0
        self.sources = Field(32, 0)
        self.destinations = Field(32, 0)
        self.sports = Field(16, PORT_COST)
        self.dports = Field(16, PORT_COST)
        self.kinds = Kinds()

    def add(self, matches: list[Match]) -> None:
        """Take in the next rule by its conditions."""
        rule = self.count
        bit = 1 << rule
        self.count += 1
        self.every |= bit
        self.forget()
        home: Field | None = None
        home_buckets: list[Bucket] = []
        home_cost = NO_HOME
        kinds: list[Asked] = []
        for match in matches:
            asked = self.kinds.ask(match, bit)
            if asked is not None:
                kinds.append(asked)
                continue
            field = self._field(match)
            if field is None or field.askers & bit:
                continue  # the second of a sort may be left to the rule itself
            buckets = field.buckets_of_ranges(match)
            field.askers |= bit
            for bucket in buckets:
                if not bucket.rules or bucket.rules[-1] != rule:
                    bucket.rules.append(rule)
            cost = _cost(buckets)
            if cost < home_cost:
                home, home_buckets, home_cost = field, buckets, cost
        if kinds and KIND_COST + min([asked.homes for asked in kinds]) < home_cost:
            home = None
        if home is None:
            self.kinds.homed |= bit
            for asked in kinds:
                asked.homes += 1
            return
        home.homes += 1
        for bucket in home_buckets:
            bucket.homed.append(rule)

    def _field(self, match: Match) -> Field | None:
        """Where a condition is looked up, if it is. Hardly a packet fails an inverted one."""
        if match.inverted:
            return None
        if isinstance(match, AddressMatch):
            if len(match.lows_v4) + len(match.lows_v6) > MAX_RANGES:
                return None
            return self.destinations if match.destination else self.sources
        if isinstance(match, PortMatch):
            if len(match.ranges) > MAX_RANGES:
                return None
            return self.dports if match.destination else self.sports
        return None

    def candidates(self, packet: Packet, info: CtInfo) -> list[int] | None:
        """The rules that may be met, in order; None if they crowd: see `crowd`."""
        found = self.kinds.find(packet, info, self.every)
        if found.crowded:
            return None
        of_kind = found.homed
        rules = self._by_addresses(packet, of_kind)
        if rules is not None and packet.has_ports:
            rules = self._by_ports(packet, rules)
        if rules is not None and rules is not of_kind:
            rules.sort()
        return rules

    def _by_addresses(self, packet: Packet, rules: list[int]) -> list[int] | None:
        """`rules` and those at home with the packet's addresses; None if they crowd.

        A longer list is a new one: what is remembered for a kind of packet stays as it is.
        """
        if self.sources.homes:
            found = self.sources.find_address(packet.src)
            if found.crowded:
                return None
            if found.homed:
                rules = rules + found.homed
        if self.destinations.homes:
            found = self.destinations.find_address(packet.dst)
            if found.crowded:
                return None
            if found.homed:
                rules = rules + found.homed
        return rules

    def _by_ports(self, packet: Packet, rules: list[int]) -> list[int] | None:
        """`rules` and those at home with the packet's ports; None if they crowd."""
        if self.dports.homes:
            found = self.dports.find_port(packet.dport)
            if found.crowded:
                return None
            if found.homed:
                rules = rules + found.homed
        if self.sports.homes:
            found = self.sports.find_port(packet.sport)
            if found.crowded:
                return None
            if found.homed:
                rules = rules + found.homed
        return rules

    def crowd(self, packet: Packet, info: CtInfo) -> bytes:
        """The rules that may be met as a set: bit b of octet a is rule 8 a + b."""
        bits = self.kinds.find(packet, info, self.every).bits
        count = self.count
        sources, destinations = self.sources, self.destinations
        bits = sources.within(bits, sources.buckets_of_address(packet.src), count)
        bits = destinations.within(bits, destinations.buckets_of_address(packet.dst), count)
        to_port: list[Bucket] = []
        from_port: list[Bucket] = []
        if packet.has_ports:
            to_port = self.dports.narrow.of(packet.dport)
            from_port = self.sports.narrow.of(packet.sport)
        bits = self.dports.within(bits, to_port, count)
        bits = self.sports.within(bits, from_port, count)
        return octets_of(bits)

    def forget(self) -> None:
        """Forget what was found out about packets, as when a rule was added."""
        if self.kinds.of_kind:
            self.kinds.of_kind.clear()
            for field in (self.sources, self.destinations, self.sports, self.dports):
                field.forget()

    def release(self, count: int) -> int:
        """Free up to `count` entries of a chain that judges no longer; how many less it were."""
        self.kinds.of_kind.clear()
        for field in (self.sources, self.destinations, self.sports, self.dports):
            count = field.release(count)
        return count


def _cost(buckets: list[Bucket]) -> int:
    """How many rules a packet may find there, about, if one more lives in these buckets."""
    cost = 0
    for bucket in buckets:
        cost = max(cost, bucket.cost + len(bucket.homed))
    return cost
