"""Connections that somebody asked for, told by the worker a little at a time."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.search import Search, SearchError, Wanted, wanted_from_text
from firewalld_py.conntrack.snapshot import dump_connection
from firewalld_py.conntrack.table import Table
from firewalld_py.service.channel import Channel, split
from firewalld_py.service.messages import ConnectionsEnd, ConnectionsRequest, Message, Tracked

MAX_TOLD: Final = 4096  # whoever asks for more gets these, and the number of all
PER_TURN: Final = 16  # rows, of some 20 microseconds each
LOOKS_PER_TURN: Final = 512  # of a million connections a part, which is whole, has a thousand
MASTERS_TOLD: Final = 2


class ConnectionListing:
    """The answer to one ConnectionsRequest."""

    def __init__(self, request: ConnectionsRequest, table: Table) -> None:
        self._number = request.number
        self._at_most = min(request.at_most, MAX_TOLD)
        self._total = 0
        self._found: deque[Connection] = deque()
        self._error = ""
        wanted = Wanted()
        try:
            wanted = wanted_from_text(request.wanted)
        except SearchError as error:
            self._error = str(error)
        self._search = Search(table, wanted)

    def tell(self, channel: Channel, now: float) -> bool:
        """Look on and send some, as long as there is room; whether anything is left to tell."""
        if self._error:
            return not _sent(channel, ConnectionsEnd(self._number, 0, self._error))
        if len(self._found) < PER_TURN:
            self._look(now)
        for _ in range(PER_TURN):
            if not self._found:
                break
            if not _sent(channel, Tracked(self._number, _rows(self._found[0], now))):
                return True
            self._found.popleft()
        if self._found or not self._search.is_done():
            return True
        return not _sent(channel, ConnectionsEnd(self._number, self._total))

    def _look(self, now: float) -> None:
        """A step of the search; what is beyond the bound is counted alone."""
        found = self._search.step(LOOKS_PER_TURN, now)
        room = max(self._at_most - self._total, 0)
        self._total += len(found)
        self._found.extend(found[:room])


def _rows(connection: Connection, now: float) -> list[Any]:
    """The connection, then what led to it."""
    rows = [dump_connection(connection, now)]
    master = connection.master()
    while master is not None and len(rows) <= MASTERS_TOLD:
        rows.append(dump_connection(master, now))
        master = master.master()
    return rows


def _sent(channel: Channel, message: Message) -> bool:
    """Whether there was room; what finds none comes later."""
    (piece,) = split(message)
    return channel.send_piece(piece)
