"""Which chains lead to which: that no packet goes round in a circle, nor without end."""

from __future__ import annotations

from typing import Final

MAX_DEPTH: Final = 64  # chains within chains; a policy with more is refused
# Chains that one packet may have to enter, in the worst case; a policy with more is refused. Chains
# that jump twice to the next one double it with each.
MAX_ENTRIES: Final = 1_000_000


class CallFault:
    """What is wrong with a rule of chain `caller` that leads to `target`."""

    __slots__ = ("caller", "message", "target")

    def __init__(self, caller: str, target: str, message: str) -> None:
        self.caller = caller
        self.target = target
        self.message = message


def call_faults(calls: dict[str, list[str]]) -> list[CallFault]:
    """What is wrong with chains of which `calls` has where each leads to, rule by rule."""
    search = _Search(calls)
    for chain in calls:
        search.enter(chain)
    return search.faults


class _Search:
    """Goes down from each chain; `path` is how it came to where it is."""

    __slots__ = ("calls", "depths", "entries", "faults", "path")

    def __init__(self, calls: dict[str, list[str]]) -> None:
        self.calls = calls
        self.depths: dict[str, int] = {}  # of chains that are done: how many are below
        self.entries: dict[str, int] = {}  # and how many chains are entered there at most
        self.faults: list[CallFault] = []
        self.path: list[str] = []

    def enter(self, chain: str) -> None:
        if chain in self.depths:
            return
        self.path.append(chain)
        depth, entries = 0, 1
        refused: set[str] = set()
        for target in self.calls.get(chain, []):
            if target in refused:
                continue
            if not self._may_enter(chain, target):
                refused.add(target)
                continue
            self.enter(target)
            depth = max(depth, self.depths[target] + 1)
            entries += self.entries[target]
            if depth > MAX_DEPTH:
                self._refuse(chain, target, f"chains are nested more than {MAX_DEPTH} deep")
                refused.add(target)
                depth = 0
            if entries > MAX_ENTRIES:
                message = f"a packet could have to enter more than {MAX_ENTRIES} chains from here"
                self._refuse(chain, target, message)
                refused.add(target)
                entries = 1
        self.path.pop()
        self.depths[chain] = depth
        self.entries[chain] = entries

    def _may_enter(self, chain: str, target: str) -> bool:
        if target in self.path:
            circle = [*self.path[self.path.index(target) :], target]
            self._refuse(chain, target, "chains lead in a circle: " + " -> ".join(circle))
            return False
        if len(self.path) > MAX_DEPTH and target not in self.depths:
            self._refuse(chain, target, f"chains are nested more than {MAX_DEPTH} deep")
            return False
        return True

    def _refuse(self, caller: str, target: str, message: str) -> None:
        self.faults.append(CallFault(caller, target, message))
