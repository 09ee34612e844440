"""What a helper is: it reads the payload of a control connection and says what that leads to."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.expectation import Expectation
from firewalld_py.packet.packet import Packet


@mypyc_attr(allow_interpreted_subclasses=True)
class Helper:
    """The seam: one subclass a protocol, each in a file of its own beside this one.

    A helper is assigned by a raw rule (`action: {helper: NAME}`) and asked about each packet of its
    connections that was accepted.
    """

    def inspect(
        self, packet: Packet, connection: Connection, direction: int, now: float
    ) -> list[Expectation]:
        """What this packet of the control connection leads to; never raises for any payload."""
        raise NotImplementedError


# Every helper that rules may name. None yet.
HELPERS: Final[dict[str, Helper]] = {}
