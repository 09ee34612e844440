"""The world of the lab: client - gateway - server - far, each a network namespace.

    client eth0 ── lan0 gateway wan0 ── eth0 server eth1 ── eth0 far
    10.1.0.5       10.1.0.1  203.0.113.1   203.0.113.9      198.51.100.9
    fd00:1::5      fd00:1::1 fd00:2::1     fd00:2::9        fd00:3::9

The server forwards to `far`, so that a traceroute meets a router behind the gateway.
Offloads of the links stay on, as on a real machine: the gateway meets 64 kB super-packets.
"""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.lab.netns import NETNS_DIR, Namespace, remove_named

if TYPE_CHECKING:
    from types import TracebackType

CLIENT4: Final = "10.1.0.5"
CLIENT6: Final = "fd00:1::5"
GATEWAY_LAN4: Final = "10.1.0.1"
GATEWAY_LAN6: Final = "fd00:1::1"
GATEWAY_WAN4: Final = "203.0.113.1"
GATEWAY_WAN6: Final = "fd00:2::1"
SERVER4: Final = "203.0.113.9"
SERVER6: Final = "fd00:2::9"
FAR4: Final = "198.51.100.9"
FAR6: Final = "fd00:3::9"

HOSTS: Final = ("client", "gateway", "server", "far")
_NAME: Final = re.compile(rf"fwlab-(\d+)-\d+-({'|'.join(HOSTS)})")
_serial = itertools.count(1)

_EVERYWHERE: Final = {
    # Duplicate address detection would keep a fresh IPv6 address unusable for a second.
    "ipv6/conf/all/accept_dad": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/default/accept_ra": 0,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    # Every ICMP error counts here; none may be swallowed by the sender's own limit.
    "ipv4/icmp_ratelimit": 0,
    "ipv6/icmp/ratelimit": 0,
}
_ROUTERS: Final = {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1}


class World:
    """Four namespaces, linked and routed. Leaving its context removes everything."""

    def __init__(self) -> None:
        """Build the world; removes what crashed runs have left behind first."""
        remove_leftovers()
        self._made: list[Namespace] = []
        prefix = f"fwlab-{os.getpid()}-{next(_serial)}"
        try:
            self.client = self._make(f"{prefix}-client")
            self.gateway = self._make(f"{prefix}-gateway")
            self.server = self._make(f"{prefix}-server")
            self.far = self._make(f"{prefix}-far")
            self._configure()
        except BaseException:
            self.close()
            raise

    def _make(self, name: str) -> Namespace:
        namespace = Namespace(name)
        self._made.append(namespace)
        for key, value in _EVERYWHERE.items():
            namespace.sysctl(key, value)
        return namespace

    def _configure(self) -> None:
        for router in (self.gateway, self.server):
            for key, value in _ROUTERS.items():
                router.sysctl(key, value)
        _link(self.client, "eth0", self.gateway, "lan0")
        _link(self.gateway, "wan0", self.server, "eth0")
        _link(self.server, "eth1", self.far, "eth0")
        self.client.ip_batch(
            [
                *_device("eth0", f"{CLIENT4}/24", f"{CLIENT6}/64"),
                f"route add default via {GATEWAY_LAN4}",
                f"route add ::/0 via {GATEWAY_LAN6}",
            ]
        )
        self.gateway.ip_batch(
            _device("lan0", f"{GATEWAY_LAN4}/24", f"{GATEWAY_LAN6}/64")
            + _device("wan0", f"{GATEWAY_WAN4}/24", f"{GATEWAY_WAN6}/64")
            + [f"route add default via {SERVER4}", f"route add ::/0 via {SERVER6}"]
        )
        self.server.ip_batch(
            _device("eth0", f"{SERVER4}/24", f"{SERVER6}/64")
            + _device("eth1", "198.51.100.1/24", "fd00:3::1/64")
            + [
                f"route add 10.1.0.0/24 via {GATEWAY_WAN4}",
                f"route add fd00:1::/64 via {GATEWAY_WAN6}",
            ]
        )
        self.far.ip_batch(
            [
                *_device("eth0", f"{FAR4}/24", f"{FAR6}/64"),
                "route add default via 198.51.100.1",
                "route add ::/0 via fd00:3::1",
            ]
        )

    def close(self) -> None:
        """Remove all namespaces, and with them links, rules and whatever runs inside."""
        while self._made:
            self._made.pop().remove()

    def __enter__(self) -> Self:
        """Return the world."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the world."""
        self.close()


def _link(near: Namespace, name: str, other: Namespace, other_name: str) -> None:
    near.ip_batch([f"link add {name} type veth peer name {other_name} netns {other.name}"])


def _device(name: str, address4: str, address6: str) -> list[str]:
    return [
        f"link set {name} up",
        f"address add {address4} dev {name}",
        f"address add {address6} dev {name} nodad",
    ]


def remove_leftovers() -> list[str]:
    """Remove the namespaces of labs whose process is dead; returns their names."""
    removed = []
    for path in sorted(NETNS_DIR.glob("fwlab-*")):
        match = _NAME.fullmatch(path.name)
        if match and not Path("/proc", match[1]).exists():
            remove_named(path.name)
            removed.append(path.name)
    return removed
