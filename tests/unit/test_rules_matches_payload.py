"""Conditions on payload: where it begins, where it ends, and what cannot be asked."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import NEW, CtInfo
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.matches import Match
from firewalld_py.rules.matches_payload import (
    NO_PAYLOAD,
    ContainsMatch,
    PayloadMatch,
    RegexMatch,
    payload_start,
)
from firewalld_py.rules.patterns import searcher
from tests import wire

YES, NO, CANNOT = "met", "not met", "cannot be asked"
C4, S4, C6, S6 = wire.CLIENT4, wire.SERVER4, wire.CLIENT6, wire.SERVER6
TEXT: Final = b"GET /index HTTP"
IN_UDP4: Final = wire.ip(C4, S4, wire.UDP, wire.udp(TEXT))
IN_UDP6: Final = wire.ip(C6, S6, wire.UDP, wire.udp(TEXT))
IN_UDPLITE: Final = wire.ip(C4, S4, wire.UDPLITE, wire.udp(TEXT))
IN_TCP: Final = wire.ip(C4, S4, wire.TCP, wire.tcp("PA", options=b"\1\1\1\1", payload=TEXT))
BEHIND_HEADERS: Final = wire.ipv6(C6, S6, 60, wire.extension(wire.UDP) + wire.udp(TEXT))
WITH_IP_OPTIONS: Final = wire.ipv4(C4, S4, wire.UDP, wire.udp(TEXT), options=b"\1\1\1\1")
ALL: Final = [IN_UDP4, IN_UDP6, IN_UDPLITE, IN_TCP, BEHIND_HEADERS, WITH_IP_OPTIONS]
WITHOUT: Final = [
    wire.ip(C4, S4, wire.ICMP, wire.query(8, payload=TEXT)),
    wire.ipv4(C4, S4, 47, TEXT),
    wire.ipv4(C4, S4, wire.UDP, wire.udp(TEXT)[:7]),
    wire.ipv4(C4, S4, wire.UDP, wire.udp(TEXT)[:3]),
    wire.ip(C4, S4, wire.TCP, wire.tcp("A", data_offset=4, payload=TEXT)),
    wire.ip(C4, S4, wire.TCP, wire.tcp("A", data_offset=15, payload=TEXT)),
    wire.ipv4(C4, S4, wire.UDP, TEXT, fragment=5),
    b"\0" * 60,
    b"",
]


def judge(plain: Match, inverse: Match, data: bytes, meta: PacketMeta | None = None) -> str:
    """What a packet is to a match and to its inverse, in one word."""
    packet = parse(data, meta or PacketMeta())
    info = CtInfo(NEW)
    answers = plain.matches(packet, info, 0), inverse.matches(packet, info, 0)
    assert answers != (True, True), "a packet meets a match and its inverse"
    return {(True, False): YES, (False, True): NO, (False, False): CANNOT}[answers]


def at(offset: int, octets: bytes, data: bytes, meta: PacketMeta | None = None) -> str:
    plain, inverse = PayloadMatch(False, offset, octets), PayloadMatch(True, offset, octets)
    return judge(plain, inverse, data, meta)


def contains(
    data: bytes, *patterns: bytes, start: int = 0, end: int = 65535, meta: PacketMeta | None = None
) -> str:
    plain, inverse = (ContainsMatch(one, start, end, list(patterns)) for one in (False, True))
    return judge(plain, inverse, data, meta)


@pytest.mark.parametrize("data", ALL)
def test_payload_begins_behind_the_transport_header(data: bytes) -> None:
    assert data[payload_start(parse(data, PacketMeta())) :] == TEXT
    assert at(0, b"GET", data) == YES
    assert at(0, TEXT, data) == YES
    assert at(4, b"/index", data) == YES
    assert at(1, b"GET", data) == NO
    assert at(len(TEXT) - 1, b"P", data) == YES
    assert at(len(TEXT) - 1, b"P\0", data) == NO  # the packet ends
    assert at(len(TEXT), b"P", data) == NO
    assert at(65535, b"P", data) == NO


@pytest.mark.parametrize("data", WITHOUT)
def test_what_has_no_payload_is_not_asked(data: bytes) -> None:
    assert payload_start(parse(data, PacketMeta())) == NO_PAYLOAD
    assert at(0, b"G", data) == CANNOT
    assert contains(data, b"G") == CANNOT


def test_padding_behind_the_packet_is_no_payload() -> None:
    for data in (IN_UDP4, IN_UDP6, IN_TCP):
        assert at(len(TEXT), b"xyz", data + b"xyz") == NO
        assert contains(data + b"xyz", b"Px") == NO
        assert contains(data + b"xyz", b"xyz") == NO


def test_a_payload_of_no_octets_holds_nothing() -> None:
    for data in (
        wire.ip(C4, S4, wire.UDP, wire.udp(b"")),
        wire.ip(C4, S4, wire.TCP, wire.tcp("S", options=b"GET ")),
    ):
        assert at(0, b"G", data) == NO
        assert contains(data, b"G") == NO


@pytest.mark.parametrize("data", ALL)
def test_contains(data: bytes) -> None:
    assert contains(data, b"index") == YES
    assert contains(data, b"nothing", b"HTTP") == YES
    assert contains(data, b"INDEX") == NO
    assert contains(data, TEXT) == YES
    assert contains(data, TEXT + b" ") == NO


@pytest.mark.parametrize(
    ("start", "end", "is_"),
    [(5, 10, YES), (5, 9, NO), (6, 10, NO), (0, 65535, YES), (10, 15, NO), (100, 200, NO)],
)
def test_what_is_looked_for_stands_wholly_within_the_bounds(start: int, end: int, is_: str) -> None:
    assert contains(IN_UDP4, b"index", start=start, end=end) == is_


def test_headers_are_not_searched() -> None:
    data = wire.ip(C4, S4, wire.UDP, wire.udp(TEXT, sport=0x4142))
    assert b"AB" in data
    assert contains(data, b"AB") == NO


def test_what_the_queue_cut_off_is_not_asked() -> None:
    meta = PacketMeta(truncated=True)
    for data in (IN_UDP4[:38], IN_UDP6[:58]):  # "GET /index"
        assert at(4, b"/index", data, meta) == YES
        assert at(4, b"/Index", data, meta) == NO
        assert at(4, b"/index ", data, meta) == CANNOT
        assert at(len(TEXT), b"x", data, meta) == NO  # it would stand behind the packet's end
        assert contains(data, b"index", meta=meta) == YES
        assert contains(data, b"HTTP", meta=meta) == CANNOT
        assert contains(data, b"HTTP", end=10, meta=meta) == NO


def regex(
    data: bytes,
    *expressions: bytes,
    start: int = 0,
    end: int = 1460,
    meta: PacketMeta | None = None,
) -> str:
    found = [searcher(one) for one in expressions]
    plain, inverse = (RegexMatch(inverted, start, end, found) for inverted in (False, True))
    return judge(plain, inverse, data, meta)


@pytest.mark.parametrize("data", ALL)
def test_an_expression_is_searched_for_in_the_payload_alone(data: bytes) -> None:
    assert regex(data, rb"^GET /[a-z]+ HTTP$") == YES
    assert regex(data, rb"^POST", rb"(?i)http") == YES
    assert regex(data, rb"^ET") == NO
    assert regex(data, rb"\x01\x01") == NO  # options of the header


@pytest.mark.parametrize("data", WITHOUT)
def test_what_has_no_payload_is_not_asked_for_an_expression(data: bytes) -> None:
    assert regex(data, rb".") == CANNOT


@pytest.mark.parametrize(
    ("expression", "start", "end", "is_"),
    [
        (rb"^/index", 4, 1460, YES),
        (rb"^GET", 1, 1460, NO),
        (rb"GET /i$", 0, 6, YES),
        (rb"HTTP", 0, 14, NO),
        (rb"HTTP", 0, 15, YES),
        (rb".", 15, 1460, NO),
        (rb".", 100, 1460, NO),
    ],
)
def test_an_expression_is_searched_for_within_bounds(
    expression: bytes, start: int, end: int, is_: str
) -> None:
    assert regex(IN_TCP, expression, start=start, end=end) == is_


def test_of_what_is_cut_off_no_expression_is_asked_for() -> None:
    cut = IN_UDP4[: 28 + 5]
    meta = PacketMeta(truncated=True)
    assert regex(cut, rb"/i", meta=meta) == CANNOT
    assert regex(cut, rb"GET$", end=3, meta=meta) == YES
    assert regex(cut, rb"POST", end=5, meta=meta) == NO


def test_padding_is_no_payload_to_an_expression() -> None:
    assert regex(IN_UDP4 + b"pad", rb"pad") == NO
    assert regex(IN_UDP4 + b"pad", rb"HTTP$") == YES
    assert regex(IN_UDP4 + b"pad" * 20, rb"pad", start=20) == NO


def test_where_only_padding_stands_there_is_nothing_to_search() -> None:
    assert regex(IN_UDP4 + bytes(500), rb".", start=300) == NO
    assert contains(IN_UDP4 + bytes(500), b"\0", start=300) == NO
