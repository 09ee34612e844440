"""Expectations: what meets one, how long they last, how many there may be."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack import expectation as module
from firewalld_py.conntrack.connection import DYING, Connection
from firewalld_py.conntrack.expectation import MAX_PER_MASTER, Expectation, ExpectationTable
from firewalld_py.conntrack.flow import flow_key
from tests import wire
from tests.segments import connection_for, datagram

UDP = wire.UDP


def master(port: int = 21) -> Connection:
    return connection_for(datagram(dport=port))


def expected(of: Connection, dport: int = 2000, **more: bool | bytes) -> Expectation:
    """UDP to the server, from anywhere unless `src` says whence."""
    src = more.pop("src", b"")
    assert isinstance(src, bytes)
    permanent = bool(more.pop("permanent", False))
    return Expectation(of, src, wire.SERVER4, UDP, dport, 60.0, permanent)


def flow(dport: int = 2000, sport: int = 1234) -> bytes:
    """The key of a first packet from the client to the server."""
    return flow_key(datagram(sport=sport, dport=dport))


def test_the_first_flow_that_fits_uses_an_expectation_up() -> None:
    table = ExpectationTable()
    one = expected(master())
    assert table.expect(one)
    assert table.take(flow(dport=2001), 1.0) is None
    assert table.take(flow(), 1.0) is one
    assert table.take(flow(), 1.0) is None
    assert table.size == 0


def test_the_source_port_does_not_matter_and_the_source_only_where_it_is_named() -> None:
    table = ExpectationTable()
    assert table.expect(expected(master(), src=wire.ROUTER4))
    assert table.take(flow(sport=9), 1.0) is None
    named = expected(master(), src=wire.CLIENT4)
    assert table.expect(named)
    assert table.take(flow(sport=9), 1.0) is named


def test_a_permanent_expectation_stays() -> None:
    table = ExpectationTable()
    one = expected(master(), permanent=True)
    assert table.expect(one)
    assert [table.take(flow(sport=port), 1.0) for port in (1, 2, 3)] == [one] * 3


def test_an_expectation_ends_at_its_deadline() -> None:
    table = ExpectationTable()
    assert table.expect(expected(master(), permanent=True))
    assert table.take(flow(), 59.9) is not None
    assert table.take(flow(), 60.0) is None
    assert table.size == 0


def test_the_oldest_expectation_of_a_master_gives_way() -> None:
    table = ExpectationTable()
    of, other = master(21), master(22)
    assert table.expect(expected(other, dport=1))
    for port in range(MAX_PER_MASTER + 2):
        assert table.expect(expected(of, dport=2000 + port))
    assert table.size == MAX_PER_MASTER + 1
    assert table.take(flow(dport=2000), 1.0) is None
    assert table.take(flow(dport=2001), 1.0) is None
    assert table.take(flow(dport=2002), 1.0) is not None
    assert table.take(flow(dport=1), 1.0) is not None  # the other master's is untouched


def test_expectations_die_with_their_master() -> None:
    table = ExpectationTable()
    of = master()
    assert table.expect(expected(of))
    of.status |= DYING
    assert table.take(flow(), 1.0) is None
    assert table.size == 0


def test_a_master_that_is_forgotten_takes_all_its_expectations_along() -> None:
    table = ExpectationTable()
    of, other = master(21), master(22)
    for port in range(3):
        assert table.expect(expected(of, dport=2000 + port))
    assert table.expect(expected(other, dport=3000))
    table.forget_master(of)
    assert table.size == 1
    assert table.take(flow(dport=3000), 1.0) is not None


def test_the_number_of_all_expectations_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    table = ExpectationTable()
    table.size = module.MAX_EXPECTATIONS
    assert not table.expect(expected(master()))


def test_ipv6_flows_are_expected_too() -> None:
    table = ExpectationTable()
    one = Expectation(master(), b"", wire.SERVER6, wire.TCP, 2000, 60.0)
    assert table.expect(one)
    key = wire.CLIENT6 + wire.SERVER6 + b"\x00\x09" + (2000).to_bytes(2, "big") + b"\x06"
    assert table.take(key, 1.0) is one
