"""NetBIOS' and SNMP's helpers and the kernel's: the same answers to broadcasts are RELATED."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.broadcasting import (
    ADDRESSES,
    INTERFACES,
    LIMITED,
    SOURCE_PORTS,
    SOURCES,
    BroadcastKernel,
    BroadcastOurs,
    Datagram,
    Question,
    Received,
)
from tests.differential.entries import difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXCHANGES: Final = 200
# Of each network two, and some that are in none.
HOSTS: Final = ("10.9.0.7", "10.9.0.8", "10.8.3.4", "10.8.0.9", "10.7.0.7", "10.7.0.8")
OUTSIDE: Final = ("10.9.1.7", "10.7.0.99", "10.5.0.2")
PORTS: Final = (137, 137, 161, 138)


@pytest.fixture(scope="module")
def kernel() -> Iterator[BroadcastKernel]:
    with BroadcastKernel() as judge:
        yield judge


class Exchange:
    """Questions to one network or host and another, answers right and wrong, answers to those."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.ends = [("10.9.0.1", 40000)]
        self.port = 137

    def datagrams(self) -> list[Datagram]:
        rng = self.rng
        ways = (self._question, self._question, self._answer, self._answer, self._answer, self._any)
        return [rng.choice(ways)() for _ in range(rng.randrange(3, 14))]

    def _question(self) -> Question:
        rng = self.rng
        name, address, broadcast = rng.choice(ADDRESSES)
        src = address.partition("/")[0]
        if src not in SOURCES or rng.random() < 0.2:
            src = rng.choice(SOURCES)
        self.ends.append((src, rng.choice(SOURCE_PORTS)))
        if rng.random() < 0.2:
            name, broadcast = rng.choice(INTERFACES), rng.choice((broadcast, LIMITED, HOSTS[0]))
        self.port = rng.choice(PORTS)
        return Question(*self.ends[-1], broadcast, self.port, name)

    def _answer(self) -> Received:
        """Mostly of a host of the network that was asked last."""
        rng = self.rng
        end = rng.choice(self.ends[-2:])
        near = [host for host in HOSTS if host[:5] == end[0][:5]]
        host = rng.choice(near or HOSTS) if rng.random() < 0.8 else rng.choice(HOSTS + OUTSIDE)
        return Received(host, self.port if rng.random() < 0.7 else rng.choice(PORTS), *end)

    def _any(self) -> Datagram:
        """An answer to an answer; or somebody else's broadcast."""
        rng = self.rng
        host, port = rng.choice(HOSTS + OUTSIDE), rng.choice(PORTS)
        if rng.random() < 0.5:
            return Question(*rng.choice(self.ends), host, port, rng.choice(INTERFACES))
        return Received(host, 40000, rng.choice(ADDRESSES)[2], port)


def disagreement(
    kernel: BroadcastKernel, datagrams: Sequence[Datagram], reached: Counter[str]
) -> str:
    """The history of an exchange up to where the two differ; nothing if they never do."""
    kernel.flush()
    ours = BroadcastOurs(kernel)
    history: list[str] = []
    for datagram in datagrams:
        theirs, mine = kernel.step(datagram), ours.step(datagram)
        reached.update(str(answer) for answer in theirs.answers)
        reached["expectations"] += len(theirs.waiting)
        history += [str(datagram), f"    kernel: {theirs}"]
        if not theirs.agrees_with(mine):
            return "\n".join((*history, f"    OURS:   {mine}"))
    found = difference(kernel.table(), ours.table())
    return "" if found is None else "\n".join((*history, f"the tables: {found}"))


@pytest.mark.needs("conntrack")
def test_generated_exchanges_are_judged_alike(kernel: BroadcastKernel) -> None:
    reached: Counter[str] = Counter()
    for number in range(EXCHANGES):
        datagrams = Exchange(Random(f"broadcast {number}")).datagrams()
        assert not (text := disagreement(kernel, datagrams, reached)), text
    assert reached["expectations"] > EXCHANGES
    assert reached["RELATED"] > EXCHANGES // 4


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("port", [137, 161])
def test_two_hosts_that_answer_one_question_are_related(kernel: BroadcastKernel, port: int) -> None:
    question = Question("10.9.0.1", 40000, "10.9.0.255", port, "lan0")
    answers = [Received(host, port, "10.9.0.1", 40000) for host in ("10.9.0.7", "10.9.0.8")]
    reached: Counter[str] = Counter()
    assert not (text := disagreement(kernel, [question, *answers, *answers], reached)), text
    assert reached["RELATED"] == 4
    assert reached["expectations"] == 5
