"""What the hook's back ends share: the wish, the answer, the error, and one way to run a tool."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

CHAINS: Final = ("forward", "input", "output")
COMMENT: Final = "firewalld-py"
DEFAULT_EXEMPT_MARK: Final = 0x4000000
MAX_QUEUE: Final = 65535
TOOL_TIMEOUT_S: Final = 10.0
# Administrators' shells often lack the directories in which Debian keeps these tools.
_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin"
_CAP_NET_ADMIN: Final = 12


class HookError(Exception):
    """The kernel hook could not be probed, installed, removed or read; the message says why."""


class HookNotPermittedError(HookError, PermissionError):
    """The process lacks CAP_NET_ADMIN, or may not read what only root may."""


@dataclass(frozen=True, slots=True)
class HookSpec:
    """What the hook is to do: packets of `chains` go to queues number .. number + count - 1.

    `loopback`: packets of the interface lo too. `bypass`: packets pass while nobody has bound the
    queue (else they are dropped). `exempt_mark`: OUTPUT packets which carry this bit are the
    daemon's own answers and are not queued; 0 exempts none. `defragment`: the kernel puts
    fragments together first. ValueError for what no kernel can do.
    """

    queue_number: int
    queue_count: int = 1
    chains: tuple[str, ...] = CHAINS
    loopback: bool = False
    bypass: bool = False
    exempt_mark: int = DEFAULT_EXEMPT_MARK
    defragment: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.queue_number <= self.last_queue <= MAX_QUEUE:
            raise ValueError(
                f"queues {self.queue_number} to {self.last_queue}: "
                f"there must be one at least, and numbers must lie in 0-{MAX_QUEUE}"
            )
        if not 0 <= self.exempt_mark <= 0xFFFFFFFF:
            raise ValueError(f"exempt mark {self.exempt_mark:#x}: must fit into 32 bits")
        for chain in self.chains:
            if chain not in CHAINS:
                raise ValueError(f"chain {chain!r}: must be one of {', '.join(CHAINS)}")

    @property
    def last_queue(self) -> int:
        """Return the number of the last queue."""
        return self.queue_number + self.queue_count - 1

    @property
    def hooks(self) -> tuple[str, ...]:
        """Return the wanted chains once each, in the fixed order of CHAINS."""
        return tuple(chain for chain in CHAINS if chain in self.chains)


@dataclass(frozen=True, slots=True)
class HookRule:
    """One rule of ours as it stands in the kernel; `packets` and `octets` are its counters.

    `text` is the rule without its counters. `queues` is (first, last), or None for a rule that
    queues nothing (the exemption). `reached` is False when the jump to it is gone, so that no
    packet comes here.
    """

    backend: str
    table: str
    family: str
    hook: str
    text: str
    packets: int
    octets: int
    queues: tuple[int, int] | None
    bypass: bool
    reached: bool = True


class Backend(Protocol):
    """One place in the kernel where the hook can stand. Every method may raise HookError."""

    @property
    def name(self) -> str:
        """Return the name of the tool, such as `nft` or `iptables-legacy`."""

    @property
    def table(self) -> str:
        """Return the table in which the hook stands."""

    def probe(self, spec: HookSpec) -> None:
        """Ask the kernel whether it takes the hook here; HookError with its words when not."""

    def install(self, spec: HookSpec) -> list[str]:
        """Put the hook in, in one step; an older one of ours is changed in place.

        Returns notes for the administrator, mostly none.
        """

    def remove(self) -> bool:
        """Take the hook out; tells whether anything of ours was there."""

    def show(self) -> list[HookRule]:
        """Return our rules in the kernel, none when the hook is not there."""

    def installed(self) -> bool:
        """Tell whether packets are led to our rules here."""


def find_tool(name: str) -> str | None:
    """Return the path of an administration tool, None when it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PATH}")


def run_tool(arguments: Sequence[str], given: str | None = None) -> str:
    """Run a tool to its end with `given` on its input and return its output.

    Raises HookError with the tool's own words when it is missing, fails, or takes too long.
    """
    path = find_tool(arguments[0])
    if path is None:
        raise HookError(f"{arguments[0]} is not installed")
    try:
        done = subprocess.run(
            [path, *arguments[1:]],
            check=False,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TOOL_TIMEOUT_S,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise HookError(f"{' '.join(arguments)}: no answer within {TOOL_TIMEOUT_S:g} s") from None
    except OSError as error:
        raise HookError(f"{path}: {error.strerror}") from error
    if done.returncode != 0:
        words = done.stderr.strip() or f"exit status {done.returncode}"
        raise HookError(f"{' '.join(arguments)}: {words}")
    return done.stdout


def lacks_nf_tables(error: HookError) -> bool:
    """Tell whether a tool failed because this kernel has no nf_tables, so holds nothing of ours."""
    # EINVAL is nfnetlink's answer for a subsystem that is not there, EPROTONOSUPPORT the socket's
    # where nfnetlink itself is missing.
    return any(words in str(error) for words in ("Invalid argument", "not supported"))


def require_net_admin(status: Path = Path("/proc/thread-self/status")) -> None:
    """Raise HookNotPermittedError when this thread may not change the kernel's packet filter."""
    for line in status.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff" and int(value, 16) >> _CAP_NET_ADMIN & 1:
            return
    raise HookNotPermittedError(
        "not permitted: the kernel hook needs CAP_NET_ADMIN; run this as root"
    )
