"""SIP's helper and the kernel's: the same states, verdicts and expectations, packet by packet."""

from __future__ import annotations

import time
from collections import Counter
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.entries import difference, our_entry
from tests.differential.expecting import HelperKernel, HelperOurs, disagreement
from tests.differential.sip_exchange import Exchange
from tests.talk import Talk

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES: Final = 60
PORT: Final = 5060

pytestmark = pytest.mark.needs("conntrack")


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


@pytest.mark.parametrize("seed", range(8))
def test_generated_exchanges_are_judged_alike(kernel: HelperKernel, seed: int) -> None:
    for number in range(EXCHANGES):
        packets = Exchange(Random(f"sip {seed} {number}")).packets()
        assert not (text := disagreement(kernel, packets)), text


def test_what_is_generated_leads_to_calls_and_media(kernel: HelperKernel) -> None:
    """Of what the exchanges are for, there is enough."""
    seen: Counter[str] = Counter()
    for number in range(EXCHANGES):
        kernel.flush()
        for data in Exchange(Random(f"sip 0 {number}")).packets():
            step = kernel.step(data)
            seen[str(step.answer)] += 1
            seen["dropped"] += not step.went_on
            seen["expecting"] += bool(step.waiting)
            seen["active"] += any(one.expected.flags == 1 for one in step.waiting)
    assert seen["RELATED"] >= EXCHANGES // 2
    assert seen["expecting"] >= 3 * EXCHANGES
    assert seen["active"] >= EXCHANGES
    assert seen["dropped"] >= EXCHANGES // 4


def test_connections_live_as_long_as_the_kernels(kernel: HelperKernel) -> None:
    """Signalling lives for sip_timeout, its children by their own protocols; asked now and then."""
    for number in range(EXCHANGES // 2):
        kernel.flush()
        ours = HelperOurs()
        packets = Exchange(Random(f"sip timeouts {number}")).packets()
        for left, data in zip(reversed(range(len(packets))), packets, strict=True):
            kernel.step(data)
            ours.step(data)
            if left % 8 == 0:
                now = time.monotonic()
                entries = [our_entry(one, now) for one in ours.conntrack.table.connections()]
                assert difference(kernel.entries(), entries) is None


def ack(number: int, kind: bytes, port: int) -> bytes:
    body = b"v=0\r\nc=IN IP4 10.1.0.5\r\nm=%s %d RTP/AVP 0\r\n" % (kind, port)
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"ACK sip:b SIP/2.0\r\nCSeq: %d ACK\r\n" % number + length + body


def register(number: int, port: int) -> bytes:
    headers = b"CSeq: %d REGISTER\r\nContact: <sip:10.1.0.5:%d>;expires=9\r\n" % (number, port)
    return b"REGISTER sip:b SIP/2.0\r\n" + headers + b"Content-Length: 0\r\n\r\n"


def test_a_flood_of_media_and_contacts_is_bounded_alike(kernel: HelperKernel) -> None:
    """Thousands of each, of one connection: in datagrams, and hundreds in one large segment."""
    rng = Random("sip flood")
    messages = [
        ack(number, rng.choice((b"audio", b"video", b"image")), rng.randrange(1024, 65536))
        if rng.random() < 0.8
        else register(number, rng.randrange(1024, 65536))
        for number in range(3000)
    ]
    talk = Talk()
    for one in messages[:1000]:
        talk.datagram(one, 5060, PORT)
    assert not (text := disagreement(kernel, talk.packets)), text
    talk = Talk()
    tcp = talk.tcp(5060, PORT).open()
    for begin in range(0, len(messages), 400):
        tcp.send(0, b"".join(messages[begin : begin + 400]))
    assert not (text := disagreement(kernel, talk.packets)), text


@pytest.mark.parametrize("tcp", [False, True])
def test_media_of_another_connection_are_as_good_or_refused_alike(
    kernel: HelperKernel, tcp: bool
) -> None:
    """The same port, or that beside it, in another kind, of another connection, maybe over TCP."""
    kinds = (b"audio", b"video")
    for kind, other, port, beside in product(kinds, kinds, (7000, 7001), (7000, 7001, 7002)):
        talk = Talk()
        talk.datagram(ack(1, kind, port), 5060, PORT)
        talk.datagram(register(2, beside), 5060, PORT)
        if tcp:
            talk.tcp(5070, PORT).open().send(0, ack(1, other, beside))
        else:
            talk.datagram(ack(1, other, beside), 5070, PORT)
        talk.datagram(register(2, 7002), 5080, PORT)
        talk.datagram(ack(3, other, 7002), 5080, PORT)
        talk.datagram(b"rtp", 8000, beside, answers=True)
        talk.datagram(ack(3, other, port), 5060, PORT)
        assert not (text := disagreement(kernel, talk.packets)), text
