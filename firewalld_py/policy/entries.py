"""How packets come to the rules of a chain: from which base chain, and what they are then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from firewalld_py.policy.model import Chain, Match, Policy, Rule
from firewalld_py.policy.region import EVERYWHERE, Interfaces, Region, region_of

MAX_ENTRIES: Final = 16  # ways into one chain that are told apart; of more it is only known: many
MAX_UNTRACKED: Final = 32  # rules with NOTRACK that are tried for an UNTRACKED packet
# The filter chains to which packets of a raw chain may come, as pipeline.py has it.
AFTER_RAW: Final = {"prerouting": ("forward", "input"), "output": ("output",)}
RAW_OF: Final = {"forward": "prerouting", "input": "prerouting", "output": "output"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A way into a chain: what comes by it from base chain `base`, through the rules `through`."""

    base: str
    region: Region
    through: tuple[Rule, ...] = ()


class Places:
    """The chains of a policy, with the regions of their rules and the ways into them."""

    def __init__(self, policy: Policy, interfaces: Interfaces) -> None:
        self.policy = policy
        self.interfaces = interfaces
        self.chains = {f"{chain.table}/{chain.name}": chain for chain in policy.chains}
        self._regions: dict[int, Region] = {}
        self._untracked: dict[str, list[Region]] = {}
        self.crowded: set[str] = set()  # chains with more ways into them than are told apart
        self.entries: dict[str, list[Entry]] = {place: [] for place in self.chains}
        for place, chain in self.chains.items():
            if not chain.user:
                self.entries[place].append(Entry(chain.name, EVERYWHERE))
        self.callers_first = self._callers_first()  # places
        for place in self.callers_first:
            self._lead_on(place)

    def region(self, rule: Rule) -> Region:
        """What a rule's own conditions mean."""
        found = self._regions.get(id(rule))
        if found is None:
            found = region_of(rule.matches, self.interfaces)
            self._regions[id(rule)] = found
        return found

    def target(self, chain: Chain, rule: Rule) -> Chain | None:
        """The chain that a rule leads to."""
        if rule.action.chain is None:
            return None
        return self.chains.get(f"{chain.table}/{rule.action.chain}")

    def hooks(self, chain: Chain, entry: Entry) -> tuple[str, ...]:
        """The filter chains that packets which come by this way are judged in."""
        return AFTER_RAW[entry.base] if chain.table == "raw" else (entry.base,)

    def untracked(self, raw_chain: str) -> list[Region]:
        """What rules that packets of a raw chain come to leave untracked, if none before decides.

        No more than MAX_UNTRACKED of them are told.
        """
        if raw_chain not in self._untracked:
            self._untracked[raw_chain] = [
                entry.region.also(self.region(rule))
                for place, chain, _number, rule in self.rules()
                if chain.table == "raw" and rule.action.verdict == "notrack"
                for entry in self.entries[place]
                if entry.base == raw_chain
            ][:MAX_UNTRACKED]
        return self._untracked[raw_chain]

    def rules(self) -> Iterator[tuple[str, Chain, int, Rule]]:
        """All rules: the place of their chain, the chain, their number from 0, and they."""
        for place, chain in self.chains.items():
            for number, rule in enumerate(chain.rules):
                yield place, chain, number, rule

    def _lead_on(self, place: str) -> None:
        chain = self.chains[place]
        for rule in chain.rules:
            target = self.target(chain, rule)
            if target is None:
                continue
            into = f"{target.table}/{target.name}"
            if place in self.crowded:
                self.crowded.add(into)
            for entry in self.entries[place]:
                region = entry.region.also(self.region(rule))
                if len(self.entries[into]) >= MAX_ENTRIES:
                    self.crowded.add(into)
                    break
                self.entries[into].append(Entry(entry.base, region, (*entry.through, rule)))

    def _callers_first(self) -> list[str]:
        """Every chain behind all that lead to it; chains lead in no circle (rules/calls.py)."""
        order: list[str] = []
        done: set[str] = set()
        for start in self.chains:
            path = [(start, self._targets(start))]
            while path:
                place, left = path[-1]
                if place in done or not left:
                    if place not in done:
                        done.add(place)
                        order.append(place)
                    path.pop()
                else:
                    target = left.pop()
                    if target not in done:
                        path.append((target, self._targets(target)))
        return order[::-1]

    def _targets(self, place: str) -> list[str]:
        chain = self.chains[place]
        targets = (self.target(chain, rule) for rule in chain.rules)
        return list(dict.fromkeys(f"{one.table}/{one.name}" for one in targets if one is not None))


def patterns_of(policies: Iterable[Policy]) -> set[str]:
    """All names and patterns of interfaces in the rules of some policies."""
    return {
        pattern
        for policy in policies
        for chain in policy.chains
        for rule in chain.rules
        for match in rule.matches
        for pattern in _patterns(match)
    }


def _patterns(match: Match) -> tuple[str, ...]:
    return tuple(map(str, match.value)) if _is_interface(match) else ()  # type: ignore[arg-type]


def _is_interface(match: Match) -> bool:
    return match.kind in ("in", "out")
