"""The real daemon in a namespace: started, waited for, asked, signalled, listened to, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import yaml

from tests.lab.log import EVENT_TIMEOUT_S, Log
from tests.lab.netns import LabError, Namespace
from tests.lab.service_manager import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

START_TIMEOUT_S: Final = 20.0
STOP_TIMEOUT_S: Final = 10.0
CHECKOUT: Final = Path(__file__).parents[2]


class Daemon:
    """firewalld-py in `namespace`, with a configuration, rules and control socket of its own.

    Use as a context manager: entered, it is ready (queue bound, hook in place) and every line of
    its log is kept; left, it is stopped and its hook removed, whatever `fail:` says.
    """

    def __init__(
        self,
        namespace: Namespace,
        rules: str,
        config: Mapping[str, Any] | None = None,
        watch: Callable[[str], None] | None = None,
    ) -> None:
        """Write the files. `config` overrides the defaults; `watch` is given each log line."""
        self.namespace = namespace
        self._directory = tempfile.TemporaryDirectory(prefix="fwlab-")
        self.directory = Path(self._directory.name)
        self.config_path = self.directory / "firewalld-py.yaml"
        self.rules_path = self.directory / "rules.yaml"
        self.write_rules(rules)
        self.write_config(config or {})
        self.log = Log()
        self._watch = watch
        self.service_manager: ServiceManager | None = None
        self._process: subprocess.Popen[str] | None = None

    # -- files ---------------------------------------------------------------------------------

    def write_rules(self, text: str) -> None:
        """Replace the rules file; nothing changes in the daemon until it reloads."""
        self.rules_path.write_text(text)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replace the configuration file."""
        ours = {
            "rules": self.rules_path.name,
            "log": {"target": "stderr"},
            "control": {"socket": str(self.directory / "control.sock")},
            "sets": {"directory": str(self.directory / "state")},
        }
        self.config_path.write_text(yaml.safe_dump(_merged(ours, config), sort_keys=False))

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the daemon and return when it says READY=1; LabError with its words if it ends."""
        if self.service_manager is not None:
            self.service_manager.close()
        self.service_manager = ServiceManager(self.directory / "notify.sock")
        self._process = self.spawn("run", NOTIFY_SOCKET=str(self.service_manager.path))
        assert self._process.stdout is not None
        self.log.follow(self._process.stdout, self._watch)
        if not self.service_manager.await_ready(self._process.pid, START_TIMEOUT_S):
            self.kill()
            raise LabError("the daemon did not become ready:\n" + "\n".join(self.log.lines()))

    def spawn(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start `firewalld-py --config ... ARGUMENTS` on the gateway, its words on one pipe."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.namespace.name, *self._command(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl-C at the terminal is for us; the daemon is ended in an orderly way then.
            start_new_session=True,
            env=_environment() | environment,
        )

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        module = [sys.executable, "-m", "firewalld_py.cli.main"]
        return [*module, "--config", str(self.config_path), *arguments]

    @property
    def process(self) -> subprocess.Popen[str]:
        """The running daemon (its supervisor)."""
        if self._process is None:
            raise LabError("the daemon was not started")
        return self._process

    def stop(self) -> int:
        """End the daemon the clean way (SIGTERM); returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            words = "\n".join(self.log.lines()[-20:])
            raise LabError(f"the daemon did not end in {STOP_TIMEOUT_S} s:\n{words}") from None
        self.log.finish(STOP_TIMEOUT_S)
        return status

    def kill(self) -> None:
        """End the daemon with SIGKILL."""
        self.process.kill()
        self.process.wait()
        self.log.finish(STOP_TIMEOUT_S)

    def close(self) -> None:
        """Stop the daemon if it runs, remove its hook and its files."""
        try:
            if self._process is not None:
                if self._process.poll() is None:
                    self.stop()
                self.command("hook", "remove")
        finally:
            if self.service_manager is not None:
                self.service_manager.close()
            self._directory.cleanup()

    def discard(self) -> None:
        """Remove the files of a daemon that was never started."""
        self._directory.cleanup()

    def __enter__(self) -> Self:
        """Start the daemon and return it, ready."""
        try:
            self.start()
        except BaseException:
            with contextlib.suppress(LabError, subprocess.SubprocessError):
                self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the daemon."""
        self.close()

    # -- questions -----------------------------------------------------------------------------

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `firewalld-py ARGUMENTS` on the gateway to its end; its words are in `stdout`."""
        with self.spawn(*arguments) as process:
            try:
                output, _ = process.communicate(timeout=START_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, output, "")

    def status(self) -> dict[str, Any]:
        """Return what `firewalld-py status --json` says."""
        done = self.command("status", "--json")
        if done.returncode != 0:
            raise LabError(f"status: exit status {done.returncode}: {done.stdout}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def wait_status(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask for the status until it is `wanted`: workers report their counts once a second."""
        end = time.monotonic() + EVENT_TIMEOUT_S
        status = self.status()
        while not wanted(status):
            if time.monotonic() > end:
                raise LabError(f"the status did not become what was awaited: {status}")
            status = self.status()
        return status

    def worker_pid(self) -> int:
        """Return the process id of the only worker."""
        (worker,) = self.status()["workers"]
        return int(worker["pid"])

    def hangup(self) -> str:
        """Send SIGHUP and return the log line that tells how the reload went."""
        mark = self.log.mark()
        self.process.send_signal(signal.SIGHUP)
        return self.log.wait_line(
            lambda line: "rules reloaded" in line or "reload failed" in line, after=mark
        )


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid on it, one level of sections deep."""
    both = {key for key in base.keys() & over.keys() if isinstance(base[key], Mapping)}
    return {**base, **over, **{key: {**base[key], **over[key]} for key in both}}


def _environment() -> dict[str, str]:
    """The environment of the daemon: this checkout's package, and not this process's systemd."""
    ours = {key: value for key, value in os.environ.items() if key not in _OF_SYSTEMD}
    path = [str(CHECKOUT), *filter(None, [ours.get("PYTHONPATH", "")])]
    return ours | {"PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


_OF_SYSTEMD: Final = {"NOTIFY_SOCKET", "JOURNAL_STREAM", "WATCHDOG_USEC", "WATCHDOG_PID"}
