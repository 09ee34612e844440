"""How many connections an address has: `-m connlimit`."""

from __future__ import annotations

from firewalld_py.conntrack.connection import DYING, Connection, CtInfo, Tallies, Tally
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.reasons import TRANSPORT_TOO_SHORT
from firewalld_py.rules.matches_rate import CountingMatch, masked


class ConnectionsMatch(CountingMatch):
    """Met by packets whose address has more than `limit` connections, the packet's own included.

    Of the address the first `mask_v4` or `mask_v6` bits count, and of each zone by itself. Counted
    are connections of which a packet was asked here, until they are closed or gone: a Tally for
    each address, so that there are never more of these than connections. What has no connection,
    or no more, counts as one for itself.

    As nf_conncount.c does it, but that this need not look whether connections are gone: it is told
    at once, of one that timed out when it is swept out (a second later at most). And where nothing
    is left to be counted, as at the end of an address's last connection, connlimit_mt() drops the
    packet; to this it is none of too many.
    """

    __slots__ = ("destination", "limit", "mask_v4", "mask_v6", "tallies")

    def __init__(
        self,
        inverted: bool,
        limit: int,
        destination: bool,
        mask_v4: int,
        mask_v6: int,
        tallies: Tallies,
    ) -> None:
        super().__init__(inverted)
        self.limit = limit
        self.destination = destination
        self.mask_v4 = mask_v4
        self.mask_v6 = mask_v6
        self.tallies = tallies

    def matches(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        connection = info.connection
        if len(packet.src) == 0:
            return False
        if connection is None and packet.fault == TRANSPORT_TOO_SHORT:
            return False
        key = self.key(packet, connection)
        tally = self.tallies.of_key.get(key)
        if connection is not None and _may_be_counted(connection):
            if tally is None:
                tally = Tally(key, self.tallies)
            if not connection.is_in(tally):
                connection.join(tally)
        return (_count(tally, connection) > self.limit) != self.inverted

    def connections(self, packet: Packet, connection: Connection | None) -> int:
        """How many the packet's address has, as `matches` sees it; asking changes nothing."""
        tally = self.tallies.of_key.get(self.key(packet, connection))
        count = _count(tally, connection)
        if connection is None or not _may_be_counted(connection):
            return count
        return count if tally is not None and connection.is_in(tally) else count + 1

    def key(self, packet: Packet, connection: Connection | None) -> bytes:
        """What is counted together: the bits of the address that count, then the zone, if any."""
        bits = self.mask_v4 if packet.version == 4 else self.mask_v6
        key = masked(packet.dst if self.destination else packet.src, bits)
        zone = 0 if connection is None else connection.zone()
        return key + bytes((zone >> 8, zone & 0xFF)) if zone else key


def _may_be_counted(connection: Connection) -> bool:
    return connection.status & DYING == 0 and not connection.is_closed()


def _count(tally: Tally | None, connection: Connection | None) -> int:
    """The connections of a tally, and one more if the packet's own is none that can be in it."""
    count = 0 if tally is None else tally.connections
    return count + 1 if connection is None or connection.status & DYING else count
