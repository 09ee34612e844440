"""One network namespace: made, entered by a thread, used, removed."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLONE_NEWNET = 0x40000000
NETNS_DIR = Path("/run/netns")
COMMAND_TIMEOUT_S = 30.0

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab itself could not do something; the message says what and why."""


def run_command(arguments: Sequence[str], given: str | None = None) -> str:
    """Run a program to its end and return what it wrote; LabError with its words when it fails."""
    try:
        done = subprocess.run(
            arguments,
            check=False,
            input=given,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
        )
    except FileNotFoundError:
        raise LabError(f"the program {arguments[0]!r} is missing; install it (iproute2)") from None
    if done.returncode != 0:
        raise LabError(f"{' '.join(arguments)}: exit status {done.returncode}: {done.stderr}")
    return done.stdout


def _setns(descriptor: int) -> None:
    # os.setns came with Python 3.12; the product runs on 3.11 too.
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise LabError(f"setns: {os.strerror(error)}; the lab needs root (CAP_SYS_ADMIN)")


class Namespace:
    """A named network namespace. A socket made in it stays in it, whatever thread uses it."""

    def __init__(self, name: str) -> None:
        """Make the namespace and bring its loopback up."""
        self.name = name
        run_command(["ip", "netns", "add", name])
        self._descriptor = os.open(NETNS_DIR / name, os.O_RDONLY | os.O_CLOEXEC)
        self.ip_batch(["link set lo up"])

    def ip_batch(self, lines: Sequence[str]) -> None:
        """Run several `ip` commands (without the word ip) inside the namespace."""
        run_command(["ip", "-n", self.name, "-batch", "-"], "\n".join(lines) + "\n")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Move the calling thread into the namespace: what it starts and opens now is there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(self._descriptor)
            try:
                yield
            finally:
                _setns(home)
        finally:
            os.close(home)

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Return a new socket that lives in the namespace."""
        with self.entered():
            return socket.socket(family, kind, protocol)

    def sysctl(self, key: str, value: int) -> None:
        """Set `net.<key>` (with slashes, as under /proc/sys/net) inside the namespace."""
        with self.entered():
            Path("/proc/sys/net", key).write_text(f"{value}\n")

    def remove(self) -> None:
        """Remove the namespace; what still runs in it is ended first."""
        os.close(self._descriptor)
        remove_named(self.name)


def remove_named(name: str) -> None:
    """End the processes that live in the namespace `name`, then delete it."""
    for word in run_command(["ip", "netns", "pids", name]).split():
        # The caller itself shows up when one of its threads is inside.
        if int(word) != os.getpid():
            try:
                os.kill(int(word), 9)
            except ProcessLookupError:
                continue
    run_command(["ip", "netns", "delete", name])
