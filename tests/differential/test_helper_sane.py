"""SANE's helper and the kernel's: the same states, verdicts and expectations, packet by packet."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.expecting import HelperKernel, disagreement
from tests.differential.hostile import mangled, say, some_port
from tests.talk import Talk

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES: Final = 250
START: Final = b"\0\0\0\7\0\0\0\0"
OCTETS: Final = bytes((0, 1, 7, 8))


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


class Exchange:
    """One or two control connections of the same two hosts, and scans that are fetched."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.talk = Talk(rng.choice((4, 4, 6)))
        self.controls = [self.talk.tcp(40000 + n, 6566).open() for n in range(rng.choice((1, 2)))]
        self.ports = [2000]

    def packets(self) -> list[bytes]:
        rng = self.rng
        for _ in range(rng.randrange(2, 14)):
            rng.choice((*[self._start] * 4, *[self._visit] * 4, self._noise))()
        return self.talk.packets

    def _start(self) -> None:
        """A request and its answer, either maybe damaged or left out."""
        rng = self.rng
        control = rng.choice(self.controls)
        request = START if rng.random() < 0.8 else mangled(rng, START, OCTETS)
        if rng.random() < 0.9:
            say(rng, control, 0, request)
        if rng.random() < 0.2:
            self._noise()
        port = rng.choice((2000, 2001, some_port(rng)))
        self.ports.append(port)
        answer = bytes(6) + port.to_bytes(2, "big") + rng.choice((b"", b"", b"\0\0\0\0", b"x" * 90))
        if rng.random() < 0.2:
            answer = mangled(rng, answer, OCTETS)
        if rng.random() < 0.9:
            say(rng, control, 1, answer)

    def _visit(self) -> None:
        """A first packet towards a port that was named; then maybe an answer."""
        rng = self.rng
        child = self.talk.tcp(
            33000 + rng.randrange(9), rng.choice(self.ports[-2:]), from_server=rng.random() < 0.1
        )
        child.send(0, b"", rng.choice(("S", "S", "S", "S", "SA", "", "F")))
        if rng.random() < 0.5:
            child.send(1, b"", "SA")

    def _noise(self) -> None:
        rng = self.rng
        text = rng.choice((b"", b"\0" * 4, b"\0" * 8, b"\0\0\0\6\0\0\0\0", b"x" * 1400, b"\0" * 9))
        say(rng, rng.choice(self.controls), rng.randrange(2), text)


@pytest.mark.needs("conntrack")
def test_generated_exchanges_are_judged_alike(kernel: HelperKernel) -> None:
    reached: Counter[str] = Counter()
    for number in range(EXCHANGES):
        packets = Exchange(Random(f"sane {number}")).packets()
        assert not (text := disagreement(kernel, packets, reached=reached)), text
    assert reached["expectations"] > EXCHANGES
    assert reached["RELATED"] > EXCHANGES // 4
    assert reached["dropped"] > EXCHANGES // 40


@pytest.mark.needs("conntrack")
def test_of_a_thousand_scans_the_last_is_expected(kernel: HelperKernel) -> None:
    talk = Talk()
    control = talk.tcp(40000, 6566).open()
    for port in range(1000, 2000):
        control.send(0, START)
        control.send(1, bytes(6) + port.to_bytes(2, "big"))
    assert not (text := disagreement(kernel, talk.packets)), text
    assert [one.expected.dport for one in kernel.waiting()] == [1999]
