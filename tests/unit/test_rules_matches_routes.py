"""Types of addresses and the way back, where routes are known and where not."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

import pytest

from firewalld_py.packet.packet import UNKNOWN_INTERFACE, PacketMeta
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches_routes import (
    BLACKHOLE,
    BROADCAST,
    LOCAL,
    MULTICAST,
    PROHIBIT,
    UNICAST,
    UNREACHABLE,
    UNSPEC,
    AddressTypeMatch,
    ReversePathMatch,
    address_types,
)
from firewalld_py.rules.routes import Route, RouteTable
from tests import wire
from tests.unit.test_rules_matches_packet import CANNOT, CUT4, NO, NO_IP, YES, judge

LO, LAN, WAN, DMZ = 1, 2, 3, 4
ROUTES: Final = (
    ("10.1.0.1/32", 0, 2, LAN),
    ("10.1.0.255/32", 0, 3, LAN),
    ("127.0.0.0/8", 0, 2, LO),
    ("10.1.0.0/24", 1, 1, LAN),
    ("0.0.0.0/0", 1, 1, WAN),
    ("192.0.2.0/24", 1, 1, LAN, DMZ),
    ("10.6.0.0/16", 1, 6),
    ("10.7.0.0/16", 1, 7),
    ("10.8.0.0/16", 1, 8),
    ("fd00:1::1/128", 0, 2, LAN),
    ("fe80::1/128", 0, 2, LAN),
    ("fd00:1::/64", 1, 1, LAN),
    ("fe80::/64", 1, 1, LAN, WAN),
    ("2001:db8:6::/48", 1, 6),
)


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.routes = RouteTable()
    for network, table, kind, *interfaces in ROUTES:
        found = ip_network(network)
        route = Route(kind, 0, interfaces)
        made.routes.add(found.version, table, int(found.network_address), found.prefixlen, route)
    return made


@pytest.mark.parametrize(
    ("address", "types"),
    [
        ("10.1.0.1", LOCAL),
        ("127.5.5.5", LOCAL),
        ("10.1.0.255", BROADCAST),
        ("255.255.255.255", BROADCAST),
        ("0.0.0.0", BROADCAST | UNSPEC),
        ("224.0.0.1", MULTICAST),
        ("10.1.0.5", UNICAST),
        ("8.8.8.8", UNICAST),
        ("10.6.0.1", UNICAST | BLACKHOLE),
        ("10.7.0.1", UNICAST | UNREACHABLE),
        ("10.8.0.1", UNICAST | PROHIBIT),
        ("fd00:1::1", UNICAST | LOCAL),
        ("fd00:1::5", UNICAST),
        ("2001:db8::1", UNICAST | UNREACHABLE),  # no route
        ("2001:db8:6::1", UNICAST | BLACKHOLE),
        ("ff02::1", MULTICAST),
        ("::", UNSPEC),
        ("::ffff:10.1.0.5", UNREACHABLE),
    ],
)
def test_types_of_addresses(machine: Machine, address: str, types: int) -> None:
    packed = ip_address(address).packed
    assert machine.routes is not None
    assert address_types(packed, machine.routes) == types
    other = wire.CLIENT4 if len(packed) == 4 else wire.CLIENT6
    for destination in (False, True):
        ends = (other, packed) if destination else (packed, other)
        data = wire.ip(*ends, wire.UDP, wire.udp())
        for asked in (LOCAL, UNICAST, BROADCAST, MULTICAST, BLACKHOLE | PROHIBIT):
            matches = [
                AddressTypeMatch(inverted, asked, destination, machine)
                for inverted in (False, True)
            ]
            assert judge(matches[0], matches[1], data) == (YES if types & asked else NO)


def back(
    machine: Machine, source: str, by: int, *, loose: bool = False, local: bool = False,
    to: str = "",
) -> str:  # fmt: skip
    src = ip_address(source).packed
    dst = ip_address(to).packed if to else (wire.SERVER4 if len(src) == 4 else wire.SERVER6)
    matches = [ReversePathMatch(inverted, loose, local, machine) for inverted in (False, True)]
    data = wire.ip(src, dst, wire.UDP, wire.udp())
    return judge(matches[0], matches[1], data, PacketMeta(in_index=by))


@pytest.mark.parametrize(
    ("source", "by", "strict", "loose"),
    [
        ("10.1.0.5", LAN, YES, YES),
        ("10.1.0.5", WAN, NO, YES),
        ("8.8.8.8", WAN, YES, YES),
        ("8.8.8.8", LAN, NO, YES),
        ("192.0.2.1", LAN, YES, YES),
        ("192.0.2.1", DMZ, YES, YES),  # any next hop will do
        ("192.0.2.1", WAN, NO, YES),
        ("10.1.0.1", LAN, NO, NO),  # our own
        ("10.1.0.1", LO, YES, YES),
        ("10.6.0.1", WAN, NO, NO),
        ("10.1.0.255", LAN, NO, NO),
        ("224.0.0.1", WAN, YES, YES),  # the default route; the kernel says so, too
        ("fd00:1::5", LAN, YES, YES),
        ("fd00:1::5", WAN, NO, YES),
        ("2001:db8::1", WAN, NO, NO),  # no route
        ("::", WAN, YES, YES),
        ("fe80::5", LAN, YES, YES),
        ("fe80::5", WAN, YES, YES),
        ("fe80::5", DMZ, NO, NO),
        ("fe80::1", LAN, NO, NO),
        ("fe80::1", WAN, YES, YES),
        ("10.1.0.5", UNKNOWN_INTERFACE, YES, YES),
        ("10.6.0.1", UNKNOWN_INTERFACE, NO, NO),
    ],
)
def test_the_way_back(machine: Machine, source: str, by: int, strict: str, loose: str) -> None:
    assert back(machine, source, by) == strict
    assert back(machine, source, by, loose=True) == loose


@pytest.mark.parametrize(
    ("source", "by", "strict", "loose"),
    [
        ("10.1.0.1", LAN, YES, YES),
        ("10.1.0.1", WAN, NO, YES),
        ("10.1.0.5", WAN, NO, YES),
        ("fd00:1::1", WAN, YES, YES),  # ip6t_rpfilter.c does not look at the interface then
        ("fe80::1", LAN, YES, YES),
    ],
)
def test_our_own_addresses_where_they_are_accepted(
    machine: Machine, source: str, by: int, strict: str, loose: str
) -> None:
    assert back(machine, source, by, local=True) == strict
    assert back(machine, source, by, local=True, loose=True) == loose


@pytest.mark.parametrize(
    ("to", "is_"),
    [("255.255.255.255", YES), ("224.0.0.22", YES), ("224.0.1.1", NO), ("10.1.0.1", NO)],
)
def test_who_has_no_address_yet_may_ask_all(machine: Machine, to: str, is_: str) -> None:
    assert back(machine, "0.0.0.0", LAN, to=to) == is_


def test_where_no_routes_are_known_nothing_can_be_asked() -> None:
    machine = Machine()
    assert back(machine, "10.1.0.5", LAN) == CANNOT
    matches = [AddressTypeMatch(inverted, UNICAST, True, machine) for inverted in (False, True)]
    assert judge(matches[0], matches[1], wire.ip(wire.CLIENT4, wire.SERVER4, 17, b"")) == CANNOT


@pytest.mark.parametrize("data", [b"", NO_IP, CUT4[:12]])
def test_what_has_no_addresses_is_not_asked(machine: Machine, data: bytes) -> None:
    plain, inverse = (
        AddressTypeMatch(inverted, UNICAST, False, machine) for inverted in (False, True)
    )
    assert judge(plain, inverse, data) == CANNOT
    way, inverse_way = (
        ReversePathMatch(inverted, True, True, machine) for inverted in (False, True)
    )
    assert judge(way, inverse_way, data) == CANNOT
