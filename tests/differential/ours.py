"""Our own tracking as a judge of single packets: the whole way through `Firewall.handle`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firewalld_py.conntrack.connection import ASSURED, ORIGINAL, REPLY, Connection
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import flow_key
from firewalld_py.conntrack.tcp_connection import TcpConnection
from firewalld_py.conntrack.tcp_states import STATE_NAMES
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.reasons import OK, REASON_NAMES
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.rules.build import build_ruleset
from tests.differential.answer import ANSWERS, Answer
from tests.differential.entries import Entry, our_entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firewalld_py.rules.ruleset import Ruleset

# A packet that the kernel judges but does not forward gets this mark, and a rule drops it.
DROP_MARK: Final = 1


class OurJudge:
    """Judges the packets of one sequence; `reason` and `table` explain the last answer."""

    def __init__(self, switches: Mapping[str, int], ruleset: Ruleset | None = None) -> None:
        """`ruleset` is one that accepts; it has to drop what has DROP_MARK."""
        self._conntrack = Conntrack(_settings(switches))
        self._firewall = Firewall(ruleset or _RULESET, self._conntrack)
        self._decision: Decision | None = None
        self._now = 0.0

    def judge(self, data: bytes, now: float, *, accept: bool) -> Answer | None:
        """State and direction of a packet that the filter accepts, or drops.

        None for a fragment that tracking does not see: its datagram is not whole, or never will be.
        """
        meta = PacketMeta(mark=self.mark(data) if accept else DROP_MARK)
        decision = self._firewall.handle(data, meta, now)
        self._decision = decision
        self._now = now
        return ANSWERS.get((decision.info.state, decision.info.direction))

    def mark(self, data: bytes) -> int:
        """The mark with which a packet comes that is to be accepted."""
        return 0

    def protocol(self) -> int:
        """The last packet's protocol; of a fragment that made a datagram whole, the datagram's."""
        assert self._decision is not None, "no packet yet"
        return self._decision.packet.protocol

    def connection(self) -> Connection | None:
        """The last packet's connection, if it has one."""
        assert self._decision is not None, "no packet yet"
        return self._decision.info.connection

    def reason(self) -> str:
        """Why the last packet is INVALID, or nothing."""
        assert self._decision is not None, "no packet yet"
        reason = self._decision.info.reason
        if reason == OK and self._decision.info.state == 0:
            reason = self._decision.reason
        return "" if reason == OK else REASON_NAMES[reason]

    def entries(self) -> list[Entry]:
        """All connections of the table that still live."""
        return [
            our_entry(connection, self._now)
            for connection in self._conntrack.table.connections()
            if connection.deadline > self._now
        ]

    def table(self) -> str:
        """What the table holds of the last packet's flow."""
        assert self._decision is not None, "no packet yet"
        connection = self._decision.info.connection
        packet = self._decision.packet
        if connection is None and packet.fault == OK:
            connection = self._conntrack.table.find(flow_key(packet), self._now)
        if connection is None:
            return ""
        assured = " assured" if connection.status & ASSURED else ""
        if not isinstance(connection, TcpConnection):
            return assured.strip()
        return (
            STATE_NAMES[connection.state]
            + assured
            + _peer(connection.peer_copy(ORIGINAL))
            + _peer(connection.peer_copy(REPLY))
        )


def _peer(peer: object) -> str:
    names = ("end", "maxend", "maxwin", "maxack", "scale", "flags")
    return " (" + " ".join(f"{name}={getattr(peer, name)}" for name in names) + ")"


def _settings(switches: Mapping[str, int]) -> Settings:
    settings = Settings()
    for name, value in switches.items():
        setattr(settings, name, value if name == "tcp_max_retrans" else bool(value))
    return settings


def _plan() -> dict[str, object]:
    dropped = {
        "name": "dropped", "file": "differential", "line": 1, "verdict": "drop",
        "match": [["mark", False, [[DROP_MARK, 0xFFFFFFFF]]]],
        "targets": [], **dict.fromkeys(("log", "template", "reject")),
    }  # fmt: skip
    chain: dict[str, object] = {"policy": "accept", "rules": []}
    forward = {"policy": "accept", "rules": [dropped]}
    filter_ = {"input": chain, "forward": forward, "output": chain}
    return {"interfaces": [], "raw": {"prerouting": [], "output": []}, "filter": filter_}


_RULESET: Final = build_ruleset(_plan())
