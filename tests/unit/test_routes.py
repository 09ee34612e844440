"""Routes and policy rules as the kernel tells them, in a namespace of their own."""

from __future__ import annotations

import os
import select
import socket
from contextlib import closing
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from firewalld_py.service import routes as routes_module
from firewalld_py.service.routes import RouteWatch, Row, read_routes
from tests.lab.netns import Namespace, run_command

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns")

EVENT_TIMEOUT_S = 5.0


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    # Named as the lab names its hosts: what a crashed run leaves behind is removed with theirs.
    made = Namespace(f"fwlab-{os.getpid()}-997-gateway")
    made.ip_batch(
        ["link add lan0 type bridge", "link set lan0 up", "address add 10.1.0.1/24 dev lan0"]
    )
    yield made
    made.remove()


def ip(namespace: Namespace, command: str) -> None:
    run_command(["ip", "-n", namespace.name, *command.split()])


def rows(namespace: Namespace) -> list[Row]:
    with namespace.entered():
        found = read_routes().rows
    assert found is not None
    return found


def number(address: str) -> int:
    return int(ip_address(address))


def test_all_kinds_of_routes(namespace: Namespace) -> None:
    namespace.ip_batch(
        [
            "link add wan0 type bridge",
            "link set wan0 up",
            "address add fd00::1/64 dev lan0 nodad",
            "route add default via 10.1.0.9",
            "route add 192.0.2.0/24 nexthop via 10.1.0.5 dev lan0 nexthop dev wan0",
            "route add blackhole 10.9.0.0/16 metric 5",
            "route add 10.8.0.0/16 dev lan0 table 253",
            "route add 10.7.0.0/16 dev lan0 table 100",
            "route add unreachable 2001:db8::/32",
        ]
    )
    with namespace.entered():
        links = {name: index for index, name in socket.if_nameindex()}
    lan, wan = links["lan0"], links["wan0"]
    found = rows(namespace)
    for row in (
        [4, 0, number("10.1.0.1"), 32, 2, 0, lan],
        [4, 0, number("10.1.0.255"), 32, 3, 0, lan],
        [4, 1, number("10.1.0.0"), 24, 1, 0, lan],
        [4, 1, 0, 0, 1, 0, lan],
        [4, 1, number("192.0.2.0"), 24, 1, 0, lan, wan],
        [4, 1, number("10.9.0.0"), 16, 6, 5],
        [4, 2, number("10.8.0.0"), 16, 1, 0, lan],
        [6, 0, number("fd00::1"), 128, 2, 0, lan],
        [6, 1, number("fd00::"), 64, 1, 256, lan],
    ):
        assert row in found
    (refused,) = [row for row in found if row[:4] == [6, 1, number("2001:db8::"), 32]]
    assert refused[4] == 7
    assert not [row for row in found if row[2] == number("10.7.0.0")]


def test_policy_rules_of_its_own_are_counted(namespace: Namespace) -> None:
    with namespace.entered():
        assert read_routes().other_rules == 0
    for rule in ("rule add from 10.1.0.5 lookup 100", "rule add fwmark 1 lookup main"):
        ip(namespace, rule)
    ip(namespace, "-6 rule add to fd00::/8 prohibit")
    with namespace.entered():
        assert read_routes().other_rules == 3


def test_too_many_routes_are_none(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_module, "MAX_ROUTES", len(rows(namespace)))
    assert rows(namespace)
    namespace.ip_batch(["route add 10.5.0.0/16 dev lan0"])
    with namespace.entered():
        assert read_routes().rows is None


@pytest.mark.parametrize(
    "change",
    [
        "route add 10.5.0.0/16 dev lan0",
        "route add 2001:db8::/32 dev lan0",
        "rule add from 10.1.0.5 lookup 100",
        "-6 rule add from 2001:db8::5 lookup 100",
        "address add 10.2.0.1/24 dev lan0",
        "address add fd00::1/64 dev lan0 nodad",
        "link set lan0 down",
    ],
)
def test_a_change_is_told(namespace: Namespace, change: str) -> None:
    with namespace.entered(), closing(RouteWatch()) as watch:
        watch.drain()
        ip(namespace, change)
        assert select.select([watch], [], [], EVENT_TIMEOUT_S)[0]


def test_more_changes_than_the_socket_holds_are_one(namespace: Namespace) -> None:
    with namespace.entered(), closing(RouteWatch()) as watch:
        for _ in range(3):
            namespace.ip_batch([f"route add 10.5.{n}.0/24 dev lan0" for n in range(256)])
            namespace.ip_batch([f"route delete 10.5.{n}.0/24 dev lan0" for n in range(256)])
        watch.drain()
        assert not select.select([watch], [], [], 0)[0]
