"""Sets against plain lists of what was added: what is in them, and until when."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.policy.set_elements import element_text, read_elements
from firewalld_py.rules.set_elements import (
    ANY_PROTOCOL,
    EXACT_PORT,
    WITH_PORTS,
    kinds_of,
    mask_of,
    pack_port,
)
from firewalld_py.rules.set_networks import Networks
from firewalld_py.rules.set_table import FOREVER
from firewalld_py.rules.sets import ADDED, ALL_LISTED, FULL, NOT_THERE, REMOVED, STATIC, Set

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Key = tuple[bytes, bytes]

FIRST4, FIRST6 = int(ipaddress.ip_address("10.0.0.0")), int(ipaddress.ip_address("fd00::"))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Many of them overlap, and some are the whole world."""
    six = draw(st.booleans())
    bits, base = (128, FIRST6) if six else (32, FIRST4)
    length = bits - draw(st.sampled_from((0, 0, 0, 1, 2, 3, 5, 8, 9, 16, bits)))
    number = base | draw(st.integers(0, 1023))
    kind = ipaddress.IPv6Network if six else ipaddress.IPv4Network
    return kind((number >> (bits - length) << (bits - length), length))


@st.composite
def addresses(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        return (FIRST6 | draw(st.integers(0, 1100))).to_bytes(16, "big")
    return (FIRST4 | draw(st.integers(0, 1100))).to_bytes(4, "big")


def key_of(network: Network) -> Key:
    return network.network_address.packed, bytes((network.prefixlen,))


def covers(key: Key, asked: bytes) -> bool:
    """By its bits, the long way round."""
    packed, lengths = key
    if len(packed) != len(asked):
        return False
    mask = mask_of(kinds_of(["address"]), len(packed), lengths)
    return (int.from_bytes(packed, "big") ^ int.from_bytes(asked, "big")) & mask == 0


@dataclass
class Naive:
    """Static elements, and dynamic ones with their deadlines."""

    static: set[Key]
    maximum: int
    added: dict[Key, float] = field(default_factory=dict)

    def contains(self, asked: bytes, now: float) -> bool:
        alive = {key for key, deadline in self.added.items() if deadline > now}
        return any(covers(key, asked) for key in alive | self.static)


operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), networks(), st.sampled_from((1.0, 5.0, 50.0, FOREVER))),
        st.tuples(st.just("remove"), networks(), st.just(0.0)),
        st.tuples(st.just("expire"), st.none(), st.sampled_from((1.0, 3.0, 1000.0))),
        st.tuples(st.just("wait"), st.none(), st.sampled_from((0.5, 1.0, 6.0))),
    ),
    max_size=40,
)


@given(st.sets(networks(), max_size=30), operations, st.lists(addresses(), min_size=1, max_size=20))
def test_a_set_holds_what_a_list_does(
    static: set[Network],
    steps: list[tuple[str, Network | None, float]],
    asked: list[bytes],
) -> None:
    of = Set("s", ["network"], maximum=8)
    for key in sorted(map(key_of, static), key=lambda key: (len(key[0]), key)):
        of.put(*key)
    of.seal()
    naive = Naive(set(map(key_of, static)), 8)
    now = 0.0
    for kind, network, number in steps:
        if kind == "wait":
            now += number
        elif kind == "expire":
            of.expire(now, int(number))
        elif network is not None:
            _change(of, naive, kind, key_of(network), now + number, now)
        for address in asked:
            expected = naive.contains(address, now)
            assert of.contains(address, now) == expected
            assert of.is_met(address, now, 40) == expected


def _change(of: Set, naive: Naive, kind: str, key: Key, deadline: float, now: float) -> None:
    """Add or remove on both sides."""
    alive = naive.added.get(key, 0.0) > now
    if kind == "remove":
        wanted = REMOVED if alive else STATIC if key in naive.static else NOT_THERE
        outcome = of.remove(*key, now)
        # An element past its deadline that nobody has looked at yet is not there.
        assert outcome in (wanted, NOT_THERE if wanted == STATIC else wanted)
        naive.added.pop(key, None)
        return
    outcome = of.add(*key, deadline, now)
    if outcome == FULL:
        assert of.dynamic.count == naive.maximum
        assert not alive
    elif key not in naive.static or key in naive.added:
        assert (outcome == ADDED) == (not alive)
        before = naive.added.get(key, 0.0)
        # What is hardly later is not worth it.
        later = deadline - before > min(1.0, (deadline - now) / 16)
        naive.added[key] = deadline if not alive or later else before


@given(st.sets(networks(), max_size=60), st.lists(addresses(), min_size=1, max_size=30))
def test_the_narrowest_network_is_found(given_: set[Network], asked: list[bytes]) -> None:
    for width in (4, 16):
        keys = sorted(key for key in map(key_of, given_) if len(key[0]) == width)
        of = Networks(width, False)
        for packed, lengths in keys:
            of.put(packed, lengths[0])
        of.seal()
        for address in asked:
            if len(address) == width:
                found = [key for key in keys if covers(key, address)]
                number = of.find(address)
                widest = max(found, key=lambda key: key[1], default=None)
                assert (None if number < 0 else keys[number]) == widest


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32))
def test_the_narrowest_of_very_many_networks_is_found(seed: int) -> None:
    rng = Random(seed)
    keys = set()
    for _ in range(600):
        length = rng.choice((4, 8, 12, 15, 16, 17, 20, 24, 31, 32))
        number = rng.choice((rng.getrandbits(32), 0x0A000000 | rng.getrandbits(18)))
        packed = (number >> (32 - length) << (32 - length)).to_bytes(4, "big")
        keys.add((packed, bytes((length,))))
    of = Networks(4, False)
    ordered = sorted(keys)
    for packed, lengths in ordered:
        of.put(packed, lengths[0])
    of.seal()
    assert of.index
    for _ in range(200):
        near = int.from_bytes(rng.choice(ordered)[0], "big") + rng.randrange(-2, 300)
        address = (rng.choice((near, rng.getrandbits(32))) & 0xFFFFFFFF).to_bytes(4, "big")
        found = [key for key in ordered if covers(key, address)]
        number = of.find(address)
        widest = max(found, key=lambda key: key[1], default=None)
        assert (None if number < 0 else ordered[number]) == widest


@given(
    st.lists(networks(), max_size=40), st.lists(st.integers(0, 39), max_size=20), st.integers(1, 7)
)
def test_a_listing_in_parts_has_what_stays_just_once(
    added: list[Network], removed: list[int], places: int
) -> None:
    of = Set("s", ["address"])
    keys = list(dict.fromkeys(map(key_of, added)))
    for key in keys:
        of.add(*key, FOREVER, 0.0)
    leaving = [keys[number] for number in removed if number < len(keys)]
    listed: list[Key] = []
    at = 0
    while at != ALL_LISTED:
        part, at = of.part(at, places, 0.0)
        listed += [(one.packed, one.lengths) for one in part]
        if leaving:
            of.remove(*leaving.pop(), 0.0)
    assert len(listed) == len(set(listed))
    stayed = set(keys) - {keys[number] for number in removed if number < len(keys)}
    assert stayed <= set(listed) <= set(keys)


ports = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(sorted)


@given(
    ports, st.sampled_from(("", "tcp:", "udp:")), st.integers(0, 65535), st.sampled_from((6, 17, 1))
)
def test_a_range_of_ports_is_just_these(
    ends: list[int], prefix: str, port: int, protocol: int
) -> None:
    of = Set("s", ["port"])
    for element in read_elements(("port",), f"{prefix}{ends[0]}-{ends[1]}"):
        of.put(*element)
    of.seal()
    wanted = {"": WITH_PORTS, "tcp:": {6}, "udp:": {17}}[prefix]
    for number in (port, *ends, max(ends[0] - 1, 0), min(ends[1] + 1, 65535)):
        expected = ends[0] <= number <= ends[1] and protocol in wanted
        assert of.contains(pack_port(number, protocol), 0.0) == expected


@given(st.integers(0, 65535), st.integers(0, EXACT_PORT), st.booleans(), networks())
def test_what_is_written_of_an_element_is_read_as_that_element(
    port: int, length: int, any_protocol: bool, network: Network
) -> None:
    first = port >> (EXACT_PORT - length) << (EXACT_PORT - length)
    packed_port = pack_port(first, 6)[:3] + (b"\0" if any_protocol else b"\6")
    packed, lengths = key_of(network)
    element = (
        packed + packed_port,
        lengths + bytes((length | (ANY_PROTOCOL if any_protocol else 0),)),
    )
    words = ("network", "port")
    assert read_elements(words, element_text(words, *element)) == [element]
