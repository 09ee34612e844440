"""Servers that are programs of others, run in a namespace: FTP (pyftpdlib) and TFTP (dnsmasq).

Both give the files of a directory; they are installed without a service that would start them.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.lab.log import Log
from tests.lab.netns import LabError
from tests.machine import DEBIAN_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.lab.netns import Namespace

START_TIMEOUT_S: Final = 10.0
PROGRAM_TIMEOUT_S: Final = 30.0


@contextmanager
def running(
    namespace: Namespace, command: Sequence[str], ready: str = "", directory: Path | None = None
) -> Iterator[Log]:
    """Run a program, from when it has said the words `ready` to the end of the context.

    Gives what it says, which grows while it runs.
    """
    with namespace.entered():
        program = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    assert program.stdout is not None
    said = Log()
    said.follow(program.stdout)
    try:
        if ready:
            try:
                said.wait_line(lambda line: ready in line, timeout=START_TIMEOUT_S)
            except LabError as error:
                raise LabError(f"{' '.join(command)} did not come up: {error}") from None
        yield said
    finally:
        # With what it has started in its turn, such as WeeChat's process for each file.
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        said.finish(START_TIMEOUT_S)


def run_program(
    namespace: Namespace, command: Sequence[str], directory: Path | None = None
) -> tuple[int, str]:
    """Run a program to its end: its exit status, and what it said."""
    with namespace.entered():
        done = subprocess.run(
            command,
            check=False,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PROGRAM_TIMEOUT_S,
        )
    return done.returncode, done.stdout


def in_url(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def ftp_daemon(namespace: Namespace, address: str, directory: Path) -> Iterator[None]:
    """pyftpdlib on port 21: anybody may read and write, actively or passively."""
    command = [DEBIAN_PYTHON, "-W", "ignore", "-m", "pyftpdlib", "--write"]
    where = ["--interface", address, "--port", "21", "--directory", str(directory)]
    with running(namespace, [*command, *where], "starting FTP server"):
        yield


@contextmanager
def tftp_daemon(namespace: Namespace, address: str, directory: Path) -> Iterator[None]:
    """dnsmasq's TFTP server, from which files can only be read; each from a port of its own."""
    command = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--pid-file", "--user=root"]
    nothing_else = ["--port=0", "--bind-interfaces", f"--listen-address={address}"]
    tftp = ["--enable-tftp", f"--tftp-root={directory}"]
    with running(namespace, [*command, *nothing_else, *tftp], "TFTP root is"):
        yield
