"""What the lookup of one address or port gives."""

from __future__ import annotations

from firewalld_py.rules.fields import CROWD, REMEMBERED, Field
from firewalld_py.rules.matches import AddressMatch, Match, PortMatch
from tests import wire


def field_of(width: int, *matches: Match) -> Field:
    """A field at which each of the rules 0, 1, … is at home with its condition."""
    field = Field(width, 0)
    for number, match in enumerate(matches):
        field.askers |= 1 << number
        field.homes += 1
        for bucket in field.buckets_of_ranges(match):
            bucket.rules.append(number)
            bucket.homed.append(number)
    return field


def port(first: int, last: int) -> PortMatch:
    return PortMatch(False, [(first, last)], True)


def test_a_port_leads_to_the_rules_that_ask_for_it_in_order() -> None:
    field = field_of(16, port(0, 65535), port(53, 53), port(50, 60), port(80, 80))
    assert field.find_port(53).homed == [0, 1, 2]
    assert field.find_port(80).homed == [0, 3]
    assert field.find_port(81).homed == [0]


def test_an_address_leads_to_rules_of_its_family() -> None:
    field = field_of(
        32,
        AddressMatch(False, [(wire.CLIENT4, wire.CLIENT4), (wire.CLIENT6, wire.CLIENT6)], False),
        AddressMatch(False, [(bytes(4), b"\xff" * 4)], False),
        AddressMatch(False, [(bytes(16), b"\xff" * 16)], False),
    )
    assert field.find_address(wire.CLIENT4).homed == [0, 1]
    assert field.find_address(wire.SERVER4).homed == [1]
    assert field.find_address(wire.CLIENT6).homed == [0, 2]
    assert field.find_address(b"").homed == []


def test_overlapping_ranges_of_one_rule_name_it_once() -> None:
    field = field_of(16, PortMatch(False, [(50, 60), (53, 53), (53, 53)], True))
    assert field.find_port(53).homed == [0]


def test_more_rules_than_a_crowd_are_not_listed() -> None:
    field = field_of(16, *[port(53, 53)] * CROWD)
    assert not field.find_port(53).crowded
    field = field_of(16, *[port(53, 53)] * (CROWD + 1))
    assert field.find_port(53).crowded
    assert field.find_port(53).homed == []


def test_what_asks_for_another_value_is_no_longer_within() -> None:
    field = field_of(16, port(53, 53), port(80, 80), *[port(53, 53)] * 30)
    everything = (1 << 40) - 1  # rules 32 to 39 ask for no port
    left = field.within(everything, field.narrow.of(53), 40)
    assert left == everything ^ 0b10
    assert field.within(everything, field.narrow.of(53), 40) == left  # the set is kept by now
    assert field.within(everything, [], 40) == 0xFF << 32
    assert field.within(0b10, field.narrow.of(53), 40) == 0


def test_what_is_remembered_is_bounded() -> None:
    field = field_of(16, port(53, 53))
    for number in range(REMEMBERED + 1):
        field.find_port(number)
    assert len(field.of_port) == 1
    for number in range(REMEMBERED + 1):
        field.find_address(number.to_bytes(4, "big"))
    assert len(field.of_address) == 1
    assert field.find_port(53).homed == [0]


def test_buckets_are_freed_a_few_at_a_time() -> None:
    field = field_of(16, *[port(number, number) for number in range(5)])
    assert field.release(3) == 0
    assert field.release(3) == 1
