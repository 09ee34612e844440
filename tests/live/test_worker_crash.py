"""The worker is killed under traffic: nothing passes unjudged, soon another one judges."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Final

import pytest

from tests.lab.capture import Fence, to_port
from tests.lab.daemon import Daemon
from tests.lab.netns import LabError
from tests.lab.servers import http_server, udp_listener, udp_server
from tests.lab.traffic import tcp_connect, udp_ask, udp_socket
from tests.lab.world import SERVER4, World

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

FORBIDDEN_PORT: Final = 7000
RULES: Final = f"""
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {{name: answers, state: [established, related], action: accept}}
      - {{name: forbidden, proto: udp, dport: {FORBIDDEN_PORT}, action: drop}}
      - {{name: fence, proto: udp, dport: 9999, action: accept}}
      - {{name: lan out, in: lan0, state: new, action: accept}}
"""
BACK_WITHIN_S: Final = 1.0
PACE_S: Final = 0.0005


class Stream:
    """A steady stream of forbidden packets, sent by a thread until it is told to end."""

    def __init__(self, world: World) -> None:
        """Start to send."""
        self.sent = 0
        self._ended = threading.Event()
        self._world = world
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        with udp_socket(self._world.client, SERVER4, FORBIDDEN_PORT) as udp:
            while not self._ended.wait(PACE_S):
                udp.send(b"must never arrive")
                self.sent += 1

    def end(self) -> None:
        """Send no more."""
        self._ended.set()
        self._thread.join()


def _first_answer(world: World) -> float:
    """Ask again and again until one question is answered; seconds on the monotonic clock."""
    for _ in range(500):
        if udp_ask(world.client, SERVER4, 7001, timeout=0.02) is not None:
            return time.monotonic()
    raise LabError("no question was answered any more")


@pytest.mark.parametrize("round_number", range(3))
def test_a_killed_worker_is_replaced_within_a_second_and_nothing_passes_unjudged(
    daemon: Daemon, world: World, round_number: int
) -> None:
    killed = daemon.worker_pid()
    mark = daemon.log.mark()
    with (
        http_server(world.server, SERVER4),
        udp_server(world.server, SERVER4, 7001),
        Fence(world) as fence,
    ):
        stream = Stream(world)
        _first_answer(world)
        sent_before = stream.sent
        at = time.monotonic()
        os.kill(killed, signal.SIGKILL)
        gap = _first_answer(world) - at
        sent_meanwhile = stream.sent - sent_before
        stream.end()
        passed = [packet for packet in fence.arrived() if to_port(FORBIDDEN_PORT)(packet)]
        print(f"back after {gap * 1000:.0f} ms, {sent_meanwhile} forbidden packets meanwhile")
        assert gap < BACK_WITHIN_S
        assert sent_meanwhile > 0
        assert passed == []
        assert tcp_connect(world.client, SERVER4, 80) == "connected"
    assert daemon.worker_pid() != killed
    daemon.log.wait_line(lambda line: str(killed) in line, mark)


def test_under_fail_open_packets_pass_while_no_worker_is_there() -> None:
    with (
        World() as other,
        Daemon(other.gateway, RULES, {"fail": "open"}) as daemon,
        udp_listener(other.server, SERVER4, FORBIDDEN_PORT),
        Fence(other) as fence,
    ):
        stream = Stream(other)
        os.kill(daemon.worker_pid(), signal.SIGKILL)
        daemon.log.wait_line(lambda line: line.endswith("judges"))
        stream.end()
        passed = [packet for packet in fence.arrived() if to_port(FORBIDDEN_PORT)(packet)]
        assert 0 < len(passed) < stream.sent


def test_a_worker_that_hangs_is_noticed_and_replaced(daemon: Daemon, world: World) -> None:
    mark = daemon.log.mark()
    stopped = daemon.worker_pid()
    with udp_server(world.server, SERVER4, 7001), Fence(world) as fence:
        os.kill(stopped, signal.SIGSTOP)
        with udp_socket(world.client, SERVER4, FORBIDDEN_PORT) as udp:
            udp.send(b"must never arrive")
        daemon.log.wait_line(lambda line: f"{stopped} is stuck" in line, mark, timeout=10.0)
        _first_answer(world)
        assert not [packet for packet in fence.arrived() if to_port(FORBIDDEN_PORT)(packet)]
    assert daemon.worker_pid() != stopped
