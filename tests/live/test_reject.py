"""What is refused is refused the way the rule says, and never reaches the other side."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.capture import Fence, to_port
from tests.lab.servers import tcp_listener
from tests.lab.traffic import IcmpError, tcp_connect, udp_ask
from tests.lab.world import GATEWAY_LAN4, GATEWAY_LAN6, SERVER4, SERVER6, World

if TYPE_CHECKING:
    from tests.lab.daemon import Daemon

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES: Final = """
version: 1
filter:
  input:
    rules:
      - {name: no ssh here, proto: tcp, dport: 22, action: {reject: tcp-reset}}
  output:
    rules:
      - {name: no mail, proto: tcp, dport: 25, action: {reject: tcp-reset}}
      - {name: no time, proto: udp, dport: 123, action: reject}
  forward:
    policy: drop
    rules:
      - {name: answers, state: [established, related], action: accept}
      - {name: fence, proto: udp, dport: 9999, action: accept}
      - {name: web, proto: tcp, dport: 80, action: accept}
      - {name: no telnet, proto: tcp, dport: 23, action: {reject: tcp-reset}}
      - {name: silence, proto: tcp, dport: 24, log: true, action: drop}
      - {name: no admin, proto: tcp, dport: 26, action: {reject: icmp-admin-prohibited}}
      - {name: no echo, proto: udp, dport: 7, action: reject}
      - {name: no discard, proto: udp, dport: 9, action: {reject: icmp-admin-prohibited}}
"""
BOTH: Final = pytest.mark.parametrize("server", [SERVER4, SERVER6])


def version(address: str) -> int:
    """The IP version of an address."""
    return 6 if ":" in address else 4


@BOTH
def test_a_syn_to_a_refused_port_gets_a_reset(daemon: Daemon, world: World, server: str) -> None:
    # A listener is there: were the packet let through, the connection would come about.
    with tcp_listener(world.server, server, 23), Fence(world, version(server)) as fence:
        assert tcp_connect(world.client, server, 23) == "refused"
        assert not [packet for packet in fence.arrived() if to_port(23)(packet)]


@BOTH
def test_a_syn_to_a_dropped_port_gets_nothing(daemon: Daemon, world: World, server: str) -> None:
    mark = daemon.log.mark()
    with tcp_listener(world.server, server, 24), Fence(world, version(server)) as fence:
        assert tcp_connect(world.client, server, 24, timeout=0.5) == "timed out"
        daemon.log.wait_verdict(mark, rule="silence", action="drop", DST=server)
        assert not [packet for packet in fence.arrived() if to_port(24)(packet)]


@BOTH
def test_an_allowed_port_is_not_touched(daemon: Daemon, world: World, server: str) -> None:
    with tcp_listener(world.server, server, 80):
        assert tcp_connect(world.client, server, 80) == "connected"


@pytest.mark.parametrize(
    ("server", "gateway", "kind"),
    [(SERVER4, GATEWAY_LAN4, (3, 3)), (SERVER6, GATEWAY_LAN6, (1, 4))],
)
def test_refused_udp_arrives_as_connection_refused(
    daemon: Daemon, world: World, server: str, gateway: str, kind: tuple[int, int]
) -> None:
    with Fence(world, version(server)) as fence:
        answer = udp_ask(world.client, server, 7)
        assert answer == IcmpError(errno.ECONNREFUSED, *kind, gateway)
        assert not [packet for packet in fence.arrived() if to_port(7)(packet)]


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (SERVER4, IcmpError(errno.EHOSTUNREACH, 3, 13, GATEWAY_LAN4)),
        # Refused with an ICMPv4 word, an IPv6 packet is answered in its own family.
        (SERVER6, IcmpError(errno.EACCES, 1, 1, GATEWAY_LAN6)),
    ],
)
def test_udp_is_refused_with_the_error_that_the_rule_names(
    daemon: Daemon, world: World, server: str, expected: IcmpError
) -> None:
    assert udp_ask(world.client, server, 9) == expected


@BOTH
def test_tcp_can_be_refused_with_an_icmp_error(daemon: Daemon, world: World, server: str) -> None:
    assert tcp_connect(world.client, server, 26) == "unreachable"


@pytest.mark.parametrize("gateway", [GATEWAY_LAN4, GATEWAY_LAN6])
def test_a_port_of_the_gateway_itself_is_refused(
    daemon: Daemon, world: World, gateway: str
) -> None:
    mark = daemon.log.mark()
    with tcp_listener(world.gateway, gateway, 22):
        assert tcp_connect(world.client, gateway, 22) == "refused"
    daemon.write_rules(
        RULES.replace("no ssh here, proto: tcp, dport: 22", "x, proto: tcp, dport: 2")
    )
    try:
        assert "rules reloaded" in daemon.hangup(), daemon.log.lines(mark)
        with tcp_listener(world.gateway, gateway, 22):
            assert tcp_connect(world.client, gateway, 22) == "connected"
    finally:
        daemon.write_rules(RULES)
        daemon.hangup()


@BOTH
def test_what_the_gateway_sends_itself_is_refused(
    daemon: Daemon, world: World, server: str
) -> None:
    with tcp_listener(world.server, server, 25):
        assert tcp_connect(world.gateway, server, 25, timeout=3.0) == "refused"
    answer = udp_ask(world.gateway, server, 123)
    assert isinstance(answer, IcmpError)
    assert answer.errno == errno.ECONNREFUSED
