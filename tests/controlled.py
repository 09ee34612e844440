"""A control connection whose helper is asked about what is said on it; for the helpers' twins."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ESTABLISHED, NEW, RELATED, Connection, Template
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.expectation import Expectation
from firewalld_py.conntrack.flow import flow_key
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK
from tests import wire
from tests.talk import Talk

CONTROL_PORT: Final = 40000  # the client's
CLIENT, SERVER = 0, 1


class Controlled:
    """A client and a server; `helper` is what a rule gives to connections to `port`."""

    def __init__(
        self,
        helper: str,
        port: int,
        protocol: int = wire.TCP,
        version: int = 4,
        parameters: dict[str, int] | None = None,
    ) -> None:
        settings = Settings()
        settings.helpers = {**settings.helpers, **(parameters or {})}
        self.conntrack = Conntrack(settings)
        self.now = 0.0
        self.protocol = protocol
        self._template = Template(helper=helper)
        self._ports = (CONTROL_PORT, port)
        self._talk = Talk(version)
        self.client, self.server = self._talk.client, self._talk.server
        self._tcp = self._talk.tcp(CONTROL_PORT, port)
        self._key = b""
        if protocol == wire.TCP:
            self.open()

    def open(self) -> None:
        """The handshake; done already, unless `conntrack` was replaced since."""
        for side, flags in ((CLIENT, "S"), (SERVER, "SA"), (CLIENT, "A")):
            self.say(side, b"", flags)

    def say(self, side: int, payload: bytes, flags: str = "PA") -> int:
        """One packet of a side: OK, or why it is dropped."""
        if self.protocol == wire.UDP:
            ports = self._ports[side], self._ports[1 - side]
            self._talk.datagram(payload, *ports, answers=side == SERVER)
        else:
            self._tcp.send(side, payload, flags)
        return self._track(self._talk.packets.pop(), self._template)[1]

    def expected(self) -> list[Expectation]:
        return self.conntrack.expectations.all(self.now)

    def ports(self) -> list[int]:
        """Where connections are expected, the longest expected first."""
        return [one.dport for one in self.expected()]

    def connection(self) -> Connection:
        found = self.conntrack.table.find(self._key, self.now)
        assert found is not None
        return found

    def state_of(self, src: bytes, dst: bytes, protocol: int, sport: int, dport: int) -> str:
        """The state of a packet of another connection; it is accepted."""
        octets = wire.udp(b"x", sport, dport)
        if protocol == wire.TCP:
            octets = wire.tcp("S", sport=sport, dport=dport)
        state = self._track(wire.ip(src, dst, protocol, octets), Template())[0]
        return {NEW: "NEW", ESTABLISHED: "ESTABLISHED", RELATED: "RELATED"}[state]

    def _track(self, data: bytes, template: Template) -> tuple[int, int]:
        packet = parse(data, PacketMeta())
        assert packet.fault == OK
        self._key = self._key or flow_key(packet)
        info = self.conntrack.inspect(packet, self.now, template)
        return info.state, self.conntrack.confirm(info, packet, self.now)
