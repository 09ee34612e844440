"""Sets: addresses, networks, ports, interfaces, MAC addresses and combinations of them, by name.

A set has two sorts of element. Those that the rule file has (in itself, or in a file it names) stay
as they are until a reload, have no deadline, and cannot be removed. Dynamic ones are added and
removed as packets or people will, for a time or for ever, and a reload keeps them (`carry_over`).
What elements are is told in set_elements.py.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.rules.changes import Changes
from firewalld_py.rules.set_elements import ADDRESS, exact_lengths, kinds_of, mask_of
from firewalld_py.rules.set_networks import Networks
from firewalld_py.rules.set_table import FOREVER, Entry, Table

MAXIMUM: Final = 65536  # dynamic elements, if the set does not say; one more is refused
MAX_STATIC: Final = 1_000_000  # elements that the rule file has for one set; more are refused
SWEPT_AT_ONCE: Final = 16  # places that are looked at to find room for one element
# Changes by rules that nobody has asked for yet; what is more is counted and not told.
MAX_NEWS: Final = 1024

# An element is not extended by less than this, nor by less than this part of what it has then: one
# that is added by each packet of a flood is not to be told of each time.
EXTENSION_S: Final = 1.0
EXTENSIONS: Final = 16.0

# What came of adding or removing an element.
ADDED: Final = 0
EXTENDED: Final = 1  # it was there already, and stays longer now
KEPT: Final = 2  # it was there already for at least as long, or hardly less
FULL: Final = 3  # no room for one more
REMOVED: Final = 4
NOT_THERE: Final = 5
STATIC: Final = 6  # it is the rule file that has it
OUTCOME_NAMES: Final[tuple[str, ...]] = (
    *("added", "extended", "kept", "full", "removed", "not there", "static"),
)
ALL_LISTED: Final = -1


@mypyc_attr(acyclic=True)
class Listed:
    """An element as it was when it was listed; `deadline` is FOREVER if it has none."""

    __slots__ = ("deadline", "is_static", "lengths", "octets", "packed", "packets")

    def __init__(
        self,
        packed: bytes,
        lengths: bytes,
        deadline: float,
        is_static: bool,
        packets: int,
        octets: int,
    ) -> None:
        self.packed = packed
        self.lengths = lengths
        self.deadline = deadline
        self.is_static = is_static
        self.packets = packets
        self.octets = octets


@mypyc_attr(acyclic=True)
class Change:
    """What a rule did to a set; the deadline is that of what was added."""

    __slots__ = ("deadline", "is_added", "lengths", "packed", "set_name")

    def __init__(
        self, set_name: str, packed: bytes, lengths: bytes, deadline: float, is_added: bool
    ) -> None:
        self.set_name = set_name
        self.packed = packed
        self.lengths = lengths
        self.deadline = deadline
        self.is_added = is_added


class News:
    """Changes by rules, of all sets of a rule set; who takes `items` empties the list.

    `untold` are those that found no room there.
    """

    __slots__ = ("items", "untold")

    def __init__(self) -> None:
        self.items: list[Change] = []
        self.untold = 0

    def tell(self, change: Change) -> None:
        if len(self.items) >= MAX_NEWS:
            self.untold += 1
        else:
            self.items.append(change)


class Set:
    """One set. `put` its static elements, then `seal` it; then ask.

    `words` is its type as the rule file has it; `maximum` bounds the dynamic elements; `lifetime`
    is how long these stay if nothing else is said (seconds, 0 for ever).
    """

    __slots__ = (
        "changes",
        "counting",
        "dynamic",
        "kinds",
        "lifetime",
        "maximum",
        "name",
        "networks_v4",
        "networks_v6",
        "news",
        "refused",
        "static",
        "words",
    )

    def __init__(
        self,
        name: str,
        words: list[str],
        maximum: int = MAXIMUM,
        lifetime: float = 0.0,
        counting: bool = False,
        changes: Changes | None = None,
        news: News | None = None,
    ) -> None:
        """`changes` and `news` are those of the rule set, if it is to stand in one."""
        self.name = name
        self.words = words
        self.kinds = kinds_of(words)
        self.maximum = maximum
        self.lifetime = lifetime
        self.counting = counting
        self.changes = Changes() if changes is None else changes
        self.news = News() if news is None else news
        self.dynamic = Table(self.kinds)
        self.static = Table(self.kinds)
        # Static elements of a set of addresses are here, those of any other set in `static`.
        self.networks_v4 = Networks(4, counting)
        self.networks_v6 = Networks(16, counting)
        self.refused = 0  # elements for which there was no room

    def put(self, packed: bytes, lengths: bytes) -> None:
        """Take in a static element; ValueError if it is none, or one too many.

        Addresses and networks come in the order of networks.
        """
        if self.static_count() >= MAX_STATIC:
            raise ValueError(f"more than {MAX_STATIC} elements")
        if self.kinds == _ADDRESSES:
            if len(lengths) != 1:
                raise ValueError("no network")
            networks = self.networks_v4 if len(packed) == 4 else self.networks_v6
            networks.put(packed, lengths[0])
        elif self.static.get(packed, lengths) is not None:
            raise ValueError("an element comes twice")
        elif self.static.put(packed, lengths, FOREVER) is None:
            raise ValueError("too many combinations of lengths")

    def seal(self) -> None:
        """There are no more static elements."""
        self.networks_v4.seal()
        self.networks_v6.seal()

    def contains(self, packed: bytes, now: float) -> bool:
        """Whether some element covers this one, of which all bits count."""
        return (
            self.dynamic.find(packed, now) is not None
            or self._network(packed) >= 0
            or self.static.find(packed, now) is not None
        )

    def is_met(self, packed: bytes, now: float, octets: int) -> bool:
        """The same for a packet of so many octets, which is counted where the set counts."""
        entry = self.dynamic.find(packed, now) if self.dynamic.count else None
        if entry is None and self.kinds == _ADDRESSES:
            return self._is_in_network(packed, octets)
        if entry is None and self.static.count:
            entry = self.static.find(packed, now)
        if entry is None:
            return False
        if self.counting:
            entry.packets += 1
            entry.octets += octets
        return True

    def has_similar(self, packed: bytes, known: int, now: float) -> bool:
        """Whether an element of a set with interfaces covers the bits that are `known` of these."""
        return self.dynamic.has_similar(packed, known, now) or self.static.has_similar(
            packed, known, now
        )

    def _is_in_network(self, packed: bytes, octets: int) -> bool:
        networks = self.networks_v4 if len(packed) == 4 else self.networks_v6
        if networks.count == 0:
            return False
        number = networks.find(packed)
        if number < 0:
            return False
        if self.counting:
            networks.packets[number] += 1
            networks.octets[number] += octets
        return True

    def _network(self, packed: bytes) -> int:
        if self.kinds != _ADDRESSES:
            return -1
        return self.networks_v4.find(packed) if len(packed) == 4 else self.networks_v6.find(packed)

    def add(self, packed: bytes, lengths: bytes, deadline: float, now: float) -> int:
        """Add an element until `deadline`: ADDED, EXTENDED, KEPT or FULL.

        One that is there already stays at least as long as it was to stay. ValueError if it is none
        of this set's type.
        """
        entry = self.dynamic.get(packed, lengths)
        if entry is None:
            return self._add(packed, lengths, deadline, now)
        if entry.deadline <= now:
            entry.packets = entry.octets = 0
            outcome = ADDED
            self.changes.note()
        elif deadline - entry.deadline > min(EXTENSION_S, (deadline - now) / EXTENSIONS):
            outcome = EXTENDED
        else:
            return KEPT
        self.dynamic.stay(entry, deadline)
        return outcome

    def _add(self, packed: bytes, lengths: bytes, deadline: float, now: float) -> int:
        if self._is_static(packed, lengths):
            return KEPT
        if self.dynamic.count >= self.maximum:
            self.expire(now, SWEPT_AT_ONCE)
        full = self.dynamic.count >= self.maximum
        if full or self.dynamic.put(packed, lengths, deadline) is None:
            self.refused += 1
            return FULL
        self.changes.note()
        return ADDED

    def remove(self, packed: bytes, lengths: bytes, now: float) -> int:
        """Remove a dynamic element: REMOVED, NOT_THERE, or STATIC where the rule file has it."""
        entry = self.dynamic.get(packed, lengths)
        if entry is None:
            return STATIC if self._is_static(packed, lengths) else NOT_THERE
        self.dynamic.remove(entry)
        self.changes.note()
        return REMOVED if entry.deadline > now else NOT_THERE

    def _is_static(self, packed: bytes, lengths: bytes) -> bool:
        mask_of(self.kinds, len(packed), lengths)
        if self.kinds == _ADDRESSES:
            networks = self.networks_v4 if len(packed) == 4 else self.networks_v6
            return networks.get(packed, lengths[0]) >= 0
        return self.static.get(packed, lengths) is not None

    def until(self, now: float, lifetime: float) -> float:
        """The deadline of what is added now for so many seconds; 0 is for ever."""
        return now + lifetime if lifetime > 0.0 else FOREVER

    def exact(self, packed: bytes) -> bytes:
        """The lengths of an element of which every bit counts."""
        return exact_lengths(self.kinds, len(packed))

    def expire(self, now: float, budget: int) -> int:
        """Look at `budget` dynamic elements, remove what is past its deadline; how many."""
        removed = self.dynamic.expire(now, budget)
        if removed:
            self.changes.note()
        return removed

    def is_steady(self) -> bool:
        """Whether answers stay what they are until Changes are noted, and asking counts nothing."""
        return self.dynamic.earliest == FOREVER and not self.counting

    def static_count(self) -> int:
        return self.networks_v4.count + self.networks_v6.count + self.static.count

    def carry_over(self, before: Set) -> bool:
        """Take on the dynamic elements of the set that this one replaces, if their type is one.

        However many they are: from now on both have the same ones.
        """
        if before.kinds != self.kinds:
            return False
        self.dynamic = before.dynamic
        return True

    def begin_anew(self, like: Set) -> None:
        """Have the static elements of a set of the same type (or of this one), and no others."""
        self.networks_v4 = like.networks_v4
        self.networks_v6 = like.networks_v6
        self.static = like.static
        self.dynamic = Table(self.kinds)
        self.changes.note()

    def part(self, start: int, places: int, now: float) -> tuple[list[Listed], int]:
        """The elements in so many places from this one on, and where the next part begins.

        That is ALL_LISTED behind the last. An element that is there all the while is listed once.
        """
        listed: list[Listed] = []
        end = start + places
        before = 0
        for networks in (self.networks_v4, self.networks_v6):
            for number in range(max(start - before, 0), min(end - before, networks.count)):
                listed.append(_network_listed(networks, number))
            before += networks.count
        for table in (self.static, self.dynamic):
            for entry in table.slots[max(start - before, 0) : max(end - before, 0)]:
                if entry is not None and entry.deadline > now:
                    listed.append(_entry_listed(entry, table is self.static))
            before += len(table.slots)
        return listed, end if end < before else ALL_LISTED

    def release(self, count: int) -> int:
        """Free up to `count` static elements of a set that is asked no more; how many less.

        Networks take no time, and the dynamic elements may live on in another set.
        """
        return self.static.release(count)


_ADDRESSES: Final = bytes((ADDRESS,))


def _network_listed(networks: Networks, number: int) -> Listed:
    packets = networks.packets[number] if networks.counting else 0
    octets = networks.octets[number] if networks.counting else 0
    lengths = networks.lengths[number : number + 1]
    return Listed(networks.first(number), lengths, FOREVER, True, packets, octets)


def _entry_listed(entry: Entry, is_static: bool) -> Listed:
    return Listed(
        entry.packed, entry.lengths, entry.deadline, is_static, entry.packets, entry.octets
    )
