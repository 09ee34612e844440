"""`make run`: the firewall at work on real traffic, here and now.

Builds the world, starts the real daemon with config/rules.yaml, sends traffic step by step, shows
the daemon's verdict log as it happens and closes with a table of what was observed. Exit status 0
when all was as it must be, 1 when not, 130 after Ctrl-C. INTERACTIVE=1 opens a shell in the client.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.lab.daemon import CHECKOUT, Daemon
from tests.lab.logged_rules import with_logging
from tests.lab.netns import LabError
from tests.lab.servers import (
    MEGABYTE,
    Download,
    dns_answer,
    http_server,
    tcp_listener,
    udp_server,
)
from tests.lab.show import Screen
from tests.lab.steps import STEPS, Expected, Step
from tests.lab.world import CLIENT4, FAR4, SERVER4, SERVER6, World, remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType

RULES: Final = CHECKOUT / "config" / "rules.yaml"
TITLES: Final = ("what was sent", "state", "rule", "verdict", "what arrived", "")
DOWNLOAD: Final = 100 * MEGABYTE
QUIET_S: Final = 0.1
# Nothing that the demo shows may fall to the limit of log lines.
CONFIG: Final = {"log": {"rate": "1000/second", "burst": 1000}}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the closing table; `good` when all that was observed is as it must be."""

    cells: tuple[str, str, str, str, str]
    good: bool


class Demo:
    """The demo in a standing world, with the daemon running on its gateway."""

    def __init__(self, screen: Screen, world: World, daemon: Daemon) -> None:
        """Remember on what it plays."""
        self._screen = screen
        self._world = world
        self._daemon = daemon
        self._shipped = RULES.read_text()
        self._rows: list[Row] = []

    def play(self) -> bool:
        """Do every step and show the table; True when all was as it must be."""
        for number, step in enumerate(STEPS, 1):
            self._screen.heading(f"{number}. {step.title}")
            self._rows.extend(self._step(step))
        number = len(STEPS) + 1
        self._screen.heading(f"{number}. A download of 100 MB, the rules reloaded in its middle")
        self._rows.append(self._download())
        self._screen.heading("What was sent, and what became of it")
        self._screen.table(
            TITLES, [(*row.cells, "" if row.good else "WRONG") for row in self._rows]
        )
        return all(row.good for row in self._rows)

    def _step(self, step: Step) -> Iterator[Row]:
        mark = self._daemon.log.mark()
        try:
            arrived = step.send(self._world)
        except (LabError, OSError) as error:
            arrived = f"{type(error).__name__}: {error}"
        # What is still on its way shall be shown under this heading, not the next.
        self._daemon.log.wait_quiet(QUIET_S)
        for at, expected in enumerate(step.packets):
            yield self._row(mark, expected, arrived if at == 0 else "", arrived == step.arrives)

    def _row(self, mark: int, expected: Expected, arrived: str, good: bool) -> Row:
        try:
            verdict = self._daemon.log.wait_verdict(mark, **expected.like)
        except LabError:
            return Row((expected.packet, "?", "?", "no verdict in the log", arrived), good=False)
        good = good and (verdict.state, verdict.action) == (expected.state, expected.verdict)
        rule = f"{verdict.rule} ({verdict.file}:{verdict.line})"
        return Row((expected.packet, verdict.state, rule, verdict.action, arrived), good)

    def _download(self) -> Row:
        """Load through a SIGHUP, from the rules that log everything to those that are shipped."""
        self._daemon.write_rules(self._shipped)
        self._reload()
        started = time.monotonic()
        download = Download(self._world.client, SERVER4, DOWNLOAD)
        download.read(DOWNLOAD // 2)
        reloaded = self._reload()
        intact = download.finish()
        seconds = time.monotonic() - started
        arrived = "100 MB, SHA-256 right" if intact else "something else"
        self._screen.say(f"  {arrived}, {DOWNLOAD * 8 / seconds / 1e9:.1f} Gbit/s")
        return Row(("100 MB over TCP", "", "(reloaded midway)", "", arrived), intact and reloaded)

    def _reload(self) -> bool:
        return "rules reloaded" in self._daemon.hangup()

    def shell(self) -> None:
        """Leave the world standing and give a shell in the client until it is left."""
        self._daemon.write_rules(with_logging(self._shipped))
        self._reload()
        self._screen.heading("A shell in the client; the log goes on, `exit` takes all down")
        for line in _suggestions():
            self._screen.say(f"  {line}")
        environment = os.environ | {
            "PATH": f"{_own_command(self._daemon)}:{os.environ['PATH']}",
            "PS1": "client # ",
            "SERVER": SERVER4,
            "RULES": str(self._daemon.rules_path),
        }
        # Ctrl-C in the shell is the shell's affair.
        before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
        try:
            with self._world.client.entered():
                shell = subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], env=environment)
            shell.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def _own_command(daemon: Daemon) -> Path:
    """Make a `firewalld-py` that speaks to this daemon; returns the directory for PATH."""
    directory = daemon.directory / "bin"
    directory.mkdir()
    command = directory / "firewalld-py"
    arguments = shlex.join([sys.executable, "-m", "firewalld_py.cli.main"])
    environment = f"PYTHONPATH={shlex.quote(str(CHECKOUT))}"
    config = shlex.quote(str(daemon.config_path))
    command.write_text(f'#!/bin/sh\n{environment} exec {arguments} --config {config} "$@"\n')
    command.chmod(0o755)
    return directory


def _suggestions() -> list[str]:
    """What to try in the shell, as far as the programs for it are installed."""
    tries = [
        ("curl", f"curl http://{SERVER4}/", "a page: allowed"),
        ("curl", f"curl -o /dev/null http://[{SERVER6}]/bytes/100000000", "100 MB over IPv6"),
        ("bash", "echo > /dev/tcp/$SERVER/80", "the same connection without curl"),
        ("bash", "echo > /dev/tcp/$SERVER/23", "telnet: refused with a reset"),
        ("dig", f"dig @{SERVER4} www.example.net", "DNS: untracked"),
        ("ping", f"ping -c 2 {SERVER4}", "NEW, then ESTABLISHED"),
        ("traceroute", f"traceroute -n {FAR4}", "its errors are RELATED"),
        ("bash", "firewalld-py status", "what the daemon says of itself"),
        ("bash", "${EDITOR:-vi} $RULES && firewalld-py reload", "put other rules in force"),
    ]
    usable = [(command, what) for program, command, what in tries if shutil.which(program)]
    width = max(len(command) for command, _ in usable)
    return [f"{command.ljust(width)}   # {what}" for command, what in usable]


@contextlib.contextmanager
def servers(world: World) -> Iterator[None]:
    """Run what the steps and the shell ask: web, telnet and name server behind the gateway."""
    with contextlib.ExitStack() as running:
        for address in (SERVER4, SERVER6):
            running.enter_context(http_server(world.server, address))
            running.enter_context(udp_server(world.server, address, 53, dns_answer))
            running.enter_context(tcp_listener(world.server, address, 23))
        # The client has an ssh port that is nobody's business outside.
        running.enter_context(tcp_listener(world.client, CLIENT4, 22))
        yield


def run(screen: Screen) -> bool:
    """Build everything, play, clean up; True when all was as it must be."""
    for name in remove_leftovers():
        screen.say(f"removed {name}, left behind by a run that was killed")
    screen.say("building the world: client - gateway - server - far")
    with World() as world, servers(world):
        screen.say(f"starting the daemon on the gateway with {RULES.relative_to(CHECKOUT)}")
        rules = with_logging(RULES.read_text())
        with Daemon(world.gateway, rules, CONFIG, screen.log_line) as daemon:
            demo = Demo(screen, world, daemon)
            good = demo.play()
            if os.environ.get("INTERACTIVE", "") not in ("", "0"):
                demo.shell()
            screen.heading("Cleaning up")
    return good


def _end(number: int, _frame: FrameType | None) -> None:
    # As an exception it leaves through every context, so that all is taken down; undisturbed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


def main() -> int:
    """Run the demo; the exit status of `make run`."""
    if os.geteuid() != 0:
        print("make run: network namespaces and NFQUEUE need root: sudo make run", file=sys.stderr)
        return 4
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    screen = Screen()
    try:
        good = run(screen)
    except KeyboardInterrupt:
        screen.say("\nstopped; all is taken down")
        return 130
    except LabError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    if not good:
        screen.say("Not all was as it must be: see the rows marked WRONG.")
        return 1
    screen.say("All was as it must be.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
