"""Q.931: which messages of a call lead to what, and to whom.

The client, 10.1.0.5, calls the server, 203.0.113.9. The same and thousands of other messages are
put to the kernel in tests/differential/test_helper_h323.py.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import RELATED
from firewalld_py.conntrack.helpers.h323_notation import STOP, Member, Type
from firewalld_py.conntrack.helpers.h323_q931 import user_information
from firewalld_py.conntrack.helpers.h323_types import TYPES, USER_INFORMATION
from tests import wire
from tests.h323_messages import Filler, call, channel, encode, h225, q931, tpkt
from tests.unit.h323_world import CLIENT, SERVER, World

H245: Final = "client to server:3000/tcp H.245"
MEDIA: Final = "server to client:2000/udp; server to client:2001/udp"
CONNECT: Final = call({"connect": {"h245Address": h225(wire.SERVER4, 3000)}})


def hears(side: int, *segments: bytes, **parameters: int) -> str:
    world = World(4, **parameters)
    return world.says(world.call(), side, *segments)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    "kind", ["setup", "callProceeding", "connect", "alerting", "facility", "progress"]
)
def test_six_messages_say_where_h245_runs(kind: str, version: int) -> None:
    world = World(version)
    segment = call({kind: {"h245Address": h225(world.talk.server, 3000)}})
    assert world.says(world.call(), SERVER, segment) == H245


@pytest.mark.parametrize(
    ("address", "port"), [(wire.CLIENT4, 3000), (wire.ROUTER4, 3000), (wire.SERVER4, 0)]
)
def test_h245_elsewhere_than_at_the_sender_is_nothing(address: bytes, port: int) -> None:
    segment = call({"connect": {"h245Address": h225(address, port)}})
    assert hears(SERVER, segment, h323_third_parties=1) == ""


def test_the_connection_of_h245_is_related_and_has_its_helper() -> None:
    world = World()
    world.says(world.call(), SERVER, CONNECT)
    world.talk.tcp(40001, 3000).send(CLIENT, b"", "S")
    assert world.outcome() == ""
    assert world.decision is not None
    connection = world.decision.info.connection
    assert connection is not None
    assert (world.decision.info.state, connection.helper()) == (RELATED, "H.245")


@pytest.mark.parametrize(
    "kind", ["setup", "callProceeding", "connect", "alerting", "facility", "progress"]
)
def test_fast_start_opens_channels(kind: str) -> None:
    olc = channel(wire.CLIENT4, 2000)["request"]["openLogicalChannel"]
    assert hears(CLIENT, call({kind: {"fastStart": [olc]}})) == MEDIA


def test_of_fast_start_30_channels_count_and_of_a_call_20_expectations() -> None:
    olcs = [
        channel(wire.CLIENT4, port)["request"]["openLogicalChannel"]
        for port in range(2000, 2080, 2)
    ]
    expected = hears(CLIENT, call({"setup": {"fastStart": olcs}})).split("; ")
    assert len(expected) == 20
    assert expected[-1] == "server to client:2059/udp"


def test_h245_may_run_within_and_4_messages_of_it_count() -> None:
    control = [channel(wire.CLIENT4, port) for port in range(2000, 2010, 2)]
    expected = hears(CLIENT, call({"connect": {}}, h245Control=control)).split("; ")
    assert len(expected) == 8
    assert expected[-1] == "server to client:2007/udp"


def forwarded(address: bytes, port: int = 1720, **more: Any) -> bytes:
    wish = {"reason": {"callForwarded": None}, "alternativeAddress": h225(address, port)}
    return call({"facility": {**wish, **more}})


def test_a_call_is_forwarded_to_a_third_party_if_that_is_allowed() -> None:
    assert hears(SERVER, forwarded(wire.ROUTER4)) == ""
    allowed = hears(SERVER, forwarded(wire.ROUTER4), h323_third_parties=1)
    assert allowed == "client to third:1720/tcp Q.931"


def test_and_to_the_sender_in_any_case() -> None:
    assert hears(SERVER, forwarded(wire.SERVER4, 1721)) == "client to server:1721/tcp Q.931"
    assert hears(SERVER, forwarded(wire.SERVER4, 0)) == ""


def test_back_to_the_caller_only_without_the_filter() -> None:
    assert hears(SERVER, forwarded(wire.CLIENT4)) == ""
    unfiltered = hears(SERVER, forwarded(wire.CLIENT4), h323_callforward_filter=0)
    assert unfiltered == "client to client:1720/tcp Q.931"


def test_who_forwards_says_nothing_else() -> None:
    h245_address = h225(wire.SERVER4, 3000)
    assert hears(SERVER, forwarded(wire.CLIENT4, h245Address=h245_address)) == ""


def test_a_forwarded_call_is_a_call() -> None:
    world = World(h323_third_parties=1)
    world.says(world.call(), SERVER, forwarded(wire.ROUTER4))
    world.talk.server = wire.ROUTER4
    forwarded_call = world.talk.tcp(40001, 1720).open()
    segment = call({"connect": {"h245Address": h225(wire.ROUTER4, 3000)}})
    assert world.says(forwarded_call, SERVER, segment) == "client to third:3000/tcp H.245"


@pytest.mark.parametrize(
    ("elements", "reference", "found"),
    [
        (b"", b"\0\1", True),
        (b"", b"", True),
        (b"\x04\x03abc", b"\1", True),
        (b"\xa1", b"\1", True),  # one octet, right behind the message type
        (b"\x04\x01a\xa1", b"\1", False),  # later its neighbour is taken for a length
    ],
)
def test_the_element_is_found_among_others(elements: bytes, reference: bytes, found: bool) -> None:
    message = q931(b"abc", elements, reference)
    begin, end = user_information(message, 0, len(message))
    assert message[begin:end] == (b"abc" if found else b"")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x08",
        b"\x08\x05\0",
        b"\x08\x00\x07",
        b"\x08\x00\x07\x7e",
        b"\x08\x00\x07\x7e\x00",
        b"\x08\x00\x07\x7e\x00\x00\x05",
        b"\x08\x00\x07\x7e\x00\x01\x05",
        b"\x08\x00\x07\x7e\x00\x03\x05a",
        b"\x09\x00\x07\x7e\x00\x03\x05ab",
    ],
)
def test_a_message_without_it_leads_to_nothing(message: bytes) -> None:
    assert user_information(message, 0, len(message)) == (0, 0)
    assert hears(CLIENT, tpkt(message)) == ""


class _Version4(Filler):
    """A Setup with an endpointIdentifier, as those of version 4 of H.225.0 have."""

    def extensions(self, type_: Type, wished: int) -> int:
        return 10 if type_ is TYPES["Setup"] else wished

    def present(self, member: Member) -> bool:
        return member.type.kind == STOP


def test_what_follows_a_setup_of_version_4_is_misread() -> None:
    """As the kernel stops in its midst, and reads on for the message around it right there."""
    wish = {
        "pdu": {
            "body": {"setup": {"h245Address": h225(wire.CLIENT4, 3000)}},
            "h245Control": [channel(wire.CLIENT4, 2000)],
        }
    }
    place = "server to client:3000/tcp H.245"
    assert hears(CLIENT, tpkt(q931(encode(USER_INFORMATION, wish)))) == f"{place}; {MEDIA}"
    extended = encode(USER_INFORMATION, wish, _Version4())
    assert hears(CLIENT, tpkt(q931(extended))) == place


def test_h245_that_another_call_names_too_is_refused() -> None:
    world = World()
    assert world.says(world.call(), SERVER, CONNECT) == H245
    other = world.talk.tcp(41000, 1720).open()
    assert world.says(other, SERVER, CONNECT) == f"expectation_refused; {H245}"


def test_the_first_octets_of_a_connection_are_not_read_before_it_is_answered() -> None:
    world = World()
    tcp = world.talk.tcp(40000, 1720)
    tcp.send(CLIENT, call({"setup": {"h245Address": h225(wire.CLIENT4, 3000)}}))
    assert world.outcome() == ""


@given(st.binary(max_size=60), st.integers(0, 3))
def test_no_octets_raise(data: bytes, kind: int) -> None:
    message = (data, tpkt(data), tpkt(q931(data)), CONNECT[:-9] + data)[kind]
    assert "internal_error" not in hears(SERVER, message)
