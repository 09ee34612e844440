"""Interfaces for the packets of a capture: `--route 10.1.0.0/24=lan0`."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from firewalld_py.packet.packet import UNKNOWN_INTERFACE
from firewalld_py.rules.matches_routes import LOOPBACK_INDEX
from firewalld_py.rules.routes import RTN_LOCAL, RTN_UNICAST, Route, RouteTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOCAL: Final = "local"  # in place of an interface: addresses of the gateway itself
KNOWN_ADDRESSES: Final = 65536  # remembered; then the memory starts anew
_ROUTE: Final = re.compile(r"(?P<prefix>[0-9A-Fa-f.:]+(?:/\d+)?)=(?P<name>[^\s/=]{1,15})")


class RouteError(ValueError):
    """A route that makes no sense; the message says what is wanted."""


class Routes:
    """Which addresses are behind which interface; the longest prefix wins.

    `names` maps interface indexes (made up, from 2: 1 is the loopback interface's) to names.
    """

    def __init__(self, routes: Sequence[str]) -> None:
        """Read routes such as "10.1.0.0/24=lan0"; RouteError for one that is wrong."""
        indexes: dict[str, int] = {}
        found: list[tuple[int, int, int, int]] = []
        self._table = RouteTable()
        for route in routes:
            network, name = _read(route)
            address = int(network.network_address)
            if name == LOCAL:
                local = Route(RTN_LOCAL, 0, [LOOPBACK_INDEX])
                self._table.add(network.version, 0, address, network.prefixlen, local)
                continue
            index = indexes.setdefault(name, len(indexes) + LOOPBACK_INDEX + 1)
            found.append((network.prefixlen, network.max_prefixlen, address, index))
            to_it = Route(RTN_UNICAST, 0, [index])
            self._table.add(network.version, 1, address, network.prefixlen, to_it)
        self.names = {index: name for name, index in indexes.items()}
        self._routes = sorted(found, reverse=True)
        self._known: dict[bytes, int] = {}

    def interfaces(self, data: bytes) -> tuple[int, int]:
        """Interface indexes of an IP packet's source and destination; -1 for unknown."""
        if not self._routes or not data:
            return UNKNOWN_INTERFACE, UNKNOWN_INTERFACE
        if data[0] >> 4 == 4:
            return self._find(data[12:16], 32), self._find(data[16:20], 32)
        return self._find(data[8:24], 128), self._find(data[24:40], 128)

    def names_with(self, interfaces: Iterable[str]) -> dict[int, str]:
        """`names` and these; lo has the number that it has everywhere."""
        names = dict(self.names)
        for name in interfaces:
            if name == "lo":
                names[LOOPBACK_INDEX] = name
            elif name not in names.values():
                names[max(names, default=LOOPBACK_INDEX) + 1] = name
        return names

    def table(self) -> RouteTable | None:
        """The same for conditions that ask where addresses lead; None if nobody told any."""
        return self._table if self._table.count else None

    def _find(self, address: bytes, bits: int) -> int:
        index = self._known.get(address)
        if index is None:
            index = self._search(address, bits)
            if len(self._known) >= KNOWN_ADDRESSES:
                self._known.clear()
            self._known[address] = index
        return index

    def _search(self, address: bytes, bits: int) -> int:
        if len(address) * 8 != bits:
            return UNKNOWN_INTERFACE  # the packet is cut
        number = int.from_bytes(address, "big")
        for length, width, network, index in self._routes:
            if width == bits and (number ^ network) >> (bits - length) == 0:
                return index
        return UNKNOWN_INTERFACE


def _read(route: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]:
    match = _ROUTE.fullmatch(route)
    wanted = "PREFIX=INTERFACE is wanted, as 10.1.0.0/24=lan0"
    if match is None:
        raise RouteError(f"--route {route}: {wanted}")
    try:
        return ipaddress.ip_network(match["prefix"]), match["name"]
    except ValueError as error:
        raise RouteError(f"--route {route}: {error}; {wanted}") from None
