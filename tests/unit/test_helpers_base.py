"""What a helper may do, and what it may not. (How the engine works with one: test_engine.py.)"""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import NEW, ORIGINAL, Connection
from firewalld_py.conntrack.expectation import EXPECTED, THIRD_PARTY, ExpectationTable, Policy
from firewalld_py.conntrack.helpers.base import IPV4, Call, Helper, Tables
from firewalld_py.conntrack.table import Table
from tests import wire
from tests.segments import connection_for, datagram

READABLE: Final = frozenset({(IPV4, wire.UDP)})


def called(third_parties: bool = False) -> Call:
    """A call about the first packet of a connection from the client to the server."""
    helper = Helper("any", READABLE, [Policy(2, 60.0), Policy(1, 5.0)], third_parties)
    packet = datagram()
    tables = Tables(Table(10), ExpectationTable(10))
    return Call(helper, connection_for(packet), packet, ORIGINAL, NEW, 0, 100.0, tables)


def test_a_helper_without_an_inspection_is_none() -> None:
    call = called()
    with pytest.raises(NotImplementedError):
        call.helper.inspect(b"", call.connection, ORIGINAL, call)


@pytest.mark.parametrize("end", [wire.CLIENT4, wire.SERVER4])
def test_a_connection_to_either_end_can_be_expected(end: bytes) -> None:
    call = called()
    assert call.expect(b"", end, wire.TCP, 2000, kind=1) == EXPECTED
    (one,) = call.tables.expectations.all(100.0)
    assert (one.master, one.dst, one.dport, one.deadline) == (call.connection, end, 2000, 105.0)


def test_one_to_a_third_host_only_by_a_helper_that_may() -> None:
    assert called().expect(b"", wire.ROUTER4, wire.TCP, 2000) == THIRD_PARTY
    assert called(third_parties=True).expect(b"", wire.ROUTER4, wire.TCP, 2000) == EXPECTED


def test_a_helper_says_how_long_its_connection_lives() -> None:
    call = called()
    call.refresh(3600.0)
    assert call.connection.deadline == 3700.0


def test_a_helper_need_not_care_for_beginnings_and_ends() -> None:
    call = called()
    child: Connection = connection_for(datagram(dport=2000))
    call.expect(b"", wire.SERVER4, wire.TCP, 2000)
    (one,) = call.tables.expectations.all(100.0)
    call.helper.opened(child, one, call.tables)
    call.helper.child_destroyed(child, call.connection, call.tables)
    call.helper.destroyed(call.connection, call.tables)
