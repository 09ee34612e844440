"""Rules that ask the machine: its routes, its clock, and who sent the frame."""

from __future__ import annotations

import os
import signal
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.daemon import Daemon
from tests.lab.netns import run_command
from tests.lab.world import CLIENT4, GATEWAY_LAN4, SERVER4

if TYPE_CHECKING:
    from tests.lab.world import World

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

CONFIG: Final = {"log": {"rate": "1000000/second", "burst": 100000}}
RULES: Final = """
version: 1
filter:
  forward:
    policy: accept
    rules:
      - {name: forged, not: {reverse_path: strict}, log: true, action: drop}
      - {name: straight, log: true, action: accept}
  input:
    policy: accept
    rules:
      - {name: for us, dst_type: local, log: true, action: accept}
"""
ELSEWHERE: Final = "198.51.100.7"  # behind the server, but the client has it
PLAIN: Final = "version: 1\nfilter: {forward: {policy: accept}}\n"
CHANGE_TIMEOUT_S: Final = 10.0


class Sender:
    """The client, which also has an address that the gateway finds elsewhere."""

    def __init__(self, world: World) -> None:
        self._client = world.client
        world.client.ip_batch([f"address add {ELSEWHERE}/32 dev lo"])

    def judged(self, daemon: Daemon, source: str, destination: str) -> str:
        """By which rule the daemon judges a datagram that is sent now."""
        mark = daemon.log.mark()
        with self._client.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((source, 0))
            udp.sendto(b"?", (destination, 9))
        return daemon.log.wait_verdict(mark, SRC=source, PROTO="UDP").rule

    def await_rule(self, daemon: Daemon, rule: str, source: str, destination: str) -> None:
        """Send until it is judged by this rule; every try waits for its own verdict."""
        until = time.monotonic() + CHANGE_TIMEOUT_S
        while self.judged(daemon, source, destination) != rule:
            assert time.monotonic() < until, f"never judged by {rule}"


@pytest.fixture(scope="module")
def sender(world: World) -> Sender:
    return Sender(world)


def test_the_way_back_follows_the_routes(world: World, sender: Sender) -> None:
    with Daemon(world.gateway, RULES, CONFIG) as daemon:
        assert sender.judged(daemon, CLIENT4, SERVER4) == "straight"
        assert sender.judged(daemon, ELSEWHERE, SERVER4) == "forged"
        assert sender.judged(daemon, CLIENT4, GATEWAY_LAN4) == "for us"
        world.gateway.ip_batch([f"route add {ELSEWHERE}/32 dev lan0"])
        sender.await_rule(daemon, "straight", ELSEWHERE, SERVER4)
        world.gateway.ip_batch([f"route delete {ELSEWHERE}/32 dev lan0"])
        sender.await_rule(daemon, "forged", ELSEWHERE, SERVER4)


def test_routes_are_there_with_the_first_packet_that_rules_ask_about(
    world: World, sender: Sender
) -> None:
    with Daemon(world.gateway, PLAIN, CONFIG) as daemon:
        daemon.write_rules(RULES)
        assert "rules reloaded" in daemon.hangup()
        assert sender.judged(daemon, ELSEWHERE, SERVER4) == "forged"
        os.kill(daemon.worker_pid(), signal.SIGKILL)
        daemon.log.wait_line(lambda line: "judges" in line)
        assert sender.judged(daemon, ELSEWHERE, SERVER4) == "forged"
        assert sender.judged(daemon, CLIENT4, SERVER4) == "straight"


def test_policy_rules_that_are_not_known_are_told_once(world: World, sender: Sender) -> None:
    rule = "rule add from 10.250.0.0/16 lookup 100"
    world.gateway.ip_batch([rule])
    try:
        with Daemon(world.gateway, RULES, CONFIG) as daemon:
            daemon.log.wait_line(lambda line: "1 policy routing rules (ip rule) beside" in line)
            world.gateway.ip_batch([f"route add {ELSEWHERE}/32 dev lan0"])
            sender.await_rule(daemon, "straight", ELSEWHERE, SERVER4)
            told = [line for line in daemon.log.lines() if "policy routing rules" in line]
            assert len(told) == 1
    finally:
        world.gateway.ip_batch([rule.replace("add", "delete")])
        world.gateway.ip_batch([f"route delete {ELSEWHERE}/32 dev lan0"])


def test_who_sent_the_frame_and_when(world: World, sender: Sender) -> None:
    output = run_command(["ip", "-n", world.client.name, "-o", "link", "show", "eth0"])
    mac = output.split("link/ether ")[1].split()[0]
    now = datetime.now(UTC)
    day, tomorrow = ((now + timedelta(days=days)).strftime("%a").lower() for days in (0, 2))
    rules = f"""
version: 1
filter:
  forward:
    policy: accept
    rules:
      - {{name: stranger, not: {{source_mac: "{mac}"}}, in: lan0, log: true, action: drop}}
      - {{name: another day, time: {{weekdays: {tomorrow}}}, log: true, action: drop}}
      - {{name: today, source_mac: "{mac}", time: {{weekdays: {day}}}, log: true, action: accept}}
"""
    with Daemon(world.gateway, PLAIN, CONFIG) as daemon:
        daemon.write_rules(rules)
        assert "rules reloaded" in daemon.hangup()
        assert sender.judged(daemon, CLIENT4, SERVER4) == "today"
