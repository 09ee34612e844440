"""A namespace in which datagrams on the loopback meet a queue, for tests beside the daemon."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
from typing import TYPE_CHECKING, Final, Self

from firewalld_py.service.hook_queues import QueueState, read_queues
from tests.lab.netns import Namespace

if TYPE_CHECKING:
    from types import TracebackType

QUEUE: Final = 7
PORT: Final = 5000
TIMEOUT_S: Final = 5.0
_IPTABLES: Final = f"iptables -A OUTPUT -p udp --dport {PORT} -j NFQUEUE --queue-num {QUEUE}"
_NFT: Final = (
    "add table inet bench; add chain inet bench out { type filter hook output priority 0; }; "
    f"add rule inet bench out udp dport {PORT} queue num {QUEUE}"
)
# Named as the lab names its hosts, so that what a crashed run leaves behind is removed with theirs.
_serial = itertools.count(1000)


class QueueBench:
    """Datagrams from `send` wait in the queue; those that are accepted come out of `received`."""

    def __init__(self) -> None:
        self.namespace = Namespace(f"fwlab-{os.getpid()}-{next(_serial)}-gateway")
        try:
            with self.namespace.entered():
                # The one that this kernel takes; which of both is no matter here.
                if subprocess.run(_IPTABLES.split(), capture_output=True, check=False).returncode:
                    subprocess.run(["nft", _NFT], capture_output=True, check=True)
            self.receiver = self.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sender = self.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        except BaseException:
            self.namespace.remove()
            raise
        self.receiver.settimeout(TIMEOUT_S)
        self.receiver.bind(("127.0.0.1", PORT))
        self.sender.connect(("127.0.0.1", PORT))

    def send(self, *payloads: bytes) -> None:
        """Send datagrams; each waits in the queue when this returns. OSError if one cannot."""
        for payload in payloads:
            self.sender.send(payload)

    def received(self, count: int) -> list[bytes]:
        """The next datagrams that were let through; TimeoutError if there are not so many."""
        return [self.receiver.recv(65535) for _ in range(count)]

    def state(self) -> QueueState:
        """The kernel's own figures of the queue."""
        with self.namespace.entered():
            states = read_queues()
        (found,) = [state for state in states if state.number == QUEUE]
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.receiver.close()
        self.sender.close()
        self.namespace.remove()
