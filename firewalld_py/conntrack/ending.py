"""Ends all connections from or to some hosts, a slice of the table at a time.

The table is gone through part by part: a million connections are looked at in bounded slices
between batches of packets. What enters the table meanwhile needs no look: it was
accepted by rules that know of the ban.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from firewalld_py.conntrack.connection import DYING, ORIGINAL, Connection
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow_number import IS_WIDE
from firewalld_py.conntrack.table import PARTS

LOOKS_FOR_A_PART: Final = 64  # what it costs to have the next part of the table, full or not
_MASK: Final = 0xFFFFFFFF


class Hosts:
    """Addresses and networks of both families: one set of prefixes for each length there is."""

    def __init__(self) -> None:
        self._shifts_v4: list[int] = []
        self._prefixes_v4: list[set[int]] = []
        self._shifts_v6: list[int] = []
        self._prefixes_v6: list[set[int]] = []

    def add(self, address: bytes, bits: int) -> None:
        """The network of the address's first `bits` bits; all of them: the address alone."""
        number = int.from_bytes(address, "big")
        if len(address) == 4:
            _add(self._shifts_v4, self._prefixes_v4, number, 32 - bits)
        else:
            _add(self._shifts_v6, self._prefixes_v6, number, 128 - bits)

    def have_end_of(self, connection: Connection) -> bool:
        """Whether either end of the connection is among them."""
        if connection.original_ports & IS_WIDE == 0:
            if not self._shifts_v4:
                return False
            ends = connection.original_ends
            return self._has_v4(ends >> 32 & _MASK) or self._has_v4(ends & _MASK)
        source = connection.address(ORIGINAL, False)
        return self._has(source) or self._has(connection.address(ORIGINAL, True))

    def _has_v4(self, number: i64) -> bool:
        whole = int(number)
        for at in range(len(self._shifts_v4)):
            if whole >> self._shifts_v4[at] in self._prefixes_v4[at]:
                return True
        return False

    def _has(self, address: bytes) -> bool:
        """The same of an address of either family (in a zone IPv4 keys are wide, too)."""
        if len(address) == 4:
            return self._has_v4(int.from_bytes(address, "big"))
        if not self._shifts_v6:
            return False
        number = int.from_bytes(address, "big")
        for at in range(len(self._shifts_v6)):
            if number >> self._shifts_v6[at] in self._prefixes_v6[at]:
                return True
        return False


def _add(shifts: list[int], prefixes: list[set[int]], number: int, shift: int) -> None:
    if shift not in shifts:
        shifts.append(shift)
        prefixes.append(set())
    prefixes[shifts.index(shift)].add(number >> shift)


class Ending:
    """One way through the table; `ended` counts the connections that it has ended."""

    def __init__(self, conntrack: Conntrack, hosts: Hosts) -> None:
        self.ended = 0
        self._conntrack = conntrack
        self._hosts = hosts
        self._part = 0  # of the table, that comes next
        self._left: list[Connection] = []  # of the part before it

    def step(self, looks: int) -> bool:
        """Look at so many connections at most; whether there are more to look at."""
        while looks > 0:
            if self._left:
                looks -= 1
                self._look_at(self._left.pop())
            elif self._part < PARTS:
                looks -= LOOKS_FOR_A_PART
                self._left = self._conntrack.table.part(self._part)
                self._part += 1
            else:
                return False
        return True

    def _look_at(self, connection: Connection) -> None:
        if connection.status & DYING == 0 and self._hosts.have_end_of(connection):
            self._conntrack.end(connection)
            self.ended += 1
