"""The gateway asks a whole network, and each host that answers is RELATED to the question.

The networks are the daemon's to find out, whenever an address comes or goes.
"""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.daemon import Daemon
from tests.lab.log import EVENT_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.world import World

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES: Final = """
version: 1
raw:
  output:
    - {name: names, proto: udp, dport: 137, action: {helper: netbios-ns}}
filter:
  input:
    policy: drop
    rules:
      - {name: answers, state: related, log: {limit: 1000/second}, action: accept}
      - {name: rest, state: new, proto: udp, sport: 137, log: {limit: 1000/second}, action: drop}
  output:
    policy: accept
"""
CONFIG: Final = {"log": {"rate": "1000/second", "burst": 1000}}
NAMES_PORT: Final = 137


@contextmanager
def network(world: World, prefix: str) -> Iterator[None]:
    """A further network of gateway (.1) and client, which is two of its hosts (.5 and .6)."""
    gateway = [f"{prefix}.1/24 broadcast + dev lan0"]
    client = [f"{prefix}.{host}/24 broadcast + dev eth0" for host in (5, 6)]
    ends = ((world.client, client), (world.gateway, gateway))
    for namespace, addresses in ends:
        namespace.ip_batch([f"address add {address}" for address in addresses])
    yield
    for namespace, addresses in ends:
        # With the first, which is primary, the others of its network go.
        namespace.ip_batch([f"address delete {addresses[0].replace(' broadcast +', '')}"])


class Asking:
    """The gateway's socket that asks, and the hosts that are asked."""

    def __init__(self, world: World, prefix: str) -> None:
        self.prefix = prefix
        self.asker = world.gateway.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.asker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.asker.bind((f"{prefix}.1", 0))
        self.asked = world.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.asked.bind((f"{prefix}.255", NAMES_PORT))
        self.hosts = {}
        for host in ("5", "6"):
            self.hosts[host] = world.client.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.hosts[host].bind((f"{prefix}.{host}", NAMES_PORT))
        for one in (self.asker, self.asked):
            one.settimeout(EVENT_TIMEOUT_S)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self.asker, self.asked, *self.hosts.values()):
            one.close()

    def ask(self) -> tuple[str, int]:
        """A question that has arrived; who asked."""
        self.asker.sendto(b"who is there?", (f"{self.prefix}.255", NAMES_PORT))
        who: tuple[str, int] = self.asked.recvfrom(100)[1]
        return who

    def state_of_answer(self, daemon: Daemon, host: str, asker: tuple[str, int]) -> str:
        """What the daemon says of a host's answer."""
        mark = daemon.log.mark()
        self.hosts[host].sendto(b"I am", asker)
        return daemon.log.wait_verdict(mark, SRC=f"{self.prefix}.{host}", SPT="137").state


@pytest.fixture(scope="module")
def daemon(world: World) -> Iterator[Daemon]:
    """It is started when the gateway has one of the networks already."""
    with network(world, "10.4.0"), Daemon(world.gateway, RULES, CONFIG) as running:
        yield running


def test_each_host_that_answers_is_related_and_heard(daemon: Daemon, world: World) -> None:
    with Asking(world, "10.4.0") as asking:
        asker = asking.ask()
        for host in asking.hosts:
            assert asking.state_of_answer(daemon, host, asker) == "RELATED"
            assert asking.asker.recvfrom(100) == (b"I am", (f"10.4.0.{host}", NAMES_PORT))


def test_an_answer_that_nobody_asked_for_is_new(daemon: Daemon, world: World) -> None:
    with Asking(world, "10.4.0") as asking:
        state = asking.state_of_answer(daemon, "5", ("10.4.0.1", 40000))
    assert state == "NEW"


def test_a_network_that_comes_while_the_daemon_runs_is_known(daemon: Daemon, world: World) -> None:
    with network(world, "10.6.0"), Asking(world, "10.6.0") as asking:
        end = time.monotonic() + EVENT_TIMEOUT_S
        state = ""
        while state != "RELATED":  # the news are on their way to the worker
            assert time.monotonic() < end, f"the last answer was {state}"
            state = asking.state_of_answer(daemon, "5", asking.ask())
