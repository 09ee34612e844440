"""Where addresses lead: the longest prefix, table by table."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from typing import Final

import pytest

from firewalld_py.packet.packet import UNKNOWN_INTERFACE
from firewalld_py.rules.routes import (
    NO_ROUTE,
    REMEMBERED,
    RTN_BLACKHOLE,
    RTN_LOCAL,
    RTN_THROW,
    RTN_UNICAST,
    Route,
    RouteTable,
)

LOCAL, MAIN, DEFAULT = 0, 1, 2


def put(
    table: RouteTable, network: str, *interfaces: int, at: int = MAIN, kind: int = RTN_UNICAST,
    metric: int = 0,
) -> None:  # fmt: skip
    found = ip_network(network)
    route = Route(kind, metric, list(interfaces))
    table.add(found.version, at, int(found.network_address), found.prefixlen, route)


def find(table: RouteTable, address: str) -> tuple[int, list[int]]:
    route = table.find(ip_address(address).packed)
    return route.type, route.interfaces


def test_the_longest_prefix_counts() -> None:
    table = RouteTable()
    for network, interface in (
        ("10.1.0.0/16", 3), ("0.0.0.0/0", 1), ("10.0.0.0/8", 2), ("10.1.2.3/32", 4),
        ("::/0", 5), ("fd00::/8", 6), ("fd00::1/128", 7),
    ):  # fmt: skip
        put(table, network, interface)
    for address, interface in (
        ("10.1.2.3", 4), ("10.1.2.4", 3), ("10.2.0.1", 2), ("11.0.0.1", 1), ("255.255.255.255", 1),
        ("fd00::1", 7), ("fd00::2", 6), ("2001:db8::1", 5), ("::", 5),
    ):  # fmt: skip
        assert find(table, address) == (RTN_UNICAST, [interface])
    assert table.count == 7


def test_tables_are_asked_in_order_and_throw_leads_on() -> None:
    table = RouteTable()
    put(table, "10.0.0.0/8", at=LOCAL, kind=RTN_LOCAL)
    put(table, "10.1.0.0/16", 2)
    assert find(table, "10.1.0.1") == (RTN_LOCAL, [])
    put(table, "10.1.2.0/24", at=LOCAL, kind=RTN_THROW)
    assert find(table, "10.1.2.1") == (RTN_UNICAST, [2])
    put(table, "11.0.0.0/8", 4, at=DEFAULT)
    assert find(table, "11.0.0.1") == (RTN_UNICAST, [4])


def test_nothing_leads_where_there_is_no_route() -> None:
    table = RouteTable()
    assert table.find(bytes(4)) is NO_ROUTE
    put(table, "10.0.0.0/8", 1)
    assert table.find(bytes(4)) is NO_ROUTE
    assert table.find(bytes(16)) is NO_ROUTE


def test_of_the_same_prefix_the_lowest_metric_counts() -> None:
    for order in (1, -1):
        table = RouteTable()
        for interface, metric in ((2, 20), (3, 10), (4, 10))[::order]:
            put(table, "10.0.0.0/8", interface, metric=metric)
            put(table, "fd00::/8", interface, metric=metric)
        assert find(table, "10.0.0.1") == (RTN_UNICAST, [3] if order == 1 else [4])
        kind, interfaces = find(table, "fd00::1")
        assert (kind, sorted(interfaces)) == (RTN_UNICAST, [2, 3, 4])


def test_by_an_interface_the_longest_prefix_that_has_it_counts() -> None:
    table = RouteTable()
    put(table, "fe80::1/128", 2, at=LOCAL, kind=RTN_LOCAL)
    put(table, "fe80::/64", 3)
    address = ip_address("fe80::1").packed
    assert table.find_by(address, 2).type == RTN_LOCAL
    assert table.find_by(address, 3).type == RTN_UNICAST
    assert table.find_by(address, 4) is NO_ROUTE
    assert table.find_by(address, UNKNOWN_INTERFACE).type == RTN_LOCAL


def test_what_was_looked_up_before_does_not_hide_a_new_route() -> None:
    table = RouteTable()
    put(table, "10.0.0.0/8", 1)
    assert find(table, "10.1.0.1") == (RTN_UNICAST, [1])
    put(table, "10.1.0.0/16", kind=RTN_BLACKHOLE)
    assert find(table, "10.1.0.1") == (RTN_BLACKHOLE, [])


def test_more_addresses_than_are_remembered_are_found_all_the_same() -> None:
    table = RouteTable()
    put(table, "10.0.0.0/8", 1)
    put(table, "10.0.1.0/24", 2)
    for number in range(REMEMBERED + 600):
        address = (0x0A000000 + number).to_bytes(4, "big")
        expected = 2 if number >> 8 == 1 else 1
        assert table.find(address).interfaces == [expected]


@pytest.mark.parametrize(
    "row",
    [
        [],
        [4, 1, 0, 0, 1],
        [5, 1, 0, 0, 1, 0],
        [4, 3, 0, 0, 1, 0],
        [4, -1, 0, 0, 1, 0],
        [4, 1, 0, 33, 1, 0],
        [6, 1, 0, 129, 1, 0],
        [4, 1, 1 << 32, 0, 1, 0],
        [4, 1, -1, 0, 1, 0],
        [4, 1, 0, 0, 0, 0],
        [4, 1, 0, 0, 12, 0],
    ],
)
def test_what_is_no_route_is_refused(row: list[int]) -> None:
    with pytest.raises(ValueError, match="no route"):
        RouteTable().add_row(row)


def test_a_row_is_a_route() -> None:
    table = RouteTable()
    table.add_row([4, 1, 0x0A000000, 8, 1, 100, 2, 3])
    assert find(table, "10.1.1.1") == (RTN_UNICAST, [2, 3])


NETWORKS: Final = 300


def test_it_finds_what_a_search_through_all_routes_finds() -> None:
    chance = random.Random(4)
    table = RouteTable()
    known: dict[tuple[int, int], int] = {}
    for number in range(NETWORKS):
        length = chance.choice((0, 1, 7, 8, 9, 16, 24, 30, 31, 32))
        prefix = chance.getrandbits(32) & 0x0F0F00FF
        prefix = prefix >> (32 - length) << (32 - length)
        if (prefix, length) not in known:
            known[prefix, length] = number
            table.add(4, 1, prefix, length, Route(RTN_UNICAST, 0, [number]))
    for _ in range(2000):
        address = chance.getrandbits(32) & 0x0F0F00FF
        fits = [
            (length, number)
            for (prefix, length), number in known.items()
            if (address ^ prefix) >> (32 - length) == 0
        ]
        found = table.find(address.to_bytes(4, "big"))
        assert found.interfaces == ([max(fits)[1]] if fits else [])


def test_a_table_is_freed_a_little_at_a_time() -> None:
    table = RouteTable()
    for number in range(10):
        table.add(4, number % 3, number << 24, 8, Route(RTN_UNICAST, 0, []))
    assert not table.release(4)
    assert not table.release(6)
    assert table.release(1)
    assert table.find(bytes(4)) is NO_ROUTE
