"""Who may stand on the gateway while traffic passes: nobody, the kernel, the floor, the daemon.

Each is a context manager that is ready when entered and leaves nothing behind; it yields a
`Standing` that tells how many packets it has judged, so that a figure is never that of a way around
it.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.programs import last_word, start_in, wait_ready
from firewalld_py.service.hook import HookSpec, install_hook, remove_everywhere
from tests.lab.daemon import Daemon
from tests.lab.netns import Namespace, run_command


@dataclass(frozen=True, slots=True)
class Standing:
    """A judge at work. `judged` counts its packets; `pid` is its process, 0 for none."""

    judged: Callable[[], int]
    pid: int = 0

    def cpu_s(self) -> float:
        """Seconds that its process has run so far, in the kernel and outside (schedstat)."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9


Judge = contextlib.AbstractContextManager[Standing]

FLOOR_QUEUE: Final = 0
JUDGE_CPU: Final = 1
# Enough for every flow of the bench; nothing else differs from the defaults.
_CONFIG: Final = {"conntrack": {"max": 262144}, "hook": {"chains": ["forward"]}}


@contextlib.contextmanager
def nobody() -> Iterator[Standing]:
    """Plain forwarding."""
    yield Standing(lambda: 0)


@contextlib.contextmanager
def kernel_conntrack(gateway: Namespace) -> Iterator[Standing]:
    """The kernel's own connection tracking with three iptables rules."""
    for arguments in _kernel_rules():
        run_command(["ip", "netns", "exec", gateway.name, "iptables", "-w", *arguments])
    try:
        yield Standing(lambda: _accepted_by_kernel(gateway))
    finally:
        for arguments in (["-F", "FORWARD"], ["-P", "FORWARD", "ACCEPT"]):
            run_command(["ip", "netns", "exec", gateway.name, "iptables", "-w", *arguments])


def _kernel_rules() -> list[list[str]]:
    state = ["-m", "conntrack", "--ctstate"]
    return [
        ["-A", "FORWARD", *state, "ESTABLISHED,RELATED", "-j", "ACCEPT"],
        ["-A", "FORWARD", *state, "NEW", "-i", "lan0", "-j", "ACCEPT"],
        ["-P", "FORWARD", "DROP"],
    ]


def _accepted_by_kernel(gateway: Namespace) -> int:
    command = ["ip", "netns", "exec", gateway.name, "iptables", "-w", "-vnxL", "FORWARD"]
    counts = re.findall(r"^\s*(\d+)\s+\d+ ACCEPT", run_command(command), re.MULTILINE)
    return sum(int(count) for count in counts)


@contextlib.contextmanager
def floor(gateway: Namespace, program: Path, *words: str) -> Iterator[Standing]:
    """floor.c with `words` (one or batch, and gso), behind the hook which the daemon has too."""
    process = start_in(gateway, [str(program), str(FLOOR_QUEUE), *words])
    counted: list[int] = []

    def judged() -> int:
        """End it and ask: it counts silently. A second call repeats the answer."""
        if not counted:
            process.terminate()
            counted.append(last_word(process))
        return counted[0]

    try:
        wait_ready(process)
        with gateway.entered():
            install_hook("auto", HookSpec(FLOOR_QUEUE, chains=("forward",)))
        yield Standing(judged, process.pid)
    finally:
        with gateway.entered():
            remove_everywhere()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def daemon(gateway: Namespace, rules: str, connections: int = 0) -> Iterator[Standing]:
    """The daemon as it is installed; `connections` it must have seen when it is asked."""
    with Daemon(gateway, rules, _CONFIG) as running:

        def judged() -> int:
            status = running.wait_status(
                lambda status: (
                    status["workers"][0]["packets"] > 0 and status["connections"] >= connections
                )
            )
            return int(status["workers"][0]["packets"])

        yield Standing(judged, running.worker_pid())
