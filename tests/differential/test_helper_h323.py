"""H.323's three helpers and the kernel's: the same states, verdicts and expectations.

Calls to third parties are allowed in what is put to both, as they always are in the kernel.
"""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from firewalld_py.conntrack.flow import destination, source
from firewalld_py.conntrack.helpers.h323_notation import Type
from firewalld_py.conntrack.helpers.h323_types import (
    CONTROL_MESSAGE,
    RAS_MESSAGE,
)
from tests.differential.expecting import HelperKernel, HelperOurs, disagreement
from tests.differential.h323 import Exchange
from tests.h323_messages import (
    Filler,
    call,
    channel,
    conference,
    encode,
    h225,
    tpkt,
)
from tests.talk import Talk

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES: Final = 60
AS_THE_KERNEL: Final = {"h323_third_parties": 1}


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("seed", range(6))
def test_generated_exchanges_are_judged_alike(kernel: HelperKernel, seed: int) -> None:
    for number in range(EXCHANGES):
        packets = Exchange(Random(f"h323 {seed} {number}")).packets()
        assert not (text := disagreement(kernel, packets, AS_THE_KERNEL)), text


def test_by_default_nothing_is_expected_at_a_third_host() -> None:
    seen = 0
    for number in range(EXCHANGES):
        ours = HelperOurs()
        for packet in Exchange(Random(f"h323 third {number}")).packets():
            ours.step(packet)
            for one in ours.conntrack.expectations.all(time.monotonic()):
                key = one.master.original_key
                assert one.dst in (source(key), destination(key))
                seen += 1
    assert seen > EXCHANGES


@pytest.mark.needs("conntrack")
def test_what_is_generated_leads_to_connections(kernel: HelperKernel) -> None:
    expecting = related = 0
    for number in range(EXCHANGES):
        kernel.flush()
        steps = [kernel.step(one) for one in Exchange(Random(f"h323 0 {number}")).packets()]
        expecting += any(step.waiting for step in steps)
        related += any(str(step.answer) == "RELATED" for step in steps)
    assert expecting > EXCHANGES / 2
    assert related > EXCHANGES / 5


def _whole_call(version: int) -> list[bytes]:
    """A registration, a call of the gatekeeper's, H.245 of that, and media; one of each more."""
    talk = Talk(version)
    places = [h225(talk.client, 1720)]
    request = encode(RAS_MESSAGE, {"registrationRequest": {"callSignalAddress": places}})
    talk.datagram(request + bytes(8), 40000, 1719)
    talk.datagram(encode(RAS_MESSAGE, {"registrationConfirm": {}}), 1719, 40000, answers=True)
    signalling = talk.tcp(1720, 50000, from_server=True).open()
    signalling.send(1, call({"connect": {"h245Address": h225(talk.client, 3000)}}))
    control = talk.tcp(3000, 50001, from_server=True).open()
    for side, own in ((0, talk.server), (1, talk.client)):
        control.send(side, tpkt(encode(CONTROL_MESSAGE, channel(own, 2000))))
    control.send(1, tpkt(encode(CONTROL_MESSAGE, conference(talk.client, 1503))))
    talk.tcp(1503, 50002, from_server=True).open()
    talk.datagram(b"media", 2000, 2000)
    return talk.packets


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("version", [4, 6])
def test_each_helper_leads_to_the_next(kernel: HelperKernel, version: int) -> None:
    packets = _whole_call(version)
    assert not (text := disagreement(kernel, packets)), text
    kernel.flush()
    steps = [kernel.step(packet) for packet in packets]
    assert sum(str(step.answer) == "RELATED" for step in steps) == 4
    assert len(steps[-1].waiting) == 5  # calls, conferences; RTP of one side, RTCP of both


@pytest.mark.needs("conntrack")
def test_a_call_that_names_thousands_of_channels(kernel: HelperKernel) -> None:
    talk = Talk()
    signalling = talk.tcp(40000, 1720).open()
    for first in range(2000, 60000, 2000):
        wishes = [channel(talk.client, first + number) for number in range(0, 60, 2)]
        olcs = [wish["request"]["openLogicalChannel"] for wish in wishes]
        signalling.send(0, call({"setup": {"fastStart": olcs}}))
    assert not (text := disagreement(kernel, talk.packets)), text


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("lifetime_s", [60, 8_589_934, 8_589_935, 17_179_929, 1 << 32])
def test_lifetimes_run_over_alike(kernel: HelperKernel, lifetime_s: int) -> None:
    """In ticks of 32 bits, where the kernel has 250 in a second."""
    talk = Talk()
    request = {"callSignalAddress": [h225(talk.client, 1720)], "timeToLive": lifetime_s}
    talk.datagram(encode(RAS_MESSAGE, {"registrationRequest": request}) + bytes(8), 40000, 1719)
    for _ in range(2):
        confirm = encode(RAS_MESSAGE, {"registrationConfirm": {}})
        talk.datagram(confirm, 1719, 40000, answers=True)
    assert not (text := disagreement(kernel, talk.packets)), text


@pytest.mark.needs("conntrack")
def test_a_gatekeeper_that_was_named_names_no_further_one(kernel: HelperKernel) -> None:
    talk = Talk()
    talk.datagram(b"x", 40000, 1719)
    for sport, dport, named in ((1719, 40000, 1718), (1718, 40001, 1717)):
        wish = {"gatekeeperConfirm": {"rasAddress": h225(talk.server, named)}}
        talk.datagram(b"x", dport, sport)
        talk.datagram(encode(RAS_MESSAGE, wish), sport, dport, answers=True)
    assert not (text := disagreement(kernel, talk.packets)), text
    kernel.flush()
    waiting = [len(kernel.step(packet).waiting) for packet in talk.packets]
    assert waiting == [0, 0, 1, 0, 0]


class _Extended(Filler):
    """A registration that announces 25 extensions, in a map that ends with the fourth octet."""

    def extensions(self, type_: Type, wished: int) -> int:
        return 25 if wished else 0


@pytest.mark.needs("conntrack")
def test_a_map_that_the_kernel_misreads_is_misread_alike(kernel: HelperKernel) -> None:
    """It has a lifetime, which would end the connection at once."""
    talk = Talk()
    request = {"callSignalAddress": [h225(talk.client, 1720)], "timeToLive": 8_589_935}
    wish = {"registrationRequest": request}
    talk.datagram(encode(RAS_MESSAGE, wish, _Extended()) + bytes(8), 40000, 1719)
    for _ in range(2):
        confirm = encode(RAS_MESSAGE, {"registrationConfirm": {}})
        talk.datagram(confirm, 1719, 40000, answers=True)
    assert not (text := disagreement(kernel, talk.packets)), text
    kernel.flush()
    assert [str(kernel.step(packet).answer) for packet in talk.packets][-1] != "NEW"
