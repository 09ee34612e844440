"""Which network interfaces there are, and when that changes (rtnetlink, RTMGRP_LINK)."""

from __future__ import annotations

import contextlib
import socket
from typing import Final

NETLINK_ROUTE: Final = 0
RTMGRP_LINK: Final = 1
DRAIN_OCTETS: Final = 65536


class LinkWatch:
    """Readable (see `fileno`) when interfaces came, went or were renamed; `names` is up to date
    after `refresh`."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_ROUTE
        )
        self._socket.bind((0, RTMGRP_LINK))
        self.names: dict[int, str] = dict(socket.if_nameindex())

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def refresh(self) -> bool:
        """Read the interfaces again; whether anything changed."""
        with contextlib.suppress(OSError):  # dry, or overrun: the list itself is read afresh
            while self._socket.recv(DRAIN_OCTETS):
                pass
        before, self.names = self.names, dict(socket.if_nameindex())
        return before != self.names

    def name(self, index: int) -> str:
        """The name of an interface; one that is gone is shown by its number."""
        return self.names.get(index, f"#{index}" if index else "")
