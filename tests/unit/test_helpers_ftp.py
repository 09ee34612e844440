"""FTP's helper: which lines it reads, what it makes of them, and what it drops.

Each case is a control connection of the client 10.1.0.5 and the server 203.0.113.9, greeted and
logged in: what one side says then, and what is expected of that. The same lines, and thousands of
others, are put to the kernel in tests/differential/test_helper_ftp.py.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.helpers.ftp import FtpHelper
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.reasons import REASON_NAMES
from tests.plans import firewall, plan, rule, template
from tests.segments import CLIENT_PORT
from tests.talk import Talk, TcpTalk

CLIENT, SERVER = 0, 1
DROPPED: Final = "helper_command"


class Control:
    """A control connection through a firewall with the helper; `parameters` are the helper's."""

    def __init__(self, version: int = 4, **parameters: int) -> None:
        settings = Settings()
        settings.helpers = {**settings.helpers, **parameters}
        self.firewall = firewall(
            plan(prerouting=[rule("continue", template=template(helper="ftp"))]), settings
        )
        self.talk = Talk(version)
        self.tcp: TcpTalk = self.talk.tcp(CLIENT_PORT, 21).open()
        self.tcp.send(SERVER, b"220 ready\r\n")
        self.tcp.send(CLIENT, b"USER x\r\n")
        self.pass_on()

    def says(self, side: int, *texts: bytes) -> str:
        """What is decided of the last of these segments, and what is expected then."""
        for text in texts:
            self.tcp.send(side, text)
        reason = self.pass_on()
        expected = [
            f"{one.src.hex('.') if len(one.src) == 4 else one.src.hex(':', 2)} to "
            f"{'client' if one.dst == self.talk.client else 'server'}:{one.dport}"
            for one in self.firewall.conntrack.expectations.all(1.0)
        ]
        return "; ".join([*([reason] if reason != "policy" else []), *expected])

    def pass_on(self) -> str:
        """Send what was said; why the last packet was accepted or dropped."""
        reason = ""
        for data in self.talk.packets:
            reason = REASON_NAMES[self.firewall.handle(data, PacketMeta(), 1.0).reason]
        self.talk.packets.clear()
        return reason


TO_CLIENT: Final = "cb.00.71.09 to client:2000"
TO_SERVER: Final = "0a.01.00.05 to server:2000"


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (b"PORT 10,1,0,5,7,208\r\n", TO_CLIENT),
        (b"port 10,1,0,5,7,208\r\n", TO_CLIENT),
        (b"PORT 10,0,256,5,7,208\r\n", TO_CLIENT),  # numbers run over, as the kernel's do
        (b"EPRT |1|10.1.0.5|2000|\r\n", TO_CLIENT),
        (b"EPRT !1!10.1.0.5!67536!\r\n", TO_CLIENT),
        (b"NOOP\r\n", ""),
        (b"NOOP\r\nPORT 10,1,0,5,7,208\r\n", ""),  # not where the segment begins
        (b"PORT 10,1,0,6,7,208\r\n", ""),  # a third host
        (b"227 (203,0,113,9,7,208)\r\n", ""),  # the server's word, not the client's
        (b"P", DROPPED),
        (b"PORT", DROPPED),
        (b"PORT 10,1,0,5,7\r\n", DROPPED),
        (b"PORT 10,1,0,5,7,208\n", DROPPED),
        (b"PORT 10,1,0,5,7,208,9\r\n", DROPPED),
        (b"EPRT |2|fd00:1::5|2000|\r\n", DROPPED),
        (b"EPRT |1|10.1.0.5|0|\r\n", DROPPED),
        (b"EPRT |1|10.1.0.5|2000", DROPPED),
        (b"EPRT 1\r\n", DROPPED),
    ],
)
def test_what_the_client_says(line: bytes, outcome: str) -> None:
    assert Control().says(CLIENT, line) == outcome


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (b"227 Entering Passive Mode (203,0,113,9,7,208).\r\n", TO_SERVER),
        (b"227 203,0,113,9,7,208\r\n", TO_SERVER),
        (b"229 Entering Extended Passive Mode (|||2000|)\r\n", TO_SERVER),
        (b"229 (!!!2000!)\r\n", TO_SERVER),
        (b"200 PORT command successful\r\n", ""),
        (b"227 (10,1,0,5,7,208)\r\n", ""),
        (b"PORT 203,0,113,9,7,208\r\n", ""),
        (b"227 Entering\r\n", DROPPED),
        (b"227 mode 1 (203,0,113,9,7,208)\r\n", DROPPED),
        (b"229 no brackets |||2000|\r\n", DROPPED),
        (b"229 (|1|203.0.113.9|2000|)\r\n", DROPPED),
        (b"229 (|||2000x|)\r\n", DROPPED),
        (b"22", DROPPED),
    ],
)
def test_what_the_server_says(line: bytes, outcome: str) -> None:
    assert Control().says(SERVER, line) == outcome


def test_ipv6_has_the_extended_commands() -> None:
    client = "fd00:0001:0000:0000:0000:0000:0000:0005"
    server = "fd00:0002:0000:0000:0000:0000:0000:0009"
    says = Control(6).says
    assert says(CLIENT, b"EPRT |2|fd00:1::5|2000|\r\n") == f"{server} to client:2000"
    assert Control(6).says(SERVER, b"229 (|||2000|)\r\n") == f"{client} to server:2000"
    assert Control(6).says(CLIENT, b"PORT 10,1,0,5,7,208\r\n") == ""
    assert Control(6).says(CLIENT, b"EPRT |2|fd00:1::x|2000|\r\n") == DROPPED


def test_a_line_counts_only_behind_a_line_that_ended() -> None:
    assert Control().says(CLIENT, b"NO LINE END", b"PORT 10,1,0,5,7,208\r\n") == ""
    assert Control().says(CLIENT, b"NO LINE END", b"\n", b"PORT 10,1,0,5,7,208\r\n") == TO_CLIENT


def test_the_first_line_of_all_is_not_read() -> None:
    control = Control()
    control.talk.packets.clear()
    control.tcp = control.talk.tcp(CLIENT_PORT + 1, 21).open()
    assert control.says(CLIENT, b"PORT 10,1,0,5,7,208\r\n") == ""


def test_a_line_that_comes_again_is_read_again() -> None:
    control = Control()
    at = control.tcp.seq[CLIENT]
    line = b"PORT 10,1,0,5,7,208\r\n"
    assert control.says(CLIENT, line) == TO_CLIENT
    control.firewall.conntrack.expectations.take(
        control.talk.server + control.talk.client + b"\x00\x14\x07\xd0\x06", 1.0
    )
    control.tcp.send(CLIENT, line, seq=at)
    control.pass_on()
    assert control.firewall.conntrack.expectations.size == 1


def test_there_is_one_data_connection_at_a_time() -> None:
    control = Control()
    control.says(CLIENT, b"PORT 10,1,0,5,7,207\r\n")
    assert control.says(CLIENT, b"PORT 10,1,0,5,7,208\r\n") == TO_CLIENT


def test_a_port_that_another_connection_named_is_refused() -> None:
    control = Control()
    control.says(CLIENT, b"PORT 10,1,0,5,7,208\r\n")
    control.tcp = control.talk.tcp(CLIENT_PORT + 1, 21).open()
    control.tcp.send(CLIENT, b"USER y\r\n")
    again = control.says(CLIENT, b"PORT 10,1,0,5,7,208\r\n")
    assert again == f"expectation_refused; {TO_CLIENT}"


def test_a_loose_helper_lets_third_hosts_be_named() -> None:
    control = Control(ftp_loose=1)
    control.says(CLIENT, b"PORT 10,1,0,6,7,208\r\n")
    (one,) = control.firewall.conntrack.expectations.all(1.0)
    assert one.dst == bytes((10, 1, 0, 6))
    assert FtpHelper(loose=True).third_parties


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=60)), max_size=6))
def test_whatever_is_said_opens_nothing_towards_others(said: list[tuple[int, bytes]]) -> None:
    control = Control()
    for side, text in said:
        control.says(side, text)
    for one in control.firewall.conntrack.expectations.all(1.0):
        assert {one.src, one.dst} == {control.talk.client, control.talk.server}
