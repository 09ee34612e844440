"""Lists of addresses that were seen of late: `-m recent`.

Order and outcome of each step are recent_mt()'s in net/netfilter/xt_recent.c.
"""

from __future__ import annotations

from collections import OrderedDict

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import HOOK_FORWARD
from firewalld_py.rules.matches_rate import CountingMatch, masked
from firewalld_py.rules.targets import Effects, Target


class Seen:
    """When an address was seen, the latest time last, and the TTL of the packet of then."""

    __slots__ = ("stamps", "ttl")

    def __init__(self) -> None:
        self.stamps: list[float] = []
        self.ttl = 0


class RecentList:
    """One list, by address; what was seen longest ago comes first.

    Of an address the first `mask_v4` or `mask_v6` bits count. There is room for `maximum`; then the
    one that was seen longest ago is forgotten. Of each, so many times are known as rules ask for.
    """

    __slots__ = ("entries", "mask_v4", "mask_v6", "maximum", "times")

    def __init__(self, mask_v4: int, mask_v6: int, maximum: int, times: int) -> None:
        self.mask_v4 = mask_v4
        self.mask_v6 = mask_v6
        self.maximum = maximum
        self.times = times
        self.entries: OrderedDict[bytes, Seen] = OrderedDict()

    def resize(self, maximum: int, times: int) -> None:
        """Have room for more or less, as the rules want it from now on; what is over goes later."""
        self.maximum = maximum
        self.times = times

    def key(self, packet: Packet, destination: bool) -> bytes:
        address = packet.dst if destination else packet.src
        return masked(address, self.mask_v4 if packet.version == 4 else self.mask_v6)

    def see(self, key: bytes, packet: Packet, now: float) -> None:
        """The address was seen now."""
        seen = self.entries.get(key)
        if seen is None:
            self._make_room()
            seen = Seen()
            self.entries[key] = seen
        else:
            self.entries.move_to_end(key)
        seen.stamps.append(now)
        if len(seen.stamps) > self.times:
            del seen.stamps[: len(seen.stamps) - self.times]
        seen.ttl = ttl_of(packet)

    def _make_room(self) -> None:
        """Forget the oldest, or two where there was room for more before: never many at once."""
        for _ in range(2):
            if len(self.entries) >= self.maximum:
                self.entries.popitem(last=False)

    def forget(self, key: bytes) -> None:
        self.entries.pop(key, None)

    def reap(self, before: float, spared: bytes) -> None:
        """Forget the address that was seen longest ago, if that was before, and it is not spared.

        The kernel, too, takes one at a time.
        """
        for key, seen in self.entries.items():
            if key != spared and seen.stamps[-1] < before:
                del self.entries[key]
            return


def ttl_of(packet: Packet) -> int:
    """TTL or hop limit as the packet came: what is forwarded has lost one already."""
    ttl = packet.data[8] if packet.version == 4 else packet.data[7]
    return ttl + 1 if packet.meta.hook == HOOK_FORWARD else ttl


class RecentMatch(CountingMatch):
    """`--rcheck`, or with `update` `--update`: the address was seen `hits` times `within` seconds.

    Without `within` (0) any time counts. `same_ttl` is `--rttl`, `reap` is `--reap`. With `remove`
    it is `--remove`: met by what is in the list, and not any more.
    """

    __slots__ = ("destination", "hits", "reap", "recent", "remove", "same_ttl", "update", "within")

    def __init__(
        self, inverted: bool, recent: RecentList, destination: bool, within: float, hits: int
    ) -> None:
        super().__init__(inverted)
        self.recent = recent
        self.destination = destination
        self.within = within
        self.hits = hits
        self.update = False
        self.remove = False
        self.same_ttl = False
        self.reap = False

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        if len(packet.src) == 0:
            return False
        recent = self.recent
        key = recent.key(packet, self.destination)
        seen = recent.entries.get(key)
        if seen is None or (self.same_ttl and seen.ttl != ttl_of(packet)):
            return self.inverted
        if self.remove:
            recent.forget(key)
            return not self.inverted
        now = packet.meta.arrived
        met = self.is_often_enough(seen, now) != self.inverted
        updates = self.update and met
        if self.reap:
            recent.reap(now - self.within, key if updates else b"")
        if updates:
            recent.see(key, packet, now)
        return met

    def is_often_enough(self, seen: Seen, now: float) -> bool:
        stamps = seen.stamps
        if len(stamps) < self.hits:
            return False
        return self.within == 0.0 or stamps[-self.hits] >= now - self.within


class RecentSetTarget(Target):
    """`--set`: the address is in the list, and was seen now."""

    __slots__ = ("destination", "recent")

    def __init__(self, recent: RecentList, destination: bool) -> None:
        self.recent = recent
        self.destination = destination

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        if len(packet.src) != 0:
            self.recent.see(self.recent.key(packet, self.destination), packet, now)


class RecentRemoveTarget(Target):
    """`--remove`: the address is not in the list."""

    __slots__ = ("destination", "recent")

    def __init__(self, recent: RecentList, destination: bool) -> None:
        self.recent = recent
        self.destination = destination

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        if len(packet.src) != 0:
            self.recent.forget(self.recent.key(packet, self.destination))
