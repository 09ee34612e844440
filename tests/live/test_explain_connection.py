"""`firewalld-py explain --connection`: what the daemon tracks, and what its rules would do next."""

from __future__ import annotations

import json
import socket
from typing import Any, Final

import pytest

from firewalld_py.cli.exits import FAILURE, OK
from tests.lab.daemon import Daemon
from tests.lab.servers import tcp_listener
from tests.lab.traffic import ANSWER_TIMEOUT_S, family_of
from tests.lab.world import CLIENT4, CLIENT6, GATEWAY_LAN4, SERVER4, SERVER6, World

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES: Final = """
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: established, direction: reply, action: accept}
      - {name: going on, state: established, action: accept}
      - {name: web, in: lan0, proto: tcp, dport: 4433-4436, state: new,
         action: [{connmark: 0x7}, accept]}
"""
CLOSED: Final = """
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {name: not any more, dport: 4433-4436, action: drop}
      - {name: answers, state: established, direction: reply, action: accept}
"""


def explained(daemon: Daemon, *words: str) -> dict[str, Any]:
    done = daemon.command("explain", "--json", "--connection", *words)
    assert done.returncode == OK, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def by_rules(daemon: Daemon, rules: str) -> None:
    daemon.write_rules(rules)
    assert daemon.command("reload").returncode == OK


@pytest.mark.parametrize(
    ("client", "server", "port"), [(CLIENT4, SERVER4, 4433), (CLIENT6, SERVER6, 4434)]
)
def test_a_live_connection_and_its_next_packets(
    daemon: Daemon, world: World, client: str, server: str, port: int
) -> None:
    by_rules(daemon, RULES)
    family = family_of(server)
    with (
        world.server.socket(family, socket.SOCK_STREAM) as listening,
        world.client.socket(family, socket.SOCK_STREAM) as talking,
    ):
        listening.settimeout(ANSWER_TIMEOUT_S)
        talking.settimeout(ANSWER_TIMEOUT_S)
        listening.bind((server, port))
        listening.listen()
        talking.connect((server, port))
        accepted, _ = listening.accept()
        with accepted:
            talking.sendall(b"hello")
            assert accepted.recv(5) == b"hello"
            accepted.sendall(b"hello")
            assert talking.recv(5) == b"hello"
            sport = talking.getsockname()[1]
            told = explained(daemon, f"proto=tcp src={client} dport={port}")
            connection = told["connection"]
            assert connection["state"] == "ESTABLISHED"
            assert connection["mark"] == 7
            assert (connection["original"]["src"], connection["original"]["sport"]) == (
                client,
                sport,
            )
            assert connection["reply"]["octets"] > 5
            assert not told["file_differs"]
            assert [told[way]["state"] for way in ("original", "reply")] == ["ESTABLISHED"] * 2
            assert [told[way]["rule"] for way in ("original", "reply")] == ["going on", "answers"]
            shown = " ".join(
                daemon.command("explain", "--connection", f"sport={sport}").stdout.split()
            )
            assert "in lan0, out wan0, judged in filter/forward" in shown
            assert "in wan0, out lan0, judged in filter/forward" in shown
            told = explained(daemon, f"src={client} in=wan0 out=lan0")
            assert told["original"]["rule"] == "going on"
            # by what answers; the rest may be left out
            assert explained(daemon, f"src={server}", f"sport={port}")["connection"]["mark"] == 7
            _another_file(daemon, port)


def _another_file(daemon: Daemon, port: int) -> None:
    """What is in force is explained whatever the file says meanwhile, and then what was loaded."""
    daemon.write_rules(CLOSED)
    told = explained(daemon, f"dport={port}")
    assert told["file_differs"]
    assert told["original"]["rule"] == "going on"
    (first, second) = told["original"]["tried"]
    assert (first["condition"], first["found"]) == (
        "direction reply",
        "the packet goes in original direction",
    )
    assert second["met"]
    done = daemon.command("explain", "--connection", f"dport={port}")
    assert "says something else by now" in done.stdout
    assert daemon.command("reload").returncode == OK
    told = explained(daemon, f"dport={port}")
    assert not told["file_differs"]
    assert [told[way]["rule"] for way in ("original", "reply")] == ["not any more", "answers"]
    assert told["original"]["verdict"] == "drop"


def test_what_was_added_to_a_set_counts(daemon: Daemon, world: World) -> None:
    with_set = RULES.replace("version: 1\n", "version: 1\nsets: {slow: {type: address}}\n")
    by_rules(daemon, with_set.replace("rules:\n", "rules:\n      - {src: $slow, action: drop}\n"))
    with (
        world.server.socket(socket.AF_INET, socket.SOCK_STREAM) as listening,
        world.client.socket(socket.AF_INET, socket.SOCK_STREAM) as talking,
    ):
        listening.bind((SERVER4, 4436))
        listening.listen()
        talking.settimeout(ANSWER_TIMEOUT_S)
        talking.connect((SERVER4, 4436))
        words = f"sport={talking.getsockname()[1]}"
        assert explained(daemon, words)["original"]["verdict"] == "accept"
        assert daemon.command("set", "add", "slow", CLIENT4).returncode == OK
        told = explained(daemon, words)
        assert [told[way]["verdict"] for way in ("original", "reply")] == ["drop", "accept"]
        assert daemon.command("set", "flush", "slow").returncode == OK


def test_what_is_for_the_gateway_itself_is_judged_in_its_chains(
    daemon: Daemon, world: World
) -> None:
    local = "  input: {rules: [{name: to us, in: lan0, state: established, action: accept}]}\n"
    by_rules(daemon, RULES + local)
    with (
        tcp_listener(world.gateway, GATEWAY_LAN4, 4437),
        world.client.socket(socket.AF_INET, socket.SOCK_STREAM) as talking,
    ):
        talking.settimeout(ANSWER_TIMEOUT_S)
        talking.connect((GATEWAY_LAN4, 4437))
        told = explained(daemon, f"dst={GATEWAY_LAN4} dport=4437")
        assert [told[way]["chain"] for way in ("original", "reply")] == [
            "filter/input",
            "filter/output",
        ]
        assert told["original"]["rule"] == "to us"


def test_several_are_listed_and_none_is_said(daemon: Daemon, world: World) -> None:
    by_rules(daemon, RULES)
    port = 4435
    with (
        world.server.socket(socket.AF_INET, socket.SOCK_STREAM) as listening,
        world.client.socket(socket.AF_INET, socket.SOCK_STREAM) as one,
        world.client.socket(socket.AF_INET, socket.SOCK_STREAM) as other,
    ):
        listening.bind((SERVER4, port))
        listening.listen()
        for talking in (one, other):
            talking.settimeout(ANSWER_TIMEOUT_S)
            talking.connect((SERVER4, port))
        done = daemon.command("explain", "--connection", f"dport={port}")
        assert done.returncode == FAILURE
        assert done.stdout.count(f"tcp {CLIENT4}:") == 2
        assert "2 connections fit" in done.stdout + (done.stderr or "")
        sport = one.getsockname()[1]
        assert explained(daemon, f"sport={sport}")["connection"]["original"]["sport"] == sport
    done = daemon.command("explain", "--connection", "dport=9")
    assert done.returncode == FAILURE
    assert "no such connection is tracked" in done.stdout + (done.stderr or "")
