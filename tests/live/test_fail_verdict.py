"""An exception while a packet is judged never leaves it in the queue.

The judge and the queue's socket of the product, in this process, with a rule that raises for some
packets; the kernel's own table says that none waits.
"""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING, Final, cast

import pytest
from netfilterqueue import NetfilterQueue

from firewalld_py.packet.reasons import INTERNAL_ERROR
from firewalld_py.rules.matches import Match
from firewalld_py.rules.verdicts import ACCEPT, DROP
from firewalld_py.service.nfqueue import Judge
from firewalld_py.service.queue_socket import QueueSocket
from tests.live.queue_bench import QUEUE, TIMEOUT_S, QueueBench
from tests.plans import firewall, plan, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

COPY_RANGE: Final = 2048
RAISES: Final = 4096  # packets from this port on meet the rule that raises


class Faults:
    def __init__(self) -> None:
        self.reported: list[Exception] = []

    def report_fault(self, fault: Exception) -> None:
        self.reported.append(fault)


class Daemonless:
    """A judge at a queue, without worker and supervisor around it."""

    def __init__(self, bench: QueueBench, fail_verdict: int) -> None:
        wall = firewall(plan(output=[rule("accept", ("sport", [[1, RAISES - 1]])), rule("accept")]))
        wall.ruleset.filter_output.rules[1].matches.append(Match(False))
        self.faults = Faults()
        with bench.namespace.entered():
            self._queue = NetfilterQueue()
            self._socket = QueueSocket(self._queue.get_fd(), QUEUE, COPY_RANGE)
            self.judge = Judge(wall, self._socket, self.faults, fail_verdict, COPY_RANGE, 64)
            self._socket.when_dry = self.judge.flush
            self._queue.bind(QUEUE, self.judge.judge, range=COPY_RANGE)
        self._socket.configure(COPY_RANGE, 0, 1 << 22)

    def judge_all(self, packets: int) -> None:
        """Judge until so many packets were judged in all."""
        end = time.monotonic() + TIMEOUT_S
        while self.judge.packets < packets:
            ready, _, _ = select.select([self._queue.get_fd()], [], [], end - time.monotonic())
            assert ready, f"{self.judge.packets} packets were judged, not {packets}"
            self.judge.now = time.monotonic()
            self._socket.budget = 256
            self._queue.run_socket(cast("socket.socket", self._socket))
        self.judge.flush()

    def close(self) -> None:
        self._socket.close()
        self._queue.unbind()


@pytest.fixture
def bench() -> Iterator[QueueBench]:
    with QueueBench() as made:
        yield made


def send_from(bench: QueueBench, port: int, payload: bytes) -> None:
    with bench.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sender.bind(("127.0.0.1", port))
        sender.connect(bench.sender.getpeername())
        sender.send(payload)


@pytest.mark.parametrize(
    ("fail_verdict", "arriving"),
    [
        (DROP, [b"good 0", b"good 1", b"good 2", b"after"]),
        (ACCEPT, [b"good 0", b"bad 0", b"good 1", b"bad 1", b"good 2", b"bad 2", b"after"]),
    ],
    ids=["fail closed", "fail open"],
)
def test_none_waits_and_the_later_ones_pass(
    bench: QueueBench, fail_verdict: int, arriving: list[bytes]
) -> None:
    daemonless = Daemonless(bench, fail_verdict)
    try:
        for number in range(3):
            send_from(bench, 2000 + number, b"good %d" % number)
            send_from(bench, RAISES + number, b"bad %d" % number)
        assert bench.state().waiting == 6
        daemonless.judge_all(6)
        assert bench.state().waiting == 0
        send_from(bench, 3000, b"after")
        daemonless.judge_all(7)
        assert bench.received(len(arriving)) == arriving
        assert bench.state().waiting == 0
        assert daemonless.judge.by_reason[INTERNAL_ERROR] == 3
        assert [type(fault) for fault in daemonless.faults.reported] == [NotImplementedError] * 3
    finally:
        daemonless.close()
