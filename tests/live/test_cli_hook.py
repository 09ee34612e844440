"""`firewalld-py hook` as the administrator meets it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from firewalld_py.cli import exits, hook
from firewalld_py.service.hook import choose_backend
from tests.lab.servers import udp_listener
from tests.lab.traffic import udp_socket
from tests.lab.world import SERVER4, World
from tests.live.hook_judge import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

QUEUE: Final = 21
PORT: Final = 5353


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world; the command works on the gateway."""
    with World() as made:
        yield made


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file with a queue of its own."""
    path = tmp_path / "firewalld-py.yaml"
    path.write_text(f"queue: {{number: {QUEUE}}}\n")
    return path


def _command(world: World, config: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config")
    hook.add_arguments(parser.add_subparsers())
    args = parser.parse_args(["--config", str(config), "hook", *words])
    with world.gateway.entered():
        return hook.run(args)


def test_install_refuses_to_cut_the_machine_off_while_nobody_listens(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _command(world, config, "install") == exits.FAILURE
    said = capsys.readouterr().err
    assert f"nobody listens on queue {QUEUE}: every packet is dropped" in said
    assert "--force" in said
    assert _command(world, config, "show") == exits.OK
    assert capsys.readouterr().out == "no hook is installed\n"


def test_install_with_force_goes_on_and_warns(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _command(world, config, "install", "--force") == exits.OK
    said = capsys.readouterr()
    assert f"warning: nobody listens on queue {QUEUE}: every packet is dropped" in said.err
    assert said.out.startswith("hook installed by ")
    assert said.out.endswith(": forward, input, output\n")
    assert _command(world, config, "show") == exits.OK
    assert f"queue {QUEUE}: NOBODY LISTENS, every packet is dropped" in capsys.readouterr().out


def test_fail_open_needs_no_force_and_says_that_packets_pass(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("fail: open\nhook: {chains: [forward]}\n")
    with udp_listener(world.server, SERVER4, PORT) as at_server:
        assert _command(world, config, "install") == exits.OK
        assert "packets pass unjudged until the daemon runs" in capsys.readouterr().err
        with udp_socket(world.client, SERVER4, PORT) as udp:
            udp.send(b"unjudged")
        assert at_server.recv(99) == b"unjudged"
    assert _command(world, config, "show") == exits.OK
    assert "queue 0 (bypass)" in capsys.readouterr().out


def test_show_counts_packets_and_names_the_listener(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        judge(world.gateway, "accept", QUEUE) as listening,
        udp_listener(world.server, SERVER4, PORT) as at_server,
    ):
        assert _command(world, config, "install") == exits.OK
        said = capsys.readouterr()
        assert "nobody" not in said.err
        with udp_socket(world.client, SERVER4, PORT) as udp:
            udp.send(b"12345678")
        assert at_server.recv(99) == b"12345678"
        assert _command(world, config, "show") == exits.OK
        lines = capsys.readouterr().out.splitlines()
        assert _command(world, config, "show", "--json") == exits.OK
        data = json.loads(capsys.readouterr().out)
    forward = [line for line in lines if " FORWARD " in line]
    assert forward[0].endswith(f" queue {QUEUE:<18} 1 packets, 36 octets")
    assert f"[{listening.pid}] listens" in lines[-1]
    assert data["installed"] is True
    assert {rule["hook"] for rule in data["rules"]} == {"FORWARD", "INPUT", "OUTPUT"}
    assert data["queues"][0]["number"] == QUEUE
    assert data["queues"][0]["listener"].endswith(f"[{listening.pid}]")
    assert data["queues"][0]["waiting"] == 0


def test_remove_says_what_it_removed_and_is_content_with_nothing(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _command(world, config, "install", "--force") == exits.OK
    capsys.readouterr()
    assert _command(world, config, "remove") == exits.OK
    assert capsys.readouterr().out.startswith("hook removed from ")
    assert _command(world, config, "remove") == exits.OK
    assert capsys.readouterr().out == "no hook was installed\n"
    assert _command(world, config, "show", "--json") == exits.OK
    assert json.loads(capsys.readouterr().out) == {"installed": False, "rules": [], "queues": []}


def test_a_bad_configuration_changes_nothing_in_the_kernel(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("hook: {backend: ipfw}\n")
    assert _command(world, config, "install", "--force") == exits.BAD_CONFIGURATION
    assert f"{config}:1:" in capsys.readouterr().err
    assert _command(world, config, "remove") == exits.OK
    assert capsys.readouterr().out == "no hook was installed\n"


def test_a_back_end_that_the_kernel_refuses_is_a_failure_in_words(
    world: World, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("hook: {backend: iptables}\n")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("firewalld_py.service.hook_base._SYSTEM_PATH", "/nowhere")
    assert _command(world, config, "install", "--force") == exits.FAILURE
    assert "iptables is not installed" in capsys.readouterr().err


# Become nobody with CAP_NET_ADMIN (12) and CAP_NET_RAW (13), as the unit's user has them; done
# within the process because that user may not be able to read this Python.
AS_NOBODY: Final = """
import ctypes, os
from firewalld_py.service.hook import HookSpec, install_hook
libc = ctypes.CDLL(None)
libc.prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
both = 1 << 12 | 1 << 13
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
assert libc.capset(header, (ctypes.c_uint32 * 6)(both, both, both, 0, 0, 0)) == 0
for capability in 12, 13:
    assert libc.prctl(47, 2, capability, 0, 0) == 0  # PR_CAP_AMBIENT_RAISE
backend, notes = install_hook("auto", HookSpec(21))
print(backend.name, notes, backend.installed(), backend.remove(), backend.installed())
"""


def test_a_daemon_that_is_not_root_installs_and_removes_with_two_capabilities(world: World) -> None:
    with world.gateway.entered():
        wanted = choose_backend("auto").name
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            # The lock of legacy iptables belongs to root unless the unit provides for it.
            env={**os.environ, "XTABLES_LOCKFILE": os.devnull},
        )
        legacy_tables = Path("/proc/thread-self/net/ip_tables_names")
        looked_at = legacy_tables.read_text() if legacy_tables.exists() else ""
    assert (done.stdout, done.stderr) == (f"{wanted} [] True True False\n", "")
    assert wanted == "iptables-legacy" or not looked_at


@pytest.mark.needs("setpriv")
@pytest.mark.parametrize("verb", ["install", "remove", "show"])
def test_without_the_right_to_change_the_packet_filter_every_verb_is_refused(
    world: World, config: Path, verb: str
) -> None:
    program = (
        "import argparse; from firewalld_py.cli import hook; "
        f"args = argparse.Namespace(config={str(config)!r}, hook_verb={verb!r}, force=True, "
        "json=False); raise SystemExit(hook.run(args))"
    )
    with world.gateway.entered():
        done = subprocess.run(
            ["setpriv", "--bounding-set=-net_admin", sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == exits.NOT_PERMITTED
    assert "not permitted: the kernel hook needs CAP_NET_ADMIN; run this as root" in done.stderr
