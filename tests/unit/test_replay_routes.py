"""`--route`: which interface a captured packet came from and went to."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from firewalld_py.cli.replay_routes import KNOWN_ADDRESSES, RouteError, Routes
from firewalld_py.rules.routes import RTN_LOCAL


def named(routes: Routes, source: str, destination: str) -> tuple[str, str]:
    layer = IPv6 if ":" in source else IP
    indexes = routes.interfaces(bytes(layer(src=source, dst=destination)))
    return routes.names.get(indexes[0], "?"), routes.names.get(indexes[1], "?")


def test_the_longest_prefix_wins_whatever_the_order() -> None:
    routes = Routes(["0.0.0.0/0=wan0", "10.1.0.0/24=lan0", "10.0.0.0/8=vpn0", "10.1.0.9=dmz0"])
    assert named(routes, "10.1.0.5", "203.0.113.9") == ("lan0", "wan0")
    assert named(routes, "10.2.0.5", "10.1.0.9") == ("vpn0", "dmz0")


def test_the_families_do_not_mix() -> None:
    routes = Routes(["0.0.0.0/0=wan0", "fd00:1::/64=lan0"])
    assert named(routes, "fd00:1::5", "fd00:2::9") == ("lan0", "?")
    assert named(routes, "10.1.0.5", "10.1.0.6") == ("wan0", "wan0")


def test_without_routes_and_without_addresses_interfaces_are_unknown() -> None:
    assert Routes([]).interfaces(bytes(IP())) == (-1, -1)
    routes = Routes(["0.0.0.0/0=wan0"])
    assert routes.interfaces(b"") == (-1, -1)
    assert routes.interfaces(bytes(IP(src="1.1.1.1"))[:18]) == (2, -1)


def test_more_addresses_than_are_remembered_change_nothing() -> None:
    routes = Routes(["0.0.0.0/1=low0", "128.0.0.0/1=high0"])
    head = bytes(IP())[:12]
    for number in range(0, 1 << 32, (1 << 32) // (KNOWN_ADDRESSES + 100)):
        address = number.to_bytes(4, "big")
        expected = 2 if number < 1 << 31 else 3
        assert routes.interfaces(head + address + address) == (expected, expected)


@pytest.mark.parametrize(
    "route",
    [
        *("", "lan0", "10.1.0.0/24", "=lan0", "10.1.0.0/24=", "10.1.0.0/33=lan0"),
        *("10.1.0.1/24=lan0", "10.1.0=lan0", "10.1.0.0/24=a b", "1::2::3=lan0"),
        "10.1.0.0/24=longer-than-allowed",
    ],
)
def test_a_route_that_makes_no_sense_says_what_is_wanted(route: str) -> None:
    with pytest.raises(RouteError, match=r"PREFIX=INTERFACE is wanted, as 10\.1\.0\.0/24=lan0"):
        Routes([route])


def test_the_same_routes_answer_conditions_that_ask_where_addresses_lead() -> None:
    routes = Routes(["0.0.0.0/0=wan0", "10.1.0.0/24=lan0", "10.1.0.1=local", "fd00::/8=lan0"])
    table = routes.table()
    assert table is not None
    names = routes.names
    assert [names[index] for index in table.find(bytes((10, 1, 0, 5))).interfaces] == ["lan0"]
    assert [names[index] for index in table.find(bytes((8, 8, 8, 8))).interfaces] == ["wan0"]
    assert table.find(bytes((10, 1, 0, 1))).type == RTN_LOCAL
    assert table.find(bytes(16)).type == 0
    assert Routes([]).table() is None


def test_interfaces_that_no_route_names_get_numbers_too() -> None:
    routes = Routes(["10.1.0.0/24=lan0"])
    assert routes.names_with(["lan0"]) == {2: "lan0"}
    assert routes.names_with(["wan0", "lo"]) == {2: "lan0", 3: "wan0", 1: "lo"}
    assert Routes([]).names_with(["wan0"]) == {2: "wan0"}
