"""Checksums, right and wrong, against those that scapy makes."""

from __future__ import annotations

import random
from typing import Final

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Packet as Scapy
from scapy.packet import Raw

from firewalld_py.packet.checksum import checksum_is_wrong
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK
from tests import wire

V4: Final = IP(src="10.1.0.5", dst="203.0.113.9")
V6: Final = IPv6(src="fd00:1::5", dst="fd00:2::9")
KINDS: Final = [
    V4 / TCP(flags="PA", seq=77), V6 / TCP(flags="PA", seq=77), V4 / UDP(), V6 / UDP(),
    V4 / ICMP(), V6 / ICMPv6EchoRequest(),
]  # fmt: skip

CHECKSUM_AT: Final = [20 + 16, 40 + 16, 20 + 6, 40 + 6, 20 + 2, 40 + 2]


def is_wrong(data: bytes, *, truncated: bool = False) -> bool:
    packet = parse(data, PacketMeta(truncated=truncated))
    assert packet.fault == OK
    return checksum_is_wrong(packet)


@pytest.mark.parametrize(("kind", "at"), list(zip(KINDS, CHECKSUM_AT, strict=True)))
def test_what_scapy_sends_is_right_and_with_a_bit_of_its_checksum_turned_wrong(
    kind: Scapy, at: int
) -> None:
    chance = random.Random(1)
    for size in (0, 1, 2, 99, 1400):
        whole = bytes(kind / Raw(chance.randbytes(size)))
        assert not is_wrong(whole)
        for bit in range(16):
            turned = bytearray(whole)
            turned[at + bit // 8] ^= 1 << bit % 8
            assert is_wrong(bytes(turned))


@pytest.mark.parametrize("kind", KINDS[:4], ids=[kind.summary() for kind in KINDS[:4]])
def test_a_turned_bit_of_the_payload_is_noticed(kind: Scapy) -> None:
    whole = bytearray(bytes(kind / Raw(b"payload")))
    whole[-1] ^= 1
    assert is_wrong(bytes(whole))


@pytest.mark.parametrize("source", [wire.CLIENT4, wire.CLIENT6])
def test_udp_without_a_checksum_is_not_wrong(source: bytes) -> None:
    destination = wire.SERVER4 if len(source) == 4 else wire.SERVER6
    assert not is_wrong(wire.ip(source, destination, wire.UDP, wire.udp(b"x"), checksum=0))


def test_padding_behind_the_packet_is_not_summed() -> None:
    assert not is_wrong(bytes(V4 / UDP() / Raw(b"x")) + b"padding")


def test_octets_behind_the_udp_length_are_summed_too_as_the_kernel_does() -> None:
    covered = bytes(V4 / UDP() / Raw(b"x"))
    longer = wire.ipv4(wire.CLIENT4, wire.SERVER4, wire.UDP, covered[20:] + b"more")
    assert is_wrong(longer)


def test_an_sctp_crc_is_checked() -> None:
    right = bytes(V4 / SCTP() / SCTPChunkInit(init_tag=7))
    wrong = bytearray(right)
    wrong[-1] ^= 1
    assert not is_wrong(right)
    assert is_wrong(bytes(wrong))


def test_a_truncated_packet_cannot_be_found_wrong() -> None:
    whole = bytearray(bytes(V4 / TCP(flags="A") / Raw(bytes(100))))
    whole[-1] = 9
    assert is_wrong(bytes(whole))
    assert not is_wrong(bytes(whole[:60]), truncated=True)


def test_other_protocols_are_not_checked() -> None:
    assert not is_wrong(wire.ipv4(wire.CLIENT4, wire.SERVER4, 50, b"anything"))
