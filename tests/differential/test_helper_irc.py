"""IRC's helper and the kernel's: the same states, verdicts and expectations, packet by packet."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.differential.expecting import HelperKernel, disagreement
from tests.differential.hostile import mangled, say, some_port
from tests.talk import Talk

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES: Final = 60
SEEDS: Final = 4
CLIENT: Final = int.from_bytes(wire.CLIENT4, "big")
SERVER: Final = int.from_bytes(wire.SERVER4, "big")
OCTETS: Final = b" :\x01\r\n\t0159DCP"
OCTETS_READ: Final = 4095


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


class Exchange:
    """A client or two that make offers, a file server beside them, and strangers who come."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.talk = Talk()
        self.stranger = Talk()
        self.stranger.server = wire.ROUTER4
        self.stranger.packets = self.talk.packets
        self.controls = [self.talk.tcp(40000 + n, 6667).open() for n in range(rng.choice((1, 2)))]
        self.ports = [2000]

    def packets(self) -> list[bytes]:
        rng = self.rng
        if rng.random() < 0.2:
            self._clash()
        for _ in range(rng.randrange(2, 14)):
            rng.choice((*[self._offer] * 5, *[self._visit] * 3, self._noise))()
        return self.talk.packets

    def _clash(self) -> None:
        """A file server is expected at a port that may be offered to all, too."""
        control = self.talk.tcp(39000, 21).open()
        control.send(0, b"USER x\r\n")
        control.send(0, b"PORT 10,1,0,5,7,208\r\n")

    def _offer(self) -> None:
        rng = self.rng
        payload = self._message()
        if rng.random() < 0.2:
            payload = mangled(rng, payload, OCTETS)
        if rng.random() < 0.1:
            payload = self._long(payload)
        side = 0 if rng.random() < 0.9 else 1
        say(rng, rng.choice(self.controls), side, payload)

    def _message(self) -> bytes:
        rng = self.rng
        honest = rng.random() < 0.5
        begin = rng.choice((b"PRIVMSG n", b"\r\n privmsg #c")) if honest else self._odd_beginning()
        command = rng.choice((b"SEND f", b"CHAT chat", b"MOVE f", b"TSEND f", b"SCHAT x"))
        if not honest and rng.random() < 0.3:
            command = rng.choice((b"XMIT f", b"RESUME f", b"send f", b"SEND a b", b'SEND "a b"'))
        port = b"%d" % self._port(honest)
        end = b"\x01\r\n" if honest else rng.choice((b" 99\x01\r\n", b"\n", b"\x01", b"\x01\nx"))
        blank = b" " if honest else rng.choice((b" ", b" ", b"  ", b"", b"\t"))
        words = (begin, b" :\x01DCC ", command, b" ", self._address(honest), blank, port, end)
        return b"".join(words)

    def _odd_beginning(self) -> bytes:
        return self.rng.choice(
            (
                b"PRIVMSG n",
                b"PRIVMSG a b\r\nPRIVMSG n",
                b"PRIVMSG a :hi\r\nPRIVMSG n",
                b"PRIVMSG a :\x01DCC XMIT y 1 2\r\nPRIVMSG n",
                b"\tPRIVMSG n",
                b":nick PRIVMSG n",
                b"NOTICE n",
                b"    ",
                b"",
            )
        )

    def _address(self, honest: bool) -> bytes:
        if honest:
            return b"%d" % CLIENT
        value = self.rng.choice(
            (CLIENT, CLIENT, CLIENT + (1 << 32), CLIENT + (1 << 64), CLIENT + 1, SERVER, 0)
        )
        return self.rng.choice((b"%d", b"%d", b"%d", b"0%d", b" %d", b"-%d", b"0x%x")) % value

    def _port(self, honest: bool) -> int:
        port = some_port(self.rng)
        self.ports.append(port)
        return port if honest else port + self.rng.choice((0, 0, 65536, 1 << 32, 1 << 64))

    def _long(self, payload: bytes) -> bytes:
        """Its end about where the helper reads no further, or its own words behind that."""
        target = OCTETS_READ + self.rng.randrange(-3, 60) - len(payload)
        return payload.replace(b"PRIVMSG ", b"PRIVMSG " + b"n" * max(target, 0), 1)

    def _visit(self) -> None:
        """A first packet towards a port that was offered, from anywhere; then maybe an answer."""
        rng = self.rng
        talk = rng.choice((self.talk, self.stranger))
        port = rng.choice(self.ports[-3:])
        other = 33000 + rng.randrange(9)
        ports = (port, other) if rng.random() < 0.9 else (other, port)
        child = talk.tcp(*ports, from_server=ports[0] == port)
        child.send(0, b"", rng.choice(("S", "S", "S", "S", "SA", "", "F")))
        if rng.random() < 0.5:
            child.send(1, b"", "SA")

    def _noise(self) -> None:
        rng = self.rng
        text = rng.choice((b"PING :x\r\n", b"", b"x" * 1400, b" " * 30, b"\1", b"PRIVMSG n :hi\n"))
        say(rng, rng.choice(self.controls), rng.randrange(2), text)


@pytest.mark.needs("conntrack")
def test_generated_exchanges_are_judged_alike(kernel: HelperKernel) -> None:
    reached: Counter[str] = Counter()
    for number in range(EXCHANGES * SEEDS):
        packets = Exchange(Random(f"irc {number}")).packets()
        assert not (text := disagreement(kernel, packets, reached=reached)), text
    assert reached["expectations"] > EXCHANGES * SEEDS
    assert reached["RELATED"] > EXCHANGES
    assert reached["dropped"] > EXCHANGES // 10


@pytest.mark.needs("conntrack")
def test_of_thousands_of_offers_the_last_few_stand(kernel: HelperKernel) -> None:
    talk = Talk()
    control = talk.tcp(40000, 6667).open()
    for port in range(1, 2001):
        control.send(0, b"PRIVMSG n :\x01DCC SEND f %d %d\x01\r\n" % (CLIENT, port))
    assert not (text := disagreement(kernel, talk.packets)), text
    assert [one.expected.dport for one in kernel.waiting()] == list(range(1993, 2001))
