"""What IRC's helper reads in a segment, and what it does not."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.expectation import ANY_ADDRESS, ANY_PORT
from firewalld_py.conntrack.helpers.irc import OCTETS_READ, IrcHelper
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK
from tests import wire
from tests.controlled import CLIENT, SERVER, Controlled

ADDRESS: Final = int.from_bytes(wire.CLIENT4, "big")


def offer(
    port: str = "2000",
    address: int = ADDRESS,
    begin: str = "PRIVMSG nick",
    command: str = "SEND file",
    end: str = "\x01\r\n",
) -> bytes:
    return f"{begin} :\x01DCC {command} {address} {port}{end}".encode()


@pytest.fixture
def irc() -> Controlled:
    return Controlled("irc", 6667)


def test_an_offered_port_is_expected_from_anywhere_for_300_seconds(irc: Controlled) -> None:
    assert irc.say(CLIENT, offer()) == OK
    (one,) = irc.expected()
    assert (one.src, one.sport, one.dst) == (ANY_ADDRESS, ANY_PORT, wire.CLIENT4)
    assert (one.protocol, one.dport, one.deadline) == (wire.TCP, 2000, 300.0)


def test_a_stranger_who_comes_is_related(irc: Controlled) -> None:
    irc.say(CLIENT, offer())
    assert irc.state_of(wire.ROUTER4, wire.CLIENT4, wire.TCP, 33000, 2000) == "RELATED"
    assert irc.state_of(wire.ROUTER4, wire.CLIENT4, wire.TCP, 33001, 2000) == "NEW"


def test_what_the_server_says_is_not_read(irc: Controlled) -> None:
    irc.say(SERVER, offer())
    assert irc.ports() == []


@pytest.mark.parametrize("command", ["SEND f", "CHAT chat", "MOVE f", "TSEND f", "SCHAT chat"])
def test_every_command_of_dcc_that_offers_a_port_is_read(irc: Controlled, command: str) -> None:
    irc.say(CLIENT, offer(command=command))
    assert irc.ports() == [2000]


@pytest.mark.parametrize("command", ["RESUME f", "send f", "SEND a b", 'SEND "a b"'])
def test_other_commands_and_names_with_a_blank_are_not(irc: Controlled, command: str) -> None:
    irc.say(CLIENT, offer(command=command))
    assert irc.ports() == []


@pytest.mark.parametrize("begin", ["PRIVMSG a", "privmsg a", " \r\n PRIVMSG a", "PRIVMSG a\nNEXT"])
def test_a_message_may_begin_behind_blanks_and_in_any_case(irc: Controlled, begin: str) -> None:
    irc.say(CLIENT, offer(begin=begin))
    assert irc.ports() == [2000]


@pytest.mark.parametrize("begin", ["NOTICE nick", ":me PRIVMSG nick", "\tPRIVMSG nick"])
def test_what_begins_otherwise_is_no_message(irc: Controlled, begin: str) -> None:
    irc.say(CLIENT, offer(begin=begin))
    assert irc.ports() == []


def test_only_the_first_text_of_a_segment_counts(irc: Controlled) -> None:
    irc.say(CLIENT, b"PRIVMSG a :hello\r\n" + offer())
    irc.say(CLIENT, offer() + offer("2001"))
    assert irc.ports() == [2000]


def test_behind_a_command_that_offers_nothing_another_one_counts(irc: Controlled) -> None:
    irc.say(CLIENT, b"PRIVMSG a :\x01DCC RESUME f 2000 5\x01\r\n" + offer())
    assert irc.ports() == [2000]


@pytest.mark.parametrize("address", [ADDRESS + 1, 0, int.from_bytes(wire.SERVER4, "big")])
def test_an_offer_for_another_host_opens_nothing(irc: Controlled, address: int) -> None:
    assert irc.say(CLIENT, offer(address=address)) == OK
    assert irc.ports() == []


@pytest.mark.parametrize(
    ("address", "port"), [(ADDRESS + (1 << 32), "2000"), (ADDRESS, "67536"), (ADDRESS, "   2000 9")]
)
def test_numbers_wrap_as_in_the_kernel(irc: Controlled, address: int, port: str) -> None:
    irc.say(CLIENT, offer(port, address))
    assert irc.ports() == [2000]


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", ""])
def test_port_0_and_no_port_are_not_expected(irc: Controlled, port: str) -> None:
    irc.say(CLIENT, offer(port))
    assert irc.ports() == []


def test_a_line_has_to_end_in_the_segment(irc: Controlled) -> None:
    irc.say(CLIENT, offer(end="\x01 and some more"))
    assert irc.ports() == []
    irc.say(CLIENT, offer(end=" and\nmore"))
    assert irc.ports() == [2000]


@pytest.mark.parametrize(("octets", "ports"), [(OCTETS_READ, [2000]), (OCTETS_READ + 1, [])])
def test_a_segment_is_read_so_far_and_no_further(
    irc: Controlled, octets: int, ports: list[int]
) -> None:
    begin = "PRIVMSG " + "n" * (octets - len(offer(begin="PRIVMSG ")))
    irc.say(CLIENT, offer(begin=begin))
    assert irc.ports() == ports


@pytest.mark.parametrize("size", range(len(offer())))
def test_an_offer_that_is_cut_opens_nothing(irc: Controlled, size: int) -> None:
    assert irc.say(CLIENT, offer()[:size]) == OK
    assert irc.ports() == []


def test_an_offer_that_another_expectation_meets_is_dropped(irc: Controlled) -> None:
    other = Controlled("irc", 6668)
    other.conntrack = irc.conntrack
    other.open()
    other.say(CLIENT, offer())
    assert irc.say(CLIENT, offer()) == EXPECTATION_REFUSED
    assert irc.ports() == [2000]


def test_how_many_offers_may_stand_and_for_how_long_is_configured() -> None:
    parameters = {"irc_max_dcc_channels": 2, "irc_dcc_timeout": 60}
    irc = Controlled("irc", 6667, parameters=parameters)
    for port in ("2000", "2001", "2002"):
        irc.say(CLIENT, offer(port))
    assert irc.ports() == [2001, 2002]
    assert irc.expected()[0].deadline == 60.0


def test_it_reads_tcp_over_ipv4_alone() -> None:
    assert IrcHelper(8, 300).readable == {(4, wire.TCP)}
