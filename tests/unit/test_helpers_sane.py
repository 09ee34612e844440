"""SANE's helper: NET_START and the one segment that answers it."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.expectation import ANY_PORT
from firewalld_py.conntrack.helpers.sane import SaneHelper
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK
from tests import wire
from tests.controlled import CLIENT, SERVER, Controlled

START: Final = b"\0\0\0\7\0\0\0\1"
ANSWER: Final = b"\0\0\0\0\0\0\7\xd0"  # success, port 2000


@pytest.fixture
def sane() -> Controlled:
    return Controlled("sane", 6566)


def test_the_port_of_the_answer_is_expected_from_the_client(sane: Controlled) -> None:
    sane.say(CLIENT, START)
    assert sane.say(SERVER, ANSWER) == OK
    (one,) = sane.expected()
    assert (one.src, one.sport, one.dst) == (wire.CLIENT4, ANY_PORT, wire.SERVER4)
    assert (one.protocol, one.dport, one.deadline) == (wire.TCP, 2000, 300.0)


def test_over_ipv6_it_is_the_same() -> None:
    sane = Controlled("sane", 6566, version=6)
    sane.say(CLIENT, START)
    sane.say(SERVER, ANSWER)
    assert sane.state_of(wire.CLIENT6, wire.SERVER6, wire.TCP, 33000, 2000) == "RELATED"


def test_an_answer_that_nobody_asked_for_is_not_read(sane: Controlled) -> None:
    sane.say(SERVER, ANSWER)
    assert sane.ports() == []


def test_the_client_cannot_name_a_port(sane: Controlled) -> None:
    sane.say(CLIENT, START)
    sane.say(CLIENT, ANSWER)
    assert sane.ports() == []


def test_a_request_is_what_has_8_octets_in_one_segment(sane: Controlled) -> None:
    for payload in (START + b"\0", START[:4], START[4:]):
        sane.say(CLIENT, payload)
    sane.say(SERVER, ANSWER)
    assert sane.ports() == []


def test_another_request_ends_the_wait(sane: Controlled) -> None:
    sane.say(CLIENT, START)
    sane.say(CLIENT, b"\0\0\0\6\0\0\0\1")
    sane.say(SERVER, ANSWER)
    assert sane.ports() == []


def test_what_is_no_request_does_not_end_it(sane: Controlled) -> None:
    sane.say(CLIENT, START)
    sane.say(CLIENT, b"123456789")
    sane.say(SERVER, ANSWER)
    assert sane.ports() == [2000]


@pytest.mark.parametrize(
    "first", [ANSWER[:4], b"\0\0\0\1" + ANSWER[4:], b"\0\0\0\0\0\1\7\xd0", b"x", ANSWER[:7]]
)
def test_only_the_next_segment_can_be_the_answer_and_says_success(
    sane: Controlled, first: bytes
) -> None:
    sane.say(CLIENT, START)
    assert sane.say(SERVER, first) == OK
    sane.say(SERVER, ANSWER)
    assert sane.ports() == []


def test_an_empty_segment_is_none(sane: Controlled) -> None:
    sane.say(CLIENT, START)
    sane.say(SERVER, b"", "A")
    sane.say(SERVER, ANSWER + b"and an address")
    assert sane.ports() == [2000]


def test_a_port_that_another_connection_expects_is_dropped(sane: Controlled) -> None:
    other = Controlled("sane", 6567)
    other.conntrack = sane.conntrack
    other.open()
    for one in (sane, other):
        one.say(CLIENT, START)
    assert sane.say(SERVER, ANSWER) == OK
    assert other.say(SERVER, ANSWER) == EXPECTATION_REFUSED


def test_it_reads_tcp_over_both_families() -> None:
    assert SaneHelper().readable == {(4, wire.TCP), (6, wire.TCP)}
