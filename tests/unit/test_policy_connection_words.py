"""A connection in words, and the packets that may come next of it: each is taken for its own."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.connection import ORIGINAL, REPLY, STATE_NAMES, Connection
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import reply_key
from firewalld_py.conntrack.snapshot import dump_connection, load_connection
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.policy.connection_text import (
    connection_entry,
    connection_line,
    connection_lines,
)
from firewalld_py.policy.connection_words import Meant, meant, next_packet
from firewalld_py.policy.packet_octets import Talk
from firewalld_py.policy.packet_words import described
from tests import wire
from tests.segments import connection_for, datagram


def tracked(*lines: str) -> Connection:
    """The connection that these packets make."""
    conntrack, talk = Conntrack(Settings()), Talk()
    for number, line in enumerate(lines):
        words, problems = described(line.split())
        assert words is not None, problems
        packet = parse(talk.octets(words), PacketMeta())
        info = conntrack.inspect(packet, 1.0 + number)
        conntrack.confirm(info, packet, 1.0 + number)
    (connection,) = conntrack.table.connections()
    return connection


TCP = "src=10.1.0.5 dst=203.0.113.9 proto=tcp dport=80"
TCP_BACK = "dst=10.1.0.5 src=203.0.113.9 proto=tcp sport=80 dport=40000"
FIN = (f"{TCP}", f"{TCP_BACK} flags=syn+ack", f"{TCP} flags=ack", f"{TCP} flags=fin+ack")
INIT = "src=10.1.0.5 dst=203.0.113.9 proto=sctp dport=99"
EXCHANGES = [
    ((TCP,), "NEW", "ESTABLISHED"),
    ((TCP, f"{TCP_BACK} flags=syn+ack"), "ESTABLISHED", "ESTABLISHED"),
    (FIN[:3], "ESTABLISHED", "ESTABLISHED"),
    (FIN, "ESTABLISHED", "ESTABLISHED"),
    ((f"{TCP} flags=ack payload=abcdef",), "NEW", "ESTABLISHED"),
    (("src=fd00:1::5 dst=fd00:2::9 proto=udp dport=53",), "NEW", "ESTABLISHED"),
    (("src=10.1.0.5 dst=203.0.113.9 icmp=ping",), "NEW", "ESTABLISHED"),
    (("src=fd00:1::5 dst=fd00:2::9 icmpv6=ping",), "NEW", "ESTABLISHED"),
    (("src=10.1.0.5 dst=203.0.113.9 proto=gre",), "NEW", "ESTABLISHED"),
    (("src=10.1.0.5 dst=203.0.113.9 proto=esp",), "NEW", "ESTABLISHED"),
    ((INIT, "dst=10.1.0.5 src=203.0.113.9 proto=sctp sport=99 dport=40000"),
     "ESTABLISHED", "ESTABLISHED"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "original", "reply"), EXCHANGES)
def test_what_comes_next_belongs_to_it(lines: tuple[str, ...], original: str, reply: str) -> None:
    row = dump_connection(tracked(*lines), 4.5)
    states = []
    for direction in (ORIGINAL, REPLY):
        copy, talk, conntrack = load_connection(row, 500.0), Talk(), Conntrack(Settings())
        assert conntrack.table.insert(copy, 500.0)
        words = next_packet(copy, direction, meant_all(), talk)
        assert words is not None
        info = conntrack.inspect(parse(talk.octets(words), PacketMeta()), 500.0)
        assert info.connection is copy
        assert info.direction == direction
        states.append(STATE_NAMES[info.state])
    assert states == [original, reply]


def meant_all() -> Meant:
    said, _problems = meant([])
    assert said is not None
    return said


def test_the_identifier_of_a_ping_is_kept() -> None:
    key = wire.CLIENT4 + wire.SERVER4 + bytes((0xAB, 0xCD, 8, 0)) + b"\x01"
    connection = Connection(1, key, reply_key(key), 1.0)
    words = next_packet(connection, REPLY, meant_all(), Talk())
    assert words is not None
    assert (words.identifier, words.icmp_type) == (0xABCD, 0)


def test_of_a_pptp_call_nobody_makes_a_packet_up() -> None:
    key = wire.CLIENT4 + wire.SERVER4 + bytes((0, 1, 0, 2)) + b"\x2f"
    connection = Connection(47, key, reply_key(key), 1.0)
    assert next_packet(connection, ORIGINAL, meant_all(), Talk()) is None


def test_interfaces_are_those_of_the_original_direction() -> None:
    said, problems = meant(["in=lan0", "out=wan0"])
    assert said is not None, problems
    connection = connection_for(datagram())
    words = [next_packet(connection, direction, said, Talk()) for direction in (ORIGINAL, REPLY)]
    assert [one and (one.in_interface, one.out_interface) for one in words] == [
        ("lan0", "wan0"),
        ("wan0", "lan0"),
    ]


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("", True),
        ("proto=udp src=10.1.0.5 sport=40000 dst=203.0.113.9 dport=53 zone=0", True),
        ("src=10.1.0.0/24 dport=50-60", True),
        ("src=10.1.0.1-10.1.0.4", False),
        ("dport=domain", True),
        ("proto=tcp", False),
        ("zone=1", False),
        ("src=fd00::/8", False),
    ],
)
def test_any_part_may_be_left_out(line: str, fits: bool) -> None:
    said, problems = meant(line.split())
    assert said is not None, problems
    assert said.wanted.fits(connection_for(datagram())) == fits


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("port=80", "did you mean 'dport'?"),
        ("src=here", "src: expected an address"),
        ("dport", "expected KEY=VALUE as dport=22, found 'dport'"),
        ("zone=70000", "zone: expected a number from 0 to 65535"),
    ],
)
def test_what_is_wrong_is_said(line: str, message: str) -> None:
    said, problems = meant(line.split())
    assert said is None
    assert message in problems[0].shown()


def test_all_that_is_known_in_words() -> None:
    connection = tracked(*FIN)
    connection.mark = 5
    connection.extended().labels = 1 << 7
    connection.extended().master = master = connection_for(datagram(dport=5060))
    master.extended().helper = "sip"
    assert connection_lines(connection, 10.0) == [
        "tcp 10.1.0.5:40000 > 203.0.113.9:80",
        "FIN_WAIT, seen-reply, assured",
        "9 s old, 114 s left unless a packet comes",
        "mark 0x5, zone 0, labels 7, helper none",
        "original 3 packets, 120 octets; reply 1 packets, 40 octets",
        "master udp 10.1.0.5:40000 > 203.0.113.9:5060 (helper sip)",
    ]
    entry = connection_entry(connection, 10.0)
    assert (entry["state"], entry["labels"], entry["master_helper"]) == ("FIN_WAIT", [7], "sip")
    assert entry["reply"] == {
        "src": "203.0.113.9", "sport": 80, "dst": "10.1.0.5", "dport": 40000,
        "packets": 1, "octets": 40,
    }  # fmt: skip
    line = connection_line(tracked(TCP), 2.0)
    assert line == "tcp 10.1.0.5:40000 > 203.0.113.9:80, SYN_SENT, no answer seen, 119 s left"
