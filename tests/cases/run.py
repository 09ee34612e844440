"""Sends a case through the whole way of a packet and compares what was said of each."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ASSURED, DIRECTION_NAMES, STATE_NAMES, UNTRACKED
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import flow_key
from firewalld_py.conntrack.sctp import SctpConnection
from firewalld_py.conntrack.sctp_states import STATE_NAMES as SCTP_STATE_NAMES
from firewalld_py.conntrack.tcp_connection import TcpConnection
from firewalld_py.conntrack.tcp_states import STATE_NAMES as TCP_STATE_NAMES
from firewalld_py.conntrack.timeouts import TIMEOUT_DEFAULTS, Timeouts
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.reasons import OK, REASON_NAMES
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.rules.build import build_ruleset
from tests.cases.octets import Sender
from tests.cases.trace import Case, Entry, Step, TraceError
from tests.plans import plan, rule

START_S: Final = 1000.0
# What the lines' `notrack` and `dropped` are to the rules: marks of the packet.
NOTRACK_MARK: Final = 1
DROP_MARK: Final = 2
RULES: Final = plan(
    [rule("drop", ("mark", [[DROP_MARK, 0xFFFFFFFF]]))],
    prerouting=[rule("notrack", ("mark", [[NOTRACK_MARK, 0xFFFFFFFF]]))],
)
SWITCHES: Final = ("tcp_loose", "tcp_be_liberal", "tcp_ignore_invalid_rst", "checksum")
NUMBERS: Final = ("maximum", "tcp_max_retrans")


class CaseRun:
    """One case under way, for one IP version."""

    def __init__(self, case: Case, family: int) -> None:
        self._sender = Sender(family)
        self._conntrack = Conntrack(settings(case))
        self._firewall = Firewall(build_ruleset(RULES), self._conntrack)
        self._now = START_S

    def step(self, step: Step) -> None:
        """Send one packet; AssertionError if it is not judged as the line says."""
        data = self._sender.octets(step)
        if step.expected is None:
            return
        self._now += step.delay_s
        mark = NOTRACK_MARK if step.notrack else DROP_MARK if step.dropped else 0
        decision = self._firewall.handle(data, PacketMeta(mark=mark), self._now)
        found = judged(decision)
        wrong = found != step.expected
        assert not wrong, f"{step.place}: {' '.join(filter(None, found))}, not as in: {step.text}"
        if step.entry is not None:
            entry = self._entry(decision)
            assert entry == step.entry, f"{step.place}: {entry}, not as in: {step.text}"

    def _entry(self, decision: Decision) -> Entry | str:
        """What the table holds of the packet's flow after it."""
        packet = decision.packet
        connection = decision.info.connection
        key = connection.original_key if connection is not None else b""
        if not key and packet.fault == OK:
            key = flow_key(packet)
        found = self._conntrack.table.find(key, self._now)
        if found is None:
            return "no entry"
        state = ""
        if isinstance(found, TcpConnection):
            state = TCP_STATE_NAMES[found.state]
        elif isinstance(found, SctpConnection):
            state = SCTP_STATE_NAMES[found.state]
        left_s = round(found.deadline - self._now, 3)
        return Entry(state, left_s, assured=bool(found.status & ASSURED))


def judged(decision: Decision) -> tuple[str, str, str]:
    """State, direction and reason, as a line says them."""
    info = decision.info
    if info.state not in STATE_NAMES:
        return "NONE", "", decision.reason_name()  # a fragment, or dropped by a raw rule
    state = STATE_NAMES[info.state]
    if info.reason != OK:
        return state, "", REASON_NAMES[info.reason]
    return state, "" if info.state == UNTRACKED else DIRECTION_NAMES[info.direction], ""


def packets(case: Case, cases: dict[str, Case]) -> list[Step]:
    """The case's packets behind those of the case that it comes after."""
    before = packets(cases[case.after], cases) if case.after else []
    return before + case.steps


def settings(case: Case) -> Settings:
    """The tracking settings that the case asks for. Raises TraceError for an unknown one."""
    made = Settings()
    timeouts: dict[str, int] = {}
    for name, value in case.settings.items():
        if name in SWITCHES and value in ("yes", "no"):
            setattr(made, name, value == "yes")
        elif name in NUMBERS:
            setattr(made, name, int(value))
        elif name in TIMEOUT_DEFAULTS:
            timeouts[name] = int(value)
        else:
            raise TraceError(f"{case.place}: no such setting: {name}={value}")
    made.timeouts = Timeouts(timeouts)
    return made
