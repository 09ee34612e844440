"""The C programs of the bench: compiled for this run, started in a namespace, always ended."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab.netns import LabError, Namespace

SOURCES: Final = Path(__file__).parent
READY_TIMEOUT_S: Final = 10.0
END_TIMEOUT_S: Final = 10.0
_LIBRARIES: Final = {"floor": ("-lnetfilter_queue", "-lnfnetlink"), "sender": ()}


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the compiled programs are."""

    floor: Path
    sender: Path


@contextlib.contextmanager
def compiled_programs() -> Iterator[Programs]:
    """Compile into a directory that lasts as long as the context; LabError if cc refuses."""
    with tempfile.TemporaryDirectory(prefix="fwbench-") as directory:
        for name, libraries in _LIBRARIES.items():
            _compile(SOURCES / f"{name}.c", Path(directory, name), libraries)
        yield Programs(Path(directory, "floor"), Path(directory, "sender"))


def _compile(source: Path, target: Path, libraries: Sequence[str]) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise LabError("the bench needs a C compiler (cc); install gcc")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(target), str(source), *libraries]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"{source.name} does not compile (libnetfilter-queue-dev?):\n{done.stderr}")


def start_in(namespace: Namespace, command: Sequence[str]) -> subprocess.Popen[str]:
    """Start a program in a namespace, its output on one pipe.

    It has a session of its own, as the daemon has: the kernel's scheduler (autogroup) shares out a
    busy CPU by sessions, and Ctrl-C is for the bench, which ends what it started.
    """
    return subprocess.Popen(
        ["ip", "netns", "exec", namespace.name, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_ready(process: subprocess.Popen[str], timeout_s: float = READY_TIMEOUT_S) -> None:
    """Wait until the program says "ready"; LabError with its words otherwise."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], timeout_s)
    line = process.stdout.readline() if readable else f"nothing in {timeout_s} s"
    if line.strip() != "ready":
        process.kill()
        raise LabError(f"{process.args!r}: {line}{process.stdout.read()}")


def last_word(process: subprocess.Popen[str]) -> int:
    """Wait for the end of a program and return the number that it says at last."""
    try:
        output, _ = process.communicate(timeout=END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    if process.returncode != 0:
        raise LabError(f"{process.args!r}: exit status {process.returncode}: {output}")
    return int(output.split()[-1])


@contextlib.contextmanager
def on_cpu(number: int) -> Iterator[None]:
    """What is started in this context runs on that CPU (the highest there is, at most)."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[min(number, len(before) - 1)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
