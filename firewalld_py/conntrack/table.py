"""The state table: flow key → connection, and the clockwork that forgets.

A connection is found by either of its keys. Its deadline alone decides whether it lives: one past
it is never returned, whether or not it has been swept out yet. Sweeping is cheap and can be done in
slices: every connection sits in one slot of a wheel of seconds; when the slot's time has come, a
connection whose deadline has moved on meanwhile goes to a later slot, the others go.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import CONFIRMED, DYING, Connection
from firewalld_py.conntrack.events import Watcher
from firewalld_py.conntrack.key_index import SHARDS, KeyIndex

PARTS: Final = SHARDS  # of the table, see Table.part()
SLOT_S: Final = 1.0
EVICTION_LOOKS: Final = 64
MOST_DEAD: Final = 1024  # beside as many as live; then they are cleaned out
CLEANED_AT_ONCE: Final = 4  # with each removal: twice what is enough
MAX_AHEAD_S: Final = 64  # a far deadline is looked at again after this many slots


class Table:
    """Connections by key. `maximum` bounds their number; `insert` refuses beyond it."""

    def __init__(self, maximum: int, watcher: Watcher | None = None) -> None:
        self.maximum = maximum
        self._watcher = watcher
        self.size = 0
        self._index = KeyIndex()
        self._wheel: dict[int, list[Connection]] = {}
        self._dead = 0  # connections that were removed and still lie in the wheel
        self._cleaning: list[Connection] = []  # a slot taken out of the wheel, to be sorted again
        self._now = 0.0  # of the last call that told it
        self._swept: int = -1  # slots up to this one are done; -1 before the first connection

    def find(self, key: bytes, now: float) -> Connection | None:
        """The living connection that has this key in either direction."""
        connection = self._index.find(key)
        if connection is None:
            return None
        if connection.deadline <= now:
            self.remove(connection)
            return None
        return connection

    def direction(self) -> int:
        """That of the key which was found last: ORIGINAL or REPLY."""
        return self._index.direction

    def is_full(self) -> bool:
        return self.size >= self.maximum

    def insert(self, connection: Connection, now: float) -> bool:
        """Enter a connection under both its keys; False if there is no room or a key is taken."""
        if self.size >= self.maximum:
            return False
        if not self._index.insert(connection):
            return False
        connection.status |= CONFIRMED
        self.size += 1
        self._now = now
        self._schedule(connection, now)
        return True

    def make_room(self, now: float) -> bool:
        """Forget one connection that was never assured, or is closing, if one is found at once.

        Those whose slots come first are looked at, EVICTION_LOOKS of them, as the kernel's
        early_drop() looks at some buckets; those that stay are put where their deadline belongs.
        """
        staying: list[Connection] = []
        found = self._first_forgettable(now, staying)
        for connection in staying:
            self._schedule(connection, now)
        if found is not None:
            self._forget(found)
        return found is not None

    def _first_forgettable(self, now: float, staying: list[Connection]) -> Connection | None:
        """Take connections out of their slots until one may go; the others are in `staying`."""
        first = self._swept + 1
        for slot in range(first - 1, first + MAX_AHEAD_S + 2):
            bucket = self._cleaning if slot < first else self._wheel.get(slot)
            while bucket:
                if len(staying) == EVICTION_LOOKS:
                    return None
                connection = bucket.pop()
                if connection.status & DYING:
                    self._dead -= 1
                    continue
                if connection.may_be_forgotten(now):
                    return connection
                staying.append(connection)
        return None

    def remove(self, connection: Connection) -> None:
        """Forget a connection; one that is not in the table is left alone."""
        if not self._forget(connection):
            return
        self._dead += 1
        if self._dead > self.size + MOST_DEAD:
            self._clean()

    def _forget(self, connection: Connection) -> bool:
        """Take a connection out of the table, though not out of the wheel; whether it was there."""
        connection.status |= DYING
        if not self._index.remove(connection):
            return False
        self.size -= 1
        if self._watcher is not None:
            self._watcher.destroyed(connection)
        return True

    def _clean(self) -> None:
        """Let go of some dead connections before their slots come; else these could be millions."""
        for _ in range(CLEANED_AT_ONCE):
            if not self._cleaning:
                if not self._wheel:
                    return
                self._cleaning = self._wheel.pop(next(iter(self._wheel)))
            if self._cleaning:
                self._sort(self._cleaning.pop())

    def _sort(self, connection: Connection) -> None:
        """Put a connection that was taken out of the wheel where it belongs now, if it lives."""
        if connection.status & DYING:
            self._dead -= 1
        else:
            self._schedule(connection, self._now)

    def expire(self, now: float, budget: int) -> int:
        """Sweep out what is past its deadline, looking at `budget` connections at most.

        Returns how many looks were used; less than `budget` means that the sweep is up to date.
        """
        self._now = now
        current = int(now / SLOT_S)
        used = 0
        while True:
            while self._cleaning:
                if used >= budget:
                    return used
                used += 1
                self._look_at(self._cleaning.pop(), now)
            if self._swept >= current:
                return used
            self._take_next_slot(current)

    def _take_next_slot(self, current: int) -> None:
        """Take the next slot up to `current` out of the wheel, for sweeping.

        Nothing of it stays there: whoever is told of a connection that goes may remove others.
        """
        if not self._wheel:
            self._swept = current
            return
        slot = self._swept + 1
        if current - slot > MAX_AHEAD_S:
            slot = min(min(self._wheel), current)  # the clock leapt: skip what is empty
        due = self._wheel.pop(slot, None)
        if due is not None:
            self._cleaning = due
        self._swept = slot

    def part(self, number: int) -> list[Connection]:
        """The connections of one of PARTS parts: a way through a large table in small steps."""
        return self._index.part(number)

    def connections(self) -> list[Connection]:
        """All entries, each once, in no particular order (a copy)."""
        wheel = [connection for slot in self._wheel.values() for connection in slot]
        return [entry for entry in (*wheel, *self._cleaning) if not entry.status & DYING]

    def clear(self) -> None:
        self._index.clear()
        self._wheel.clear()
        self._cleaning = []
        self._dead = 0
        self.size = 0

    def _look_at(self, connection: Connection, now: float) -> None:
        if connection.status & DYING:
            self._dead -= 1
        elif connection.deadline <= now:
            self._forget(connection)
        else:
            self._schedule(connection, now)

    def _schedule(self, connection: Connection, now: float) -> None:
        """Put the connection into the slot in which it may be past its deadline, at the latest."""
        if self._swept < 0:
            self._swept = int(now / SLOT_S) - 1
        ahead = int((connection.deadline - now) / SLOT_S) + 1
        slot = int(now / SLOT_S) + min(max(ahead, 1), MAX_AHEAD_S)
        if slot <= self._swept:
            slot = self._swept + 1
        bucket = self._wheel.get(slot)
        if bucket is None:
            self._wheel[slot] = [connection]
        else:
            bucket.append(connection)
