"""TCP connections that were ended from outside: what still comes of them opens none anew.

A table that picks connections up in mid-stream (`tcp_loose`) would take a connection that was
removed for a new one at its next packet, and open it in the direction which that packet happens to
have: that of the end which was not banned, as like as not. So it is known for as long as the entry
would have lived that only a SYN opens it again. All other protocols have no such mark of a
beginning: what comes of them is NEW, and judged by the rules as such.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from firewalld_py.conntrack.connection import Connection
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.protocols import IPPROTO_TCP, TCP_SYN

MAX_ENDED: Final = 65536  # then the one that was ended first is forgotten


class Ended:
    """Original keys of TCP connections that were ended, each up to a deadline."""

    def __init__(self, maximum: int = MAX_ENDED) -> None:
        self.size = 0
        self._maximum = maximum
        # In the order in which they ended; the first of a dict is not found at once.
        self._deadlines: OrderedDict[bytes, float] = OrderedDict()

    def remember(self, connection: Connection) -> None:
        """From now on until its deadline only a SYN opens this connection again."""
        if connection.protocol != IPPROTO_TCP:
            return
        key = connection.original_key
        self._deadlines.pop(key, None)
        if len(self._deadlines) >= self._maximum:
            self._deadlines.popitem(last=False)
        self._deadlines[key] = connection.deadline
        self.size = len(self._deadlines)

    def refuses(self, packet: Packet, key: bytes, reply: bytes, now: float) -> bool:
        """Whether this packet, whose key and reply key these are, is of one that has ended."""
        if packet.protocol != IPPROTO_TCP or packet.tcp_flags & TCP_SYN:
            return False
        if key not in self._deadlines:
            key = reply
        deadline = self._deadlines.get(key)
        if deadline is None:
            return False
        if deadline > now:
            return True
        del self._deadlines[key]
        self.size = len(self._deadlines)
        return False
