"""The gateway's own traffic: input and output are judged by their own chains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.servers import http_server, tcp_listener
from tests.lab.traffic import ping, tcp_connect
from tests.lab.world import GATEWAY_LAN4, GATEWAY_LAN6, SERVER4, SERVER6, World

if TYPE_CHECKING:
    from tests.lab.daemon import Daemon

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

# Neighbour discovery is UNTRACKED: without its rules IPv6 is cut off.
RULES: Final = """
version: 1
filter:
  input:
    policy: drop
    rules:
      - {name: answers, state: established, log: {limit: 1000/second}, action: accept}
      - {name: neighbours, state: untracked, proto: icmpv6, action: accept}
      - {name: ssh, in: lan0, proto: tcp, dport: 22, state: new, log: true, action: accept}
      - {name: rest, log: true, action: drop}
  output:
    policy: drop
    rules:
      - {name: own answers, state: established, log: {limit: 1000/second}, action: accept}
      - {name: neighbours, state: untracked, proto: icmpv6, action: accept}
      - {name: own ping, proto: [icmp, icmpv6], state: new, log: true, action: accept}
      - {name: own rest, log: true, action: drop}
"""
CONFIG: Final = {"log": {"rate": "1000/second", "burst": 1000}}


@pytest.mark.parametrize("gateway", [GATEWAY_LAN4, GATEWAY_LAN6])
def test_input_lets_in_what_it_allows_and_output_its_answers(
    daemon: Daemon, world: World, gateway: str
) -> None:
    mark = daemon.log.mark()
    with tcp_listener(world.gateway, gateway, 22):
        assert tcp_connect(world.client, gateway, 22) == "connected"
    daemon.log.wait_verdict(mark, rule="ssh", chain="input", state="NEW", IN="lan0", OUT="")
    daemon.log.wait_verdict(mark, rule="own answers", chain="output", state="ESTABLISHED", IN="")


@pytest.mark.parametrize("gateway", [GATEWAY_LAN4, GATEWAY_LAN6])
def test_input_drops_what_it_does_not_allow(daemon: Daemon, world: World, gateway: str) -> None:
    mark = daemon.log.mark()
    with tcp_listener(world.gateway, gateway, 80):
        assert tcp_connect(world.client, gateway, 80, timeout=0.3) == "timed out"
    daemon.log.wait_verdict(mark, rule="rest", chain="input", action="drop", DPT="80")


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_a_ping_of_the_gateway_is_new_on_its_way_out_and_answered_established(
    daemon: Daemon, world: World, server: str
) -> None:
    mark = daemon.log.mark()
    assert ping(world.gateway, server)
    daemon.log.wait_verdict(mark, rule="own ping", chain="output", state="NEW", OUT="wan0")
    daemon.log.wait_verdict(mark, rule="answers", chain="input", state="ESTABLISHED", IN="wan0")


@pytest.mark.parametrize("server", [SERVER4, SERVER6])
def test_output_drops_what_it_does_not_allow(daemon: Daemon, world: World, server: str) -> None:
    mark = daemon.log.mark()
    with http_server(world.server, server):
        assert tcp_connect(world.gateway, server, 80, timeout=0.3) in ("timed out", "unreachable")
    daemon.log.wait_verdict(mark, rule="own rest", chain="output", action="drop", DPT="80")
