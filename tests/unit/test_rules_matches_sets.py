"""Conditions and targets about sets, asked of packets."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import UNKNOWN_INTERFACE, Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.changes import Changes
from firewalld_py.rules.matches import Interfaces
from firewalld_py.rules.matches_sets import (
    OF_NAMES,
    AddTarget,
    PacketParts,
    RemoveTarget,
    SetMatch,
)
from firewalld_py.rules.set_elements import ANY_PROTOCOL, pack_any_port, pack_interface, pack_port
from firewalld_py.rules.set_table import FOREVER
from firewalld_py.rules.sets import Set
from firewalld_py.rules.targets import Effects
from tests import wire
from tests.segments import datagram

C4, S4, C6, S6 = wire.CLIENT4, wire.SERVER4, wire.CLIENT6, wire.SERVER6
HTTP = wire.ip(C4, S4, wire.TCP, wire.tcp("S"))
HTTP6 = wire.ip(C6, S6, wire.TCP, wire.tcp("S"))
PING = wire.ip(C4, S4, wire.ICMP, wire.icmp(8, 0))
GRE = wire.ip(C4, S4, 47, bytes(8))
CUT = HTTP[:22]
NO_IP = b"\0" * 60
MAC = bytes.fromhex("0200000000a1")
YES, NO, CANNOT = "met", "not met", "cannot be asked"


def interfaces() -> Interfaces:
    made = Interfaces([], Changes())
    made.set_names({1: "lan0", 2: "wan0", 3: "ppp7"})
    return made


def a_set(words: list[str], *elements: tuple[bytes, bytes], counting: bool = False) -> Set:
    made = Set("s", words, counting=counting)
    for packed, lengths in elements:
        made.put(packed, lengths)
    made.seal()
    return made


def parts(of: str, the_set: Set) -> PacketParts:
    numbers = bytes([OF_NAMES.index(word) for word in of.split()])
    return PacketParts(numbers, the_set, interfaces())


def packet(data: bytes, in_index: int = 1, out_index: int = 2, mac: bytes = MAC) -> Packet:
    return parse(data, PacketMeta(in_index=in_index, out_index=out_index, source_mac=mac))


def judge(the_set: Set, of: str, asked: Packet) -> str:
    """What a packet is to a condition and to its inverse, in one word."""
    info = CtInfo(0)
    plain, inverse = (
        SetMatch(inverted, the_set, parts(of, the_set)).matches(asked, info, 0)
        for inverted in (False, True)
    )
    assert not (plain and inverse)
    return YES if plain else NO if inverse else CANNOT


@pytest.mark.parametrize(
    ("of", "data", "is_"),
    [
        ("src", HTTP, YES),
        ("dst", HTTP, NO),
        ("src", HTTP6, YES),
        ("dst", HTTP6, NO),
        ("dst", wire.ip(S4, C4, wire.TCP, wire.tcp("S")), YES),
        ("src", NO_IP, CANNOT),
    ],
)
def test_addresses(of: str, data: bytes, is_: str) -> None:
    networks = a_set(["address"], (bytes((10, 0, 0, 0)), b"\x08"), (C6, b"\x80"))
    assert judge(networks, of, packet(data)) == is_


@pytest.mark.parametrize(
    ("element", "data", "is_"),
    [
        ((pack_port(80, 6), b"\x10"), HTTP, YES),
        ((pack_port(80, 17), b"\x10"), HTTP, NO),
        ((pack_any_port(80), bytes((16 | ANY_PROTOCOL,))), HTTP, YES),
        ((pack_any_port(64), bytes((10 | ANY_PROTOCOL,))), HTTP, YES),  # 64-127
        ((pack_any_port(81), bytes((16 | ANY_PROTOCOL,))), HTTP, NO),
        ((pack_any_port(80), bytes((16 | ANY_PROTOCOL,))), CUT, CANNOT),
        ((pack_any_port(0), bytes((0 | ANY_PROTOCOL,))), HTTP, YES),
        # What has no ports has something else in their place, which no port means.
        ((pack_any_port(8 << 8), bytes((16 | ANY_PROTOCOL,))), PING, NO),
        ((pack_any_port(0), bytes((0 | ANY_PROTOCOL,))), GRE, NO),
        ((pack_port(8 << 8, 1), b"\x10"), PING, YES),
        ((pack_port(0, 47), b"\x10"), GRE, YES),
        ((pack_port(0, 1), b"\x10"), PING[:21], CANNOT),
        ((pack_port(0, 1), b"\x10"), NO_IP, CANNOT),
    ],
)
def test_ports(element: tuple[bytes, bytes], data: bytes, is_: str) -> None:
    assert judge(a_set(["port"], element), "dport", packet(data)) == is_


def test_the_source_port() -> None:
    ports = a_set(["port"], (pack_port(40000, 6), b"\x10"))
    assert judge(ports, "sport", packet(HTTP)) == YES
    assert judge(ports, "dport", packet(HTTP)) == NO


@pytest.mark.parametrize(("in_index", "is_"), [(1, YES), (2, NO), (3, YES), (0, NO), (9, NO)])
def test_interfaces(in_index: int, is_: str) -> None:
    names = a_set(
        ["interface"],
        (pack_interface("lan0"), b"\x80"),
        (pack_interface("ppp"), b"\x18"),  # ppp*
    )
    assert judge(names, "in", packet(HTTP, in_index)) == is_


def test_an_unknown_interface_meets_a_condition_and_its_inverse() -> None:
    asked = packet(HTTP, UNKNOWN_INTERFACE, UNKNOWN_INTERFACE)
    names = a_set(["interface"], (pack_interface("lan0"), b"\x80"))
    for inverted in (False, True):
        assert SetMatch(inverted, names, parts("out", names)).matches(asked, CtInfo(0), 0)


@pytest.mark.parametrize(("source", "is_"), [(C4, True), (S4, False)])
def test_beside_an_unknown_interface_the_other_parts_count(source: bytes, is_: bool) -> None:
    pairs = a_set(["interface", "address"], (pack_interface("lan0") + C4, bytes((128, 32))))
    asked = packet(wire.ip(source, S4, wire.TCP, wire.tcp("S")), UNKNOWN_INTERFACE)
    assert SetMatch(False, pairs, parts("in src", pairs)).matches(asked, CtInfo(0), 0) == is_
    assert SetMatch(True, pairs, parts("in src", pairs)).matches(asked, CtInfo(0), 0)


@pytest.mark.parametrize(("mac", "is_"), [(MAC, YES), (b"\2\0\0\0\0\1", NO), (b"", CANNOT)])
def test_mac_addresses(mac: bytes, is_: str) -> None:
    macs = a_set(["mac"], (MAC, b"\x30"))
    assert judge(macs, "source_mac", packet(HTTP, mac=mac)) == is_


def test_of_a_combination_every_part_counts() -> None:
    words = ["address", "port", "network", "mac"]
    element = C4 + pack_port(80, 6) + bytes((203, 0, 113, 0)) + MAC
    combined = a_set(words, (element, bytes((32, 16, 24, 48))))
    of = "src dport dst source_mac"
    assert judge(combined, of, packet(HTTP)) == YES
    assert judge(combined, of, packet(HTTP6)) == NO
    assert judge(combined, of, packet(HTTP, mac=bytes(6))) == NO
    assert judge(combined, of, packet(HTTP, mac=b"")) == CANNOT
    assert judge(combined, of, packet(CUT)) == CANNOT
    other = wire.ip(C4, S4, wire.TCP, wire.tcp("S", dport=81))
    assert judge(combined, of, packet(other)) == NO


def test_the_clock_is_the_packets_own() -> None:
    of = a_set(["address"])
    of.add(C4, b"\x20", 10.0, 0.0)
    asked = packet(HTTP)
    match = SetMatch(False, of, parts("src", of))
    asked.meta.arrived = 9.0
    assert match.matches(asked, CtInfo(0), 0)
    asked.meta.arrived = 10.0
    assert not match.matches(asked, CtInfo(0), 0)


def test_what_is_found_is_counted_with_its_octets() -> None:
    of = a_set(["address"], (C4, b"\x20"), counting=True)
    SetMatch(False, of, parts("src", of)).matches(packet(HTTP), CtInfo(0), 0)
    ((listed,), _next) = of.part(0, 9, 0.0)
    assert (listed.packets, listed.octets) == (1, len(HTTP))


def test_an_answer_is_steady_unless_it_may_end_by_itself_or_is_counted() -> None:
    of = a_set(["address"], (C4, b"\x20"))
    match = SetMatch(False, of, parts("src", of))
    assert match.is_steady()
    of.add(S4, b"\x20", FOREVER, 0.0)
    assert match.is_steady()
    of.add(C6, b"\x80", 10.0, 0.0)
    assert not match.is_steady()
    of.remove(C6, b"\x80", 1.0)
    of.expire(1.0, 10)
    assert match.is_steady()
    counting = a_set(["address"], counting=True)
    assert not SetMatch(False, counting, parts("src", counting)).is_steady()
    macs = a_set(["mac"])
    assert not SetMatch(False, macs, parts("source_mac", macs)).is_steady()


def apply(target: AddTarget | RemoveTarget, asked: Packet, now: float) -> None:
    target.apply(asked, CtInfo(0), Effects(0), now)


def test_a_rule_adds_and_removes() -> None:
    of = a_set(["address", "port"])
    add, remove = (
        AddTarget(of, parts("src dport", of), 60.0),
        RemoveTarget(of, parts("src dport", of)),
    )
    apply(add, packet(HTTP), 100.0)
    packed = C4 + pack_port(80, 6)
    assert of.contains(packed, 159.0)
    assert not of.contains(packed, 160.0)
    apply(remove, packet(HTTP), 110.0)
    assert not of.contains(packed, 110.0)
    news = [(one.set_name, one.packed, one.deadline, one.is_added) for one in of.news.items]
    assert news == [("s", packed, 160.0, True), ("s", packed, 0.0, False)]


def test_a_lifetime_of_nothing_is_for_ever() -> None:
    of = a_set(["address"])
    apply(AddTarget(of, parts("src", of), 0.0), packet(HTTP6), 5.0)
    ((listed,), _next) = of.part(0, 9, 6.0)
    assert (listed.packed, listed.lengths, listed.deadline) == (C6, b"\x80", FOREVER)


def test_each_packet_of_a_flood_extends_and_few_are_told_of() -> None:
    of = a_set(["address"])
    add = AddTarget(of, parts("src", of), 10.0)
    for number in range(1000):
        apply(add, packet(HTTP), number / 100)
    assert 2 < len(of.news.items) < 20
    assert of.contains(C4, 9.99 + 9.0)


@pytest.mark.parametrize("data", [CUT, NO_IP])
def test_what_a_packet_lacks_is_neither_added_nor_removed(data: bytes) -> None:
    of = a_set(["address", "port"])
    for target in (
        AddTarget(of, parts("src dport", of), 0.0),
        RemoveTarget(of, parts("src dport", of)),
    ):
        apply(target, packet(data), 0.0)
    assert of.dynamic.count == 0
    assert of.news.items == []


@pytest.mark.parametrize("index", [0, UNKNOWN_INTERFACE])
def test_an_interface_without_a_name_is_not_added(index: int) -> None:
    of = a_set(["interface", "address"])
    apply(AddTarget(of, parts("in src", of), 0.0), packet(HTTP, index), 0.0)
    assert of.dynamic.count == 0
    apply(AddTarget(of, parts("in src", of), 0.0), packet(HTTP, 1), 0.0)
    assert of.contains(pack_interface("lan0") + C4, 0.0)


def test_what_a_full_set_takes_in_no_more_is_not_told() -> None:
    of = Set("s", ["address"], 1)
    add = AddTarget(of, parts("src", of), 0.0)
    for data in (HTTP, HTTP6):
        apply(add, packet(data), 0.0)
    assert (len(of.news.items), of.refused) == (1, 1)


@pytest.mark.parametrize("of", ["dst src", "sport", "src src"])
def test_parts_must_be_those_of_the_set(of: str) -> None:
    with pytest.raises(ValueError, match="other parts"):
        parts(of, a_set(["address"]))
    with pytest.raises(ValueError, match="other parts"):
        PacketParts(b"\xff", a_set(["address"]), interfaces())


def test_a_datagram_has_its_own_ports() -> None:
    of = a_set(["port"], (pack_port(53, 17), b"\x10"))
    assert SetMatch(False, of, parts("dport", of)).matches(datagram(), CtInfo(0), 0)
