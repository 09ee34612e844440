"""ICMP errors against quotes made by scapy and by other stacks; whole exchanges are traces."""

from __future__ import annotations

from typing import Final

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6ND_Redirect,
    ICMPv6NDOptRedirectedHdr,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.packet import Packet as Scapy
from scapy.packet import Raw

from firewalld_py.conntrack.connection import INVALID, RELATED, REPLY, Connection, CtInfo
from firewalld_py.conntrack.flow import flow_key, reply_key
from firewalld_py.conntrack.gre_map import GreMap, Mapped
from firewalld_py.conntrack.icmp_error import inspect_error, is_icmp_error
from firewalld_py.conntrack.table import Table
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK, REASON_NAMES
from tests import wire
from tests.pptp import gre
from tests.segments import connection_for

ASKED4: Final = IP(src="10.1.0.5", dst="203.0.113.9") / UDP(sport=40000, dport=53) / Raw(b"x" * 64)
ASKED6: Final = IPv6(src="fd00:1::5", dst="fd00:2::9") / UDP(sport=40000, dport=53)
TO4: Final = IP(src="192.0.2.1", dst="10.1.0.5")
TO6: Final = IPv6(src="fd00:3::1", dst="fd00:1::5")


def parsed(packet: Scapy | bytes) -> Packet:
    return parse(bytes(packet), PacketMeta())


def judged(asked: Scapy, error: Scapy | bytes) -> CtInfo:
    """What is said of the error when the table has the connection that `asked` opened."""
    first = parsed(asked)
    assert first.fault == OK
    connection = connection_for(first)
    connection.deadline = 30.0
    table = Table(10)
    assert table.insert(connection, 0.0)
    packet = parsed(error)
    assert packet.fault == OK
    assert is_icmp_error(packet)
    return inspect_error(packet, table, 1.0, 0)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (ASKED4, TO4 / ICMP(type=3, code=3) / ASKED4),
        (ASKED4, TO4 / ICMP(type=11) / bytes(ASKED4)[:28]),  # RFC 792: 64 bits of the payload
        (ASKED6, TO6 / ICMPv6DestUnreach() / ASKED6),
        (ASKED6, TO6 / ICMPv6PacketTooBig(mtu=1280) / bytes(ASKED6)[:48]),
    ],
)
def test_an_error_made_by_scapy_is_related(asked: Scapy, error: Scapy) -> None:
    info = judged(asked, error)
    assert (info.state, info.direction, info.reason) == (RELATED, REPLY, OK)
    assert info.connection is not None
    assert info.connection.original_key == flow_key(parsed(asked))


def test_options_of_a_quoted_ipv4_header_are_skipped() -> None:
    quote = IP(src="10.1.0.5", dst="203.0.113.9", options=b"\x01" * 8) / UDP(sport=40000, dport=53)
    assert judged(ASKED4, TO4 / ICMP(type=3) / quote).state == RELATED


@pytest.mark.parametrize(
    "extension",
    [IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), IPv6ExtHdrFragment(m=1)],
)
def test_extension_headers_of_a_quote_are_skipped(extension: Scapy) -> None:
    quote = IPv6(src="fd00:1::5", dst="fd00:2::9") / extension / UDP(sport=40000, dport=53)
    assert judged(ASKED6, TO6 / ICMPv6DestUnreach() / quote).state == RELATED


@pytest.mark.parametrize(
    ("asked", "error", "word"),
    [
        (ASKED4, TO4 / ICMP(type=3) / bytes(ASKED4)[:23], "icmp_error_quote"),
        (ASKED4, TO4 / ICMP(type=3), "icmp_error_quote"),
        (ASKED4, TO4 / ICMP(type=3) / IP(frag=5, src="10.1.0.5"), "icmp_error_quote"),
        (ASKED6, TO6 / ICMPv6DestUnreach() / bytes(ASKED6)[:43], "icmp_error_quote"),
        (
            ASKED6,
            TO6 / ICMPv6DestUnreach() / IPv6() / IPv6ExtHdrFragment(offset=9) / UDP(),
            "icmp_error_quote",
        ),
        (ASKED6, TO6 / ICMPv6DestUnreach() / IPv6(nh=59), "icmp_error_quote"),
        (ASKED4, TO4 / ICMP(type=3) / IP(src="10.1.0.5") / TCP(), "icmp_error_unrelated"),
        (ASKED4, IP(dst="10.1.0.6") / ICMP(type=3) / ASKED4, "icmp_error_address"),
    ],
)
def test_what_is_wrong_with_an_error_has_a_name(asked: Scapy, error: Scapy, word: str) -> None:
    info = judged(asked, error)
    assert (info.state, info.connection) == (INVALID, None)
    assert REASON_NAMES[info.reason] == word


@pytest.mark.parametrize(
    ("source", "hops", "word"),
    [
        ("fe80::1", 255, "ok"),
        ("febf:ffff::1", 255, "ok"),
        ("fe80::1", 64, "icmpv6_redirect_source"),
        ("fec0::1", 255, "icmpv6_redirect_source"),
        ("fd00:3::1", 255, "icmpv6_redirect_source"),
    ],
)
def test_a_redirect_counts_only_from_a_neighbour(source: str, hops: int, word: str) -> None:
    quote = ICMPv6NDOptRedirectedHdr(pkt=ASKED6)
    redirect = IPv6(src=source, dst="fd00:1::5", hlim=hops) / ICMPv6ND_Redirect() / quote
    info = judged(ASKED6, redirect)
    assert REASON_NAMES[info.reason] == word
    assert (info.state == RELATED) == (word == "ok")


def test_a_redirect_that_quotes_nothing_is_about_nothing() -> None:
    header = IPv6(src="fe80::1", dst="fd00:1::5", hlim=255)
    for options in (b"", b"\x04", b"\x04\x00" + bytes(6), b"\x02\x01" + bytes(6), b"\x04\x09"):
        info = judged(ASKED6, header / ICMPv6ND_Redirect() / Raw(options))
        assert REASON_NAMES[info.reason] == "icmp_error_quote"


def test_a_redirect_quotes_in_its_first_option_and_has_code_0() -> None:
    header = IPv6(src="fe80::1", dst="fd00:1::5", hlim=255)
    link_layer = Raw(b"\x02\x01" + bytes(6))
    quote = ICMPv6NDOptRedirectedHdr(pkt=ASKED6)
    assert judged(ASKED6, header / ICMPv6ND_Redirect() / quote).state == RELATED
    assert judged(ASKED6, header / ICMPv6ND_Redirect(code=1) / quote).state == INVALID
    assert judged(ASKED6, header / ICMPv6ND_Redirect() / link_layer / quote).state == INVALID


def test_which_types_are_errors() -> None:
    four = {kind for kind in range(19) if is_icmp_error(parsed(message(kind, six=False)))}
    assert four == {3, 4, 5, 11, 12}
    six = {kind for kind in range(256) if is_icmp_error(parsed(message(kind, six=True)))}
    assert six == {*range(128), 137}
    assert not is_icmp_error(parsed(ASKED4))


def message(kind: int, *, six: bool) -> bytes:
    ends = (wire.CLIENT6, wire.SERVER6) if six else (wire.CLIENT4, wire.SERVER4)
    return wire.ip(*ends, wire.ICMPV6 if six else wire.ICMP, wire.icmp(kind))


def test_a_quoted_answer_is_found_the_other_way_round() -> None:
    answer = IP(src="203.0.113.9", dst="10.1.0.5") / UDP(sport=53, dport=40000)
    info = judged(ASKED4, IP(dst="203.0.113.9") / ICMP(type=3) / answer)
    assert (info.state, info.direction) == (RELATED, 0)
    assert info.connection is not None
    assert info.connection.reply_key == reply_key(info.connection.original_key)


def test_quoted_gre_of_a_call_is_found_by_both_its_call_ids() -> None:
    calls = GreMap()
    calls.add(Mapped(wire.CLIENT4 + wire.SERVER4 + b"\0\xc8", b"\0\x64"))
    key = flow_key(parsed(gre(200)), calls)
    connection = Connection(47, key, reply_key(key), 0.0)
    connection.deadline = 30.0
    table = Table(10)
    assert table.insert(connection, 0.0)
    error = wire.icmp(3, 2, payload=gre(200)[:28])
    packet = parsed(wire.ip(wire.ROUTER4, wire.CLIENT4, wire.ICMP, error))
    assert inspect_error(packet, table, 1.0, 0, calls).connection is connection
    assert inspect_error(packet, table, 1.0, 0).state == INVALID
