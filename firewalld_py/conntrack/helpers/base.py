"""What a helper is: it reads the payload of a control connection and says what that leads to."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.expectation import (
    ANY_PORT,
    THIRD_PARTY,
    Expectation,
    ExpectationTable,
    Policy,
)
from firewalld_py.conntrack.flow import destination, source
from firewalld_py.conntrack.gre_map import GreMap
from firewalld_py.conntrack.networks import Networks
from firewalld_py.conntrack.table import Table
from firewalld_py.packet.packet import Packet

# (IP version, protocol number) of connections that a helper can read.
Readable = frozenset[tuple[int, int]]
IPV4: Final = 4
IPV6: Final = 6


class Tables:
    """What there is beside a connection. `networks` are this machine's."""

    __slots__ = ("calls", "connections", "expectations", "networks")

    def __init__(self, connections: Table, expectations: ExpectationTable) -> None:
        self.connections = connections
        self.expectations = expectations
        self.calls = GreMap()
        self.networks = Networks()


class Call:
    """One packet of a control connection, and what its helper may do about it.

    `state` is the packet's (NEW, ESTABLISHED or RELATED), `length` that of its payload, of which
    fewer octets may be at hand.
    """

    __slots__ = ("connection", "direction", "helper", "length", "now", "packet", "state", "tables")

    def __init__(
        self,
        helper: Helper,
        connection: Connection,
        packet: Packet,
        direction: int,
        state: int,
        length: int,
        now: float,
        tables: Tables,
    ) -> None:
        self.helper = helper
        self.connection = connection
        self.packet = packet
        self.direction = direction
        self.state = state
        self.length = length
        self.now = now
        self.tables = tables

    def expect(
        self,
        src: bytes,
        dst: bytes,
        protocol: int,
        dport: int,
        sport: int = ANY_PORT,
        kind: int = 0,
        flags: int = 0,
        helper: str = "",
        src_mask: bytes = b"",
        any_master: bool = False,
    ) -> int:
        """Expect a flow: EXPECTED or why not (expectation.py has the words, and the arguments').

        One towards a host that is no end of this connection is refused, unless the helper may.
        """
        key = self.connection.original_key
        if dst not in (source(key), destination(key)) and not self.helper.third_parties:
            return THIRD_PARTY
        assert len(src) in (0, len(dst)), "addresses of one family"
        assert len(src_mask) in (0, len(src)), "a mask as long as what it masks"
        new = Expectation(
            self.connection, src, dst, protocol, dport, sport, kind, flags, helper, src_mask
        )
        policy = self.helper.policies[kind]
        return self.tables.expectations.expect(new, policy, self.now, any_master)

    def refresh(self, timeout_s: float) -> None:
        """Let the control connection live that long from now."""
        self.connection.deadline = self.now + timeout_s


@mypyc_attr(allow_interpreted_subclasses=True)
class Helper:
    """The seam: one subclass a protocol, each in a file of its own beside this one.

    A helper is given to connections by a raw rule (`action: {helper: NAME}`) that are `readable`,
    and asked about each of their packets that was accepted, the first included. `policies` are its
    expectations', by class. `third_parties` says that it may expect connections to hosts that take
    no part in the control connection, which only the configuration may allow.
    """

    def __init__(
        self,
        name: str,
        readable: Readable,
        policies: list[Policy],
        third_parties: bool = False,
    ) -> None:
        self.name = name
        self.readable = readable
        self.policies = policies
        self.third_parties = third_parties

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        """Read what a packet says; OK, or the reason to drop it. Never raises for any payload.

        What is to be remembered of the connection is in its extension's `helper_state`.
        """
        raise NotImplementedError

    def opened(self, child: Connection, expectation: Expectation, tables: Tables) -> None:
        """A connection was opened that this helper expected; it is not in the table yet."""

    def destroyed(self, connection: Connection, tables: Tables) -> None:
        """A connection of this helper's has left the table, with what it expected.

        Here, and in child_destroyed(), others may be removed from the table as well.
        """

    def child_destroyed(self, child: Connection, master: Connection, tables: Tables) -> None:
        """A connection that this helper expected has left the table, or will never enter it."""
