"""Decisions to events: what a worker tells of a packet, taken out of the core's objects."""

from __future__ import annotations

from firewalld_py.conntrack.connection import DIRECTION_NAMES, STATE_NAMES
from firewalld_py.packet.reasons import REASON_NAMES
from firewalld_py.pipeline import Decision
from firewalld_py.rules.verdicts import ACCEPT, CONTINUE, VERDICT_NAMES
from firewalld_py.service.messages import LogEvent, RejectEvent
from firewalld_py.service.nfqueue import HEAD_OCTETS


def log_events(decision: Decision, wall_clock: float) -> list[LogEvent]:
    """The log lines that a decision is due; `wall_clock` is seconds since the epoch.

    A rule that only logs says what became of the packet in the end.
    """
    if decision.logs is None:
        return []
    packet, info = decision.packet, decision.info
    events = []
    for chain, hit in decision.logs:
        rule = hit.rule
        log = rule.log
        assert log is not None, "only a rule that logs has a log line due"
        decided = decision.verdict_name()
        events.append(
            LogEvent(
                time=wall_clock,
                action=decided
                if rule.verdict == ACCEPT or rule.verdict >= CONTINUE
                else VERDICT_NAMES[rule.verdict],
                table=chain.table,
                chain=chain.name,
                rule=rule.name,
                file=rule.file,
                line=rule.line,
                prefix=log.prefix,
                level=log.level,
                state=STATE_NAMES.get(info.state, ""),
                direction=DIRECTION_NAMES[info.direction],
                reason=REASON_NAMES[info.reason or decision.reason],
                in_index=packet.meta.in_index,
                out_index=packet.meta.out_index,
                mark=decision.mark,
                length=packet.length,
                head=packet.data[:HEAD_OCTETS],
                suppressed=hit.suppressed,
            )
        )
    return events


def reject_event(decision: Decision) -> RejectEvent:
    """The answer that a decision is due."""
    meta = decision.packet.meta
    return RejectEvent(
        kind=decision.reject_with,
        hook=meta.hook,
        in_index=meta.in_index,
        out_index=meta.out_index,
        head=decision.packet.data[:HEAD_OCTETS],
    )
