"""Every kind of match, on packets that meet it, that do not, and that cannot be asked.

Each row is judged twice: a packet that meets a match does not meet its inverse and the other way
round; a packet that lacks what is asked about meets neither.
"""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import (
    ESTABLISHED,
    INVALID,
    NEW,
    UNTRACKED,
    Connection,
    CtInfo,
)
from firewalld_py.conntrack.flow import flow_key, in_zone, reply_key
from firewalld_py.packet.packet import UNKNOWN_INTERFACE, Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.changes import Changes
from firewalld_py.rules.matches import (
    AddressMatch,
    ConnmarkMatch,
    FamilyMatch,
    IcmpMatch,
    InterfaceMatch,
    Interfaces,
    LabelMatch,
    MarkMatch,
    Match,
    PortMatch,
    ProtocolMatch,
    StateMatch,
    TcpFlagsMatch,
    ZoneMatch,
)
from tests import wire

YES, NO, CANNOT = "met", "not met", "cannot be asked"
CLIENT4, SERVER4 = wire.CLIENT4, wire.SERVER4
TCP4: Final = wire.ip(CLIENT4, SERVER4, wire.TCP, wire.tcp("SA", sport=40000, dport=80))
TCP6: Final = wire.ip(wire.CLIENT6, wire.SERVER6, wire.TCP, wire.tcp("S", dport=80))
UDP4: Final = wire.ip(CLIENT4, SERVER4, wire.UDP, wire.udp(sport=40000, dport=53))
PING4: Final = wire.ip(CLIENT4, SERVER4, wire.ICMP, wire.query(8))
UNREACHABLE4: Final = wire.ip(CLIENT4, SERVER4, wire.ICMP, wire.icmp(3, 4))
PING6: Final = wire.ip(wire.CLIENT6, wire.SERVER6, wire.ICMPV6, wire.query(128))
ESP4: Final = wire.ipv4(CLIENT4, SERVER4, 50, bytes(8))
FRAGMENT4: Final = wire.ipv4(CLIENT4, SERVER4, wire.TCP, bytes(40), fragment=5)
CUT_TCP4: Final = wire.ipv4(CLIENT4, SERVER4, wire.TCP, bytes(2))
CUT_PING4: Final = wire.ipv4(CLIENT4, SERVER4, wire.ICMP, b"\x08\x00")
NOT_IP: Final = b"\x00" * 40


def asked(match: Match, data: bytes, state: int = NEW, mark: int = 0) -> bool:
    return match.matches(parse(data, PacketMeta()), CtInfo(state), mark)


def judge(plain: Match, inverse: Match, data: bytes, state: int = NEW, mark: int = 0) -> str:
    """What a packet is to a match and to its inverse, in one word."""
    answers = asked(plain, data, state, mark), asked(inverse, data, state, mark)
    assert answers != (True, True), "a packet meets a match and its inverse"
    return {(True, False): YES, (False, True): NO, (False, False): CANNOT}[answers]


@pytest.mark.parametrize(
    ("states", "state", "is_"),
    [
        (NEW, NEW, YES),
        (NEW, ESTABLISHED, NO),
        (NEW | ESTABLISHED, ESTABLISHED, YES),
        (UNTRACKED, INVALID, NO),
    ],
)
def test_state(states: int, state: int, is_: str) -> None:
    assert judge(StateMatch(False, states), StateMatch(True, states), TCP4, state=state) == is_


@pytest.mark.parametrize(
    ("version", "data", "is_"),
    [(4, TCP4, YES), (6, TCP4, NO), (6, TCP6, YES), (4, TCP6, NO)],
)
def test_family(version: int, data: bytes, is_: str) -> None:
    assert judge(FamilyMatch(False, version), FamilyMatch(True, version), data) == is_


def between(low: bytes, high: bytes) -> list[tuple[bytes, bytes]]:
    return [(low, high)]


@pytest.mark.parametrize("destination", [False, True])
@pytest.mark.parametrize(
    ("below", "above", "is_"),
    [
        (0, 0, YES),  # the address alone
        (1, 0, YES),
        (0, 1, YES),
        (-1, 5, NO),  # a range that begins just above
        (5, -1, NO),  # or ends just below
    ],
)
@pytest.mark.parametrize("data", [TCP4, TCP6])
def test_address(data: bytes, destination: bool, below: int, above: int, is_: str) -> None:
    packet = parse(data, PacketMeta())
    address = packet.dst if destination else packet.src
    number = int.from_bytes(address, "big")
    low = (number - below).to_bytes(len(address), "big")
    high = (number + above).to_bytes(len(address), "big")
    plain = AddressMatch(False, [(low, high)], destination)
    inverse = AddressMatch(True, [(low, high)], destination)
    assert judge(plain, inverse, data) == is_


def test_an_address_is_in_one_of_several_ranges_of_its_own_family() -> None:
    ranges = [
        (bytes(4), bytes(4)),
        (CLIENT4, CLIENT4),
        (bytes(16), b"\xff" * 16),
    ]
    pair = AddressMatch(False, ranges, False), AddressMatch(True, ranges, False)
    assert judge(*pair, TCP4) == YES
    assert judge(*pair, TCP6) == YES
    assert judge(*pair, wire.ip(SERVER4, CLIENT4, wire.UDP, wire.udp())) == NO
    only6 = between(bytes(16), b"\xff" * 16)
    assert judge(AddressMatch(False, only6, False), AddressMatch(True, only6, False), TCP4) == NO


def test_what_has_no_address_has_none_to_be_asked_for() -> None:
    ranges = between(bytes(4), b"\xff" * 4)
    for direction in (False, True):
        pair = AddressMatch(False, ranges, direction), AddressMatch(True, ranges, direction)
        assert judge(*pair, NOT_IP) == CANNOT


@pytest.mark.parametrize(
    ("data", "is_"),
    [(TCP4, YES), (TCP6, YES), (UDP4, NO), (ESP4, NO), (FRAGMENT4, YES), (NOT_IP, CANNOT)],
)
def test_protocol(data: bytes, is_: str) -> None:
    wanted = frozenset({6, 132})
    assert judge(ProtocolMatch(False, wanted), ProtocolMatch(True, wanted), data) == is_


def test_protocol_zero_is_not_that_of_a_packet_without_one() -> None:
    assert not asked(ProtocolMatch(False, frozenset({0})), NOT_IP)


@pytest.mark.parametrize(
    ("data", "ranges", "is_"),
    [
        (TCP4, [(80, 80)], YES),
        (TCP4, [(0, 79), (81, 65535)], NO),
        (TCP4, [(1, 2), (79, 81)], YES),
        (UDP4, [(53, 53)], YES),
        (PING4, [(0, 65535)], CANNOT),
        (ESP4, [(0, 65535)], CANNOT),
        (FRAGMENT4, [(0, 65535)], CANNOT),
        (CUT_TCP4, [(0, 65535)], CANNOT),
    ],
)
def test_destination_port(data: bytes, ranges: list[tuple[int, int]], is_: str) -> None:
    assert judge(PortMatch(False, ranges, True), PortMatch(True, ranges, True), data) == is_


@pytest.mark.parametrize(("ranges", "is_"), [([(40000, 40000)], YES), ([(80, 80)], NO)])
def test_source_port(ranges: list[tuple[int, int]], is_: str) -> None:
    assert judge(PortMatch(False, ranges, False), PortMatch(True, ranges, False), TCP4) == is_


@pytest.mark.parametrize(
    ("data", "types", "is_"),
    [
        (PING4, [(1, 8, 0, 255)], YES),
        (PING4, [(1, 0, 0, 255)], NO),
        (PING4, [(58, 8, 0, 255)], NO),
        (PING6, [(58, 128, 0, 255)], YES),
        (PING6, [(1, 8, 0, 0), (58, 128, 0, 0)], YES),
        (UNREACHABLE4, [(1, 3, 4, 4)], YES),
        (UNREACHABLE4, [(1, 3, 0, 3)], NO),
        (UNREACHABLE4, [(1, 3, 5, 15)], NO),
        (TCP4, [(1, 0, 0, 255)], CANNOT),
        (CUT_PING4, [(1, 0, 0, 255)], CANNOT),
    ],
)
def test_icmp(data: bytes, types: list[tuple[int, int, int, int]], is_: str) -> None:
    assert judge(IcmpMatch(False, types), IcmpMatch(True, types), data) == is_


@pytest.mark.parametrize(
    ("data", "pairs", "is_"),
    [
        (TCP6, [(0x17, 0x02)], YES),  # SYN alone of FIN, SYN, RST and ACK
        (TCP4, [(0x17, 0x02)], NO),
        (TCP4, [(0x17, 0x02), (0x12, 0x12)], YES),
        (TCP4, [(0xFF, 0x12)], YES),
        (UDP4, [(0, 0)], CANNOT),
        (CUT_TCP4, [(0, 0)], CANNOT),
        (FRAGMENT4, [(0, 0)], CANNOT),
    ],
)
def test_tcp_flags(data: bytes, pairs: list[tuple[int, int]], is_: str) -> None:
    assert judge(TcpFlagsMatch(False, pairs), TcpFlagsMatch(True, pairs), data) == is_


def test_flags_that_make_a_segment_invalid_can_be_asked_for() -> None:
    xmas = wire.ip(CLIENT4, SERVER4, wire.TCP, wire.tcp("FPU"))
    assert judge(TcpFlagsMatch(False, [(0x3F, 0x29)]), TcpFlagsMatch(True, [(0x3F, 0x29)]), xmas)


@pytest.mark.parametrize(
    ("mark", "pairs", "is_"),
    [
        (0, [(0, 0xFFFFFFFF)], YES),
        (0x10, [(0x10, 0xF0)], YES),
        (0x1F, [(0x10, 0xF0)], YES),
        (0x2F, [(0x10, 0xF0)], NO),
        (0x2F, [(0x10, 0xF0), (0x20, 0xF0)], YES),
    ],
)
def test_mark(mark: int, pairs: list[tuple[int, int]], is_: str) -> None:
    assert judge(MarkMatch(False, pairs), MarkMatch(True, pairs), UDP4, mark=mark) == is_


INTERFACES: Final = Interfaces(["lan0", "ppp*", "wg+"], Changes())
INTERFACES.set_names({1: "lo", 2: "lan0", 3: "ppp7", 4: "wg", 5: "lan01"})


@pytest.mark.parametrize("outgoing", [False, True])
@pytest.mark.parametrize(
    ("index", "patterns", "is_"),
    [
        (2, 0b001, YES),
        (5, 0b001, NO),  # a name is no beginning of a name
        (3, 0b010, YES),
        (3, 0b101, NO),
        (4, 0b100, YES),  # nothing needs to follow
        (3, 0b111, YES),
        (1, 0b111, NO),
        (77, 0b111, NO),  # one that nobody told of
        (0, 0b111, NO),  # none, as of what this machine sends
    ],
)
def test_interface(index: int, patterns: int, is_: str, outgoing: bool) -> None:
    meta = PacketMeta(in_index=2 if outgoing else index, out_index=index if outgoing else 2)
    packet = parse(UDP4, meta)
    plain = InterfaceMatch(False, patterns, INTERFACES, outgoing)
    inverse = InterfaceMatch(True, patterns, INTERFACES, outgoing)
    info = CtInfo(NEW)
    assert plain.matches(packet, info, 0) == (is_ == YES)
    assert inverse.matches(packet, info, 0) == (is_ == NO)


def test_an_interface_that_a_capture_does_not_know_meets_everything() -> None:
    packet: Packet = parse(UDP4, PacketMeta(in_index=UNKNOWN_INTERFACE))
    for inverted in (False, True):
        match = InterfaceMatch(inverted, 1, INTERFACES, False)
        assert match.matches(packet, CtInfo(NEW), 0)


def test_interfaces_that_went_are_forgotten() -> None:
    interfaces = Interfaces(["lan*"], Changes())
    interfaces.set_names({2: "lan0", 3: "lan1"})
    interfaces.set_names({3: "wan0", 4: "lan0"})
    assert interfaces.masks == {3: 0, 4: 1}


def test_a_match_without_a_question_is_none() -> None:
    with pytest.raises(NotImplementedError):
        asked(Match(False), UDP4)


def connection_matches(inverted: bool) -> list[Match]:
    return [
        ConnmarkMatch(inverted, [(9, 0xFF), (0x500, 0xF00)]),
        LabelMatch(inverted, 1 << 3 | 1 << 127),
        ZoneMatch(inverted, frozenset({7})),
    ]


def test_what_tracking_knows_of_the_connection_is_asked() -> None:
    packet = parse(UDP4, PacketMeta())
    key = in_zone(flow_key(packet), 7)
    connection = Connection(wire.UDP, key, reply_key(key), 0.0)
    connection.mark = 0x5FF
    connection.add_labels(1 << 127)
    other = Connection(wire.UDP, flow_key(packet), reply_key(flow_key(packet)), 0.0)
    for inverted in (False, True):
        for match in connection_matches(inverted):
            assert match.matches(packet, CtInfo(NEW, connection=connection), 0) != inverted
            assert match.matches(packet, CtInfo(NEW, connection=other), 0) == inverted


def test_what_has_no_connection_meets_neither_these_nor_their_inverse() -> None:
    packet = parse(UDP4, PacketMeta())
    for inverted in (False, True):
        for match in connection_matches(inverted):
            assert not match.matches(packet, CtInfo(UNTRACKED), 0)
