"""What rules ask of the machine they run on, and of nobody's packet."""

from __future__ import annotations

from typing import Final

from firewalld_py.rules.routes import RouteTable

# What a rule set needs that others do not pay for; bits.
NEEDS_SOURCE_MAC: Final = 1


class Machine:
    """The machine as its rules see it; it outlives them. Whoever runs a firewall keeps it up.

    `broadcasts` are the broadcast addresses of the networks that an interface is in, by its index.
    `routes` are None as long as they are not known. `wall_offset` leads from the packets' clock to
    the wall clock, in seconds since the epoch.
    """

    __slots__ = ("broadcasts", "routes", "wall_offset")

    def __init__(self) -> None:
        self.broadcasts: dict[int, frozenset[bytes]] = {}
        self.routes: RouteTable | None = None
        self.wall_offset = 0.0
