"""Octets to a packet: every field in its place, every fault with its name.

Which packets are INVALID in the end is told by the traces in tests/cases.
"""

from __future__ import annotations

from typing import Final

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.packet import Packet as Scapy
from scapy.packet import Raw

from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import VALID_TCP_FLAGS, parse
from firewalld_py.packet.reasons import OK, REASON_NAMES
from tests import wire

CLIENT4, SERVER4, CLIENT6, SERVER6 = wire.CLIENT4, wire.SERVER4, wire.CLIENT6, wire.SERVER6
SEGMENT: Final = TCP(
    sport=40000, dport=443, seq=0x80000001, ack=0xFFFFFFFE, flags="PA", window=501,
    options=[("NOP", None), ("NOP", None), ("Timestamp", (1, 2))],
)  # fmt: skip


def parsed(data: bytes, *, truncated: bool = False) -> Packet:
    return parse(data, PacketMeta(truncated=truncated))


def fault(data: bytes, *, truncated: bool = False) -> str:
    """The word for what is wrong with the packet."""
    return REASON_NAMES[parsed(data, truncated=truncated).fault]


@pytest.mark.parametrize(
    ("header", "version", "header_octets"),
    [
        (IP(src="10.1.0.5", dst="203.0.113.9"), 4, 20),
        (IPv6(src="fd00:1::5", dst="fd00:2::9"), 6, 40),
    ],
)
def test_a_tcp_segment_made_by_scapy_is_read_as_it_was_made(
    header: Scapy, version: int, header_octets: int
) -> None:
    packet = parsed(bytes(header / SEGMENT / Raw(b"hello")))
    assert packet.fault == OK
    assert (packet.version, packet.protocol, packet.has_ports) == (version, 6, True)
    assert (packet.src, packet.dst) == ((CLIENT4, SERVER4) if version == 4 else (CLIENT6, SERVER6))
    assert (packet.sport, packet.dport) == (40000, 443)
    assert (packet.seq, packet.ack, packet.window) == (0x80000001, 0xFFFFFFFE, 501)
    assert packet.tcp_flags == 0x18
    assert (packet.transport, packet.header_length) == (header_octets, 32)
    assert packet.length == header_octets + 32 + 5


@pytest.mark.parametrize("source", [CLIENT4, CLIENT6])
def test_udp_ports_are_read(source: bytes) -> None:
    destination = SERVER4 if len(source) == 4 else SERVER6
    packet = parsed(wire.ip(source, destination, wire.UDP, wire.udp(b"x", 1, 65535)))
    assert (packet.fault, packet.sport, packet.dport, packet.has_ports) == (OK, 1, 65535, True)


@pytest.mark.parametrize("protocol", [33, 132, 136])
def test_dccp_sctp_and_udplite_have_ports_too(protocol: int) -> None:
    payload = bytes((0, 7, 0, 9, 0, 12, 1, 1, 0, 0, 0, 0))
    packet = parsed(wire.ip(CLIENT4, SERVER4, protocol, payload, checksum=1))
    assert (packet.fault, packet.sport, packet.dport, packet.has_ports) == (OK, 7, 9, True)


def test_three_octets_are_no_ports() -> None:
    assert fault(wire.ipv4(CLIENT4, SERVER4, 132, b"\0\7\0")) == "transport_too_short"


def test_dccp_is_tracked_without_its_ports() -> None:
    packet = parsed(wire.ipv4(CLIENT4, SERVER4, 33, b"\0\7\0"))
    assert (packet.fault, packet.has_ports) == (OK, False)


def test_an_icmp_message_has_a_type_and_a_code_and_no_ports() -> None:
    packet = parsed(wire.ip(CLIENT4, SERVER4, wire.ICMP, wire.icmp(3, 13)))
    assert (packet.icmp_type, packet.icmp_code, packet.has_ports) == (3, 13, False)


def test_extension_headers_are_walked_to_the_transport_header() -> None:
    header = IPv6(src="fd00:1::5", dst="fd00:2::9")
    chain = header / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=5, dport=6)
    packet = parsed(bytes(chain))
    assert (packet.fault, packet.protocol, packet.transport) == (OK, 17, 56)
    assert (packet.sport, packet.dport) == (5, 6)


def test_the_walk_over_extension_headers_ends_with_the_packet() -> None:
    chain = wire.extension(60) * 999
    found = parsed(wire.ipv6(CLIENT6, SERVER6, 60, chain + wire.extension(17) + wire.udp()))
    assert (found.fault, found.protocol) == (OK, 17)
    assert fault(wire.ipv6(CLIENT6, SERVER6, 60, chain)) == "ipv6_extension"


def test_a_length_in_the_header_counts_and_padding_does_not() -> None:
    packet = parsed(wire.ip(CLIENT4, SERVER4, wire.UDP, wire.udp(b"xy")) + bytes(16))
    assert (packet.fault, packet.length) == (OK, 30)


def test_a_super_packet_over_ipv6_has_no_length_of_its_own() -> None:
    # One that the kernel made of many is longer than the header can say, as a jumbogram.
    data = wire.ipv6(CLIENT6, SERVER6, 0, wire.extension(17) + wire.udp(b"x"), total_length=40)
    packet = parsed(data)
    assert (packet.fault, packet.length) == (OK, len(data))


@pytest.mark.parametrize("fragment", [0x2000, 1, 0x1FFF, 0x2001])
def test_an_ipv4_fragment_is_a_fragment_first_or_later(fragment: int) -> None:
    packet = parsed(wire.ipv4(CLIENT4, SERVER4, wire.UDP, bytes(8), fragment=fragment))
    assert (REASON_NAMES[packet.fault], packet.fragment) == ("fragment", True)
    assert packet.has_ports is False


def test_do_not_fragment_makes_no_fragment() -> None:
    data = wire.ipv4(CLIENT4, SERVER4, wire.UDP, wire.udp(), fragment=0x4000)
    assert (fault(data), parsed(data).fragment) == ("ok", False)


@pytest.mark.parametrize("header", [IPv6ExtHdrFragment(m=1), IPv6ExtHdrFragment(offset=9)])
def test_an_ipv6_fragment_is_a_fragment_and_says_which_protocol_it_is_of(header: Scapy) -> None:
    packet = parsed(bytes(IPv6(src="fd00::1", dst="fd00::2") / header / UDP()))
    assert (REASON_NAMES[packet.fault], packet.fragment) == ("fragment", True)
    assert packet.protocol == 17


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "ip_too_short"),
        (b"\x45", "ip_too_short"),
        (b"\x45" + bytes(18), "ip_too_short"),
        (b"\x60" + bytes(38), "ip_too_short"),
        (b"\x00" * 60, "not_ip"),
        (b"\x50" * 60, "not_ip"),
        (wire.ipv4(CLIENT4, SERVER4, 6, b"", header_words=4), "ip_header_length"),
        (wire.ipv4(CLIENT4, SERVER4, 6, b"", header_words=6), "ip_header_length"),
        (wire.ipv4(CLIENT4, SERVER4, 17, wire.udp(), total_length=19), "ip_total_length"),
        (wire.ipv4(CLIENT4, SERVER4, 17, wire.udp(), total_length=29), "ip_total_length"),
        (wire.ipv6(CLIENT6, SERVER6, 17, wire.udp(), total_length=49), "ip_total_length"),
        (wire.ipv6(CLIENT6, SERVER6, 59, b""), "ipv6_no_next_header"),
        (wire.ipv6(CLIENT6, SERVER6, 0, bytes(7), total_length=47), "ipv6_extension"),
        (wire.ipv6(CLIENT6, SERVER6, 60, wire.extension(17)), "transport_too_short"),
        (wire.ipv4(CLIENT4, SERVER4, 6, bytes(19)), "transport_too_short"),
        (wire.ipv4(CLIENT4, SERVER4, 17, bytes(7)), "transport_too_short"),
        (wire.ipv4(CLIENT4, SERVER4, 136, bytes(7)), "transport_too_short"),
        (wire.ipv4(CLIENT4, SERVER4, 1, bytes(7)), "transport_too_short"),
        (wire.ipv4(CLIENT4, SERVER4, 58, bytes(8)), "icmp_wrong_family"),
        (wire.ipv6(CLIENT6, SERVER6, 1, bytes(8)), "icmp_wrong_family"),
        (wire.ipv4(CLIENT4, SERVER4, 1, wire.icmp(19)), "icmp_type"),
        (wire.ipv4(CLIENT4, SERVER4, 6, wire.tcp("S", data_offset=4)), "tcp_data_offset"),
        (wire.ipv4(CLIENT4, SERVER4, 6, wire.tcp("S", data_offset=6)), "tcp_data_offset"),
        (wire.ipv4(CLIENT4, SERVER4, 6, wire.tcp("")), "tcp_flags"),
        (wire.ipv4(CLIENT4, SERVER4, 17, wire.udp(b"abc", length=7)), "udp_length"),
        (wire.ipv4(CLIENT4, SERVER4, 17, wire.udp(b"abc", length=12)), "udp_length"),
        (wire.ip(CLIENT4, SERVER4, 136, wire.udp(b"abc", length=7)), "udplite_coverage"),
        (wire.ip(CLIENT4, SERVER4, 136, wire.udp(b"abc", length=12)), "udplite_coverage"),
        (wire.ip(CLIENT4, SERVER4, 136, wire.udp(b"abc"), checksum=0), "udplite_no_checksum"),
    ],
)  # fmt: skip
def test_a_fault_on_the_wire_is_a_value_with_a_name(data: bytes, word: str) -> None:
    assert fault(data) == word


@pytest.mark.parametrize("checksum", [0x1200, 0x0012])
def test_a_udplite_checksum_is_absent_only_if_both_its_octets_are_zero(checksum: int) -> None:
    assert fault(wire.ip(CLIENT4, SERVER4, 136, wire.udp(b"abc"), checksum=checksum)) == "ok"


def test_ports_before_a_fault_are_known_so_that_rules_can_ask_for_them() -> None:
    packet = parsed(wire.ipv4(CLIENT4, SERVER4, 17, wire.udp(b"", 5, 6, length=0)))
    assert (REASON_NAMES[packet.fault], packet.sport, packet.dport) == ("udp_length", 5, 6)


@pytest.mark.parametrize("protocol", [wire.TCP, wire.UDP, wire.UDPLITE])
@pytest.mark.parametrize(("octets", "known"), [(3, False), (4, True), (7, True)])
def test_of_a_header_that_is_cut_behind_its_ports_the_ports_are_known(
    protocol: int, octets: int, known: bool
) -> None:
    cut = bytes((0, 5, 0, 6, 0, 0, 0))[:octets]
    packet = parsed(wire.ipv4(CLIENT4, SERVER4, protocol, cut))
    assert REASON_NAMES[packet.fault] == "transport_too_short"
    assert (packet.has_ports, packet.sport, packet.dport) == (
        (True, 5, 6) if known else (False, 0, 0)
    )


def test_of_a_truncated_packet_the_missing_end_is_no_fault() -> None:
    whole = wire.ip(CLIENT4, SERVER4, wire.UDP, wire.udp(bytes(1000)))
    assert fault(whole[:100]) == "ip_total_length"
    assert fault(whole[:100], truncated=True) == "ok"
    assert parsed(whole[:100], truncated=True).length == len(whole)


def test_of_a_truncated_packet_a_missing_transport_header_is_a_fault_all_the_same() -> None:
    whole = wire.ip(CLIENT6, SERVER6, wire.TCP, wire.tcp("S"))
    assert fault(whole[:59], truncated=True) == "transport_too_short"


def test_which_flags_are_valid_does_not_depend_on_psh_nor_on_ecn() -> None:
    matter = {f for f in range(256) if VALID_TCP_FLAGS[f] and not f & wire.tcp_flags("PEC")}
    letters = ("S", "SU", "SA", "R", "RA", "FA", "FAU", "A", "AU")
    assert matter == {wire.tcp_flags(word) for word in letters}
    for flags in range(256):
        assert VALID_TCP_FLAGS[flags] == VALID_TCP_FLAGS[flags & ~wire.tcp_flags("PEC")]
