"""Helpers of other packages in the daemon: one that works, and one that fails."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Final

import pytest

from firewalld_py.cli.exits import OK
from tests.distribution import helper_source, install, pip_install
from tests.lab.daemon import Daemon
from tests.lab.servers import tcp_listener, udp_server
from tests.lab.traffic import ANSWER_TIMEOUT_S, udp_ask
from tests.lab.world import CLIENT4, SERVER4, World
from tests.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RTSP_PORT: Final = 554
RULES: Final = """
version: 1
raw:
  prerouting:
    - {name: rtsp control, proto: tcp, dport: 554, action: {helper: rtsp}}
    - {name: fragile, proto: udp, dport: 5000, action: {helper: fragile}}
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: established, action: accept}
      - {name: expected, state: related, log: {limit: 1000/second}, action: accept}
      - {name: lan out, in: lan0, state: new, action: accept}
"""
SETUP: Final = (
    b"SETUP rtsp://camera/video RTSP/1.0\r\nCSeq: 3\r\n"
    b"Transport: RTP/AVP;unicast;client_port=4588-4589\r\n\r\n"
)


@pytest.fixture
def daemon(
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Daemon:
    """Not started; its Python finds the example of docs/helpers.md, and a package with a flaw."""
    site: Path = tmp_path_factory.mktemp("site")
    pip_install(ROOT / "docs/examples/firewalld-py-rtsp", site, tmp_path_factory.mktemp("build"))
    flaw = helper_source("fragile", inspect="raise RuntimeError('unheard of')")
    install(site, "flawed", flaw, fragile="Made")
    path = filter(None, [str(site), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    return Daemon(world.gateway, RULES)


def test_a_stream_is_expected_and_related_and_one_that_fails_is_told_of_once(
    daemon: Daemon, world: World
) -> None:
    with (
        daemon,
        tcp_listener(world.server, SERVER4, RTSP_PORT) as listener,
        world.client.socket(socket.AF_INET, socket.SOCK_STREAM) as control,
    ):
        control.settimeout(ANSWER_TIMEOUT_S)
        control.connect((SERVER4, RTSP_PORT))
        with listener.accept()[0] as camera:
            camera.settimeout(ANSWER_TIMEOUT_S)
            control.sendall(SETUP)
            assert camera.recv(len(SETUP), socket.MSG_WAITALL) == SETUP
            shown = daemon.command("expect", "list", "--json")
            assert shown.returncode == OK
            entries = json.loads(shown.stdout)["expectations"]
            assert [(one["dst"], one["dport"], one["helper"]) for one in entries] == [
                (CLIENT4, 4588, "rtsp"),
                (CLIENT4, 4589, "rtsp"),
            ]
            with udp_server(world.client, CLIENT4, 4588):
                assert udp_ask(world.server, CLIENT4, 4588, b"media") == b"media"
            daemon.log.wait_verdict(state="RELATED", rule="expected", DST=CLIENT4, DPT="4588")
        with udp_server(world.server, SERVER4, 5000):
            for question in (b"one", b"two"):
                assert udp_ask(world.client, SERVER4, 5000, question) == question
        daemon.log.wait_line(lambda line: "helper fragile is switched off" in line)
        assert daemon.stop() == OK
        told = [line for line in daemon.log.lines() if "helper fragile" in line]
        assert len(told) == 1
        assert "inspect() raised RuntimeError: unheard of (flawed.py:" in told[0]
