"""Where addresses lead: the kernel's routes of the tables local, main and default, as told.

They are asked in this order, as the kernel does without further policy rules; in each, the longest
prefix counts. Of routes to the same prefix that with the lowest metric says what is there; in IPv6
any of them may say by which interface (rt6_device_match() in net/ipv6/route.c).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.packet.packet import UNKNOWN_INTERFACE

# Types of route (include/uapi/linux/rtnetlink.h).
RTN_UNICAST: Final = 1
RTN_LOCAL: Final = 2
RTN_BROADCAST: Final = 3
RTN_ANYCAST: Final = 4
RTN_MULTICAST: Final = 5
RTN_BLACKHOLE: Final = 6
RTN_UNREACHABLE: Final = 7
RTN_PROHIBIT: Final = 8
RTN_THROW: Final = 9
RTN_MAX: Final = 11

TABLES: Final = 3  # local, main, default
ROW_NUMBERS: Final = 6  # of a row that come before the interfaces
REMEMBERED: Final = 16384  # addresses whose route is remembered; then all are forgotten


@mypyc_attr(acyclic=True)
class Route:
    """What a prefix leads to: its type, and the indexes of the interfaces of all next hops."""

    __slots__ = ("interfaces", "metric", "type")

    def __init__(self, type_: int, metric: int, interfaces: list[int]) -> None:
        self.type = type_
        self.metric = metric
        self.interfaces = interfaces


NO_ROUTE: Final = Route(0, 0, [])


class RouteTable:
    """Routes of both families. Fill it with `add`; afterwards it does not change any more."""

    __slots__ = ("_found", "_shifts", "_tables", "count")

    def __init__(self) -> None:
        self.count = 0
        # By family and table: prefixes of one length each, the longest first, under their numbers.
        self._shifts: list[list[int]] = [[] for _ in range(2 * TABLES)]
        self._tables: list[list[dict[int, Route]]] = [[] for _ in range(2 * TABLES)]
        self._found: dict[bytes, Route] = {}

    def add(self, version: int, table: int, address: int, length: int, route: Route) -> None:
        """Take in a route; `table` is 0 for local, 1 for main, 2 for default.

        ValueError if there can be no such route.
        """
        width = 32 if version == 4 else 128
        if (
            version not in (4, 6)
            or not 0 <= table < TABLES
            or not 0 <= length <= width
            or not 0 <= address < 1 << width
            or not 0 < route.type <= RTN_MAX
        ):
            raise ValueError("no route")
        self._found.clear()
        self.count += 1
        prefixes = self._of_length(version // 6 * TABLES + table, width - length)
        prefix = address >> (width - length)
        known = prefixes.get(prefix)
        if known is None:
            prefixes[prefix] = route
        elif version == 6:
            best = route if route.metric < known.metric else known
            prefixes[prefix] = Route(best.type, best.metric, known.interfaces + route.interfaces)
        elif route.metric < known.metric:
            prefixes[prefix] = route

    def add_row(self, row: list[int]) -> None:
        """Take in a route as it crosses from the supervisor: see service/routes.py."""
        if len(row) < ROW_NUMBERS:
            raise ValueError("no route")
        self.add(row[0], row[1], row[2], row[3], Route(row[4], row[5], row[ROW_NUMBERS:]))

    def release(self, count: int) -> bool:
        """Free up to `count` routes of a table that is asked no longer; whether all are gone."""
        self._found.clear()
        for tables in self._tables:
            for prefixes in tables:
                while prefixes and count:
                    prefixes.popitem()
                    count -= 1
        return count > 0

    def _of_length(self, at: int, shift: int) -> dict[int, Route]:
        shifts, tables = self._shifts[at], self._tables[at]
        place = 0
        while place < len(shifts) and shifts[place] < shift:
            place += 1
        if place == len(shifts) or shifts[place] != shift:
            shifts.insert(place, shift)
            tables.insert(place, {})
        return tables[place]

    def find(self, address: bytes) -> Route:
        """The route to an address of 4 or 16 octets; NO_ROUTE if there is none."""
        found = self._found.get(address)
        if found is None:
            found = self._look_up(address)
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            self._found[address] = found
        return found

    def find_by(self, address: bytes, index: int) -> Route:
        """The route to an address by an interface (UNKNOWN_INTERFACE: by any)."""
        if index == UNKNOWN_INTERFACE:
            return self.find(address)
        number = int.from_bytes(address, "big")
        first = 0 if len(address) == 4 else TABLES
        for at in range(first, first + TABLES):
            for shift, prefixes in zip(self._shifts[at], self._tables[at], strict=True):
                route = prefixes.get(number >> shift)
                if route is not None and index in route.interfaces:
                    return route
        return NO_ROUTE

    def _look_up(self, address: bytes) -> Route:
        number = int.from_bytes(address, "big")
        first = 0 if len(address) == 4 else TABLES
        for at in range(first, first + TABLES):
            route = self._in_table(at, number)
            if route is not NO_ROUTE and route.type != RTN_THROW:
                return route
        return NO_ROUTE

    def _in_table(self, at: int, number: int) -> Route:
        shifts, tables = self._shifts[at], self._tables[at]
        for place in range(len(shifts)):
            route = tables[place].get(number >> shifts[place])
            if route is not None:
                return route
        return NO_ROUTE
