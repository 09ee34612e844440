"""Datagrams are put together from their fragments as the kernel does it, within bounds."""

from __future__ import annotations

import random
from typing import Final, Protocol

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.packet import Raw

from firewalld_py.packet.fragments import (
    COST_OF_FRAGMENT,
    MAX_OCTETS,
    MAX_OCTETS_PER_SOURCE,
    TIMEOUT_IPV4_S,
    TIMEOUT_IPV6_S,
    Reassembler,
)
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import REASON_NAMES


class Maker(Protocol):
    """Makes one fragment, of IPv4 or IPv6."""

    def __call__(self, start: int, octets: bytes, *, more: bool, ident: int = 7) -> bytes: ...


PAYLOAD: Final = bytes(range(1, 101))  # of the datagram; its UDP header is not looked at here


def ipv4(start: int, octets: bytes, *, more: bool, ident: int = 7, src: str = "10.1.0.5") -> bytes:
    header = IP(src=src, dst="203.0.113.9", proto=17, id=ident, frag=start // 8, flags=int(more))
    return bytes(header / Raw(octets))


def ipv6(start: int, octets: bytes, *, more: bool, ident: int = 7) -> bytes:
    fragment = IPv6ExtHdrFragment(nh=17, offset=start // 8, m=int(more), id=ident)
    return bytes(IPv6(src="fd00:1::5", dst="fd00:2::9") / fragment / Raw(octets))


def pieces(make: Maker, *cuts: int) -> list[bytes]:
    """PAYLOAD as fragments that `make` makes, cut at these places."""
    ends = [*cuts, len(PAYLOAD)]
    starts = [0, *cuts]
    return [
        make(start, PAYLOAD[start:end], more=end != len(PAYLOAD))
        for start, end in zip(starts, ends, strict=True)
    ]


def add(table: Reassembler, data: bytes, token: int = 0, now: float = 0.0) -> str:
    packet = parse(data, PacketMeta())
    assert packet.fragment
    return REASON_NAMES[table.add(packet, token, now)]


@pytest.mark.parametrize("make", [ipv4, ipv6])
def test_a_datagram_is_whole_whatever_the_order(make: Maker) -> None:
    chance = random.Random(5)
    for _ in range(50):
        fragments = list(enumerate(pieces(make, 8, 24, 72)))
        chance.shuffle(fragments)
        table = Reassembler()
        said = [add(table, data, token) for token, data in fragments]
        assert said == ["fragment_incomplete"] * 3 + ["ok"]
        assert table.whole.endswith(PAYLOAD)
        assert sorted([*table.released, fragments[-1][0]]) == [0, 1, 2, 3]
        whole = parse(table.whole, PacketMeta())
        assert (whole.fragment, whole.protocol, whole.length) == (False, 17, len(table.whole))
        assert (len(table), table.octets, table.dropped) == (0, 0, [])


def test_the_whole_has_the_headers_of_the_fragment_that_begins_it() -> None:
    before = IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting()
    table = Reassembler()
    header = IPv6(src="fd00:1::5", dst="fd00:2::9")
    udp = bytes(UDP(sport=5, dport=6) / Raw(bytes(24)))
    for offset, more, octets in ((0, 1, udp[:16]), (2, 0, udp[16:])):
        fragment = IPv6ExtHdrFragment(nh=17, offset=offset, m=more, id=9)
        add(table, bytes(header / before / fragment / Raw(octets)))
    whole = parse(table.whole, PacketMeta())
    assert (whole.protocol, whole.sport, whole.dport, whole.fault) == (17, 5, 6, 0)
    plain = bytes(header / before / UDP(sport=5, dport=6) / Raw(bytes(24)))
    checksum = slice(len(plain) - 26, len(plain) - 24)  # over other headers, and not ours to mend
    assert table.whole[: checksum.start] == plain[: checksum.start]
    assert table.whole[checksum.stop :] == plain[checksum.stop :]


@pytest.mark.parametrize("make", [ipv4, ipv6])
def test_what_is_there_already_or_lies_within_it_is_a_duplicate(make: Maker) -> None:
    first, second, third = pieces(make, 24, 72)
    table = Reassembler()
    for data in (first, second):
        assert add(table, data) == "fragment_incomplete"
    assert add(table, second) == "fragment_duplicate"
    assert add(table, make(16, PAYLOAD[16:32], more=True)) == "fragment_duplicate"
    assert add(table, third) == "ok"


@pytest.mark.parametrize("make", [ipv4, ipv6])
def test_a_partial_overlap_spoils_the_datagram(make: Maker) -> None:
    first, _second, third = pieces(make, 24, 72)
    table = Reassembler()
    add(table, first, 1)
    add(table, third, 3)
    assert add(table, make(16, PAYLOAD[16:72], more=True)) == "fragment_overlap"
    assert (table.dropped, len(table), table.octets) == ([1, 3], 0, 0)


def contradictions(make: Maker) -> list[bytes]:
    """Fragments that do not go with one that ends the datagram at 100."""
    return [
        make(96, b"12345678", more=True),  # beyond the end
        make(72, PAYLOAD[72:80], more=False),  # another end
        make(24, b"", more=True),  # nothing at all
    ]


@pytest.mark.parametrize("number", range(3))
def test_a_contradiction_spoils_an_ipv4_datagram(number: int) -> None:
    table = Reassembler()
    add(table, ipv4(72, PAYLOAD[72:], more=False), 3)
    assert add(table, contradictions(ipv4)[number]) == "fragment_length"
    assert (table.dropped, len(table)) == ([3], 0)


@pytest.mark.parametrize("number", range(3))
def test_a_contradiction_is_left_out_of_an_ipv6_datagram(number: int) -> None:
    first, second, third = pieces(ipv6, 24, 72)
    table = Reassembler()
    add(table, third, 3)
    assert add(table, contradictions(ipv6)[number]) == "fragment_length"
    assert [add(table, first), add(table, second)] == ["fragment_incomplete", "ok"]


def test_an_ipv6_fragment_that_lacks_part_of_the_headers_goes_on_as_it_is() -> None:
    table = Reassembler()
    assert add(table, ipv6(0, bytes(8), more=True)) == "fragment_incomplete"
    tcp = IPv6ExtHdrFragment(nh=6, m=1, id=8)
    short = bytes(IPv6(src="fd00:1::5", dst="fd00:2::9") / tcp / Raw(bytes(16)))
    assert add(table, short) == "fragment"


def test_fragments_with_and_without_congestion_marks_are_no_datagram() -> None:
    table = Reassembler()
    first, second = pieces(ipv4, 24)
    marked = bytearray(second)
    marked[1] |= 1
    add(table, first, 1)
    assert add(table, bytes(marked), 2) == "fragment_marks"
    assert (table.dropped, len(table)) == ([1], 0)


def test_a_longer_ipv4_fragment_is_cut_to_whole_eights() -> None:
    table = Reassembler()
    add(table, ipv4(0, PAYLOAD[:24] + b"cut", more=True))
    assert add(table, ipv4(24, PAYLOAD[24:], more=False)) == "ok"
    assert table.whole.endswith(PAYLOAD)


def test_such_an_ipv6_fragment_goes_on_as_it_is() -> None:
    table = Reassembler()
    add(table, ipv6(72, PAYLOAD[72:], more=False), 3)
    assert add(table, ipv6(0, PAYLOAD[:23], more=True)) == "fragment"
    assert table.dropped == [3]


def test_a_datagram_of_more_than_65535_octets_is_refused() -> None:
    table = Reassembler()
    assert add(table, ipv4(65512, bytes(24), more=False), 2) == "fragment_incomplete"
    for start in range(0, 65512, 8192):
        end = min(start + 8192, 65512)
        last = add(table, ipv4(start, bytes(end - start), more=True), 1)
    assert last == "fragment_length"
    assert (len(table), table.octets) == (0, 0)


@pytest.mark.parametrize(("make", "timeout_s"), [(ipv4, TIMEOUT_IPV4_S), (ipv6, TIMEOUT_IPV6_S)])
def test_a_datagram_has_its_time_counted_from_its_first_fragment(
    make: Maker, timeout_s: float
) -> None:
    first, second, third = pieces(make, 24, 72)
    table = Reassembler()
    add(table, first, 1, now=100.0)
    add(table, second, 2, now=100.0 + timeout_s - 0.1)
    assert table.dropped == []
    assert add(table, third, 3, now=100.0 + timeout_s) == "fragment_incomplete"
    assert table.dropped == [1, 2]


def test_a_late_ipv6_datagram_does_not_keep_an_ipv4_one() -> None:
    table = Reassembler()
    add(table, ipv6(0, PAYLOAD[:8], more=True), 6)
    add(table, ipv4(0, PAYLOAD[:8], more=True), 4)
    table.expire(TIMEOUT_IPV4_S)
    assert table.dropped == [4]


def test_one_source_holds_no_more_than_its_share_and_all_no_more_than_the_whole() -> None:
    table = Reassembler()
    cost = 2 * COST_OF_FRAGMENT + 1024  # a datagram of one fragment
    for ident in range(MAX_OCTETS_PER_SOURCE // cost):
        assert add(table, ipv4(0, bytes(1024), more=True, ident=ident)) == "fragment_incomplete"
    assert add(table, ipv4(0, bytes(1024), more=True, ident=9999)) == "fragment_no_room"
    other = ipv4(0, bytes(1024), more=True, src="10.1.0.6")
    assert add(table, other) == "fragment_incomplete"
    held = len(table)
    for source in range(7, 12):
        for ident in range(MAX_OCTETS_PER_SOURCE // cost):
            add(table, ipv4(0, bytes(1024), more=True, ident=ident, src=f"10.1.0.{source}"))
    assert table.octets <= MAX_OCTETS
    assert len(table) > held
    table.expire(TIMEOUT_IPV4_S)
    assert (len(table), table.octets) == (0, 0)


def test_any_heap_of_fragments_is_taken_and_nothing_is_lost_or_held_twice() -> None:
    chance = random.Random(11)
    table = Reassembler()
    held: set[int] = set()
    for token in range(5000):
        make = chance.choice((ipv4, ipv6))
        size = chance.choice((0, 1, 8, 16, 24, 40))
        data = make(
            8 * chance.randrange(6), bytes(size), more=chance.random() < 0.7,
            ident=chance.randrange(20),
        )  # fmt: skip
        packet = parse(data, PacketMeta())
        if not packet.fragment:
            continue
        reason = REASON_NAMES[table.add(packet, token, token / 50)]
        if reason == "ok":
            assert set(table.released) <= held
            held -= set(table.released)
        elif reason == "fragment_incomplete":
            held.add(token)
        assert set(table.dropped) <= held
        held -= set(table.dropped)
        table.dropped = []
    table.expire(1e9)
    assert set(table.dropped) == held
    assert table.octets == 0
