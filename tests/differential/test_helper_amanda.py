"""Amanda's helper and the kernel's: the same states, verdicts, expectations and timeouts."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.expecting import HelperKernel, disagreement
from tests.differential.hostile import mangled, some_port
from tests.talk import Talk

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES: Final = 250
OCTETS: Final = b" 0159\r\nDAT+"
REQUEST: Final = b"Amanda 2.6 REQ HANDLE 000-65E2 SEQ 1\nSERVICE sendbackup\n"
ANSWER: Final = b"Amanda 2.6 REP HANDLE 000-65E2 SEQ 1\n"


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


class Exchange:
    """A backup server that asks from one or two ports, what it is told, and where it then goes."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.talk = Talk(rng.choice((4, 4, 6)))
        self.ports = [2000]

    def packets(self) -> list[bytes]:
        rng = self.rng
        for _ in range(2):
            self._ask()
        for _ in range(rng.randrange(2, 14)):
            rng.choice((self._ask, *[self._tell] * 3, *[self._visit] * 4))()
        return self.talk.packets

    def _ask(self) -> None:
        payload = self.rng.choice((REQUEST, b"", self._connect()))
        self.talk.datagram(payload, self.rng.choice((850, 851)), 10080)

    def _tell(self) -> None:
        rng = self.rng
        payload = ANSWER + self._connect() + b"OPTIONS features=x;\n"
        if rng.random() < 0.3:
            payload = mangled(rng, payload, OCTETS)
        elif rng.random() < 0.2:
            payload = rng.choice((b"", ANSWER, b"CONNECT ", b"CONNECT \n", b"CONNECT DATA 1"))
        self.talk.datagram(payload, 10080, rng.choice((850, 851)), answers=True)

    def _connect(self) -> bytes:
        rng = self.rng
        words = [b"DATA", b"MESG", b"INDEX", b"STATE"]
        if rng.random() < 0.3:
            rng.shuffle(words)
        if rng.random() < 0.3:
            words = rng.choices((*words, b"XDATA", b"data", b"CONNECT", b""), k=rng.randrange(6))
        blank = b"  " if rng.random() < 0.05 else b" "
        streams = b" ".join(word + blank + self._port() for word in words)
        begin = rng.choice((b"CONNECT ",) * 6 + (b"xCONNECT ", b"connect ", b"CONNECT\n"))
        return begin + streams + rng.choice((b"\n", b"\n", b"\n", b"\r\n", b" \nDATA 9\n", b""))

    def _port(self) -> bytes:
        rng = self.rng
        port = some_port(rng) if rng.random() < 0.5 else rng.randrange(2000, 2004)
        self.ports.append(port)
        way = rng.random()
        if way < 0.8:
            return b"%d" % port
        return rng.choice((b"+%d", b"-%d", b"0%d", b"000%d", b"%d0", b"%d123", b"99999%d")) % port

    def _visit(self) -> None:
        """A first packet towards a port that was named; then maybe an answer."""
        rng = self.rng
        child = self.talk.tcp(
            33000 + rng.randrange(9), rng.choice(self.ports[-5:]), from_server=rng.random() < 0.1
        )
        child.send(0, b"", rng.choice(("S", "S", "S", "S", "SA", "", "F")))
        if rng.random() < 0.5:
            child.send(1, b"", "SA")


@pytest.mark.needs("conntrack")
def test_generated_exchanges_are_judged_alike(kernel: HelperKernel) -> None:
    reached: Counter[str] = Counter()
    for number in range(EXCHANGES):
        packets = Exchange(Random(f"amanda {number}")).packets()
        assert not (text := disagreement(kernel, packets, reached=reached)), text
    assert reached["expectations"] > EXCHANGES
    assert reached["RELATED"] > EXCHANGES // 6
    assert reached["dropped"] > EXCHANGES // 20


@pytest.mark.needs("conntrack")
def test_of_thousands_of_ports_the_last_four_are_expected(kernel: HelperKernel) -> None:
    talk = Talk()
    talk.datagram(REQUEST, 850, 10080)
    for port in range(1000, 2000, 4):
        ports = (port, port + 1, port + 2, port + 3)
        talk.datagram(
            b"CONNECT DATA %d MESG %d INDEX %d STATE %d\n" % ports, 10080, 850, answers=True
        )
    assert not (text := disagreement(kernel, talk.packets)), text
    assert [one.expected.dport for one in kernel.waiting()] == [1996, 1997, 1998, 1999]
