"""Flow keys: what belongs to one connection, and what answers what."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.flow import (
    IPV4_KEY,
    IPV6_KEY,
    NO_KEY,
    address_size,
    flow_key,
    in_zone,
    protocol_of,
    reply_key,
    zone_of,
)
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK
from tests import wire


def key_of(source: bytes, destination: bytes, protocol: int, transport: bytes) -> bytes:
    packet = parse(wire.ip(source, destination, protocol, transport), PacketMeta())
    assert packet.fault == OK
    return flow_key(packet)


def test_a_key_is_source_destination_ports_and_protocol() -> None:
    key = key_of(wire.CLIENT4, wire.SERVER4, wire.TCP, wire.tcp("S", sport=0x1234, dport=0x50))
    assert key == wire.CLIENT4 + wire.SERVER4 + bytes.fromhex("12340050") + b"\x06"
    assert len(key) == IPV4_KEY


def test_keys_of_ipv6_have_a_length_of_their_own() -> None:
    assert len(key_of(wire.CLIENT6, wire.SERVER6, wire.UDP, wire.udp())) == IPV6_KEY


@pytest.mark.parametrize("ends", [(wire.CLIENT4, wire.SERVER4), (wire.CLIENT6, wire.SERVER6)])
def test_a_key_has_its_protocol_in_any_zone(ends: tuple[bytes, bytes]) -> None:
    key = key_of(*ends, wire.UDP, wire.udp())
    assert [protocol_of(in_zone(key, zone)) for zone in (0, 7)] == [wire.UDP] * 2


def test_an_icmp_key_holds_identifier_type_and_code() -> None:
    key = key_of(wire.CLIENT4, wire.SERVER4, wire.ICMP, wire.query(8, 3, identifier=0xABCD))
    assert key[8:] == bytes.fromhex("abcd0803") + b"\x01"


@pytest.mark.parametrize("protocol", [33, 50, 51, 200])
def test_other_protocols_have_no_ports_and_neither_has_dccp(protocol: int) -> None:
    assert key_of(wire.CLIENT4, wire.SERVER4, protocol, bytes(range(16)))[8:12] == bytes(4)


@pytest.mark.parametrize("protocol", [wire.TCP, wire.UDP, 132, wire.UDPLITE])
def test_the_answer_of_a_flow_with_ports_has_all_of_it_the_other_way_round(protocol: int) -> None:
    key = wire.CLIENT4 + wire.SERVER4 + b"\x12\x34\x00\x50" + bytes((protocol,))
    assert reply_key(key) == wire.SERVER4 + wire.CLIENT4 + b"\x00\x50\x12\x34" + bytes((protocol,))


@pytest.mark.parametrize(
    ("protocol", "question", "answer"),
    [(1, 8, 0), (1, 13, 14), (1, 15, 16), (1, 17, 18), (58, 128, 129), (58, 139, 140)],
)
def test_each_icmp_question_has_one_answer_and_each_answer_its_question(
    protocol: int, question: int, answer: int
) -> None:
    ends = (wire.CLIENT4, wire.SERVER4) if protocol == 1 else (wire.CLIENT6, wire.SERVER6)
    asked = b"".join(ends) + bytes((0, 7, question, 2, protocol))
    answered = b"".join(ends[::-1]) + bytes((0, 7, answer, 2, protocol))
    assert reply_key(asked) == answered
    assert reply_key(answered) == asked


def test_all_other_icmp_types_have_no_answer() -> None:
    for protocol, known, ends in (
        (1, {0, 8, 13, 14, 15, 16, 17, 18}, wire.CLIENT4 + wire.SERVER4),
        (58, {128, 129, 139, 140}, wire.CLIENT6 + wire.SERVER6),
    ):
        with_answer = {
            kind
            for kind in range(256)
            if reply_key(ends + bytes((0, 7, kind, 0, protocol))) != NO_KEY
        }
        assert with_answer == known


@pytest.mark.parametrize("ends", [(wire.CLIENT4, wire.SERVER4), (wire.CLIENT6, wire.SERVER6)])
@pytest.mark.parametrize("zone", [1, 255, 256, 65535])
def test_a_zone_is_part_of_the_key_and_of_the_answers(ends: tuple[bytes, bytes], zone: int) -> None:
    key = key_of(*ends, wire.UDP, wire.udp())
    inside = in_zone(key, zone)
    assert (zone_of(inside), zone_of(key)) == (zone, 0)
    assert in_zone(key, 0) == key
    answer = reply_key(inside)
    assert answer == in_zone(reply_key(key), zone)
    assert reply_key(answer) == inside
    assert address_size(inside) == len(ends[0])


def test_a_query_in_a_zone_is_answered_in_it() -> None:
    key = key_of(wire.CLIENT4, wire.SERVER4, wire.ICMP, wire.query(8))
    assert reply_key(in_zone(key, 7)) == in_zone(reply_key(key), 7)
