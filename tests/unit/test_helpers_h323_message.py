"""What a message names, and what becomes expected for it."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import ESTABLISHED, ORIGINAL, REPLY
from firewalld_py.conntrack.expectation import PERMANENT, ExpectationTable, Policy
from firewalld_py.conntrack.helpers.base import IPV4, Call, Helper, Tables
from firewalld_py.conntrack.helpers.h323_message import Message, Place
from firewalld_py.conntrack.helpers.h323_per import Decoded, decode
from firewalld_py.conntrack.helpers.h323_types import TYPES
from firewalld_py.conntrack.table import Table
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK
from tests import wire
from tests.h323_messages import encode, h225, h245
from tests.segments import connection_for, datagram

POLICY: Final = Policy(20, 240.0)


def said(octets: bytes = b"", direction: int = ORIGINAL, tables: Tables | None = None) -> Message:
    """A message of the client (ORIGINAL) or the server."""
    helper = Helper("any", frozenset({(IPV4, wire.UDP)}), [POLICY])
    packet = datagram()
    tables = tables or Tables(Table(10), ExpectationTable(10))
    call = Call(helper, connection_for(packet), packet, direction, ESTABLISHED, 0, 0.0, tables)
    return Message(octets, direction, call)


def expected(message: Message) -> list[tuple[bytes, bytes, int, int, int]]:
    return [
        (one.src, one.dst, one.protocol, one.dport, one.flags)
        for one in message.call.tables.expectations.all(0.0)
    ]


def places(name: str, octets: bytes) -> Place | None:
    value: Decoded | None = decode(TYPES[name], octets, 0, len(octets))
    message = said(octets)
    return message.h225_place(value) if name == "TransportAddress" else message.h245_place(value)


def test_an_address_of_either_recommendation_is_read() -> None:
    for name, wish in (
        ("TransportAddress", h225(wire.ROUTER4, 2000)),
        ("H245TransportAddress", h245(wire.ROUTER4, 2000)),
    ):
        place = places(name, encode(TYPES[name], wish))
        assert place is not None
        assert (place.address, place.port) == (wire.ROUTER4, 2000)


def test_one_of_another_family_or_kind_is_none() -> None:
    assert places("TransportAddress", encode(TYPES["TransportAddress"], h225(bytes(16), 1))) is None
    assert places("TransportAddress", b"\x40" + bytes(12)) is None  # IPX
    kind = "H245TransportAddress"
    assert places(kind, encode(TYPES[kind], h245(bytes(16), 1))) is None
    assert places(kind, b"\x40" + bytes(12)) is None  # multicast
    assert said().h225_place(None) is None
    assert said().h245_place(None) is None


def test_the_sender_is_who_the_direction_says() -> None:
    assert (said().own, said().other) == (wire.CLIENT4, wire.SERVER4)
    assert (said(b"", REPLY).own, said(b"", REPLY).other) == (wire.SERVER4, wire.CLIENT4)


@pytest.mark.parametrize(
    ("place", "is_own"),
    [
        (Place(wire.CLIENT4, 1), True),
        (Place(wire.CLIENT4, 0), False),
        (Place(wire.SERVER4, 1), False),
    ],
)
def test_own_is_a_port_of_the_sender(place: Place, is_own: bool) -> None:
    assert said().is_own(place) == is_own


def test_a_connection_is_expected_of_the_other_side_or_of_anyone() -> None:
    message = said()
    place = Place(wire.CLIENT4, 2000)
    assert message.expect(place, PERMANENT) == OK
    assert expected(message) == [(wire.SERVER4, wire.CLIENT4, wire.TCP, 2000, PERMANENT)]
    message = said()
    assert message.expect(place, of_anyone=True) == OK
    assert expected(message) == [(b"", wire.CLIENT4, wire.TCP, 2000, 0)]


def test_one_to_a_third_party_is_not_expected_and_not_held_against_the_message() -> None:
    message = said()
    assert message.expect(Place(wire.ROUTER4, 2000)) == OK
    assert message.expect_datagrams(wire.ROUTER4, 2000) == OK
    assert expected(message) == []
    message.call.helper.third_parties = True
    assert message.expect(Place(wire.ROUTER4, 2000)) == OK
    assert len(expected(message)) == 1


@pytest.mark.parametrize("port", [2000, 2001])
def test_media_take_an_even_port_and_the_one_behind(port: int) -> None:
    message = said()
    assert message.expect_media(Place(wire.CLIENT4, port)) == OK
    assert [one[3] for one in expected(message)] == [2000, 2001]


def test_media_of_which_one_port_is_taken_are_not_expected_at_all() -> None:
    for taken in (2000, 2001):
        tables = Tables(Table(10), ExpectationTable(10))
        said(b"", ORIGINAL, tables).expect_datagrams(wire.CLIENT4, taken)
        message = said(b"", ORIGINAL, tables)
        assert message.expect_media(Place(wire.CLIENT4, 2000)) == EXPECTATION_REFUSED
        assert [one[3] for one in expected(message)] == [taken]


def test_a_conference_may_have_many_connections() -> None:
    message = said()
    assert message.expect_conference(Place(wire.CLIENT4, 1503)) == OK
    assert expected(message) == [(wire.SERVER4, wire.CLIENT4, wire.TCP, 1503, PERMANENT)]


def test_media_and_conferences_of_others_are_nothing() -> None:
    message = said()
    for place in (None, Place(wire.SERVER4, 2000), Place(wire.CLIENT4, 0)):
        assert message.expect_media(place) == OK
        assert message.expect_conference(place) == OK
    assert expected(message) == []
