"""Rule sets that remember nothing: for tests and packets that are to be judged each by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from firewalld_py.policy.compile import Plan
from firewalld_py.policy.matches_connection import CONNECTION_KINDS
from firewalld_py.policy.matches_link import LINK_KINDS
from firewalld_py.policy.matches_routes import ROUTE_KINDS
from firewalld_py.policy.set_uses import SET_KIND
from firewalld_py.rules.build import build_ruleset, plan_rules, plan_sets
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.ruleset import Ruleset

# Matches that are functions of the packet and its connection alone. Others may keep something.
KEEP_NOTHING: Final = frozenset(
    (
        *("state", "family", "in", "out", "src", "dst", "proto", "sport", "dport", "icmp"),
        *("tcp_flags", "mark", "connmark", "label", "zone"),
        *("length", "ttl", "tos", "ipv6_header", "tcp_option", "mss", *CONNECTION_KINDS),
        *LINK_KINDS,
        *("fragment", "time", *ROUTE_KINDS),
    )
)


def keeps_something(plan: Plan, but: Iterable[str] = ()) -> bool:
    """Whether rules may remember something from packet to packet (a limit's tokens).

    `but` are kinds of condition that do not count.
    """
    kinds = {str(match[0]) for _chain, rule in plan_rules(plan) for match in rule["match"]}
    return not kinds <= KEEP_NOTHING.union(but)


class FreshRules:
    """Gives a plan's rule set as if no packet had come yet; built anew only where need be."""

    def __init__(self, plan: Plan, machine: Machine) -> None:
        self._machine = machine
        self._first = build_ruleset(plan, machine)
        self._is_first = True
        self._is_shared = not keeps_something(plan, but=(SET_KIND,))
        # Its sets take their elements from the first: there may be very many.
        sets = {name: {**one, "elements": []} for name, one in plan_sets(plan).items()}
        self._plan = {**plan, "sets": sets}

    def ruleset(self) -> Ruleset:
        """One that remembers nothing; those that were given before are no longer to be used."""
        if self._is_shared or self._is_first:
            ruleset = self._first
        else:
            ruleset = build_ruleset(self._plan, self._machine)
        self._is_first = False
        for name, one in ruleset.sets.items():
            one.begin_anew(self._first.sets[name])
        return ruleset
