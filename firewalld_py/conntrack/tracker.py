"""The seam between the engine and the protocols.

One tracker stands for each protocol number; the engine asks it three things, in this order for the
first packet of a connection: may it open one (`refusal`), make it (`open`), and, as for every later
packet, what it does to it (`update`). Trackers keep no state of their own: all of it is in the
connection and in the settings.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.helpers.parameters import PARAMETER_DEFAULTS
from firewalld_py.conntrack.timeouts import TIMEOUT_DEFAULTS, Timeouts
from firewalld_py.packet.packet import Packet
from firewalld_py.packet.reasons import OK

# What `update` answers beside OK and the reasons for INVALID (which are all positive).
REOPEN: Final = -1  # this packet ends the connection and starts another one with the same key
REMOVE: Final = -2  # the packet is good, the connection is over at once


class Settings:
    """The switches of nf_conntrack, by the names of its sysctls."""

    __slots__ = (
        "checksum",
        "expect_max",
        "helpers",
        "maximum",
        "tcp_be_liberal",
        "tcp_ignore_invalid_rst",
        "tcp_loose",
        "tcp_max_retrans",
        "timeouts",
    )

    def __init__(
        self,
        maximum: int = 262144,
        tcp_loose: bool = True,
        tcp_be_liberal: bool = False,
        tcp_max_retrans: int = 3,
        tcp_ignore_invalid_rst: bool = False,
        checksum: bool = False,
        timeouts: Timeouts | None = None,
        expect_max: int = 4096,
        helpers: dict[str, int] | None = None,
    ) -> None:
        """`helpers` are the helpers' parameters (helpers/parameters.py), all of them."""
        self.maximum = maximum
        self.tcp_loose = tcp_loose
        self.tcp_be_liberal = tcp_be_liberal
        self.tcp_max_retrans = tcp_max_retrans
        self.tcp_ignore_invalid_rst = tcp_ignore_invalid_rst
        self.checksum = checksum
        self.timeouts = timeouts if timeouts is not None else Timeouts({})
        self.expect_max = expect_max
        self.helpers = dict(PARAMETER_DEFAULTS) if helpers is None else helpers


def make_settings(numbers: dict[str, int]) -> Settings:
    """Settings from the names of the configuration's section conntrack, all of them.

    Raises KeyError where one is missing.
    """
    return Settings(
        numbers["max"],
        numbers["tcp_loose"] != 0,
        numbers["tcp_be_liberal"] != 0,
        numbers["tcp_max_retrans"],
        numbers["tcp_ignore_invalid_rst"] != 0,
        numbers["checksum"] != 0,
        Timeouts({name: numbers[name] for name in TIMEOUT_DEFAULTS}),
        numbers["expect_max"],
        {name: numbers[name] for name in PARAMETER_DEFAULTS},
    )


class Tracker:
    """One protocol's rules; this base is the generic one: any packet opens, and refreshes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def timeouts_of(self, connection: Connection) -> Timeouts:
        """The timeouts that a rule gave to the connection, else those of the settings."""
        extension = connection.extension
        if extension is None or extension.timeouts is None:
            return self.settings.timeouts
        return extension.timeouts

    def refusal(self, packet: Packet) -> int:
        """OK if this packet may open a connection, else the reason why not."""
        return OK

    def open(self, packet: Packet, key: bytes, reply: bytes, now: float) -> Connection:
        """A connection of the right class for this packet, not yet in the table."""
        return Connection(packet.protocol, key, reply, now)

    def update(self, connection: Connection, packet: Packet, direction: int, now: float) -> int:
        """Apply one packet; answers OK, REOPEN, REMOVE, or the reason why it is INVALID.

        An INVALID packet leaves the connection's state as it was.
        """
        connection.refresh(now + self.timeouts_of(connection).generic, direction, packet.length)
        return OK
