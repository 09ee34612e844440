"""Elements by what of them counts: a mapping for each combination of lengths that there is.

So that networks of any lengths can come and go, a lookup asks each of these mappings; most often
there is one. Keys are octets, whose hash nobody outside can foresee.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.rules.set_elements import mask_of

FOREVER: Final = float("inf")  # a deadline that never comes
# Combinations of lengths in one table; an element that would make one more is refused. There are
# 162 lengths of networks.
MAX_SHAPES: Final = 256


@mypyc_attr(acyclic=True)
class Entry:
    """One element, with what was counted of the packets that it was met by."""

    __slots__ = ("at", "deadline", "lengths", "octets", "packed", "packets")

    def __init__(self, packed: bytes, lengths: bytes, deadline: float, at: int) -> None:
        self.packed = packed
        self.lengths = lengths
        self.deadline = deadline
        self.at = at
        self.packets = 0
        self.octets = 0


class Shape:
    """The elements of which the same bits count."""

    __slots__ = ("bits", "entries", "is_exact", "lengths", "mask", "size")

    def __init__(self, kinds: bytes, size: int, lengths: bytes) -> None:
        self.size = size
        self.lengths = lengths
        self.mask = mask_of(kinds, size, lengths)
        self.bits = bin(self.mask).count("1")
        self.is_exact = self.bits == 8 * size
        self.entries: dict[bytes, Entry] = {}

    def cut(self, packed: bytes) -> bytes:
        """What counts of it."""
        if self.is_exact:
            return packed
        return (int.from_bytes(packed, "big") & self.mask).to_bytes(self.size, "big")


class Table:
    """Elements of one type, each once; `earliest` is no later than the next deadline."""

    __slots__ = ("count", "cursor", "earliest", "free", "kinds", "next_earliest", "shapes", "slots")

    def __init__(self, kinds: bytes) -> None:
        self.kinds = kinds
        self.count = 0
        self.shapes: list[Shape] = []  # of those where more bits count first
        # Every entry has a place of its own as long as it is there: what goes through the places
        # by and by meets each of them, whatever comes and goes meanwhile.
        self.slots: list[Entry | None] = []
        self.free: list[int] = []
        self.cursor = 0
        self.earliest = FOREVER
        self.next_earliest = FOREVER

    def find(self, packed: bytes, now: float) -> Entry | None:
        """The element that covers these octets, the narrowest if several do."""
        size = len(packed)
        for shape in self.shapes:
            if shape.size == size:
                entry = shape.entries.get(shape.cut(packed))
                if entry is not None and entry.deadline > now:
                    return entry
        return None

    def has_similar(self, packed: bytes, known: int, now: float) -> bool:
        """Whether some element covers those of these octets whose bits are `known`.

        All are looked at.
        """
        number = int.from_bytes(packed, "big")
        for shape in self.shapes:
            if shape.size != len(packed):
                continue
            for entry in shape.entries.values():
                other = number ^ int.from_bytes(entry.packed, "big")
                if other & shape.mask & known == 0 and entry.deadline > now:
                    return True
        return False

    def get(self, packed: bytes, lengths: bytes) -> Entry | None:
        """The entry of this very element, even if its deadline has passed."""
        shape = self._shape(len(packed), lengths)
        return None if shape is None else shape.entries.get(packed)

    def put(self, packed: bytes, lengths: bytes, deadline: float) -> Entry | None:
        """Take in an element that is not here; None if its lengths are too many.

        ValueError if it is of another type, or has bits that do not count.
        """
        shape = self._shape(len(packed), lengths)
        if shape is None:
            if len(self.shapes) >= MAX_SHAPES:
                return None
            shape = Shape(self.kinds, len(packed), lengths)
        if shape.cut(packed) != packed:
            raise ValueError("bits are set beyond those that count")
        if not shape.entries:
            self._insert(shape)
        at = self.free.pop() if self.free else len(self.slots)
        entry = Entry(packed, lengths, deadline, at)
        if at == len(self.slots):
            self.slots.append(entry)
        else:
            self.slots[at] = entry
        shape.entries[packed] = entry
        self.count += 1
        self.stay(entry, deadline)
        return entry

    def stay(self, entry: Entry, deadline: float) -> None:
        """Give an entry this deadline."""
        entry.deadline = deadline
        self.earliest = min(self.earliest, deadline)
        if entry.at < self.cursor:  # this round will not come by any more
            self.next_earliest = min(self.next_earliest, deadline)

    def remove(self, entry: Entry) -> None:
        shape = self._shape(len(entry.packed), entry.lengths)
        assert shape is not None
        del shape.entries[entry.packed]
        if not shape.entries:
            self.shapes.remove(shape)
        self.slots[entry.at] = None
        self.free.append(entry.at)
        self.count -= 1
        if self.count == 0:
            self.slots.clear()
            self.free.clear()
            self.cursor = 0
            self.earliest = self.next_earliest = FOREVER

    def expire(self, now: float, budget: int) -> int:
        """Look at the next `budget` places, remove what is past its deadline; how many that was."""
        removed = 0
        for _look in range(min(budget, len(self.slots))):
            entry = self.slots[self.cursor]
            self.cursor += 1
            if entry is not None and entry.deadline <= now:
                self.remove(entry)
                removed += 1
            elif entry is not None:
                self.next_earliest = min(self.next_earliest, entry.deadline)
            if not self.slots:
                break
            if self.cursor == len(self.slots):
                self.cursor = 0
                self.earliest = self.next_earliest
                self.next_earliest = FOREVER
        return removed

    def release(self, count: int) -> int:
        """Free up to `count` entries of a table that is not asked any more; how many less."""
        while count > 0 and self.slots:
            entry = self.slots.pop()
            if entry is not None:
                shape = self._shape(len(entry.packed), entry.lengths)
                if shape is not None:
                    shape.entries.pop(entry.packed, None)
            count -= 1
        return count

    def _shape(self, size: int, lengths: bytes) -> Shape | None:
        for shape in self.shapes:
            if shape.lengths == lengths and shape.size == size:
                return shape
        return None

    def _insert(self, shape: Shape) -> None:
        at = 0
        while at < len(self.shapes) and self.shapes[at].bits >= shape.bits:
            at += 1
        self.shapes.insert(at, shape)
