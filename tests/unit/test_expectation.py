"""Expectations: what meets one, what may stand beside it, how long they last, how many."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import CONFIRMED, DYING, Connection
from firewalld_py.conntrack.expectation import (
    ALREADY,
    ANY_PORT,
    CLASH,
    EXPECTED,
    INACTIVE,
    NO_ROOM,
    PERMANENT,
    Expectation,
    ExpectationTable,
    Policy,
)
from firewalld_py.conntrack.flow import flow_key, in_zone, reply_key
from tests import wire
from tests.segments import connection_for, datagram

POLICY: Final = Policy(3, 60.0)
NETMASK: Final = bytes((255, 255, 255, 0))


def table_of(maximum: int = 1000) -> ExpectationTable:
    return ExpectationTable(maximum)


def master(port: int = 21) -> Connection:
    connection = connection_for(datagram(dport=port))
    connection.status |= CONFIRMED
    return connection


def expected(
    of: Connection,
    dport: int = 2000,
    src: bytes = b"",
    sport: int = ANY_PORT,
    kind: int = 0,
    flags: int = 0,
    src_mask: bytes = b"",
) -> Expectation:
    """UDP to the server."""
    return Expectation(
        of, src, wire.SERVER4, wire.UDP, dport, sport, kind, flags, src_mask=src_mask
    )


def flow(dport: int = 2000, sport: int = 1234) -> bytes:
    """The key of a first packet from the client to the server."""
    return flow_key(datagram(sport=sport, dport=dport))


def entered(*expectations: Expectation, now: float = 0.0) -> ExpectationTable:
    table = table_of()
    for expectation in expectations:
        assert table.expect(expectation, POLICY, now) == EXPECTED
    return table


def test_the_first_flow_that_fits_uses_an_expectation_up() -> None:
    one = expected(master())
    table = entered(one)
    assert table.take(flow(dport=2001), 1.0) is None
    assert table.find(flow(), 1.0) is one
    assert table.take(flow(), 1.0) is one
    assert table.take(flow(), 1.0) is None
    assert table.size == 0


def test_source_and_source_port_matter_where_they_are_named() -> None:
    of = master()
    assert entered(expected(of, src=wire.ROUTER4)).find(flow(), 1.0) is None
    assert entered(expected(of, src=wire.CLIENT4)).find(flow(sport=9), 1.0) is not None
    assert entered(expected(of, sport=9)).find(flow(sport=8), 1.0) is None
    assert entered(expected(of, sport=9)).find(flow(sport=9), 1.0) is not None


def test_under_a_mask_any_host_of_the_network_will_do() -> None:
    broadcast = bytes((10, 1, 0, 255))
    table = entered(expected(master(), src=broadcast, src_mask=NETMASK))
    assert table.find(flow(), 1.0) is not None
    elsewhere = bytes((10, 1, 1, 5)) + flow()[4:]
    assert table.find(elsewhere, 1.0) is None


def test_a_permanent_expectation_stays() -> None:
    one = expected(master(), flags=PERMANENT)
    table = entered(one)
    assert [table.take(flow(sport=port), 1.0) for port in (1, 2, 3)] == [one] * 3


def test_an_inactive_expectation_is_met_by_nothing() -> None:
    one = expected(master(), flags=INACTIVE)
    table = entered(one)
    assert table.take(flow(), 1.0) is None
    one.flags = 0
    assert table.take(flow(), 1.0) is one


def test_an_expectation_ends_with_its_time() -> None:
    table = entered(expected(master(), flags=PERMANENT))
    assert table.take(flow(), 59.9) is not None
    assert table.take(flow(), 60.0) is None
    assert table.size == 0


@pytest.mark.parametrize("status", [0, CONFIRMED | DYING])
def test_a_master_that_is_not_in_its_place_opens_nothing_and_keeps_the_expectation(
    status: int,
) -> None:
    of = master()
    table = entered(expected(of))
    of.status = status
    assert table.take(flow(), 1.0) is None
    assert table.size == 1


def test_the_same_once_more_takes_the_place_of_the_first_with_all_its_time() -> None:
    of = master()
    again = expected(of)
    table = entered(expected(of))
    assert table.expect(again, POLICY, 50.0) == EXPECTED
    assert table.size == 1
    assert table.take(flow(), 100.0) is again


def test_what_could_meet_two_is_refused() -> None:
    of, other = master(21), master(22)
    table = entered(expected(of, src=wire.CLIENT4))
    for clashing in (
        expected(other, src=wire.CLIENT4),
        expected(other),
        expected(of),
        expected(of, src=wire.CLIENT4, sport=5),
        expected(of, src=bytes((10, 1, 0, 255)), src_mask=NETMASK),
    ):
        assert table.expect(clashing, POLICY, 1.0) == CLASH
    for beside in (expected(of, src=wire.ROUTER4), expected(other, dport=9)):
        assert table.expect(beside, POLICY, 1.0) == EXPECTED


def test_networks_clash_where_their_masks_meet() -> None:
    of = master()
    wide = expected(of, src=bytes((10, 1, 0, 255)), src_mask=bytes((255, 255, 0, 0)))
    table = entered(wide)
    inside = expected(of, src=bytes((10, 1, 7, 255)), src_mask=NETMASK)
    outside = expected(of, src=bytes((10, 2, 7, 255)), src_mask=NETMASK)
    assert table.expect(inside, POLICY, 1.0) == CLASH
    assert table.expect(outside, POLICY, 1.0) == EXPECTED


def test_the_same_of_another_class_is_there_already() -> None:
    of = master()
    table = entered(expected(of, kind=1))
    assert table.expect(expected(of, kind=2), POLICY, 1.0) == ALREADY


def test_where_any_master_will_do_the_same_is_there_already() -> None:
    table = entered(expected(master(21)))
    assert table.expect(expected(master(22)), POLICY, 1.0, any_master=True) == ALREADY
    assert table.size == 1


def test_the_oldest_of_a_masters_class_gives_way() -> None:
    of, other = master(21), master(22)
    table = entered(expected(other, dport=1), expected(of, dport=2, kind=1))
    for port in range(2000, 2005):
        assert table.expect(expected(of, dport=port), POLICY, 1.0) == EXPECTED
    assert table.size == POLICY.maximum + 2
    left = [one.dport for one in table.of_master(of, 1.0)]
    assert left == [2, 2002, 2003, 2004]


def test_one_that_was_renewed_is_not_the_oldest() -> None:
    of = master()
    table = entered(*(expected(of, dport=port) for port in (1, 2, 3)))
    for port in (1, 4):
        assert table.expect(expected(of, dport=port), POLICY, 1.0) == EXPECTED
    assert [one.dport for one in table.of_master(of, 1.0)] == [3, 1, 4]


def test_what_is_over_neither_clashes_nor_counts() -> None:
    of, other = master(21), master(22)
    table = entered(*(expected(other, dport=port) for port in (1, 2, 3)))
    assert table.expect(expected(of, dport=1), POLICY, 60.0) == EXPECTED
    assert table.expect(expected(other, dport=4), POLICY, 60.0) == EXPECTED
    assert sorted(one.dport for one in table.all(60.0)) == [1, 4]
    assert table.size == 2


def test_some_of_those_that_live_are_told_without_a_look_at_the_rest() -> None:
    one, other = master(), master(22)
    table = table_of()
    assert table.expect(expected(one, 1), POLICY, 0.0) == EXPECTED
    for dport in (2, 3):
        assert table.expect(expected(other, dport), POLICY, 50.0) == EXPECTED
    assert [found.dport for found in table.some(2, 10.0)] == [1, 2]
    assert [found.dport for found in table.some(2, 60.0)] == [2, 3]
    assert [found.dport for found in table.some(1, 60.0)] == [2]
    assert table.some(9, 200.0) == []
    assert table.size == 3


def test_a_master_that_is_forgotten_takes_all_its_expectations_along() -> None:
    of, other = master(21), master(22)
    table = entered(*(expected(of, dport=port) for port in (1, 2)), expected(other, dport=3))
    table.forget_master(of)
    assert table.size == 1
    assert table.take(flow(dport=3), 1.0) is not None


def test_the_number_of_all_expectations_is_bounded_by_those_that_live() -> None:
    table = table_of(2)
    for port in (21, 22):
        assert table.expect(expected(master(port), dport=port), POLICY, 0.0) == EXPECTED
    assert table.expect(expected(master(23), dport=23), POLICY, 1.0) == NO_ROOM
    assert table.expect(expected(master(23), dport=23), POLICY, 60.0) == EXPECTED


def test_ipv6_flows_are_expected_too() -> None:
    one = Expectation(master(), b"", wire.SERVER6, wire.TCP, 2000)
    table = entered(one)
    key = wire.CLIENT6 + wire.SERVER6 + b"\x00\x09" + (2000).to_bytes(2, "big") + b"\x06"
    assert table.take(key, 1.0) is one


def test_an_expectation_is_for_the_zone_of_its_master() -> None:
    key = in_zone(flow(21), 7)
    of = Connection(wire.UDP, key, reply_key(key), 0.0)
    of.status |= CONFIRMED
    table = entered(expected(of))
    assert table.take(flow(), 1.0) is None
    assert table.take(in_zone(flow(), 8), 1.0) is None
    assert table.take(in_zone(flow(), 7), 1.0) is not None
