"""TFTP's helper and the kernel's: the same states, verdicts and expectations, packet by packet."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.differential.expecting import HelperKernel, disagreement
from tests.differential.hostile import mangled
from tests.talk import Talk

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES: Final = 250
PORTS: Final = (69, 6969)  # at both the helper is asked
REQUEST: Final = b"\0\1file\0octet\0"


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


class Exchange:
    """Clients of two servers that share their ports, requests of all kinds, and answers."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.talk = Talk(rng.choice((4, 4, 6)))
        self.other = Talk(self.talk.version)
        self.other.server = wire.ROUTER4 if self.talk.version == 4 else wire.ROUTER6
        self.other.packets = self.talk.packets

    def packets(self) -> list[bytes]:
        rng = self.rng
        for _ in range(rng.randrange(2, 14)):
            rng.choice((self._request, self._request, self._answer, self._answer, self._error))()
        return self.talk.packets

    def _port(self) -> int:
        return self.rng.choice((40000, 40000, 40001, 1, 0, 69))

    def _some_talk(self) -> Talk:
        return self.rng.choice((self.talk, self.talk, self.other))

    def _request(self) -> None:
        """Mostly of the client's; maybe of the server's, which counts just as well."""
        rng = self.rng
        opcode = rng.choice((b"\0\1", b"\0\2")) if rng.random() < 0.8 else rng.randbytes(2)
        payload = opcode + rng.choice((REQUEST[2:], b"", b"x" * 1400))
        if rng.random() < 0.2:
            payload = mangled(rng, payload, bytes((0, 1, 2, 3)))
        ports, answers = (self._port(), rng.choice(PORTS)), rng.random() < 0.1
        self._some_talk().datagram(payload, *(ports[::-1] if answers else ports), answers=answers)

    def _answer(self) -> None:
        """From the server's new port, or from its old one; then maybe an acknowledgement."""
        rng = self.rng
        talk = self._some_talk()
        client, server = self._port(), rng.choice((50000, 50000, 50001, 69))
        talk.datagram(b"\0\3\0\1x", server, client, answers=True)
        if rng.random() < 0.5:
            talk.datagram(b"\0\4\0\1", client, server)

    def _error(self) -> None:
        """A port is unreachable, says the client, quoting what may be a first packet."""
        rng = self.rng
        talk = Talk(self.talk.version)
        ports, answers = (self._port(), rng.choice(PORTS)), rng.random() < 0.5
        talk.datagram(REQUEST, *(ports[::-1] if answers else ports), answers=answers)
        kind, protocol = (3, wire.ICMP) if talk.version == 4 else (1, wire.ICMPV6)
        message = wire.icmp(kind, 3 if talk.version == 4 else 4, payload=talk.packets[0])
        ends = rng.choice(((talk.client, talk.server), (talk.server, talk.client)))
        self.talk.packets.append(wire.ip(*ends, protocol, message))


@pytest.mark.needs("conntrack")
def test_generated_exchanges_are_judged_alike(kernel: HelperKernel) -> None:
    reached: Counter[str] = Counter()
    for number in range(EXCHANGES):
        packets = Exchange(Random(f"tftp {number}")).packets()
        assert not (text := disagreement(kernel, packets, reached=reached)), text
    assert reached["expectations"] > EXCHANGES
    assert reached["RELATED"] > EXCHANGES // 4
    assert reached["dropped"] > EXCHANGES // 20


@pytest.mark.needs("conntrack")
def test_each_of_a_hundred_requests_is_expected_to_be_answered(kernel: HelperKernel) -> None:
    talk = Talk()
    for port in range(2000, 2100):
        talk.datagram(REQUEST, port, 69)
    for port in range(2000, 2100):
        talk.datagram(b"\0\3\0\1x", 50000, port, answers=True)
    reached: Counter[str] = Counter()
    assert not (text := disagreement(kernel, talk.packets, reached=reached)), text
    assert reached["RELATED"] == 100


@pytest.mark.needs("conntrack")
def test_a_request_that_comes_in_fragments_is_read_as_a_whole(kernel: HelperKernel) -> None:
    datagram = wire.udp(REQUEST + bytes(100), sport=40000, dport=69)
    datagram = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, datagram)[20:]
    more = 0x2000
    pieces = [
        wire.ipv4(wire.CLIENT4, wire.SERVER4, wire.UDP, datagram[:8], fragment=more),
        wire.ipv4(wire.CLIENT4, wire.SERVER4, wire.UDP, datagram[8:], fragment=1),
    ]
    assert not (text := disagreement(kernel, pieces)), text
    assert len(kernel.waiting()) == 1
