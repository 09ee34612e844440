"""Conditions on headers: packets that meet each, that do not, and that cannot be asked."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import NEW, CtInfo
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_packet import (
    FragmentMatch,
    Ipv6HeaderMatch,
    LengthMatch,
    MssMatch,
    TcpOptionMatch,
    TosMatch,
    TtlMatch,
)
from tests import wire

YES, NO, CANNOT = "met", "not met", "cannot be asked"
C4, S4, C6, S6 = wire.CLIENT4, wire.SERVER4, wire.CLIENT6, wire.SERVER6
UDP4: Final = wire.ip(C4, S4, wire.UDP, wire.udp(bytes(72)), hops=5)  # 100 octets
UDP6: Final = wire.ip(C6, S6, wire.UDP, wire.udp(bytes(52)), hops=5)
NO_IP: Final = b"\0" * 100
CUT4, CUT6 = UDP4[:19], UDP6[:39]


def judge(plain: Match, inverse: Match, data: bytes, meta: PacketMeta | None = None) -> str:
    """What a packet is to a match and to its inverse, in one word."""
    packet = parse(data, meta or PacketMeta())
    info = CtInfo(NEW)
    answers = plain.matches(packet, info, 0), inverse.matches(packet, info, 0)
    assert answers != (True, True), "a packet meets a match and its inverse"
    return {(True, False): YES, (False, True): NO, (False, False): CANNOT}[answers]


@pytest.mark.parametrize(
    ("ranges", "data", "is_"),
    [
        ([(100, 100)], UDP4, YES),
        ([(100, 100)], UDP6, YES),
        ([(0, 99), (101, 65535)], UDP4, NO),
        ([(0, 10), (90, 110)], UDP6, YES),
        ([(100, 100)], UDP4 + bytes(9), YES),  # padding does not count
        ([(0, 65535)], CUT4, CANNOT),
        ([(0, 65535)], CUT6, CANNOT),
        ([(0, 65535)], NO_IP, CANNOT),
        ([(0, 65535)], b"", CANNOT),
    ],
)
def test_length(ranges: list[tuple[int, int]], data: bytes, is_: str) -> None:
    assert judge(LengthMatch(False, ranges), LengthMatch(True, ranges), data) == is_


def test_the_length_of_what_is_cut_off_in_the_queue_is_what_its_header_says() -> None:
    meta = PacketMeta(truncated=True)
    ranges = [(100, 100)]
    for data in (UDP4, UDP6):
        assert judge(LengthMatch(False, ranges), LengthMatch(True, ranges), data[:60], meta) == YES


@pytest.mark.parametrize(
    ("ranges", "data", "is_"),
    [
        ([(5, 5)], UDP4, YES),
        ([(5, 5)], UDP6, YES),
        ([(0, 4), (6, 255)], UDP4, NO),
        ([(0, 4), (6, 255)], UDP6, NO),
        ([(0, 255)], CUT4, CANNOT),
        ([(0, 255)], NO_IP, CANNOT),
    ],
)
def test_hops_left(ranges: list[tuple[int, int]], data: bytes, is_: str) -> None:
    assert judge(TtlMatch(False, ranges), TtlMatch(True, ranges), data) == is_


def with_tos(data: bytes, tos: int) -> bytes:
    if data[0] >> 4 == 4:
        return data[:1] + bytes((tos,)) + data[2:]
    return bytes((0x60 | tos >> 4, tos << 4 & 0xF0)) + data[2:]


@pytest.mark.parametrize("data", [UDP4, UDP6])
@pytest.mark.parametrize(
    ("pairs", "tos", "is_"),
    [
        ([(0xB8, 0xFC)], 0xB8, YES),
        ([(0xB8, 0xFC)], 0xBB, YES),  # the two ECN bits
        ([(0xB8, 0xFC)], 0xB4, NO),
        ([(0xB8, 0xFF)], 0xB9, NO),
        ([(0x00, 0xFF), (0x0F, 0x0F)], 0xAF, YES),
    ],
)
def test_class_of_service(pairs: list[tuple[int, int]], data: bytes, tos: int, is_: str) -> None:
    data = with_tos(data, tos)
    assert judge(TosMatch(False, pairs), TosMatch(True, pairs), data) == is_


def test_what_has_no_header_has_no_class_of_service() -> None:
    for data in (CUT4, CUT6, NO_IP, b"\x45", b""):
        assert judge(TosMatch(False, [(0, 0)]), TosMatch(True, [(0, 0)]), data) == CANNOT


def segment(options: bytes, **more: int) -> bytes:
    return wire.ip(C4, S4, wire.TCP, wire.tcp("S", options=options, **more))  # type: ignore[arg-type]


MSS_1460: Final = b"\2\4\x05\xb4"


@pytest.mark.parametrize(
    ("options", "is_"),
    [
        (b"", NO),
        (b"\3\3\7\0", YES),
        (MSS_1460 + b"\1\3\3\7", YES),
        (b"\2\4\3\3", NO),  # a 3 within another option
        (b"\0\3\3\7", YES),  # behind the end of the list the kernel reads on
        (b"\5\0\3\3", YES),  # a length of 0 is one octet
        (b"\1\1\1\3", YES),  # the last octet of the header
        (b"\5\x28\3\3", NO),  # longer than the header
    ],
)
def test_tcp_option(options: bytes, is_: str) -> None:
    wanted = frozenset([3, 99])
    assert (
        judge(TcpOptionMatch(False, wanted), TcpOptionMatch(True, wanted), segment(options)) == is_
    )


@pytest.mark.parametrize(
    ("options", "is_"),
    [
        (b"", NO),
        (MSS_1460, YES),
        (b"\1\1" + MSS_1460, YES),
        (b"\2\4\x05\xb5", NO),
        (b"\2\4\x05\xb5" + MSS_1460, NO),  # the first counts
        (b"\2\3\x05\xb4" + MSS_1460, NO),  # one of a wrong length misplaces what follows
        (b"\1\2\4\x05", NO),  # cut off
    ],
)
def test_mss(options: bytes, is_: str) -> None:
    ranges = [(536, 536), (1460, 1460)]
    assert judge(MssMatch(False, ranges), MssMatch(True, ranges), segment(options)) == is_


@pytest.mark.parametrize(
    "data",
    [
        UDP4,
        UDP6,
        segment(MSS_1460, data_offset=4),
        segment(MSS_1460, data_offset=7),
        wire.ip(C4, S4, wire.TCP, wire.tcp("S", options=MSS_1460)[:19]),
        wire.ipv4(C4, S4, wire.TCP, bytes(40), fragment=5),
        NO_IP,
    ],
)
def test_only_a_whole_tcp_header_has_options(data: bytes) -> None:
    options, sizes = frozenset([0, 2]), [(0, 65535)]
    assert judge(TcpOptionMatch(False, options), TcpOptionMatch(True, options), data) == CANNOT
    assert judge(MssMatch(False, sizes), MssMatch(True, sizes), data) == CANNOT


def test_options_that_the_queue_cut_off_cannot_be_asked() -> None:
    data = segment(MSS_1460)[:-1]
    sizes = [(0, 65535)]
    meta = PacketMeta(truncated=True)
    assert judge(MssMatch(False, sizes), MssMatch(True, sizes), data, meta) == CANNOT


HOP, ROUTE, FRAGMENT, ESP, AUTH, NONE, DST = 0, 43, 44, 50, 51, 59, 60


def chain(*kinds: int, last: int = wire.UDP, body: bytes = bytes(8)) -> bytes:
    """A packet with these extension headers of 8 octets."""
    for kind in reversed(kinds):
        body = (
            bytes((last, 0, 0, 0)) if kind in (FRAGMENT, AUTH) else wire.extension(last)[:4]
        ) + (bytes(4) + body)
        last = kind
    return wire.ipv6(C6, S6, last, body)


@pytest.mark.parametrize(
    ("kinds", "data", "is_"),
    [
        ([HOP], chain(HOP), YES),
        ([HOP], chain(), NO),
        ([DST], chain(HOP, DST), YES),
        ([ROUTE, AUTH], chain(HOP, AUTH), YES),
        ([ROUTE], chain(HOP, DST, AUTH), NO),
        ([FRAGMENT], chain(FRAGMENT), YES),
        ([NONE], chain(last=NONE, body=b""), YES),
        ([NONE], chain(HOP, last=NONE), YES),
        ([ESP], chain(HOP, last=ESP), YES),
        ([DST], chain(last=ESP, body=bytes((DST, 0)) + bytes(14)), NO),  # nobody sees behind ESP
        ([ESP], chain(last=ESP, body=b"\0"), CANNOT),
        ([HOP], chain(last=HOP, body=b""), CANNOT),
        ([HOP], chain(last=HOP, body=bytes((17, 1)) + bytes(6)), YES),  # cut off within
        ([ESP], chain(last=HOP, body=bytes((ESP, 1)) + bytes(6)), NO),
        ([DST], chain(last=HOP, body=bytes((DST, 0)) + bytes(6)), CANNOT),  # just before
        ([HOP], UDP4, CANNOT),
        ([HOP], CUT6, CANNOT),
        ([HOP], NO_IP, CANNOT),
    ],
)
def test_ipv6_header(kinds: list[int], data: bytes, is_: str) -> None:
    wanted = frozenset(kinds)
    assert judge(Ipv6HeaderMatch(False, wanted), Ipv6HeaderMatch(True, wanted), data) == is_


@pytest.mark.parametrize(
    ("data", "is_"),
    [
        (UDP4, NO),
        (UDP6, NO),
        (wire.ipv4(C4, S4, wire.UDP, bytes(16), fragment=0x2000), YES),
        (wire.ipv4(C4, S4, wire.UDP, bytes(16), fragment=5), YES),
        (wire.ipv4(C4, S4, wire.UDP, bytes(16), fragment=0x4000), NO),  # only: do not fragment
        (CUT4, CANNOT),
        (NO_IP, CANNOT),
    ],
)
def test_fragment(data: bytes, is_: str) -> None:
    assert judge(FragmentMatch(False, True), FragmentMatch(True, True), data) == is_
    assert judge(FragmentMatch(True, False), FragmentMatch(False, False), data) == is_
