"""What rules remember from packet to packet under a name, and go on with after a reload.

A rule set under construction takes over by name what the one in force remembers, and forgets what
none of its rules speaks of. Both have the same objects then, so that no packet that comes meanwhile
is lost; whatever would change for the rule set in force waits until the new one is complete.
"""

from __future__ import annotations

from firewalld_py.conntrack.connection import Tallies
from firewalld_py.rules.counters import Counter
from firewalld_py.rules.recent import RecentList


class Memory:
    """Of one rule set: counters and lists by their names, tallies by the rule that counts."""

    __slots__ = ("_earlier", "_sizes", "counters", "recent", "tallies")

    def __init__(self, earlier: Memory | None = None) -> None:
        """`earlier` is that of the rule set in force."""
        self._earlier = earlier
        self._sizes: dict[str, tuple[int, int]] = {}
        self.counters: dict[str, Counter] = {}
        self.recent: dict[str, RecentList] = {}
        self.tallies: dict[str, Tallies] = {}

    def counter(self, name: str) -> Counter:
        counter = self.counters.get(name)
        if counter is None and self._earlier is not None:
            counter = self._earlier.counters.get(name)
        if counter is None:
            counter = Counter()
        self.counters[name] = counter
        return counter

    def tallies_of(self, rule: str) -> Tallies:
        """The tallies of a rule, which is named by all that decides what it counts."""
        tallies = self.tallies.get(rule)
        if tallies is None and self._earlier is not None:
            tallies = self._earlier.tallies.get(rule)
        if tallies is None:
            tallies = Tallies()
        self.tallies[rule] = tallies
        return tallies

    def recent_list(
        self, name: str, mask_v4: int, mask_v6: int, maximum: int, times: int
    ) -> RecentList:
        """A list of addresses; one with other masks begins anew."""
        found = self.recent.get(name)
        if found is None and self._earlier is not None:
            found = self._earlier.recent.get(name)
        if found is None or (found.mask_v4, found.mask_v6) != (mask_v4, mask_v6):
            found = RecentList(mask_v4, mask_v6, maximum, times)
        self.recent[name] = found
        self._sizes[name] = maximum, times
        return found

    def complete(self) -> None:
        """The rule set is whole: from now on this is what is remembered."""
        self._earlier = None
        for name, (maximum, times) in self._sizes.items():
            self.recent[name].resize(maximum, times)

    def leave_to(self, later: Memory) -> None:
        """The rule set is no longer in force: keep only what the later one does not go on with."""
        for name, found in later.recent.items():
            if self.recent.get(name) is found:
                del self.recent[name]
        for name, tallies in self.tallies.items():
            tallies.in_force = later.tallies.get(name) is tallies

    def release(self, count: int) -> int:
        """Free up to `count` entries of lists that nobody asks any more; how many less it were."""
        while self.recent and count > 0:
            name, found = next(iter(self.recent.items()))
            while found.entries and count > 0:
                found.entries.popitem()
                count -= 1
            if not found.entries:
                del self.recent[name]
                count -= 1
        return max(count, 0)
