"""What remains when the daemon ends, and what a second one is told."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.capture import Fence, to_port
from tests.lab.daemon import Daemon
from tests.lab.servers import MEGABYTE, Download, http_server, tcp_listener
from tests.lab.traffic import tcp_connect, udp_socket
from tests.lab.world import SERVER4, World

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES: Final = """
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: [established, related], action: accept}
      - {name: web, in: lan0, proto: tcp, dport: [80, 82], state: new, action: accept}
"""


@pytest.fixture
def fresh() -> Iterator[World]:
    """A world of this test's own, with a web server and port 81 open on the server."""
    with (
        World() as world,
        http_server(world.server, SERVER4),
        tcp_listener(world.server, SERVER4, 81),
    ):
        yield world


def test_stopped_under_fail_open_it_takes_the_hook_along_and_traffic_goes_on(fresh: World) -> None:
    with Daemon(fresh.gateway, RULES, {"fail": "open"}) as daemon:
        download = Download(fresh.client, SERVER4, 50 * MEGABYTE)
        download.read(MEGABYTE)
        assert tcp_connect(fresh.client, SERVER4, 81, timeout=0.3) == "timed out"
        assert daemon.stop() == 0
        assert tcp_connect(fresh.client, SERVER4, 81) == "connected"
        assert download.finish()


def test_stopped_under_fail_closed_it_leaves_the_hook_and_nothing_passes(fresh: World) -> None:
    with Daemon(fresh.gateway, RULES, {"fail": "closed"}) as daemon:
        assert tcp_connect(fresh.client, SERVER4, 80) == "connected"
        assert daemon.stop() == 0
        with tcp_listener(fresh.server, SERVER4, 82), Fence(fresh) as fence:
            assert tcp_connect(fresh.client, SERVER4, 82, timeout=0.5) == "timed out"
            with udp_socket(fresh.client, SERVER4, 53) as udp:
                udp.send(b"a question")
            assert daemon.command("hook", "remove").returncode == 0
            # Now the way is open, and all that came before the fence is not on it.
            arrived = fence.arrived()
            assert not [packet for packet in arrived if to_port(82)(packet) or to_port(53)(packet)]
            assert tcp_connect(fresh.client, SERVER4, 82) == "connected"


def test_started_again_after_a_stop_under_fail_closed_it_judges_again(fresh: World) -> None:
    for _ in range(2):
        with Daemon(fresh.gateway, RULES, {"fail": "closed"}) as daemon:
            daemon.stop()
            daemon.start()
            assert tcp_connect(fresh.client, SERVER4, 80) == "connected"
            assert tcp_connect(fresh.client, SERVER4, 81, timeout=0.3) == "timed out"


def test_a_second_daemon_on_the_same_queue_says_who_holds_it_and_ends(fresh: World) -> None:
    with Daemon(fresh.gateway, RULES) as first:
        second = Daemon(fresh.gateway, RULES)
        try:
            done = second.command("run")
        finally:
            second.discard()
        assert done.returncode == 1, done.stdout
        assert "queue 0" in done.stdout
        holders = {str(first.worker_pid()), str(first.status().get("pid"))}
        assert any(holder in done.stdout for holder in holders), done.stdout
        # The first one is not disturbed.
        assert tcp_connect(fresh.client, SERVER4, 80) == "connected"
        assert tcp_connect(fresh.client, SERVER4, 81, timeout=0.3) == "timed out"


@pytest.mark.parametrize("broken", ["rules", "config"])
def test_with_a_broken_file_it_does_not_start_and_hooks_nothing(fresh: World, broken: str) -> None:
    daemon = Daemon(fresh.gateway, RULES)
    try:
        if broken == "rules":
            daemon.write_rules(RULES.replace("dport", "dprot"))
        else:
            daemon.write_config({"queue": {"numbr": 1}})
        done = daemon.command("run")
        assert done.returncode == 5, done.stdout
        assert ("rules.yaml:8" if broken == "rules" else "firewalld-py.yaml:") in done.stdout
        assert tcp_connect(fresh.client, SERVER4, 81) == "connected"
    finally:
        daemon.discard()


def test_after_kill_9_of_the_whole_daemon_nothing_passes_until_it_is_started_again(
    fresh: World,
) -> None:
    with Daemon(fresh.gateway, RULES, {"fail": "closed"}) as daemon:
        worker = os.pidfd_open(daemon.worker_pid())
        try:
            daemon.kill()
            # Without its supervisor the worker ends by itself: a pidfd is readable then.
            assert select.select([worker], [], [], 5.0)[0] == [worker]
        finally:
            os.close(worker)
        assert tcp_connect(fresh.client, SERVER4, 80, timeout=0.3) == "timed out"
        daemon.start()
        assert tcp_connect(fresh.client, SERVER4, 80) == "connected"
        assert tcp_connect(fresh.client, SERVER4, 81, timeout=0.3) == "timed out"
