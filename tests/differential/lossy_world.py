"""Client and server, each a network namespace, with a link between them that can be made bad.

client tun0 (10.1.0.5, fd00:1::5) ── lossy link ── tun0 (203.0.113.9, fd00:2::9) server
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final, Self

from tests.differential.lossy_link import Impairment, Passage, carrying
from tests.differential.tun import open_tun
from tests.lab.netns import Namespace
from tests.lab.world import CLIENT4, CLIENT6, SERVER4, SERVER6, remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

DEVICE: Final = "tun0"
# So many packets may wait for the link; what it loses shall be lost by its own chance alone.
QUEUE_PACKETS: Final = 20_000

# What the programs' stacks do where a run does not say otherwise.
SYSCTLS: Final = {
    "ipv4/tcp_sack": 1,
    "ipv4/tcp_timestamps": 1,
    "ipv4/tcp_window_scaling": 1,
    "ipv4/tcp_early_retrans": 3,
    # One run shall not tell the next how bad the link is.
    "ipv4/tcp_no_metrics_save": 1,
    # A scan gets every answer that the link does not lose.
    "ipv4/icmp_ratelimit": 0,
    "ipv6/icmp/ratelimit": 0,
}


class LossyWorld:
    """Two namespaces and the link between them. Leaving its context removes everything."""

    def __init__(self) -> None:
        """Build it; removes what crashed runs have left behind first."""
        remove_leftovers()
        self._made: list[Namespace] = []
        self._descriptors: list[int] = []
        # As the lab's worlds are named, so that they would find it, too.
        prefix = f"fwlab-{os.getpid()}-{time.monotonic_ns()}"
        try:
            self.client = self._end(f"{prefix}-client", (CLIENT4, CLIENT6), (SERVER4, SERVER6))
            self.server = self._end(f"{prefix}-server", (SERVER4, SERVER6), (CLIENT4, CLIENT6))
        except BaseException:
            self.close()
            raise

    def _end(self, name: str, own: tuple[str, str], others: tuple[str, str]) -> Namespace:
        namespace = Namespace(name)
        self._made.append(namespace)
        namespace.sysctl("ipv6/conf/default/router_solicitations", 0)
        with namespace.entered():
            self._descriptors.append(open_tun(DEVICE))
        namespace.ip_batch(
            [
                # Without a link-local address nobody speaks of himself.
                f"link set {DEVICE} addrgenmode none txqueuelen {QUEUE_PACKETS} up",
                f"address add {own[0]}/32 dev {DEVICE}",
                f"address add {own[1]}/128 dev {DEVICE} nodad",
                # No other routes: what else a program asks for is not there, and it knows at once.
                *(f"route add {address} dev {DEVICE}" for address in others),
            ]
        )
        return namespace

    def use(self, sysctls: Mapping[str, int]) -> None:
        """Set how both stacks behave; what is not named is as in SYSCTLS."""
        for key, value in {**SYSCTLS, **sysctls}.items():
            for namespace in self._made:
                namespace.sysctl(key, value)

    def carrying(self, impairment: Impairment, seed: int) -> AbstractContextManager[Passage]:
        """Open the link while the context lasts; end 0 is the client's, 1 the server's."""
        client, server = self._descriptors
        return carrying((client, server), impairment, seed)

    def close(self) -> None:
        """Remove the namespaces, and with them whatever runs inside."""
        while self._made:
            self._made.pop().remove()
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the world."""
        self.close()
