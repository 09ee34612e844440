"""Packets to begin with, made by scapy: one of each kind that the core takes apart."""

from __future__ import annotations

import random
from functools import cache
from typing import Any, Final

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6ND_Redirect,
    ICMPv6NDOptRedirectedHdr,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.packet import Packet as Scapy
from scapy.packet import Raw

SEED: Final = 20_261_121


@cache
def corpus() -> list[bytes]:
    """Well-formed packets of a few connections, both ways, over IPv4 and IPv6."""
    there4, back4 = IP(src="10.1.0.5", dst="203.0.113.9"), IP(src="203.0.113.9", dst="10.1.0.5")
    there6 = IPv6(src="fd00:1::5", dst="fd00:2::9")
    back6 = IPv6(src="fd00:2::9", dst="fd00:1::5")
    syn = [("MSS", 1460), ("SAckOK", b""), ("WScale", 7)]
    packets: list[Scapy] = []
    for there, back in ((there4, back4), (there6, back6)):
        ask, answer = UDP(sport=4000, dport=53), UDP(sport=53, dport=4000)
        out: dict[str, Any] = {"sport": 4000, "dport": 80}
        into: dict[str, Any] = {"sport": 80, "dport": 4000}
        packets += [
            there / TCP(**out, flags="S", seq=1000, options=syn),
            back / TCP(**into, flags="SA", seq=5000, ack=1001, options=syn),
            there / TCP(**out, flags="A", seq=1001, ack=5001),
            there / TCP(**out, flags="PA", seq=1001, ack=5001) / Raw(bytes(50)),
            back / TCP(**into, flags="A", seq=5001, ack=1051, options=[("SAck", (1100, 1200))]),
            there / TCP(**out, flags="FA", seq=1051, ack=5001),
            back / TCP(**into, flags="R", seq=5001),
            there / ask / Raw(b"question"),
            back / answer / Raw(b"answer"),
        ]
    packets += [
        there4 / ICMP(type=8, id=7),
        back4 / ICMP(type=0, id=7),
        back4 / ICMP(type=3, code=3) / there4 / UDP(sport=4000, dport=53),
        back4 / ICMP(type=11) / there4 / TCP(sport=4000, dport=80),
        IP(src="10.1.0.5", dst="203.0.113.9", options=b"\x01" * 8) / UDP(sport=1, dport=2),
        IP(src="10.1.0.5", dst="203.0.113.9", flags="MF") / UDP(sport=1, dport=2) / Raw(bytes(8)),
        IP(src="10.1.0.5", dst="203.0.113.9", proto=136) / Raw(bytes.fromhex("0001000200001234")),
        IP(src="10.1.0.5", dst="203.0.113.9", proto=132) / Raw(bytes(range(20))),
        IP(src="10.1.0.5", dst="203.0.113.9", proto=47) / Raw(bytes(8)),
        there6 / ICMPv6EchoRequest(id=7),
        back6 / ICMPv6EchoReply(id=7),
        back6 / ICMPv6DestUnreach() / there6 / UDP(sport=4000, dport=53),
        back6 / ICMPv6PacketTooBig() / there6 / IPv6ExtHdrDestOpt() / TCP(sport=4000, dport=80),
        IPv6(src="fe80::1", dst="fd00:1::5", hlim=255)
        / ICMPv6ND_Redirect()
        / ICMPv6NDOptRedirectedHdr(pkt=there6 / UDP(sport=4000, dport=53)),
        there6 / ICMPv6ND_NS(tgt="fd00:1::1"),
        there6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / UDP(sport=3, dport=4),
        there6 / IPv6ExtHdrFragment(offset=0, m=1) / UDP(sport=3, dport=4),
    ]
    return [bytes(packet) for packet in packets]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A packet with a few octets changed, cut, doubled or put in; sometimes left as it was."""
    octets = bytearray(data)
    for _ in range(chance.choice([0, 0, 1, 1, 2, 5])):
        at = chance.randrange(len(octets)) if octets else 0
        kind = chance.randrange(5)
        if kind == 0 and octets:
            octets[at] = chance.randrange(256)
        elif kind == 1 and octets:
            octets[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del octets[at:]
        elif kind == 3:
            octets[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif octets:
            octets[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
    return bytes(octets)
