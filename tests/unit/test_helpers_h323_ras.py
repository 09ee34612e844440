"""RAS: what the messages between an endpoint and its gatekeeper lead to.

The client, 10.1.0.5, is the endpoint, the server, 203.0.113.9, its gatekeeper. The same and
thousands of other messages are put to the kernel in tests/differential/test_helper_h323.py.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import NEW, RELATED
from firewalld_py.conntrack.helpers.h323_ras import LONGEST_S, RasHelper
from firewalld_py.conntrack.helpers.h323_types import RAS_MESSAGE
from tests import wire
from tests.h323_messages import call, encode, h225
from tests.unit.h323_world import CLIENT, SERVER, World

CALLS: Final = "server to client:1720/tcp permanent Q.931"
PADDING: Final = bytes(4)  # what real messages have behind that of which is made use


def rrq(*places: Any, **more: Any) -> Any:
    return {"registrationRequest": {"callSignalAddress": list(places), **more}}


def rcf(**more: Any) -> Any:
    return {"registrationConfirm": more}


OWN: Final = rrq(h225(wire.CLIENT4, 1720))


def lives_s(world: World) -> float:
    """How long the connection lives yet."""
    assert world.decision is not None
    assert world.decision.info.connection is not None
    return world.decision.info.connection.deadline - world.now


def waits_s(world: World) -> list[float]:
    return [one.deadline - world.now for one in world.firewall.conntrack.expectations.all(1.0)]


def test_a_registration_lets_the_gatekeeper_call() -> None:
    world = World()
    assert world.registers(CLIENT, OWN) == CALLS
    for sport in (5000, 5001):
        world.talk.tcp(1720, sport, from_server=True).send(0, b"", "S")
        assert world.outcome() == CALLS
        assert world.decision is not None
        assert world.decision.info.state == RELATED


def test_and_what_the_gatekeeper_calls_is_a_call() -> None:
    world = World()
    world.registers(CLIENT, OWN)
    incoming = world.talk.tcp(1720, 5000, from_server=True).open()
    segment = call({"connect": {"h245Address": h225(wire.CLIENT4, 3000)}})
    assert world.says(incoming, 1, segment) == f"{CALLS}; server to client:3000/tcp H.245"


def test_anyone_may_call_if_calls_are_not_routed() -> None:
    world = World(h323_gkrouted_only=0)
    assert world.registers(CLIENT, OWN) == "anyone to client:1720/tcp permanent Q.931"


def test_ipv6_too() -> None:
    world = World(6)
    assert world.registers(CLIENT, rrq(h225(wire.CLIENT6, 1720))) == CALLS


def test_the_first_own_address_counts() -> None:
    places = [
        h225(wire.ROUTER4, 1),
        h225(wire.CLIENT6, 2),
        h225(wire.CLIENT4, 0),
        h225(wire.CLIENT4, 1720),
        h225(wire.CLIENT4, 1721),
    ]
    assert World(h323_third_parties=1).registers(CLIENT, rrq(*places)) == CALLS
    assert World(h323_third_parties=1).registers(CLIENT, rrq(*places[:3])) == ""
    # Ten are kept of a list.
    assert World().registers(CLIENT, rrq(*[places[0]] * 9, places[3])) == CALLS
    assert World().registers(CLIENT, rrq(*[places[0]] * 10, places[3])) == ""


@pytest.mark.parametrize(
    ("lifetime", "answered", "seconds"),
    [
        ({}, {}, 300.0),
        ({"timeToLive": 60}, {}, 60.0),
        ({}, {"timeToLive": 90}, 90.0),
        ({"timeToLive": 60}, {"timeToLive": 90}, 90.0),
        ({"timeToLive": 8_589_934}, {}, 8_589_934.0),
        ({"timeToLive": 17_179_929}, {}, 59.816),  # the ticks run over, as the kernel's do
    ],
)
def test_once_confirmed_the_connection_lives_as_long(
    lifetime: Any, answered: Any, seconds: float
) -> None:
    world = World()
    world.registers(CLIENT, rrq(h225(wire.CLIENT4, 1720), **lifetime), PADDING)
    world.registers(SERVER, rcf(**answered), PADDING)
    assert lives_s(world) == pytest.approx(seconds, abs=0.01)
    assert waits_s(world) == [240.0]


def test_a_confirmation_of_nothing_changes_nothing() -> None:
    world = World()
    world.registers(CLIENT, {"unregistrationRequest": {}}, PADDING)
    world.registers(SERVER, rcf())
    assert lives_s(world) == 30.0


def test_a_lifetime_in_the_kernels_past_ends_the_connection() -> None:
    world = World()
    world.registers(CLIENT, rrq(h225(wire.CLIENT4, 1720), timeToLive=8_589_935), PADDING)
    world.registers(SERVER, rcf())
    world.registers(SERVER, rcf())
    assert world.decision is not None
    assert world.decision.info.state == NEW


def test_no_lifetime_that_is_configured_runs_over() -> None:
    year_s = 365 * 86400
    assert RasHelper(year_s, routed_only=True, third_parties=False).lifetime_s == LONGEST_S
    assert RasHelper(300, routed_only=True, third_parties=False).lifetime_s == 300


def test_calls_of_anyone_are_expected_as_long() -> None:
    world = World(h323_gkrouted_only=0, h323_default_rrq_ttl=500)
    world.registers(CLIENT, OWN)
    assert waits_s(world) == [240.0]
    world.registers(SERVER, rcf())
    assert waits_s(world) == [500.0]
    assert lives_s(world) == 500.0


def test_a_lifetime_that_ends_the_message_spoils_it() -> None:
    """As the kernel steps over its octets twice, and then finds the message too short."""
    wish = rrq(h225(wire.CLIENT4, 1720), timeToLive=60)
    assert World().registers(CLIENT, wish) == ""
    assert World().registers(CLIENT, wish, b"x") == CALLS


def test_the_end_of_a_registration_ends_what_was_expected() -> None:
    for side in (CLIENT, SERVER):
        world = World()
        assert world.registers(CLIENT, OWN) == CALLS
        assert world.registers(side, {"unregistrationRequest": {}}, PADDING) == ""
        assert lives_s(world) == 30.0


def gcf(address: bytes, port: int) -> Any:
    return {"gatekeeperConfirm": {"rasAddress": h225(address, port)}}


def greeted(**parameters: int) -> World:
    world = World(4, **parameters)
    assert world.registers(CLIENT, rcf()) == ""
    return world


def test_a_gatekeeper_may_name_another_place_to_register() -> None:
    assert greeted().registers(SERVER, gcf(wire.SERVER4, 1719)) == ""  # the same
    assert greeted().registers(SERVER, gcf(wire.SERVER4, 1718)) == "client to server:1718/udp RAS"
    assert greeted().registers(SERVER, gcf(wire.ROUTER4, 1719)) == ""
    allowed = greeted(h323_third_parties=1).registers(SERVER, gcf(wire.ROUTER4, 1719))
    assert allowed == "client to third:1719/udp RAS"


def test_but_the_named_one_names_no_further_one() -> None:
    world = greeted()
    world.registers(SERVER, gcf(wire.SERVER4, 1718))
    world.talk.datagram(b"hello", 40001, 1718)
    assert world.outcome() == ""
    further = encode(RAS_MESSAGE, gcf(wire.SERVER4, 1717))
    world.talk.datagram(further, 1718, 40001, answers=True)
    assert world.outcome() == ""


@pytest.mark.parametrize(
    ("kind", "member"),
    [("admissionConfirm", "destCallSignalAddress"), ("locationConfirm", "callSignalAddress")],
)
def test_a_gatekeeper_says_where_to_call(kind: str, member: str) -> None:
    def told(address: bytes, **parameters: int) -> str:
        return greeted(**parameters).registers(SERVER, {kind: {member: h225(address, 1720)}})

    assert told(wire.SERVER4) == "client to server:1720/tcp permanent Q.931"
    assert told(wire.ROUTER4) == ""
    allowed = told(wire.ROUTER4, h323_third_parties=1)
    assert allowed == "client to third:1720/tcp permanent Q.931"
    back = told(wire.CLIENT4)
    assert back == (
        "" if kind == "admissionConfirm" else "client to client:1720/tcp permanent Q.931"
    )


def test_other_datagrams_lead_to_nothing() -> None:
    world = World()
    for payload in (b"", b"\0", b"\x7c", b"\x08\0\0\0", bytes(40)):
        world.talk.datagram(payload, 40000, 1719)
        assert world.outcome() == ""


def test_a_registration_that_clashes_with_another_is_refused() -> None:
    world = World()
    world.registers(CLIENT, OWN)
    world.talk.datagram(encode(RAS_MESSAGE, OWN), 41000, 1719)
    assert world.outcome() == f"expectation_refused; {CALLS}"


@given(st.binary(max_size=80))
def test_no_octets_raise(data: bytes) -> None:
    world = World(h323_third_parties=1)
    world.talk.datagram(data, 40000, 1719)
    assert "internal_error" not in world.outcome()
