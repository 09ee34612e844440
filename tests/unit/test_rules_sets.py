"""Sets: what is in them, for how long, and what a reload keeps."""

from __future__ import annotations

import ipaddress

import pytest

from firewalld_py.rules.changes import Changes
from firewalld_py.rules.set_table import FOREVER
from firewalld_py.rules.sets import (
    ADDED,
    ALL_LISTED,
    EXTENDED,
    FULL,
    KEPT,
    MAX_NEWS,
    NOT_THERE,
    OUTCOME_NAMES,
    REMOVED,
    STATIC,
    Change,
    Listed,
    News,
    Set,
)

HOST = bytes((32,))


def octets(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def blocked(*networks: str, maximum: int = 10, counting: bool = False) -> Set:
    """A set of addresses with these static networks, which are in order."""
    made = Set("blocked", ["address"], maximum, 60.0, counting)
    for text in networks:
        network = ipaddress.ip_network(text)
        made.put(network.network_address.packed, bytes((network.prefixlen,)))
    made.seal()
    return made


def listing(of: Set, places: int, now: float = 0.0) -> list[Listed]:
    """All elements, listed in parts of so many places."""
    listed: list[Listed] = []
    at = 0
    while at != ALL_LISTED:
        part, at = of.part(at, places, now)
        assert len(part) <= places
        listed.extend(part)
    return listed


def test_static_elements_of_both_families() -> None:
    of = blocked("192.0.2.0/24", "fd00::/64")
    assert of.contains(octets("192.0.2.9"), 0.0)
    assert of.contains(octets("fd00::9"), 0.0)
    assert not of.contains(octets("192.0.3.9"), 0.0)
    assert not of.contains(octets("fd00:0:0:1::9"), 0.0)
    assert of.static_count() == 2


def test_an_added_element_matches_until_its_deadline() -> None:
    of = blocked()
    bad = octets("203.0.113.9")
    assert of.add(bad, HOST, of.until(100.0, of.lifetime), 100.0) == ADDED
    assert of.contains(bad, 159.9)
    assert of.is_met(bad, 159.9, 40)
    assert not of.contains(bad, 160.0)
    assert not of.is_met(bad, 160.0, 40)


def test_a_second_add_extends_the_first_and_never_shortens_it() -> None:
    of = blocked()
    bad = octets("203.0.113.9")
    assert of.add(bad, HOST, 100.0, 0.0) == ADDED
    assert of.add(bad, HOST, 50.0, 10.0) == KEPT
    assert of.contains(bad, 99.0)
    assert of.add(bad, HOST, 200.0, 10.0) == EXTENDED
    assert of.contains(bad, 199.0)
    assert of.add(bad, HOST, FOREVER, 10.0) == EXTENDED
    assert of.add(bad, HOST, 300.0, 10.0) == KEPT
    assert of.contains(bad, 1e9)


def test_what_has_expired_is_added_anew() -> None:
    of = blocked(counting=True)
    bad = octets("203.0.113.9")
    of.add(bad, HOST, 10.0, 0.0)
    of.is_met(bad, 1.0, 40)
    assert of.add(bad, HOST, 30.0, 20.0) == ADDED
    (listed,) = listing(of, 5, 20.0)
    assert (listed.packets, listed.deadline) == (0, 30.0)


def test_a_full_set_says_so_and_makes_room_of_what_has_expired() -> None:
    of = blocked(maximum=2)
    assert of.add(octets("10.0.0.1"), HOST, 10.0, 0.0) == ADDED
    assert of.add(octets("10.0.0.2"), HOST, FOREVER, 0.0) == ADDED
    assert of.add(octets("10.0.0.3"), HOST, FOREVER, 5.0) == FULL
    assert of.refused == 1
    assert of.add(octets("10.0.0.1"), HOST, 20.0, 5.0) == EXTENDED
    assert of.add(octets("10.0.0.3"), HOST, FOREVER, 20.0) == ADDED


def test_dynamic_elements_can_be_removed_and_static_ones_cannot() -> None:
    of = blocked("192.0.2.0/24")
    assert of.remove(octets("192.0.2.0"), bytes((24,)), 0.0) == STATIC
    assert of.add(octets("192.0.2.0"), bytes((24,)), 10.0, 0.0) == KEPT
    assert of.remove(octets("192.0.2.9"), HOST, 0.0) == NOT_THERE
    of.add(octets("192.0.2.9"), HOST, 10.0, 0.0)
    assert of.remove(octets("192.0.2.9"), HOST, 0.0) == REMOVED
    assert of.remove(octets("192.0.2.9"), HOST, 0.0) == NOT_THERE
    of.add(octets("10.0.0.1"), HOST, 10.0, 0.0)
    assert of.remove(octets("10.0.0.1"), HOST, 10.0) == NOT_THERE
    assert of.contains(octets("192.0.2.9"), 0.0)


def test_networks_can_be_added_too() -> None:
    of = blocked()
    assert of.add(octets("10.0.0.0"), bytes((8,)), FOREVER, 0.0) == ADDED
    assert of.add(octets("fd00::"), bytes((16,)), FOREVER, 0.0) == ADDED
    assert of.is_met(octets("10.9.9.9"), 0.0, 1)
    assert of.is_met(octets("fd00:1::1"), 0.0, 1)
    assert not of.is_met(octets("11.9.9.9"), 0.0, 1)


@pytest.mark.parametrize(
    ("packed", "lengths"), [(bytes(4), b""), (bytes(5), HOST), (b"\1\1\1\1", bytes((8,)))]
)
def test_what_is_no_element_of_the_type_is_refused(packed: bytes, lengths: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        blocked("0.0.0.0/1").add(packed, lengths, FOREVER, 0.0)


def test_counters_belong_to_the_element_that_is_met() -> None:
    of = blocked("10.0.0.0/8", "10.1.0.0/16", "fd00::/16", counting=True)
    of.add(octets("10.1.0.1"), HOST, FOREVER, 0.0)
    for text in ("10.1.0.1", "10.1.0.2", "10.2.0.1", "10.2.0.2", "fd00::1"):
        of.is_met(octets(text), 0.0, 40)
    counted = {(item.packed, item.lengths): (item.packets, item.octets) for item in listing(of, 2)}
    assert counted == {
        (octets("10.0.0.0"), bytes((8,))): (2, 80),
        (octets("10.1.0.0"), bytes((16,))): (1, 40),
        (octets("fd00::"), bytes((16,))): (1, 40),
        (octets("10.1.0.1"), HOST): (1, 40),
    }


def test_asking_alone_counts_nothing() -> None:
    of = blocked("10.0.0.0/8", counting=True)
    assert of.contains(octets("10.1.0.1"), 0.0)
    assert listing(of, 9)[0].packets == 0


@pytest.mark.parametrize("places", [1, 2, 3, 100])
def test_a_listing_in_parts_has_each_element_once(places: int) -> None:
    of = blocked("10.0.0.0/8", "192.0.2.0/24", "fd00::/16")
    for number in range(5):
        of.add(bytes((172, 16, 0, number)), HOST, 100.0, 0.0)
    of.remove(bytes((172, 16, 0, 1)), HOST, 0.0)
    listed = [(item.packed, item.is_static) for item in listing(of, places)]
    assert listed == [
        (octets("10.0.0.0"), True),
        (octets("192.0.2.0"), True),
        (octets("fd00::"), True),
        *((bytes((172, 16, 0, number)), False) for number in (0, 2, 3, 4)),
    ]
    assert len(listing(of, places, 100.0)) == 3


def test_a_combination_has_static_and_dynamic_elements() -> None:
    of = Set("pairs", ["network", "port"], counting=True)
    of.put(bytes((10, 0, 0, 0, 0, 53, 1, 17)), bytes((8, 16)))
    of.seal()
    assert of.is_met(bytes((10, 1, 1, 1, 0, 53, 1, 17)), 0.0, 60)
    assert not of.is_met(bytes((10, 1, 1, 1, 0, 53, 1, 6)), 0.0, 60)
    other = bytes((10, 1, 1, 1, 0, 22, 1, 6))
    assert of.add(other, of.exact(other), FOREVER, 0.0) == ADDED
    assert of.is_met(other, 0.0, 60)
    assert of.remove(bytes((10, 0, 0, 0, 0, 53, 1, 17)), bytes((8, 16)), 0.0) == STATIC
    assert [item.packets for item in listing(of, 1)] == [1, 1]


def test_a_static_element_comes_once() -> None:
    of = Set("ports", ["port"])
    of.put(bytes((0, 53, 1, 17)), bytes((16,)))
    with pytest.raises(ValueError, match="twice"):
        of.put(bytes((0, 53, 1, 17)), bytes((16,)))


def test_a_reload_keeps_dynamic_elements_if_the_type_is_the_same() -> None:
    before = blocked("10.0.0.0/8")
    before.add(octets("203.0.113.9"), HOST, 50.0, 0.0)
    after = Set("blocked", ["network"])
    after.seal()
    assert after.carry_over(before)
    assert after.contains(octets("203.0.113.9"), 49.0)
    assert not after.contains(octets("10.0.0.1"), 0.0)
    other = Set("blocked", ["address", "port"])
    assert not other.carry_over(before)
    assert other.dynamic.count == 0


def test_a_set_can_begin_anew_with_the_static_elements_of_another() -> None:
    first = blocked("10.0.0.0/8", "fd00::/16")
    first.add(octets("203.0.113.9"), HOST, FOREVER, 0.0)
    again = blocked()
    again.begin_anew(first)
    first.begin_anew(first)
    for of in (first, again):
        assert of.contains(octets("10.1.1.1"), 0.0)
        assert of.contains(octets("fd00::1"), 0.0)
        assert not of.contains(octets("203.0.113.9"), 0.0)
    assert first.changes.count == 2


def test_changes_are_counted_for_all_sets_together() -> None:
    changes = Changes()
    first = Set("first", ["address"], changes=changes)
    second = Set("second", ["port"], changes=changes)
    first.add(octets("10.0.0.1"), HOST, 10.0, 0.0)
    second.add(bytes((0, 53, 1, 17)), bytes((16,)), FOREVER, 0.0)
    assert changes.count == 2
    first.add(octets("10.0.0.1"), HOST, 20.0, 0.0)  # says no other thing to anybody
    first.remove(octets("10.0.0.9"), HOST, 0.0)
    assert changes.count == 2
    assert (first.is_steady(), second.is_steady()) == (False, True)
    assert first.expire(20.0, 10) == 1
    assert changes.count == 3
    assert first.is_steady()
    second.remove(bytes((0, 53, 1, 17)), bytes((16,)), 0.0)
    assert changes.count == 4


def test_news_are_bounded() -> None:
    news = News()
    for _number in range(MAX_NEWS + 3):
        news.tell(Change("blocked", octets("10.0.0.1"), HOST, FOREVER, True))
    assert (len(news.items), news.untold) == (MAX_NEWS, 3)


def test_outcomes_have_names() -> None:
    named = [OUTCOME_NAMES[outcome] for outcome in (ADDED, EXTENDED, KEPT, FULL)]
    assert named == ["added", "extended", "kept", "full"]
    assert [OUTCOME_NAMES[outcome] for outcome in (REMOVED, NOT_THERE, STATIC)] == [
        *("removed", "not there", "static"),
    ]
