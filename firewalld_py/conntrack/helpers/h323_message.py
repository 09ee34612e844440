"""A message of one side of an H.323 connection, and what may be expected for what it says."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.expectation import EXPECTED, PERMANENT, THIRD_PARTY
from firewalld_py.conntrack.flow import destination, source
from firewalld_py.conntrack.helpers.base import Call
from firewalld_py.conntrack.helpers.h323_per import Decoded
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK

# The three helpers, by their names.
RAS: Final = "RAS"
Q931: Final = "Q.931"
H245: Final = "H.245"


@mypyc_attr(acyclic=True)
class Place:
    """An address and a port that a message names."""

    __slots__ = ("address", "port")

    def __init__(self, address: bytes, port: int) -> None:
        self.address = address
        self.port = port


class Message:
    """`octets` hold it, maybe among others; `own` is the address of who sent it, `other` not."""

    __slots__ = ("call", "key", "octets", "other", "own")

    def __init__(self, octets: bytes, direction: int, call: Call) -> None:
        self.octets = octets
        self.call = call
        self.key = call.connection.key(direction)
        self.own = source(self.key)
        self.other = destination(self.key)

    def h225_place(self, value: Decoded | None) -> Place | None:
        """What a TransportAddress of H.225.0 names, if it is of the connection's family."""
        if value is None:
            return None
        return self._place(value.reach("ipAddress" if len(self.own) == 4 else "ip6Address", "ip"))

    def h245_place(self, value: Decoded | None) -> Place | None:
        """Likewise of H.245: a unicast address."""
        unicast = None if value is None else value.member("unicastAddress")
        if unicast is None:
            return None
        family = "iPAddress" if len(self.own) == 4 else "iP6Address"
        return self._place(unicast.reach(family, "network"))

    def _place(self, address: Decoded | None) -> Place | None:
        if address is None:
            return None
        end = address.at + len(self.own)
        port = self.octets[end] << 8 | self.octets[end + 1]
        return Place(self.octets[address.at : end], port)

    def is_own(self, place: Place) -> bool:
        """Whether it is one of the sender's, and has a port."""
        return place.address == self.own and place.port != 0

    def expect(
        self, place: Place, flags: int = 0, helper: str = "", *, of_anyone: bool = False
    ) -> int:
        """Expect a TCP connection of the other side, or of anyone. OK, or why to drop the message.

        One that leads to a third party is not expected unless it may be, and that is no reason.
        """
        src = b"" if of_anyone else self.other
        return _reason(
            self.call.expect(
                src, place.address, IPPROTO_TCP, place.port, flags=flags, helper=helper
            )
        )

    def expect_datagrams(self, address: bytes, port: int, helper: str = "") -> int:
        """Likewise UDP of the other side."""
        return _reason(self.call.expect(self.other, address, IPPROTO_UDP, port, helper=helper))

    def expect_media(self, place: Place | None) -> int:
        """RTP at an even port of the sender, RTCP at the odd one behind (RFC 3550 section 11)."""
        if place is None or not self.is_own(place):
            return OK
        reason = self.expect_datagrams(self.own, place.port & ~1)
        if reason != OK:
            return reason
        reason = self.expect_datagrams(self.own, place.port | 1)
        if reason != OK:
            tables, call = self.call.tables, self.call
            tables.expectations.remove(tables.expectations.of_master(call.connection, call.now)[-1])
        return reason

    def expect_conference(self, place: Place | None) -> int:
        """T.120, as many connections as there may be."""
        if place is None or not self.is_own(place):
            return OK
        return self.expect(place, PERMANENT)


def _reason(result: int) -> int:
    return OK if result in (EXPECTED, THIRD_PARTY) else EXPECTATION_REFUSED
