"""H.245: which channels lead to what.

The connection of H.245 is one that Q.931 led to; the server took it at port 3000. The same and
thousands of other messages are put to the kernel in tests/differential/test_helper_h323.py.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from firewalld_py.conntrack.connection import ESTABLISHED, NEW, RELATED
from firewalld_py.conntrack.helpers.h323_h245 import H245Helper
from firewalld_py.conntrack.helpers.h323_types import CONTROL_MESSAGE
from tests import wire
from tests.h323_messages import (
    acknowledgement,
    call,
    channel,
    conference,
    encode,
    h225,
    h245,
    media,
    tpkt,
)
from tests.talk import TcpTalk
from tests.unit.h323_world import CLIENT, SERVER, World

MEDIA: Final = "server to client:2000/udp; server to client:2001/udp"


class Control(World):
    def __init__(self, version: int = 4) -> None:
        super().__init__(version)
        place = h225(self.talk.server, 3000)
        assert self.says(self.call(), SERVER, call({"connect": {"h245Address": place}}))
        self.tcp: TcpTalk = self.talk.tcp(40001, 3000).open()
        assert self.outcome() == ""

    def tells(self, side: int, *wishes: Any) -> str:
        data = b"".join(tpkt(encode(CONTROL_MESSAGE, wish)) for wish in wishes)
        return self.says(self.tcp, side, data)


def forward(parameters: Any) -> Any:
    multiplex = {"h2250LogicalChannelParameters": parameters}
    wish = {"forwardLogicalChannelParameters": {"multiplexParameters": multiplex}}
    return {"request": {"openLogicalChannel": wish}}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("kind", [channel, acknowledgement])
def test_a_channel_leads_to_media_at_its_senders_ports(version: int, kind: Any) -> None:
    world = Control(version)
    assert world.tells(CLIENT, kind(world.talk.client, 2000)) == MEDIA
    outcome = world.tells(SERVER, kind(world.talk.server, 3001))
    assert outcome == f"{MEDIA}; client to server:3000/udp; client to server:3001/udp"


def test_media_that_come_are_related() -> None:
    world = Control()
    world.tells(CLIENT, channel(world.talk.client, 2000))
    world.talk.datagram(b"media", 5000, 2000, answers=True)
    assert world.outcome() == "server to client:2001/udp"
    assert world.decision is not None
    assert world.decision.info.state == RELATED
    world.talk.datagram(b"media", 2000, 5000)
    world.outcome()
    assert world.decision.info.state == ESTABLISHED
    world.talk.datagram(b"again", 5001, 2000, answers=True)
    world.outcome()
    assert world.decision.info.state == NEW


def test_forward_parameters_and_either_channel_are_enough() -> None:
    client = wire.CLIENT4
    assert Control().tells(CLIENT, forward(media(client, 2000))) == MEDIA
    assert Control().tells(CLIENT, forward({"mediaControlChannel": h245(client, 2001)})) == MEDIA
    both = Control().tells(CLIENT, forward(media(client, 2000, 2002)))
    assert both == f"{MEDIA}; server to client:2002/udp; server to client:2003/udp"


@pytest.mark.parametrize(
    ("address", "port"), [(wire.SERVER4, 2000), (wire.ROUTER4, 2000), (wire.CLIENT4, 0)]
)
def test_media_elsewhere_are_nothing(address: bytes, port: int) -> None:
    assert Control().tells(CLIENT, forward(media(address, port))) == ""


def test_a_conference_is_permanent() -> None:
    wish = conference(wire.CLIENT4, 1503)
    assert Control().tells(CLIENT, wish) == "server to client:1503/tcp permanent"
    del wish["request"]["openLogicalChannel"]["forwardLogicalChannelParameters"]
    assert Control().tells(CLIENT, wish) == ""  # not T.120
    stack = {"networkAddress": {"localAreaAddress": h245(wire.CLIENT4, 1503)}}
    answer = {"response": {"openLogicalChannelAck": {"separateStack": stack}}}
    assert Control().tells(CLIENT, answer) == "server to client:1503/tcp permanent"


def test_other_messages_lead_to_nothing() -> None:
    world = Control()
    for segment in (b"", tpkt(b"\x70\0"), tpkt(b""), b"anything"):
        assert world.says(world.tcp, CLIENT, segment) == ""


def test_an_error_ends_the_segment_but_not_what_went_before() -> None:
    world = Control()
    good, bad = (encode(CONTROL_MESSAGE, channel(wire.CLIENT4, port)) for port in (2000, 3000))
    assert world.says(world.tcp, CLIENT, tpkt(good) + tpkt(bad[:9]) + tpkt(bad)) == MEDIA


def test_of_more_than_18_the_oldest_go() -> None:
    world = Control()
    ports = range(2000, 2040, 2)
    world.tells(CLIENT, *[channel(wire.CLIENT4, port) for port in ports])
    assert len(world.expected()) == 18
    assert world.expected()[-1] == "server to client:2039/udp"


def test_media_that_another_call_expects_too_are_refused() -> None:
    world = Control()
    world.tells(CLIENT, channel(wire.CLIENT4, 2000))
    place = h225(world.talk.server, 3000)
    signalling = world.talk.tcp(41000, 1720).open()
    world.says(signalling, SERVER, call({"connect": {"h245Address": place}}))
    control = world.talk.tcp(41001, 3000).open()
    outcome = world.says(
        control, CLIENT, tpkt(encode(CONTROL_MESSAGE, channel(wire.CLIENT4, 2000)))
    )
    assert outcome == f"expectation_refused; {MEDIA}"


def test_of_udp_nothing_is_read() -> None:
    helper = H245Helper()
    assert helper.readable == {(4, wire.UDP), (6, wire.UDP)}
    world = World()
    message = tpkt(encode(CONTROL_MESSAGE, channel(wire.CLIENT4, 2000)))
    world.talk.datagram(message, 40000, 3000)
    assert world.outcome() == ""
