"""What the tests need of the machine they run on, found out by trying.

A test says what it needs with `@pytest.mark.needs("root", "netns", "nfqueue", "curl")`: the
words of `PROBES`, or the name of a program. Where something is missing the test is skipped by name,
and the closing lines say why; with CI=true that is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DEBIAN_PYTHON: Final = "/usr/bin/python3"
# Bound in an empty namespace of its own, so that no queue of this machine is touched.
_BIND_QUEUE: Final = """
from netfilterqueue import NetfilterQueue
queue = NetfilterQueue()
queue.bind(0, lambda packet: packet.accept())
queue.unbind()
"""
_NFT_QUEUE: Final = (
    "add table inet t; add chain inet t c { type filter hook input priority 0; }; "
    "add rule inet t c queue num 0"
)
_HOOKS: Final = (
    ["iptables", "-A", "INPUT", "-j", "NFQUEUE", "--queue-num", "0"],
    ["nft", _NFT_QUEUE],
)
_PROBE_TIMEOUT_S: Final = 30.0


def _fails(command: list[str]) -> str | None:
    """None if the command succeeds, otherwise the last line of what it said."""
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S
        )
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).strip().splitlines()
    return said[-1] if said else f"exit status {done.returncode}"


def _root() -> str | None:
    return None if os.geteuid() == 0 else "it needs root"


def _netns() -> str | None:
    why = _fails(["unshare", "--net", "true"])
    return why and f"network namespaces cannot be made here ({why})"


def _nfqueue() -> str | None:
    """A queue that can be bound, and a hook of one kind or the other that leads to it."""
    why = _fails(["unshare", "--net", sys.executable, "-c", _BIND_QUEUE])
    if why is not None:
        return f"NFQUEUE cannot be bound here ({why})"
    failures = [_fails(["unshare", "--net", *hook]) for hook in _HOOKS]
    if None in failures:
        return None
    return f"neither iptables nor nft takes a rule with a queue here ({failures[0]}; {failures[1]})"


def _boot() -> str | None:
    """A container that systemd could be booted in; only /usr of this machine is shown to it."""
    nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe"]
    why = _fails([*nspawn, "--volatile=yes", "--directory=/", "/usr/bin/true"])
    if why is None and not Path("/usr/lib/systemd/systemd").exists():
        why = "systemd is not installed"
    return why and f"systemd cannot be booted in a container here ({why})"


def _conntrack() -> str | None:
    """The kernel's own connection tracking, which can be asked through TUN devices and NFLOG."""
    from tests.differential.kernel import KernelError, KernelJudge

    try:
        KernelJudge().close()
    except (KernelError, OSError) as error:
        return f"the kernel's conntrack cannot be asked here ({error})"
    return None


def _debian_python(module: str) -> Callable[[], str | None]:
    """A module that Debian's Python has, which is not the one of the tests."""

    def probe() -> str | None:
        why = _fails([DEBIAN_PYTHON, "-W", "ignore", "-c", f"import {module}"])
        return why and f"Debian's Python has no {module} ({why})"

    return probe


PROBES: Final[dict[str, Callable[[], str | None]]] = {
    "root": _root,
    "netns": _netns,
    "nfqueue": _nfqueue,
    "conntrack": _conntrack,
    "boot": _boot,
    "pyftpdlib": _debian_python("pyftpdlib"),
    "irc.server": _debian_python("irc.server"),
}


@cache
def missing(need: str) -> str | None:
    """Why this machine lacks what is needed, or None when it is there."""
    probe = PROBES.get(need)
    if probe is not None:
        return probe()
    return None if shutil.which(need) else f"the program {need} is not installed"
