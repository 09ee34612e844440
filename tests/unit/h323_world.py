"""A firewall that gives H.323's helpers to connections, and what it expects after each message."""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.conntrack.helpers.h323_types import RAS_MESSAGE
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.reasons import REASON_NAMES
from firewalld_py.pipeline import Decision
from tests import wire
from tests.h323_messages import encode
from tests.plans import firewall, plan, rule, template
from tests.talk import Talk, TcpTalk

CLIENT, SERVER = 0, 1
CALLER_PORT: Final = 40000


class World:
    """`parameters` are the helpers'. Nothing is sent at another time than `now`."""

    def __init__(self, version: int = 4, **parameters: int) -> None:
        settings = Settings()
        settings.helpers = {**settings.helpers, **parameters}
        rules = [
            rule("continue", ("proto", [protocol]), template=template(helper=helper))
            for protocol, helper in ((wire.TCP, "Q.931"), (wire.UDP, "RAS"))
        ]
        self.firewall = firewall(plan(prerouting=rules), settings)
        self.talk = Talk(version)
        router = wire.ROUTER4 if version == 4 else wire.ROUTER6
        self._names = {
            self.talk.client: "client",
            self.talk.server: "server",
            router: "third",
            b"": "anyone",
        }
        self.now = 1.0
        self.decision: Decision | None = None

    def call(self) -> TcpTalk:
        """A connection of Q.931's to the server."""
        return self.talk.tcp(CALLER_PORT, 1720).open()

    def says(self, connection: TcpTalk, side: int, *segments: bytes) -> str:
        for segment in segments:
            connection.send(side, segment)
        return self.outcome()

    def registers(self, side: int, wish: Any, tail: bytes = b"") -> str:
        """A message of RAS, from the endpoint (CLIENT) or the gatekeeper."""
        ports = (CALLER_PORT, 1719) if side == CLIENT else (1719, CALLER_PORT)
        message = encode(RAS_MESSAGE, wish) + tail
        self.talk.datagram(message, *ports, answers=side == SERVER)
        return self.outcome()

    def outcome(self) -> str:
        """Send what was said. Why the last packet was dropped, if it was; what is expected."""
        for data in self.talk.packets:
            self.decision = self.firewall.handle(data, PacketMeta(), self.now)
        self.talk.packets.clear()
        assert self.decision is not None
        reason = REASON_NAMES[self.decision.reason]
        return "; ".join([*([reason] if reason != "policy" else []), *self.expected()])

    def expected(self) -> list[str]:
        """What is expected, as `server to client:2000/tcp (flags, helper)`."""
        return [
            f"{self._names[one.src]} to {self._names[one.dst]}:{one.dport}"
            f"/{'tcp' if one.protocol == wire.TCP else 'udp'}"
            f"{' permanent' * one.flags}{' ' * bool(one.helper)}{one.helper}"
            for one in self.firewall.conntrack.expectations.all(self.now)
        ]
