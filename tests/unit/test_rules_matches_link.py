"""Conditions on the link: who sent a packet over it, and to how many."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

import pytest

from firewalld_py.packet.packet import UNKNOWN_INTERFACE, PacketMeta
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches_link import (
    BROADCAST,
    MULTICAST,
    UNICAST,
    PacketTypeMatch,
    SourceMacMatch,
)
from tests import wire
from tests.unit.test_rules_matches_packet import CANNOT, CUT4, NO, NO_IP, UDP4, UDP6, YES, judge

MAC: Final = bytes.fromhex("02000000000a")
OTHER: Final = bytes.fromhex("02000000000b")


def octets(address: str) -> bytes:
    return ip_address(address).packed


@pytest.mark.parametrize(
    ("mac", "data", "is_"),
    [
        (MAC, UDP4, YES),
        (MAC, UDP6, YES),
        (MAC, NO_IP, YES),  # as xt_mac.c, it looks at the frame alone
        (OTHER, UDP4, NO),
        (b"", UDP4, CANNOT),
    ],
)
def test_source_mac(mac: bytes, data: bytes, is_: str) -> None:
    wanted = frozenset([MAC])
    meta = PacketMeta(source_mac=mac)
    assert judge(SourceMacMatch(False, wanted), SourceMacMatch(True, wanted), data, meta) == is_


def to(address: str) -> bytes:
    """A datagram to an address."""
    destination = octets(address)
    source = wire.CLIENT4 if len(destination) == 4 else wire.CLIENT6
    return wire.ip(source, destination, wire.UDP, wire.udp())


@pytest.mark.parametrize(
    ("address", "type_"),
    [
        ("10.1.0.5", UNICAST),
        ("223.255.255.255", UNICAST),
        ("224.0.0.0", MULTICAST),
        ("239.255.255.255", MULTICAST),
        ("240.0.0.1", UNICAST),
        ("255.255.255.255", BROADCAST),
        ("10.1.0.255", BROADCAST),
        ("10.2.0.255", UNICAST),  # a broadcast where it goes to, but it came addressed to us
        ("fd00::5", UNICAST),
        ("fe80::5", UNICAST),
        ("ff02::1", MULTICAST),
    ],
)
def test_packet_type(address: str, type_: int) -> None:
    machine = Machine()
    machine.broadcasts = {
        1: frozenset([octets("10.1.0.255")]),
        2: frozenset([octets("10.2.0.255")]),
    }
    for asked in (UNICAST, BROADCAST, MULTICAST):
        matches = PacketTypeMatch(False, asked, machine), PacketTypeMatch(True, asked, machine)
        is_ = judge(*matches, to(address), PacketMeta(in_index=1, out_index=2))
        assert is_ == (YES if asked == type_ else NO)


@pytest.mark.parametrize(
    ("in_index", "out_index", "is_"),
    [
        (0, 2, YES),  # sent by this machine
        (0, 1, NO),
        (2, 0, YES),
        (3, 0, NO),
        (UNKNOWN_INTERFACE, UNKNOWN_INTERFACE, YES),  # a capture: of any interface
        (UNKNOWN_INTERFACE, 1, NO),
    ],
)
def test_a_broadcast_is_one_in_a_network_of_the_interface(
    in_index: int, out_index: int, is_: str
) -> None:
    machine = Machine()
    machine.broadcasts = {2: frozenset([octets("10.2.0.255")])}
    matches = [PacketTypeMatch(inverted, BROADCAST, machine) for inverted in (False, True)]
    meta = PacketMeta(in_index=in_index, out_index=out_index)
    assert judge(matches[0], matches[1], to("10.2.0.255"), meta) == is_


@pytest.mark.parametrize("data", [b"", NO_IP, CUT4[:12]])
def test_what_has_no_destination_has_no_type(data: bytes) -> None:
    matches = [PacketTypeMatch(inverted, UNICAST, Machine()) for inverted in (False, True)]
    assert judge(matches[0], matches[1], data) == CANNOT
