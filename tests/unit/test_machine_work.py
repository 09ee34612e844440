"""What a worker is told of its machine: networks, routes, the wall clock."""

from __future__ import annotations

import time

import pytest

from firewalld_py.conntrack.networks import Networks
from firewalld_py.rules.routes import RTN_UNICAST
from firewalld_py.service.machine_work import ROUTES_FREED_PER_TURN, MachineWork
from firewalld_py.service.messages import (
    InterfaceNetworks,
    MessageError,
    RoutesBegin,
    RoutesEnd,
    RoutesPart,
)

BROADCAST = bytes((10, 1, 0, 255))
HOST = bytes((10, 1, 0, 5))
TABLE_MAIN = 1


def route(third: int, interface: int) -> list[int]:
    """To 10.1.THIRD.0/24, as service/routes.py has it."""
    return [4, TABLE_MAIN, 10 << 24 | 1 << 16 | third << 8, 24, RTN_UNICAST, 0, interface]


def told(work: MachineWork, number: int, rows: list[list[int]], *, known: bool = True) -> None:
    work.obey(RoutesBegin(number))
    work.obey(RoutesPart(number, rows))
    work.obey(RoutesEnd(number, known))


def turns(work: MachineWork) -> int:
    """How many it needs until nothing is left to do."""
    taken = 0
    while work.is_busy:
        work.turn()
        taken += 1
    return taken


def leads_to(work: MachineWork) -> list[int]:
    assert work.machine.routes is not None
    return work.machine.routes.find(HOST).interfaces


def test_networks_are_for_rules_and_for_helpers() -> None:
    networks = Networks()
    work = MachineWork(networks)
    work.obey(InterfaceNetworks([[2, 24, int.from_bytes(BROADCAST, "big")]]))
    assert networks.netmask(2, BROADCAST) == bytes((255, 255, 255, 0))
    assert work.machine.broadcasts == {2: frozenset((BROADCAST,))}


def test_routes_count_when_all_are_told() -> None:
    work = MachineWork(Networks())
    work.obey(RoutesBegin(1))
    work.obey(RoutesPart(1, [route(0, 2)]))
    assert work.machine.routes is None
    work.obey(RoutesEnd(1, known=True))
    assert leads_to(work) == [2]
    told(work, 2, [route(0, 3)])
    assert leads_to(work) == [3]


def test_routes_that_were_overtaken_are_left_out() -> None:
    work = MachineWork(Networks())
    work.obey(RoutesBegin(1))
    work.obey(RoutesBegin(2))
    work.obey(RoutesPart(1, [route(0, 2)]))
    work.obey(RoutesPart(2, [route(0, 3)]))
    work.obey(RoutesEnd(1, known=True))
    assert work.machine.routes is None
    work.obey(RoutesEnd(2, known=True))
    assert leads_to(work) == [3]


def test_routes_that_nobody_knows_are_none() -> None:
    work = MachineWork(Networks())
    told(work, 1, [route(0, 2)])
    told(work, 2, [], known=False)
    assert work.machine.routes is None


def test_old_routes_are_freed_a_little_at_a_time() -> None:
    work = MachineWork(Networks())
    many = [route(third, 2) for third in range(200)]
    rows = [[*row[:2], row[2] + host, 32, *row[4:]] for row in many for host in range(15)]
    assert len(rows) > ROUTES_FREED_PER_TURN
    told(work, 1, rows)
    assert turns(work) == 1
    told(work, 2, [])
    assert turns(work) >= 3


def test_what_is_no_route_is_told() -> None:
    work = MachineWork(Networks())
    work.obey(RoutesBegin(1))
    with pytest.raises(MessageError, match="routes"):
        work.obey(RoutesPart(1, [[1, 2]]))


def test_the_wall_clock_is_taken_anew() -> None:
    work = MachineWork(Networks())
    work.machine.wall_offset = 0.0
    work.tell_time()
    assert abs(time.monotonic() + work.machine.wall_offset - time.time()) < 1.0
