"""Amanda's helper: the ports that an answer names, and how long the connection lives by it."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.expectation import ANY_PORT
from firewalld_py.conntrack.helpers.amanda import AmandaHelper
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK
from tests import wire
from tests.controlled import CLIENT, SERVER, Controlled


@pytest.fixture
def amanda() -> Controlled:
    """Asked already; `CLIENT` is who asks: the backup server."""
    asked = Controlled("amanda", 10080, wire.UDP)
    assert asked.say(CLIENT, b"SERVICE sendbackup\n") == OK
    return asked


def test_each_named_port_is_expected_from_who_asked(amanda: Controlled) -> None:
    assert amanda.say(SERVER, b"REP\nCONNECT DATA 2000 MESG 2001 INDEX 2002 STATE 2003\n") == OK
    assert amanda.ports() == [2000, 2001, 2002, 2003]
    one = amanda.expected()[0]
    assert (one.src, one.sport, one.dst) == (wire.CLIENT4, ANY_PORT, wire.SERVER4)
    assert (one.protocol, one.deadline) == (wire.TCP, 180.0)


def test_over_ipv6_it_is_the_same() -> None:
    amanda = Controlled("amanda", 10080, wire.UDP, 6)
    amanda.say(CLIENT, b"SERVICE sendbackup\n")
    amanda.say(SERVER, b"CONNECT DATA 2000\n")
    assert amanda.state_of(wire.CLIENT6, wire.SERVER6, wire.TCP, 33000, 2000) == "RELATED"


def test_who_asks_names_nothing(amanda: Controlled) -> None:
    amanda.say(CLIENT, b"CONNECT DATA 2000\n")
    assert amanda.ports() == []


@pytest.mark.parametrize("payload", [b"REP\n", b""])
def test_every_answer_lets_the_connection_live_for_300_seconds(
    amanda: Controlled, payload: bytes
) -> None:
    amanda.now = 1.0
    amanda.say(SERVER, payload)
    assert amanda.connection().deadline == 301.0
    amanda.say(CLIENT, b"ACK\n")
    assert amanda.connection().deadline == 31.0  # UDP's own


def test_how_long_it_lives_is_configured() -> None:
    parameters = {"amanda_master_timeout": 500}
    amanda = Controlled("amanda", 10080, wire.UDP, parameters=parameters)
    amanda.say(CLIENT, b"SERVICE sendbackup\n")
    amanda.say(SERVER, b"")
    assert amanda.connection().deadline == 500.0


@pytest.mark.parametrize(
    "payload",
    [
        b"CONNECT DATA 2000",
        b"connect DATA 2000\n",
        b"CONNECT\nDATA 2000\n",
        b"CONNECT \nDATA 2000\n",
        b"CONNECT data 2000\n",
        b"DATA 2000 CONNECT \n",
        b"CONNECT DATA +2000\n",
        b"CONNECT DATA  2000\n",
        b"CONNECT DATA 65536\n",
        b"CONNECT DATA \n",
    ],
)
def test_what_is_not_quite_so_names_nothing(amanda: Controlled, payload: bytes) -> None:
    assert amanda.say(SERVER, payload) == OK
    assert amanda.ports() == []


def test_words_count_within_others_too(amanda: Controlled) -> None:
    amanda.say(SERVER, b"DISCONNECT METADATA 2000\n")
    assert amanda.ports() == [2000]


def test_five_digits_of_a_port_are_read_and_wrap(amanda: Controlled) -> None:
    amanda.say(SERVER, b"CONNECT DATA 123456 MESG 99999\n")
    assert amanda.ports() == [12345, 34463]


def test_behind_a_port_of_0_no_further_word_is_looked_for(amanda: Controlled) -> None:
    amanda.say(SERVER, b"CONNECT MESG 0 INDEX 2001 DATA 2000\n")
    assert amanda.ports() == [2000]


def test_of_more_than_four_ports_the_last_four_are_expected(amanda: Controlled) -> None:
    amanda.say(SERVER, b"CONNECT DATA 2000 MESG 2001 INDEX 2002\n")
    amanda.say(SERVER, b"CONNECT DATA 2003 MESG 2004 INDEX 2005\n")
    assert amanda.ports() == [2002, 2003, 2004, 2005]


def test_one_port_that_is_refused_drops_the_answer_but_keeps_no_other_away(
    amanda: Controlled,
) -> None:
    other = Controlled("amanda", 10081, wire.UDP)
    other.conntrack = amanda.conntrack
    other.say(CLIENT, b"SERVICE sendbackup\n")
    assert amanda.say(SERVER, b"CONNECT DATA 2000\n") == OK
    assert other.say(SERVER, b"CONNECT DATA 2000 MESG 2001\n") == EXPECTATION_REFUSED
    assert sorted(amanda.ports()) == [2000, 2001]


def test_it_reads_udp_over_both_families() -> None:
    assert AmandaHelper(300).readable == {(4, wire.UDP), (6, wire.UDP)}
