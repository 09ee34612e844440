"""Answers to packets of which only a part is known, and to octets of any kind.

That answers to whole packets are the kernel's is shown by tests/live/test_reject_kernel.py.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.packet import Raw

from firewalld_py.packet.protocols import HOOK_FORWARD, HOOK_INPUT
from firewalld_py.service.messages import RejectEvent
from firewalld_py.service.reject_packet import (
    UNREACHABLE_CODES,
    Answer,
    Silence,
    build_answer,
)

KINDS = ["tcp-reset", *UNREACHABLE_CODES]


class Gateway:
    """10.1.0.0/24 is one of its networks."""

    def is_broadcast(self, address: str) -> bool:
        return address == "10.1.0.255"

    def own_address(self, destination: str, in_index: int) -> str:
        return "fd00:1::1"


def answer(head: bytes, kind: str = "tcp-reset", hook: int = HOOK_FORWARD) -> Answer | Silence:
    return build_answer(RejectEvent(kind, hook, 2, 3, head), Gateway())


@pytest.mark.parametrize(
    "ip", [IP(src="10.1.0.5", dst="192.0.2.1"), IPv6(src="fd00::5", dst="::2")]
)
def test_the_length_of_a_cut_segment_is_taken_from_the_ip_header(ip: IP | IPv6) -> None:
    whole = bytes(ip / TCP(flags="S", seq=100) / Raw(b"x" * 3000))
    from_whole, from_head = answer(whole), answer(whole[:128])
    assert isinstance(from_head, Answer)
    assert from_head == from_whole
    assert type(ip)(from_head.data)[TCP].ack == 100 + 1 + 3000


def test_a_quote_is_never_longer_than_what_is_there() -> None:
    whole = bytes(IP(src="10.1.0.5", dst="192.0.2.1") / UDP() / Raw(b"x" * 3000))
    for octets in (28, 100, 548, 549, 3028):
        found = answer(whole[:octets], "port-unreachable")
        assert isinstance(found, Answer)
        assert found.data[28:] == whole[: min(octets, 548)]


def test_padding_behind_the_datagram_is_not_quoted() -> None:
    datagram = bytes(IP(src="10.1.0.5", dst="192.0.2.1") / UDP())
    found = answer(datagram + bytes(18), "port-unreachable")
    assert isinstance(found, Answer)
    assert found.data[28:] == datagram


def test_an_error_about_a_forwarded_packet_comes_from_the_gateway() -> None:
    six = bytes(IPv6(src="fd00:1::5", dst="fd00:2::9") / UDP())
    forwarded, local = (answer(six, "no-route", hook) for hook in (HOOK_FORWARD, HOOK_INPUT))
    assert isinstance(forwarded, Answer)
    assert isinstance(local, Answer)
    assert IPv6(forwarded.data).src == "fd00:1::1"
    assert IPv6(local.data).src == "fd00:2::9"
    assert IPv6(local.data)[ICMPv6DestUnreach].code == 0


@pytest.mark.parametrize(
    ("source", "destination", "reason"),
    [
        ("224.0.0.5", "192.0.2.1", "source_not_unicast"),
        ("0.0.0.0", "192.0.2.1", "source_not_unicast"),
        ("255.255.255.255", "192.0.2.1", "source_not_unicast"),
        ("10.1.0.5", "10.1.0.255", "destination_not_unicast"),
        ("10.1.0.5", "239.1.2.3", "destination_not_unicast"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_only_unicast_is_answered(source: str, destination: str, reason: str, kind: str) -> None:
    packet = bytes(IP(src=source, dst=destination) / TCP())
    assert answer(packet, kind) == Silence(reason)


def test_a_reset_needs_tcp() -> None:
    packet = bytes(IP(src="10.1.0.5", dst="192.0.2.1") / UDP())
    assert answer(packet) == Silence("not_tcp")


def test_an_icmp_message_without_its_type_is_not_answered() -> None:
    packet = bytes(IP(src="10.1.0.5", dst="192.0.2.1", proto=1))
    assert answer(packet, "port-unreachable") == Silence("icmp_error")


def test_an_unknown_kind_is_named() -> None:
    packet = bytes(IP(src="10.1.0.5", dst="192.0.2.1") / ICMP())
    assert answer(packet, "icmp-whatever") == Silence("unknown_kind")


@given(st.binary(max_size=150), st.sampled_from(KINDS))
def test_no_octets_make_it_raise(head: bytes, kind: str) -> None:
    assert isinstance(answer(head, kind), Answer | Silence)


@given(
    st.sampled_from((0x45, 0x47, 0x60)),
    st.sampled_from((0, 1, 6, 17, 43, 44, 51, 58, 60)),
    st.binary(min_size=60, max_size=150),
    st.integers(0, 150),
    st.sampled_from(("tcp-reset", "port-unreachable")),
)
def test_nor_does_a_cut_packet_of_any_protocol(
    first: int, protocol: int, rest: bytes, cut: int, kind: str
) -> None:
    head = bytearray((first,)) + rest
    head[9 if first < 0x60 else 6] = protocol
    if first < 0x60:
        head[6] = head[7] = 0
    assert isinstance(answer(bytes(head[:cut]), kind), Answer | Silence)
