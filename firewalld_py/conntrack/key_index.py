"""From flow key to connection, with as few visits to memory as can be.

With a million connections nothing that a lookup needs is in any cache: each object that it touches
costs a visit to memory (some 170 ns on the machine this was measured on, twice a lookup in a table
of a thousand). A dict touches four, one after the other: its index, its entry, the key there, the
connection. Here it is two, a slot and the connection, for that holds its keys as numbers, too.

The slots are lists of connections, probed one after the other from where the key's hash points.
A connection stands in a slot for each of its keys, or one for both if that is found from either.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from firewalld_py.conntrack.connection import ORIGINAL, REPLY, Connection
from firewalld_py.conntrack.flow_number import IS_WIDE, flow_ends, flow_ports

# Rebuilding a shard visits all its connections: 0.3 ms where a million are in the table.
SHARD_BITS: Final = 10
SHARDS: Final = 1 << SHARD_BITS
FEWEST_SLOTS: Final = 8
SLOTS_PER_KEY: Final = 4  # at least, of a shard that was rebuilt
# Per cent of the slots that are taken when a shard is rebuilt: of the first shard, and how many
# more of the last. Were it the same for all, they would all come to it at the same time.
FULL_FIRST: Final = 35
FULL_SPREAD: Final = 20

_MASK: Final = 0xFFFFFFFF
# Python's hash of octets is seeded at random: what comes of these nobody can know, or aim at.
_SECRET_0: Final[i64] = hash(b"addresses, source") & _MASK
_SECRET_1: Final[i64] = hash(b"addresses, destination") & _MASK
_SECRET_2: Final[i64] = hash(b"ports") & _MASK
_SECRET_3: Final[i64] = hash(b"protocol") & _MASK
_SECRET_4: Final[i64] = hash(b"slot") & 0x7FFFFFFFFFFFFFFF | 1

_GONE: Final = Connection(0, b"", b"", 0.0)  # was in this slot; no key is like its keys


class KeyIndex:
    """Connections by either key; `direction` is that of the key which was found last."""

    def __init__(self) -> None:
        self.direction = ORIGINAL
        self._shards: list[list[Connection | None]] = []
        self._used: list[int] = []  # slots that are not None, by shard
        self.clear()

    def clear(self) -> None:
        self._shards = [[None] * FEWEST_SLOTS for _ in range(SHARDS)]
        self._used = [0] * SHARDS

    def find(self, key: bytes) -> Connection | None:
        """The connection that has this key; where both its keys are this one: as REPLY."""
        return self._find(flow_ends(key), flow_ports(key), key)

    def part(self, number: int) -> list[Connection]:
        """The connections of one of SHARDS parts, in each of which are others (a copy).

        Where they stand is a matter of their original keys alone: who goes through all parts sees
        what is there meanwhile once, whatever comes and goes.
        """
        found: dict[int, Connection] = {}
        for connection in self._shards[number]:
            if connection is None or connection is _GONE:
                continue
            spot = _spot(connection.original_ends, connection.original_ports)
            if spot & (SHARDS - 1) == number:
                found[id(connection)] = connection
        return list(found.values())

    def insert(self, connection: Connection) -> bool:
        """Enter a connection; False if one of its keys is taken."""
        ends, ports = connection.original_ends, connection.original_ports
        if self._find(ends, ports, connection.original_wide) is not None:
            return False
        reply_ends, reply_ports = connection.reply_ends, connection.reply_ports
        if self._find(reply_ends, reply_ports, connection.reply_wide) is not None:
            return False
        self._insert_at(connection, _spot(ends, ports))
        self._insert_at(connection, _spot(reply_ends, reply_ports))
        return True

    def remove(self, connection: Connection) -> bool:
        """Take a connection out; False if it is not there."""
        ends, ports = connection.original_ends, connection.original_ports
        if self._find(ends, ports, connection.original_wide) is not connection:
            return False
        self._remove_at(connection, _spot(ends, ports))
        self._remove_at(connection, _spot(connection.reply_ends, connection.reply_ports))
        return True

    def _find(self, ends: i64, ports: i64, wide: bytes) -> Connection | None:
        """What has these numbers, and these octets if they are an IPv6 key's."""
        spot = _spot(ends, ports)
        slots = self._shards[spot & (SHARDS - 1)]
        last: i64 = len(slots) - 1
        at = spot >> SHARD_BITS & last
        while True:
            connection = slots[at]
            if connection is None:
                return None
            if (
                connection.reply_ports == ports
                and connection.reply_ends == ends
                and (ports & IS_WIDE == 0 or connection.reply_wide == wide)
            ):
                self.direction = REPLY
                return connection
            if (
                connection.original_ports == ports
                and connection.original_ends == ends
                and (ports & IS_WIDE == 0 or connection.original_wide == wide)
            ):
                self.direction = ORIGINAL
                return connection
            at = at + 1 & last

    def _insert_at(self, connection: Connection, spot: i64) -> None:
        shard = spot & (SHARDS - 1)
        slots = self._shards[shard]
        if _place(slots, connection, spot):
            self._used[shard] += 1
            full = FULL_FIRST + (FULL_SPREAD * int(shard) >> SHARD_BITS)
            if self._used[shard] * 100 > len(slots) * full:
                self._rebuild(shard)

    def _remove_at(self, connection: Connection, spot: i64) -> None:
        slots = self._shards[spot & (SHARDS - 1)]
        last: i64 = len(slots) - 1
        at = spot >> SHARD_BITS & last
        while True:
            other = slots[at]
            if other is None:
                return  # it stood where its other key was found, too
            if other is connection:
                slots[at] = _GONE
            at = at + 1 & last

    def _rebuild(self, shard: i64) -> None:
        """Give a shard as many slots as its connections want, and none to those that are gone."""
        there = [
            connection
            for connection in self._shards[shard]
            if connection is not None and connection is not _GONE
        ]
        count = FEWEST_SLOTS
        while count < len(there) * SLOTS_PER_KEY:
            count *= 2
        slots: list[Connection | None] = [None] * count
        used = 0
        for connection in there:
            spot = _spot(connection.original_ends, connection.original_ports)
            if spot & (SHARDS - 1) == shard and _place(slots, connection, spot):
                used += 1
            spot = _spot(connection.reply_ends, connection.reply_ports)
            if spot & (SHARDS - 1) == shard and _place(slots, connection, spot):
                used += 1
        self._shards[shard] = slots
        self._used[shard] = used


def _place(slots: list[Connection | None], connection: Connection, spot: i64) -> bool:
    """Make a connection to be found from this spot; whether that took a slot that was free."""
    last: i64 = len(slots) - 1
    at = spot >> SHARD_BITS & last
    gone: i64 = -1
    while True:
        other = slots[at]
        if other is None:
            break
        if other is connection:
            return False
        if gone < 0 and other is _GONE:
            gone = at
        at = at + 1 & last
    if gone >= 0:
        slots[gone] = connection
        return False
    slots[at] = connection
    return True


def _spot(ends: i64, ports: i64) -> i64:
    """31 bits that say where a key's slot is: the shard in the low ones.

    NH of UMAC (RFC 4418 section 5.2.2): for who does not know the secrets two keys collide with a
    chance of 2**-32. Python's own hash of octets costs 37 ns under mypyc, for half of its values
    are too large for an int without an object; this costs 2.
    """
    digest = (
        ((ends >> 32) + _SECRET_0 & _MASK) * (ends + _SECRET_1 & _MASK)
        + ((ports >> 8) + _SECRET_2 & _MASK) * ((ports & 0xFF) + _SECRET_3 & _MASK)
    )  # fmt: skip
    return digest * _SECRET_4 >> 33 & 0x7FFFFFFF
