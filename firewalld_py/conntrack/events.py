"""What happens to connections, told to whoever wants to know: new, update, destroy.

As the kernel's conntrack events (enum ip_conntrack_events): a connection is new once its first
packet was accepted; what changes before that is part of the news.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import (
    ASSURED,
    IS_ASSURED,
    LABELS_CHANGED,
    MARK_CHANGED,
    REPLY_SEEN,
    SEEN_REPLY,
    STATE_CHANGED,
    Connection,
)

CHANGE_NAMES: Final[dict[int, str]] = {
    REPLY_SEEN: "reply",
    IS_ASSURED: "assured",
    STATE_CHANGED: "state",
    MARK_CHANGED: "mark",
    LABELS_CHANGED: "labels",
}


@mypyc_attr(allow_interpreted_subclasses=True)
class Watcher:
    """Somebody who wants to know. The calls come while a packet is judged: they must be quick.

    None of them may touch the table, but `destroyed` may remove other connections.
    """

    def created(self, connection: Connection, now: float) -> None:
        """A connection has entered the table; one that was expected has EXPECTED and a master."""

    def updated(self, connection: Connection, changes: int, now: float) -> None:
        """A packet has changed a connection of the table: `changes` are bits of CHANGE_NAMES."""

    def destroyed(self, connection: Connection) -> None:
        """A connection has left the table."""


def changes_of_status(before: int, after: int) -> int:
    """The changes that new status bits are."""
    new = after & ~before
    changes = REPLY_SEEN if new & SEEN_REPLY else 0
    return changes | IS_ASSURED if new & ASSURED else changes
