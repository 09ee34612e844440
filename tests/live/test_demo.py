"""`make run` shows the firewall at work, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.daemon import CHECKOUT
from tests.lab.netns import NETNS_DIR

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

TIMEOUT_S: Final = 60.0


def start(**environment: str) -> subprocess.Popen[str]:
    """The demo in a process (and process group) of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lab.demo"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
        start_new_session=True,
    )


def left_behind(pid: int) -> list[Path]:
    """The namespaces of the demo with this process id that still stand."""
    return list(NETNS_DIR.glob(f"fwlab-{pid}-*"))


def read_until(demo: subprocess.Popen[str], text: str) -> str:
    """Read the demo's output up to the line with `text`."""
    assert demo.stdout is not None
    seen = []
    for line in demo.stdout:
        seen.append(line)
        if text in line:
            return line
    raise AssertionError(f"{text!r} was never shown:\n{''.join(seen)}")


def test_all_of_the_demo_is_as_it_must_be_and_nothing_is_left() -> None:
    with start() as demo:
        output, _ = demo.communicate(timeout=TIMEOUT_S)
    assert demo.returncode == 0, output
    assert "All was as it must be." in output
    table = output[output.index("What was sent, and what became of it") :]
    for state in ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"):
        assert state in table
    for verdict in ("accept", "drop", "reject"):
        assert verdict in table
    assert "WRONG" not in table
    assert "\033" not in output
    assert not left_behind(demo.pid)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_in_its_middle_the_demo_leaves_nothing(number: signal.Signals, status: int) -> None:
    with start() as demo:
        read_until(demo, "4. ")
        assert len(left_behind(demo.pid)) == 4
        os.killpg(demo.pid, number)
        demo.communicate(timeout=TIMEOUT_S)
    assert demo.returncode == status
    assert not left_behind(demo.pid)


def test_interactive_gives_a_shell_behind_the_firewall() -> None:
    with start(INTERACTIVE="1") as demo:
        commands = (
            "ip -brief address show dev eth0\n"
            "exec 3<>/dev/tcp/$SERVER/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3\n"
            "(exec 4<>/dev/tcp/$SERVER/23) 2>&1 | tail -n 1\n"
            "firewalld-py status\n"
            "exit\n"
        )
        output, _ = demo.communicate(commands, timeout=TIMEOUT_S)
    assert demo.returncode == 0, output
    shell = output[output.index("A shell in the client") :]
    assert "10.1.0.5/24" in shell
    assert "This page came through the firewall." in shell
    assert "Connection refused" in shell
    assert "DPT=80" in shell
    assert "connections" in shell
    assert not left_behind(demo.pid)
