"""Who listens on the kernel's packet queues, from /proc/net/netfilter/nfnetlink_queue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firewalld_py.service.hook_base import HookNotPermittedError

if TYPE_CHECKING:
    from collections.abc import Iterable

NETWORK: Final = Path("/proc/thread-self/net")
PROC: Final = Path("/proc")
_NETLINK_NETFILTER: Final = "12"


@dataclass(frozen=True, slots=True)
class QueueState:
    """One bound queue, in the kernel's own figures.

    `port_id` is the netlink port of the listener; `waiting` packets have no verdict yet;
    `dropped_full` were dropped because the queue was full, `dropped_unsent` because the listener's
    socket was.
    """

    number: int
    port_id: int
    waiting: int
    copy_range: int
    dropped_full: int
    dropped_unsent: int


def read_queues(network: Path = NETWORK) -> list[QueueState]:
    """Return every bound queue of this network namespace, ordered by number.

    Raises HookNotPermittedError for whoever is not root: the kernel lets nobody else look.
    """
    try:
        text = (network / "netfilter" / "nfnetlink_queue").read_text()
    except FileNotFoundError:
        # Without the module nfnetlink_queue nobody can have bound a queue.
        return []
    except PermissionError as error:
        raise HookNotPermittedError(
            f"not permitted: only root and its group may read {error.filename}"
        ) from None
    return parse_queues(text)


def parse_queues(text: str) -> list[QueueState]:
    """Return the queues in the kernel's table; its columns are those of nfnetlink_queue.c."""
    queues = []
    for line in text.splitlines():
        number, port_id, waiting, _mode, copy_range, full, unsent, *_rest = map(int, line.split())
        queues.append(QueueState(number, port_id, waiting, copy_range, full, unsent))
    return sorted(queues, key=lambda queue: queue.number)


def unbound(wanted: Iterable[int], queues: Iterable[QueueState]) -> list[int]:
    """Return those of the wanted queue numbers on which nobody listens."""
    bound = {queue.number for queue in queues}
    return [number for number in wanted if number not in bound]


def listener(port_id: int, network: Path = NETWORK, proc: Path = PROC) -> str | None:
    """Return `name[process id]` of the owner of a netfilter netlink port, None if unseen."""
    inode = _socket_inode(port_id, network)
    if inode is None:
        return None
    # The port of a process's first netlink socket is its process id: that one is looked at first.
    processes = sorted(proc.glob("[0-9]*"), key=lambda path: path.name != str(port_id))
    for process in processes:
        if _holds(process, f"socket:[{inode}]"):
            return f"{_command(process)}[{process.name}]"
    return None


def _command(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "ended"


def _holds(process: Path, wanted: str) -> bool:
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        # It ended meanwhile, or is not ours to look into.
        return False
    for descriptor in descriptors:
        try:
            if str(descriptor.readlink()) == wanted:
                return True
        except OSError:
            # Closed since the directory was read, as the one that read it.
            continue
    return False


def _socket_inode(port_id: int, network: Path) -> str | None:
    for line in (network / "netlink").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[1] == _NETLINK_NETFILTER and columns[2] == str(port_id):
            return columns[-1]
    return None
