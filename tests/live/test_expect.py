"""`firewalld-py expect list`: what an FTP client and its server have just agreed upon."""

from __future__ import annotations

import json
import socket
from typing import Any, Final

import pytest

from firewalld_py.cli.exits import OK
from tests.differential.file_servers import FILE, FTP_PORT, ftp_server
from tests.lab.daemon import Daemon
from tests.lab.traffic import ANSWER_TIMEOUT_S, family_of
from tests.lab.world import CLIENT4, CLIENT6, SERVER4, SERVER6, World

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES: Final = """
version: 1
raw:
  prerouting:
    - {name: ftp control, proto: tcp, dport: 21, action: {helper: ftp}}
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: established, action: accept}
      - {name: expected, state: related, log: {limit: 1000/second}, action: accept}
      - {name: ftp, in: lan0, proto: tcp, dport: 21, state: new, action: accept}
"""


def listed(daemon: Daemon) -> list[dict[str, Any]]:
    done = daemon.command("expect", "list", "--json")
    assert done.returncode == OK, done.stdout
    answer = json.loads(done.stdout)
    assert answer["total"] == len(answer["expectations"])
    entries: list[dict[str, Any]] = answer["expectations"]
    return entries


@pytest.mark.parametrize(("client", "server"), [(CLIENT4, SERVER4), (CLIENT6, SERVER6)])
def test_the_data_connection_is_expected_until_it_comes(
    daemon: Daemon, world: World, client: str, server: str
) -> None:
    assert listed(daemon) == []
    with (
        ftp_server(world.server, server),
        world.client.socket(family_of(server), socket.SOCK_STREAM) as control,
    ):
        control.settimeout(ANSWER_TIMEOUT_S)
        control.connect((server, FTP_PORT))
        lines = control.makefile("r", encoding="ascii", newline="\r\n")
        with lines:
            lines.readline()
            for command in ("USER anybody", "PASS x", "EPSV"):
                control.sendall(f"{command}\r\n".encode())
                answer = lines.readline()
            port = int(answer.split("|")[3])
            (entry,) = listed(daemon)
            assert 290 < entry.pop("seconds") <= 300
            sport = control.getsockname()[1]
            master = {"src": client, "sport": sport, "dst": server, "dport": FTP_PORT}
            assert entry == {
                "protocol": "tcp", "src": client, "sport": None, "dst": server, "dport": port,
                "helper": "ftp", "class": 0, "given_helper": "", "flags": [],
                "master": {"protocol": "tcp", "zone": 0, **master},
            }  # fmt: skip
            assert _line_for_people(daemon).startswith(f"tcp {client} -> ")
            assert _fetched(world, server, port, control) == FILE
            assert listed(daemon) == []
            control.sendall(b"QUIT\r\n")
            while not lines.readline().startswith("221"):
                pass


def _line_for_people(daemon: Daemon) -> str:
    done = daemon.command("expect", "list")
    assert done.returncode == OK
    (line,) = done.stdout.splitlines()
    return str(line)


def _fetched(world: World, server: str, port: int, control: socket.socket) -> bytes:
    """What comes through the connection that was agreed upon."""
    with world.client.socket(family_of(server), socket.SOCK_STREAM) as data:
        data.settimeout(ANSWER_TIMEOUT_S)
        data.connect((server, port))
        control.sendall(b"RETR file\r\n")
        with data.makefile("rb") as octets:
            return octets.read()
