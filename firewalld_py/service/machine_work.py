"""What a worker is told of the machine it runs on, and keeps up for its rules and helpers."""

from __future__ import annotations

import time
from typing import Final

from firewalld_py.conntrack.networks import Network, Networks
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.routes import RouteTable
from firewalld_py.service.messages import (
    InterfaceNetworks,
    MessageError,
    RoutesBegin,
    RoutesEnd,
    RoutesPart,
)

ROUTES_FREED_PER_TURN: Final = 2000

MachineMessage = InterfaceNetworks | RoutesBegin | RoutesPart | RoutesEnd


class MachineWork:
    """Give it messages (`obey`), and a `turn` after each batch of packets.

    Routes are gathered beside the table in force, which is replaced whole; the one that it replaces
    is taken apart a little at a time.
    """

    def __init__(self, networks: Networks) -> None:
        self.machine = Machine()
        self._networks = networks
        self._routes = RouteTable()  # those that are being told
        self._number = 0
        self._retired: list[RouteTable] = []
        self.tell_time()

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do at once."""
        return bool(self._retired)

    def tell_time(self) -> None:
        """Take the wall clock anew: somebody may have set it."""
        self.machine.wall_offset = time.time() - time.monotonic()

    def obey(self, message: MachineMessage) -> None:
        """Take in what is told. Raises MessageError for what makes no sense."""
        if isinstance(message, InterfaceNetworks):
            self._networks.replace(_networks(message))
            self.machine.broadcasts = _broadcasts(message)
        elif isinstance(message, RoutesBegin):
            self._retired.append(self._routes)  # they may have been overtaken
            self._routes, self._number = RouteTable(), message.number
        elif message.number != self._number:
            return  # overtaken by newer ones
        elif isinstance(message, RoutesPart):
            try:
                for row in message.rows:
                    self._routes.add_row(row)
            except ValueError as fault:
                raise MessageError(f"routes: {fault}") from fault
        else:
            if self.machine.routes is not None:
                self._retired.append(self.machine.routes)
            self.machine.routes = self._routes if message.known else None
            self._routes = RouteTable()

    def turn(self) -> None:
        """Free some routes that count no longer."""
        if self._retired and self._retired[-1].release(ROUTES_FREED_PER_TURN):
            self._retired.pop()


def _networks(message: InterfaceNetworks) -> dict[int, list[Network]]:
    """What the core calls networks, by interface."""
    of_interface: dict[int, list[Network]] = {}
    for index, prefix_length, broadcast in message.networks:
        network = Network(broadcast.to_bytes(4, "big"), prefix_length)
        of_interface.setdefault(index, []).append(network)
    return of_interface


def _broadcasts(message: InterfaceNetworks) -> dict[int, frozenset[bytes]]:
    """The broadcast addresses of each interface's networks."""
    found: dict[int, set[bytes]] = {}
    for index, _prefix_length, broadcast in message.networks:
        found.setdefault(index, set()).add(broadcast.to_bytes(4, "big"))
    return {index: frozenset(addresses) for index, addresses in found.items()}
