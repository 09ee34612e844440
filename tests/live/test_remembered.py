"""What rules remember: connections by address, addresses seen of late, counters; over reloads."""

from __future__ import annotations

import json
import socket
import struct
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from firewalld_py.cli.exits import OK
from tests.lab.servers import tcp_listener
from tests.lab.traffic import tcp_connect, tcp_connection
from tests.lab.world import SERVER4, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.daemon import Daemon

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

LIMITED, KNOCK, DOOR = 81, 82, 83
RULES: Final = f"""
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {{name: answers, state: [established, related], action: accept}}
      - {{flags: syn, dport: {LIMITED}, connections: {{over: 2}}, action: {{reject: tcp-reset}}}}
      - {{flags: syn, dport: {LIMITED}, action: [{{count: limited}}, accept]}}
      - {{flags: syn, dport: {KNOCK}, action: [{{recent_set: knocked}}, {{reject: tcp-reset}}]}}
      - {{flags: syn, dport: {DOOR}, recent: {{list: knocked, within: 5m}}, action: accept}}
      - {{flags: syn, dport: {DOOR}, action: [{{count: no-knock}}, {{reject: tcp-reset}}]}}
"""
CHANGED: Final = RULES.replace("    rules:\n", "    rules:\n      - {proto: 99, action: drop}\n")


@pytest.fixture
def servers(world: World) -> Iterator[None]:
    with tcp_listener(world.server, SERVER4, LIMITED), tcp_listener(world.server, SERVER4, DOOR):
        yield


def counted(daemon: Daemon) -> dict[str, Any]:
    done = daemon.command("rules", "counters", "--json")
    assert done.returncode == OK, done.stdout
    return {name: of["packets"] for name, of in json.loads(done.stdout)["counters"].items()}


def reset(connection: socket.socket) -> None:
    """Close it with a RST, which ends it on all sides."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.usefixtures("servers")
def test_connections_are_counted_until_they_end_whatever_the_rules_do_meanwhile(
    daemon: Daemon, world: World
) -> None:
    before = counted(daemon)["limited"]
    with ExitStack() as opened:
        one, _two = (
            opened.enter_context(tcp_connection(world.client, SERVER4, LIMITED)) for _ in range(2)
        )
        assert tcp_connect(world.client, SERVER4, LIMITED) == "refused"
        daemon.write_rules(CHANGED)
        daemon.hangup()
        assert tcp_connect(world.client, SERVER4, LIMITED) == "refused"
        reset(one)
        assert tcp_connect(world.client, SERVER4, LIMITED) == "connected"
    assert counted(daemon)["limited"] == before + 3
    lines = daemon.command("rules", "counters").stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["limited", "no-knock"]


@pytest.mark.usefixtures("servers")
def test_a_door_opens_to_who_has_knocked_and_stays_open_after_a_reload(
    daemon: Daemon, world: World
) -> None:
    assert tcp_connect(world.client, SERVER4, DOOR) == "refused"
    assert tcp_connect(world.client, SERVER4, KNOCK) == "refused"
    assert tcp_connect(world.client, SERVER4, DOOR) == "connected"
    daemon.write_rules(RULES)
    daemon.hangup()
    assert tcp_connect(world.client, SERVER4, DOOR) == "connected"
    assert counted(daemon)["no-knock"] == 1
