"""Whose call a GRE packet of PPTP is: the key map of nf_conntrack_proto_gre.c.

Such a packet names the receiver's call id alone (RFC 2637 section 4.1). The sender's is known from
the control connection, and PPTP's helper writes it down here. It is looked up wherever the flow of
a packet is asked for, in every zone.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

UNKNOWN: Final = b"\0\0"


@mypyc_attr(acyclic=True)
class Mapped:
    """One direction of a call: `where` is source, destination and the destination's call id."""

    __slots__ = ("source_id", "where")

    def __init__(self, where: bytes, source_id: bytes) -> None:
        self.where = where
        self.source_id = source_id


class GreMap:
    """Call ids of senders; where several control connections speak of one flow, the first counts.

    Whoever adds an entry removes it: there are two at most for each control connection.
    """

    def __init__(self) -> None:
        self._entries: dict[bytes, list[Mapped]] = {}

    def source_id(self, where: bytes) -> bytes:
        """The two octets of the sender's call id, UNKNOWN if nobody has told it."""
        entries = self._entries.get(where)
        return UNKNOWN if entries is None else entries[0].source_id

    def add(self, entry: Mapped) -> None:
        self._entries.setdefault(entry.where, []).append(entry)

    def remove(self, entry: Mapped) -> None:
        """Precondition: it was added, and not removed since."""
        entries = self._entries[entry.where]
        entries.remove(entry)
        if not entries:
            del self._entries[entry.where]

    def size(self) -> int:
        """How many flows can be told."""
        return len(self._entries)


NO_CALLS: Final = GreMap()  # to which nothing is ever added
