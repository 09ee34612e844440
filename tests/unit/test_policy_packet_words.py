"""Packets in words: what they mean, what they may not say, and the octets that they become."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.sctp import SCTP, SCTPChunkInit

from firewalld_py.conntrack.connection import ESTABLISHED, INVALID, NEW, RELATED
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK
from firewalld_py.policy.errors import Problems
from firewalld_py.policy.keys import Reading
from firewalld_py.policy.nodes import Mapping
from firewalld_py.policy.packet_octets import Talk, interface_indexes, meta_of
from firewalld_py.policy.packet_words import (
    PacketWords,
    described,
    guessed_chain,
    read_answer,
)
from tests.plans import firewall

TELNET = "in=lan0 src=10.1.0.5 dst=203.0.113.9 proto=tcp dport=23"


def packet(line: str) -> PacketWords:
    words, problems = described(line.split())
    assert words is not None, problems
    return words


def fault(line: str) -> str:
    words, problems = described(line.split())
    assert words is None
    (problem,) = problems
    near = f" => {problem.suggestion}" if problem.suggestion else ""
    return f"{problem.column}: {problem.message}{near}"


def answer(words: PacketWords) -> PacketWords:
    return read_answer(Mapping(1, 1), Reading(Problems("t")), words)


def test_what_is_not_said_has_a_default() -> None:
    words = packet(TELNET)
    assert (words.sport, words.dport, words.flags, words.ttl) == (40000, 23, 0x02, 64)
    assert (words.in_interface, words.out_interface) == ("lan0", "")
    assert packet("src=10.1.0.5 dst=10.1.0.6 proto=icmp").icmp_type == 8
    assert packet("src=fd00::1 dst=fd00::2 proto=icmpv6").icmp_type == 128
    assert packet("src=10.1.0.5 dst=10.1.0.6 flags=fin+ack dport=ssh").protocol == 6


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("src=10.1.0.5 proto=udp dport=53", "1: dst is missing in a packet: it needs both"),
        ("src=10.1.0.5 dst=fd00::1 proto=udp dport=53", "1: src and dst are of different families"),
        ("src=10.1.0.5 dst=10.1.0.6", "1: proto is missing in a packet: tcp, udp, icmp, …"),
        ("src=10.1.0.5 dst=10.1.0.6 proto=tpc dport=1", "33: proto: expected a protocol"),
        ("src=10.1.0.5 dst=10.1.0.6 proto=udp", "1: dport is missing in a packet"),
        ("src=10.1.0.0/24 dst=10.1.0.6 proto=icmp", "5: src: expected one address, found"),
        ("src=10.1.0.5 dst=10.1.0.6 proto=udp dport=1-9", "43: dport: expected one port, found"),
        ("src=10.1.0.5 dst=10.1.0.6 proto=udp flags=syn dport=1", "1: flags is of another"),
        ("src=10.1.0.5 dst=10.1.0.6 icmp=ping mss=9", "1: mss is of another protocol than the"),
        (f"{TELNET} mss=9 length=43", "1: length: its headers and payload alone are 44 octets"),
        ("src=10.1.0.5 dst=10.1.0.6 proto=sctp dport=1 length=90", "1: length: an SCTP packet is"),
        ("src=10.1.0.5 dst=10.1.0.6 proto=gre dport=1", "1: a packet of this protocol has no"),
        ("src=10.1.0.5 dst=10.1.0.6 flags=sny dport=1", "33: flags: expected a TCP flag"),
        ("src=fd00::1 dst=fd00::2 icmp=ping", "1: the addresses are IPv6: there it is icmpv6"),
        ("in=ppp* src=10.1.0.5 dst=10.1.0.6 icmp=ping", "4: in: expected one interface's name"),
        ("src=10.1.0.5 dst=10.1.0.6 proto=udp dport=1 length=20", "1: length: its headers and"),
        ("src=10.1.0.5 dst=10.1.0.6 proto=udp dport=1 payload=0xf", "53: payload: expected octets"),
        ("src=10.1.0.5 dst=10.1.0.6 icmp=ping mark=0x1/0x3", "42: mark: expected the whole mark"),
        ("src=10.1.0.5 dst=10.1.0.6 icmp=ping src=10.1.0.7", "37: src stands here twice"),
        ("src=10.1.0.5 dst=10.1.0.6 icmp=ping tcp", "37: expected KEY=VALUE as dport=22, found"),
    ],
)
def test_what_cannot_be_a_packet(line: str, message: str) -> None:
    assert fault(line).startswith(message)


def test_a_wrong_key_or_value_gets_the_near_miss() -> None:
    assert fault(f"{TELNET} sprt=5").endswith("unknown key 'sprt' in a packet => sport")
    assert fault("source=10.1.0.5 dst=10.1.0.6 src=10.1.0.5 icmp=ping").endswith("=> src")
    assert fault("src=10.1.0.5 dst=10.1.0.6 proto=tpc dport=1").endswith("=> tcp")


def test_octets_are_what_was_said() -> None:
    data = Talk().octets(packet(f"{TELNET} payload=hello ttl=3 dscp=46 sport=5"))
    read = IP(data)
    assert (read.src, read.dst, read.ttl, read.tos) == ("10.1.0.5", "203.0.113.9", 3, 46 << 2)
    assert (read[TCP].sport, read[TCP].dport, str(read[TCP].flags)) == (5, 23, "S")
    assert bytes(read[TCP].payload) == b"hello"
    read = IP(Talk().octets(packet(f"{TELNET} mss=1400 dscp=ef length=60")))
    assert (read[TCP].options, read[TCP].dataofs, len(read)) == ([("MSS", 1400)], 6, 60)
    assert read.tos == 46 << 2
    read = IP(Talk().octets(packet("src=10.1.0.5 dst=10.1.0.6 proto=udp dport=53 length=100")))
    assert (len(read), read[UDP].len) == (100, 80)
    read = IP(Talk().octets(packet("src=10.1.0.5 dst=10.1.0.6 icmp=3/4")))
    assert (read[ICMP].type, read[ICMP].code) == (3, 4)
    six = IPv6(Talk().octets(packet("src=fd00::1 dst=fd00::2 icmpv6=ping payload=0x0102")))
    assert bytes(six[ICMPv6EchoRequest].data) == b"\1\2"
    read = IP(Talk().octets(packet("src=10.1.0.5 dst=10.1.0.6 proto=sctp dport=9")))
    assert read[SCTP][SCTPChunkInit].init_tag == 1


@pytest.mark.parametrize("ends", ["src=10.1.0.5 dst=10.1.0.6", "src=fd00::1 dst=fd00::2"])
@pytest.mark.parametrize("proto", ["tcp", "udp", "sctp", "udplite", "dccp", "gre", "esp", "icmp"])
def test_every_packet_is_right_and_so_are_its_checksums(ends: str, proto: str) -> None:
    if proto == "icmp":
        words = packet(f"{ends} proto={'icmpv6' if ':' in ends else 'icmp'}")
    else:
        ports = "" if proto in ("gre", "esp") else "dport=99"
        words = packet(f"{ends} proto={proto} {'' if proto == 'sctp' else 'payload=odd'} {ports}")
    talk, judge = Talk(), firewall()
    data = talk.octets(words)
    assert parse(data, PacketMeta()).fault == OK
    assert judge.handle(data, PacketMeta(), 1.0).info.state == NEW
    if proto not in ("esp", "gre"):
        kind = IPv6 if ":" in ends else IP
        rebuilt = kind(data)
        for layer in (rebuilt, rebuilt.payload):
            if "chksum" in layer.fields and proto not in ("udplite", "dccp"):
                del layer.chksum
        assert bytes(rebuilt) == data
    assert judge.handle(talk.octets(answer(words)), PacketMeta(), 1.1).info.state == ESTABLISHED


def test_the_numbers_of_an_exchange_follow_from_its_packets() -> None:
    syn = packet(TELNET)
    syn_ack = answer(syn)
    assert syn_ack.flags == 0x12
    assert (syn_ack.in_interface, syn_ack.out_interface) == ("", "lan0")
    talk, judge = Talk(), firewall()
    states = []
    ack = answer(syn_ack)
    data = packet(f"{TELNET} flags=psh+ack payload=login:")
    for words in (syn, syn_ack, ack, data, answer(data), packet(f"{TELNET} flags=fin+ack")):
        info = judge.handle(talk.octets(words), PacketMeta(), 1.0).info
        assert info.reason == OK
        states.append(info.state)
    assert states == [NEW, *[ESTABLISHED] * 5]


def test_an_error_is_about_the_packet_before() -> None:
    talk, judge = Talk(), firewall()
    judge.handle(talk.octets(packet(TELNET)), PacketMeta(), 1.0)
    error = talk.error(packet("src=192.0.2.1 dst=10.1.0.5 icmp=ttl-exceeded"))
    assert judge.handle(error, PacketMeta(), 1.1).info.state == RELATED
    alone = Talk().octets(packet("src=192.0.2.1 dst=10.1.0.5 icmp=ttl-exceeded"))
    assert judge.handle(alone, PacketMeta(), 1.2).info.state == INVALID


def test_the_chain_follows_from_the_interfaces() -> None:
    ends = "src=10.1.0.5 dst=10.1.0.6 icmp=ping"
    for said, chain, indexes in (
        ("", "forward", (-1, -1)),
        ("in=lan0", "forward", (2, -1)),
        ("in=lan0 out=wan0", "forward", (2, 3)),
        ("out=wan0", "output", (0, 2)),
        ("in=lo", "input", (1, 0)),
    ):
        words = packet(f"{said} {ends}".strip())
        assert guessed_chain(words) == chain
        meta = meta_of(words, chain, interface_indexes([words]))
        assert (meta.in_index, meta.out_index) == indexes
