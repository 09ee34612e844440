"""TFTP's helper: the server may answer a request from any port."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.expectation import ANY_PORT
from firewalld_py.conntrack.helpers.tftp import TftpHelper
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK
from tests import wire
from tests.controlled import CLIENT, CONTROL_PORT, SERVER, Controlled

READ: Final = b"\0\1file\0octet\0"


@pytest.fixture
def tftp() -> Controlled:
    return Controlled("tftp", 69, wire.UDP)


@pytest.mark.parametrize("payload", [READ, b"\0\2file\0netascii\0", b"\0\1"])
def test_a_request_is_expected_to_be_answered_from_any_port(
    tftp: Controlled, payload: bytes
) -> None:
    assert tftp.say(CLIENT, payload) == OK
    (one,) = tftp.expected()
    assert (one.src, one.sport, one.dst) == (wire.SERVER4, ANY_PORT, wire.CLIENT4)
    assert (one.protocol, one.dport, one.deadline) == (wire.UDP, CONTROL_PORT, 300.0)


def test_the_answer_is_related_to_the_request(tftp: Controlled) -> None:
    tftp.say(CLIENT, READ)
    answer = (wire.SERVER4, wire.CLIENT4, wire.UDP, 50000, CONTROL_PORT)
    assert tftp.state_of(*answer) == "RELATED"
    assert tftp.state_of(*answer[:3], 50001, CONTROL_PORT) == "NEW"


def test_another_host_is_not_expected(tftp: Controlled) -> None:
    tftp.say(CLIENT, READ)
    assert tftp.state_of(wire.ROUTER4, wire.CLIENT4, wire.UDP, 50000, CONTROL_PORT) == "NEW"


def test_an_answer_from_the_old_port_leaves_the_expectation(tftp: Controlled) -> None:
    tftp.say(CLIENT, READ)
    assert tftp.say(SERVER, b"\0\3\0\1octets") == OK
    assert tftp.ports() == [CONTROL_PORT]


def test_over_ipv6_it_is_the_same() -> None:
    tftp = Controlled("tftp", 69, wire.UDP, 6)
    tftp.say(CLIENT, READ)
    answer = (wire.SERVER6, wire.CLIENT6, wire.UDP, 50000, CONTROL_PORT)
    assert tftp.state_of(*answer) == "RELATED"


@pytest.mark.parametrize(
    "payload", [b"", b"\0", b"\1", b"\0\0", b"\0\3\0\1", b"\1\0", b"\1\1", b"A"]
)
def test_what_is_no_request_leads_to_nothing(tftp: Controlled, payload: bytes) -> None:
    assert tftp.say(CLIENT, payload) == OK
    assert tftp.ports() == []


def test_whoever_sends_a_request_the_server_is_expected(tftp: Controlled) -> None:
    tftp.say(CLIENT, b"")
    tftp.say(SERVER, READ)
    (one,) = tftp.expected()
    assert (one.src, one.dst, one.dport) == (wire.SERVER4, wire.CLIENT4, CONTROL_PORT)


def test_a_request_sent_again_renews_what_is_expected(tftp: Controlled) -> None:
    tftp.say(CLIENT, READ)
    tftp.now = 20.0
    assert tftp.say(CLIENT, READ) == OK
    assert [one.deadline for one in tftp.expected()] == [320.0]


def test_a_request_of_another_connection_for_the_same_port_is_dropped(tftp: Controlled) -> None:
    other = Controlled("tftp", 6969, wire.UDP)
    other.conntrack = tftp.conntrack
    tftp.say(CLIENT, READ)
    assert other.say(CLIENT, READ) == EXPECTATION_REFUSED
    assert tftp.conntrack.table.size == 1


def test_it_reads_udp_over_both_families() -> None:
    assert TftpHelper().readable == {(4, wire.UDP), (6, wire.UDP)}
