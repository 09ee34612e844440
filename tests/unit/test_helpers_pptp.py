"""PPTP's helper: which calls it follows, what it expects of them, and what ends them.

Each case is a control connection of the client 10.1.0.5 and the server 203.0.113.9; the client's
call is 100, the server's 200. The same messages, and thousands of others, are put to the kernel in
tests/differential/test_helper_pptp.py.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.helpers.pptp import BODY_OCTETS, MESSAGES, PptpHelper
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.verdicts import ACCEPT
from tests import wire
from tests.differential.answer import ANSWERS
from tests.plans import firewall, plan, rule, template
from tests.pptp import (
    CLEAR,
    DISCONNECT,
    ECHO,
    GRE,
    IN_CALL,
    IN_CONNECTED,
    IN_REPLY,
    OUT_CALL,
    OUT_REPLY,
    PORT,
    START,
    START_REPLY,
    STOP,
    STOP_REPLY,
    gre,
    message,
    numbers,
    started,
)
from tests.talk import Talk

CLIENT, SERVER = 0, 1
MARK: Final = 7  # what has it is dropped by the filter
TO_SERVER: Final = "100 to 200 of server"
TO_CLIENT: Final = "200 to 100 of client"
BOTH: Final = {TO_SERVER, TO_CLIENT}

Said = tuple[int, bytes]
CALLED: Final[Said] = (CLIENT, message(OUT_CALL, numbers(100)))
ANSWERED: Final[Said] = (SERVER, message(OUT_REPLY, numbers(200, 100) + b"\1"))
RINGS: Final[Said] = (SERVER, message(IN_CALL, numbers(200)))
TAKEN: Final[Said] = (CLIENT, message(IN_REPLY, numbers(100, 200) + b"\1"))
CONNECTED: Final[Said] = (SERVER, message(IN_CONNECTED, numbers(100)))
DISCONNECTED: Final[Said] = (SERVER, message(DISCONNECT, numbers(200)))


class Control:
    """A control connection through a firewall with the helper; the clock stands at `now`."""

    def __init__(self, *, session: bool = True, expect_max: int = 100, zone: int = 0) -> None:
        self.firewall: Firewall = firewall(
            plan(
                [rule("drop", ("mark", [[MARK, 0xFFFFFFFF]]))],
                prerouting=[
                    rule("continue", ("proto", [wire.TCP]), template=template(zone, "pptp"))
                ],
            ),
            Settings(expect_max=expect_max),
        )
        self.now = 1.0
        self.talk = Talk()
        self.tcp = self.talk.tcp(40000, PORT).open()
        if session:
            started(self.tcp)
        self.pass_on()

    def says(self, *said: Said) -> set[str]:
        """What is expected after these messages, each in a segment of its own."""
        for side, octets in said:
            self.tcp.send(side, octets)
        self.pass_on()
        return self.expected()

    def pass_on(self) -> None:
        for data in self.talk.packets:
            decision = self.firewall.handle(data, PacketMeta(), self.now)
            assert decision.verdict == ACCEPT
        self.talk.packets.clear()

    def expected(self) -> set[str]:
        names = {wire.CLIENT4: "client", wire.SERVER4: "server"}
        found = self.firewall.conntrack.expectations.all(self.now)
        assert all((one.protocol, one.deadline) == (GRE, self.now + 300.0) for one in found)
        assert all({one.src, one.dst} == {wire.CLIENT4, wire.SERVER4} for one in found)
        return {f"{one.sport} to {one.dport} of {names[one.dst]}" for one in found}

    def gre(self, call_id: int, *, answers: bool = False, drop: bool = False) -> str:
        """Send a GRE packet; its state and direction."""
        meta = PacketMeta(mark=MARK if drop else 0)
        decision = self.firewall.handle(gre(call_id, answers=answers), meta, self.now)
        return str(ANSWERS[decision.info.state, decision.info.direction])

    def children(self) -> list[Connection]:
        connections = self.firewall.conntrack.table.connections()
        return [one for one in connections if one.protocol == GRE]


def in_a_call() -> Control:
    """A control connection with a call, its GRE answered."""
    control = Control()
    assert control.says(CALLED, ANSWERED) == BOTH
    assert [control.gre(200), control.gre(100, answers=True)] == ["RELATED", "ESTABLISHED reply"]
    return control


def test_an_outgoing_call_is_expected_from_both_sides() -> None:
    assert Control().says(CALLED) == set()
    assert Control().says(CALLED, ANSWERED) == BOTH


def test_so_is_an_incoming_call() -> None:
    control = Control()
    assert control.says(RINGS, TAKEN) == set()
    assert control.says(CONNECTED) == BOTH


@pytest.mark.parametrize(
    "said",
    [
        (ANSWERED,),
        (CALLED, (SERVER, message(OUT_REPLY, numbers(200, 101) + b"\1"))),
        (CALLED, (SERVER, message(OUT_REPLY, numbers(200, 100) + b"\2"))),
        (CALLED, (SERVER, message(OUT_REPLY, numbers(200, 100) + b"\2")), ANSWERED),
        (CALLED, (CLIENT, ANSWERED[1])),
        ((SERVER, CALLED[1]), ANSWERED),
        (RINGS, CONNECTED),
        (RINGS, TAKEN, (SERVER, message(IN_CONNECTED, numbers(101)))),
        (RINGS, (CLIENT, message(IN_REPLY, numbers(100, 201) + b"\1")), CONNECTED),
        (RINGS, TAKEN, (CLIENT, message(IN_REPLY, numbers(100, 200) + b"\3")), CONNECTED),
        (CALLED, RINGS, ANSWERED),
        (CALLED, (CLIENT, message(CLEAR, numbers(100))), ANSWERED),
        (CALLED, DISCONNECTED, ANSWERED),
        (CALLED, (CLIENT, message(STOP, b"\1")), ANSWERED),
        (CALLED, (CLIENT, message(STOP)), (SERVER, message(STOP_REPLY, b"\1")), ANSWERED),
    ],
)
def test_what_is_not_agreed_on_is_not_expected(said: tuple[Said, ...]) -> None:
    assert Control().says(*said) == set()


@pytest.mark.parametrize(
    "said",
    [
        (),
        ((CLIENT, message(START)),),
        ((SERVER, message(START_REPLY, b"\1\0\1")),),
        ((CLIENT, message(START)), (SERVER, message(START_REPLY, b"\1\0\2"))),
        ((SERVER, message(START)), (CLIENT, message(START_REPLY, b"\1\0\1"))),
    ],
)
def test_without_a_session_there_is_no_call(said: tuple[Said, ...]) -> None:
    assert Control(session=False).says(*said, CALLED, ANSWERED) == set()


def test_a_session_that_was_stopped_can_be_started_again() -> None:
    stopped = ((CLIENT, message(STOP)), (SERVER, message(STOP_REPLY, b"\1")))
    again = ((CLIENT, message(START)), (SERVER, message(START_REPLY, b"\1\0\1")))
    assert Control().says(*stopped, *again, CALLED, ANSWERED) == BOTH
    assert Control().says(*again, CALLED, ANSWERED) == BOTH  # started twice is no fault


def test_messages_that_mean_nothing_here_change_nothing() -> None:
    others = [
        (side, message(kind, numbers(1, 2, 3)))
        for side in (CLIENT, SERVER)
        for kind in (*range(18), 255, 256 + OUT_CALL, 0xFFFF)
        if kind not in MESSAGES[side]
    ]
    assert Control().says(CALLED, *others, ANSWERED) == BOTH


@pytest.mark.parametrize("missing", [1, 8, 20, 31, 32])
def test_a_message_that_is_cut_short_is_none_and_the_rest_of_it_neither(missing: int) -> None:
    whole = ANSWERED[1]
    assert len(whole) == 12 + BODY_OCTETS[OUT_REPLY]
    rest = whole[len(whole) - missing :]
    assert Control().says(CALLED, (SERVER, whole[:-missing]), (SERVER, rest)) == (
        BOTH if missing == len(whole) else set()
    )


def test_a_longer_message_is_as_good() -> None:
    assert Control().says(CALLED, (SERVER, ANSWERED[1] + b"more")) == BOTH


@pytest.mark.parametrize("wrong", [{"cookie": 0x1A2B3C4E}, {"packet_type": 2}])
def test_what_is_no_control_message_is_not_read(wrong: dict[str, int]) -> None:
    body = numbers(200, 100) + b"\1"
    assert Control().says(CALLED, (SERVER, message(OUT_REPLY, body, **wrong))) == set()


def test_of_a_segment_the_first_message_is_read_and_no_other() -> None:
    assert Control().says(CALLED, (SERVER, message(ECHO) + ANSWERED[1])) == set()
    assert Control().says(CALLED, (SERVER, ANSWERED[1] + DISCONNECTED[1])) == BOTH


def test_the_first_packet_of_either_side_opens_the_connection_and_the_other_side_answers() -> None:
    for answers in (False, True):
        control = Control()
        control.says(CALLED, ANSWERED)
        ids = (100, 200) if answers else (200, 100)
        assert control.gre(ids[0], answers=answers) == "RELATED"
        assert control.expected() == set()
        assert control.gre(ids[1], answers=not answers) == "ESTABLISHED reply"
        assert len(control.children()) == 1


def test_a_call_lives_as_long_as_any_gre_connection() -> None:
    control = in_a_call()
    (child,) = control.children()
    assert child.deadline == control.now + 30.0
    control.gre(200)
    assert child.deadline == control.now + 180.0


def test_another_call_while_one_is_known_gets_nothing_and_costs_the_first_what_is_expected() -> (
    None
):
    other = (SERVER, message(OUT_REPLY, numbers(201, 101) + b"\1"))
    control = Control()
    assert control.says(CALLED, ANSWERED, (CLIENT, message(OUT_CALL, numbers(101))), other) == set()
    assert control.gre(200) == "NEW"
    assert control.firewall.conntrack.table.size == 2


def test_an_answer_that_comes_again_renews_what_is_expected() -> None:
    control = Control()
    control.says(CALLED, ANSWERED)
    control.now = 100.0
    assert control.says(ANSWERED) == BOTH


def test_a_call_whose_client_id_alone_changed_makes_the_map_forget_both() -> None:
    control = in_a_call()
    again = (SERVER, message(OUT_REPLY, numbers(200, 101) + b"\1"))
    assert control.says((CLIENT, message(OUT_CALL, numbers(101))), again) == set()
    assert [control.gre(200), control.gre(100, answers=True)] == ["NEW", "NEW"]


def test_where_there_is_room_for_one_expectation_there_is_none() -> None:
    assert Control(expect_max=1).says(CALLED, ANSWERED) == set()


def test_a_call_that_another_connection_expects_is_not_expected_twice() -> None:
    control = Control()
    control.says(CALLED, ANSWERED)
    control.tcp = started(control.talk.tcp(40001, PORT).open())
    assert control.says(CALLED, ANSWERED) == BOTH
    masters = {one.master for one in control.firewall.conntrack.expectations.all(1.0)}
    assert len(masters) == 1


def test_a_disconnect_ends_the_calls_connection() -> None:
    control = in_a_call()
    control.says(DISCONNECTED)
    assert control.children() == []
    assert [control.gre(200), control.gre(100, answers=True)] == ["NEW", "NEW"]


def test_a_disconnect_ends_what_is_only_expected_too() -> None:
    assert Control().says(CALLED, ANSWERED, DISCONNECTED) == set()


def test_a_disconnect_before_any_call_ends_gre_without_calls_between_the_two() -> None:
    control = Control()
    control.firewall.handle(gre(0, version=0), PacketMeta(), control.now)
    assert len(control.children()) == 1
    control.says(DISCONNECTED)
    assert control.children() == []


def test_a_clear_request_ends_nothing_yet() -> None:
    control = in_a_call()
    control.says((CLIENT, message(CLEAR, numbers(100))))
    assert control.gre(200) == "ESTABLISHED"


def test_the_end_of_the_control_connection_is_the_end_of_its_call() -> None:
    control = in_a_call()
    control.tcp.send(CLIENT, b"", "R")
    control.pass_on()
    assert control.gre(200) == "ESTABLISHED"  # it is closed, but not gone
    control.tcp = control.talk.tcp(40000, PORT)
    control.tcp.seq = [900000, 700000]
    control.tcp.open()  # in the place of the old one, which goes
    control.pass_on()
    assert control.children() == []
    assert control.gre(200) == "NEW"


def test_when_a_calls_connection_ends_it_has_to_be_agreed_on_again() -> None:
    control = in_a_call()
    control.now += 31.0
    assert control.gre(200) == "NEW"
    assert [len(one.original_key) for one in control.children()] == [13]
    assert control.gre(100, answers=True) == "NEW"
    control.says(CALLED, ANSWERED)
    assert control.gre(200) == "NEW"  # an unanswered entry was there before, without a source id


def test_so_it_has_to_when_its_first_packet_is_dropped() -> None:
    control = Control()
    control.says(CALLED, ANSWERED)
    assert control.gre(200, drop=True) == "RELATED"
    assert [control.gre(200), control.gre(100, answers=True)] == ["NEW", "NEW"]


def test_the_call_is_expected_in_the_zone_but_known_in_all_of_them() -> None:
    """The kernel's key map knows no zones."""
    control = Control(zone=5)
    assert control.says(CALLED, ANSWERED) == BOTH
    assert [control.gre(200), control.gre(100, answers=True)] == ["NEW", "ESTABLISHED reply"]
    assert control.expected() == BOTH


def test_nothing_is_remembered_of_a_control_connection_that_is_gone() -> None:
    control = in_a_call()
    conntrack = control.firewall.conntrack
    (master,) = [one for one in conntrack.table.connections() if one.protocol == wire.TCP]
    conntrack.table.remove(master)
    assert conntrack.table.size == 0
    assert control.gre(200) == "NEW"


def test_it_reads_tcp_over_ipv4_alone_and_speaks_for_nobody_else() -> None:
    helper = PptpHelper()
    assert helper.readable == {(4, wire.TCP)}
    assert not helper.third_parties


SOME: Final = st.sampled_from([CALLED, ANSWERED, RINGS, TAKEN, CONNECTED, DISCONNECTED])
ANY: Final = st.tuples(st.integers(0, 1), st.binary(max_size=200))


@given(st.lists(st.one_of(SOME, ANY), max_size=8))
def test_whatever_is_said_two_are_expected_at_most_and_between_the_two(said: list[Said]) -> None:
    assert len(Control().says(*said)) in (0, 2)
