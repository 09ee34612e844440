"""Which network interfaces there are, in which networks, and when that changes (rtnetlink)."""

from __future__ import annotations

import contextlib
import socket
from typing import Final, NamedTuple

from firewalld_py.service.addresses import InterfaceNetwork, read_networks

NETLINK_ROUTE: Final = 0
RTMGRP_LINK: Final = 0x1
RTMGRP_IPV4_IFADDR: Final = 0x10
DRAIN_OCTETS: Final = 65536


class Links(NamedTuple):
    """The interfaces by index, and the IPv4 networks that they are in."""

    names: dict[int, str]
    networks: list[InterfaceNetwork]


def read_links() -> Links:
    return Links(dict(socket.if_nameindex()), read_networks())


class LinkWatch:
    """Readable (see `fileno`) when interfaces came, went or were renamed, or addresses changed;
    `links` is up to date after `refresh`."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_ROUTE
        )
        self._socket.bind((0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR))
        self.links = read_links()

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def refresh(self) -> bool:
        """Read the interfaces again; whether anything changed."""
        with contextlib.suppress(OSError):  # dry, or overrun: the list itself is read afresh
            while self._socket.recv(DRAIN_OCTETS):
                pass
        before, self.links = self.links, read_links()
        return before != self.links

    def name(self, index: int) -> str:
        """The name of an interface; one that is gone is shown by its number."""
        return self.links.names.get(index, f"#{index}" if index else "")
