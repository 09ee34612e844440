"""This machine as rules would see it now: its networks and routes, for explaining what they do."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final

from firewalld_py.rules.machine import Machine
from firewalld_py.rules.routes import ROW_NUMBERS, RouteTable
from firewalld_py.service.addresses import read_networks
from firewalld_py.service.routes import Routes, read_routes

OTHERS: Final = 1 << 20  # numbers of interfaces that nobody gave one begin here


def machine_here(indexes: Mapping[str, int], routes: Routes | None = None) -> Machine:
    """The machine, its interfaces by these numbers. Raises OSError if the kernel does not tell.

    `routes` are its routes, if they were read before.
    """
    machine = Machine()
    numbers = {index: indexes.get(name, OTHERS + index) for index, name in socket.if_nameindex()}
    for index, _prefix_length, broadcast in read_networks():
        number = numbers.get(index, OTHERS + index)
        before = machine.broadcasts.get(number, frozenset())
        machine.broadcasts[number] = before | {broadcast.to_bytes(4, "big")}
    rows = (read_routes() if routes is None else routes).rows
    if rows is not None:
        machine.routes = RouteTable()
        for row in rows:
            hops = [numbers.get(index, OTHERS + index) for index in row[ROW_NUMBERS:]]
            machine.routes.add_row([*row[:ROW_NUMBERS], *hops])
    return machine
