"""The way of a packet, in strict order, on one screen.

`Firewall.handle` is a function of (octets, metadata, now): the live queue, a capture, a test and a
fuzzer all call it. It reads no clock, opens nothing, writes nothing; what is to be logged or
answered is in the Decision.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import UNTRACKED, CtInfo
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.packet.fragments import Reassembler
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.protocols import HOOK_INPUT, HOOK_OUTPUT
from firewalld_py.packet.reasons import (
    FRAGMENT,
    FRAGMENT_INCOMPLETE,
    OK,
    POLICY,
    REASON_NAMES,
    RULE,
)
from firewalld_py.rules.chain import Chain, LogHit, Outcome
from firewalld_py.rules.rule import Rule
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.verdicts import ACCEPT, DROP, NOTRACK, REJECT


@mypyc_attr(acyclic=True, free_list_len=1)
class Decision:
    """The verdict on one packet, and all that explains it.

    `verdict` is ACCEPT or DROP; `reason` is what decided (RULE, POLICY or a fault's number);
    `info.reason` is why an INVALID packet is INVALID. `rule` is None if `chain`'s policy decided;
    it stands in `rule_chain`, which is `chain` or one that it leads to. `mark` is the packet's mark
    afterwards. `reject_with` is "" or the kind of answer that is due. `logs` is None or the log
    lines that are due, each with the chain whose rule wants it.

    A fragment whose datagram is not whole yet is `held`: it gets its verdict later, with the
    decision that has its token in `released`, or is dropped once it is among
    `Firewall.dropped_fragments()`.
    """

    __slots__ = (
        "chain",
        "held",
        "info",
        "logs",
        "mark",
        "packet",
        "reason",
        "reject_with",
        "released",
        "rule",
        "rule_chain",
        "verdict",
    )

    def __init__(
        self, verdict: int, reason: int, packet: Packet, info: CtInfo, chain: Chain, mark: int
    ) -> None:
        self.verdict = verdict
        self.reason = reason
        self.packet = packet
        self.info = info
        self.chain = chain
        self.mark = mark
        self.rule: Rule | None = None
        self.rule_chain = chain
        self.reject_with = ""
        self.logs: list[tuple[Chain, LogHit]] | None = None
        self.held = False
        self.released: list[int] | None = None

    def reason_name(self) -> str:
        return REASON_NAMES[self.reason]

    def verdict_name(self) -> str:
        """accept, drop, or reject (a drop that is answered)."""
        if self.rule is not None and self.rule.verdict == REJECT:
            return "reject"
        return "accept" if self.verdict == ACCEPT else "drop"


class Firewall:
    """A rule set in force over a state table. Replace `ruleset` between two packets to reload."""

    def __init__(self, ruleset: Ruleset, conntrack: Conntrack) -> None:
        self.ruleset = ruleset
        self.conntrack = conntrack
        self._reassembler = Reassembler()

    def handle(self, data: bytes, meta: PacketMeta, now: float) -> Decision:
        """Judge one packet. Never raises, whatever `data` is."""
        meta.arrived = now
        packet = parse(data, meta)
        if packet.fragment:
            return self._handle_fragment(packet, meta, now)
        return self._judge(packet, meta, now)

    def _judge(self, packet: Packet, meta: PacketMeta, now: float) -> Decision:
        """The steps after parsing."""
        raw_chain, filter_chain = self.chains(meta.hook)

        raw = raw_chain.evaluate(packet, BEFORE_TRACKING, meta.mark, now)
        if raw.verdict == DROP:
            return _decide(DROP, packet, BEFORE_TRACKING, raw_chain, raw, raw, now)

        if raw.verdict == NOTRACK:
            info = CtInfo(UNTRACKED)
        else:
            info = self.conntrack.inspect(packet, now, raw.template)

        outcome = filter_chain.evaluate(packet, info, raw.mark, now)
        verdict = ACCEPT if outcome.verdict == ACCEPT else DROP
        if outcome.changes and info.connection is not None:
            self.conntrack.changed(info.connection, outcome.changes, now)

        decision = _decide(verdict, packet, info, filter_chain, outcome, raw, now)
        if verdict == ACCEPT:
            reason = self.conntrack.confirm(info, packet, now)
            if reason != OK:
                decision.verdict = DROP
                decision.reason = reason
        elif info.connection is not None:
            self.conntrack.dropped(info.connection)
        return decision

    def _handle_fragment(self, packet: Packet, meta: PacketMeta, now: float) -> Decision:
        """A datagram is judged as a whole, with the fragment that completes it."""
        reason = FRAGMENT
        if not meta.truncated:
            reason = self._reassembler.add(packet, meta.token, now)
        if reason == OK:
            released = self._reassembler.released
            dropped = self._reassembler.dropped
            # Should judging fail, none of the fragments is left waiting.
            self._reassembler.dropped = dropped + released
            whole = parse(self._reassembler.whole, meta, True)
            whole.was_fragmented = True
            decision = self._judge(whole, meta, now)
            self._reassembler.dropped = dropped
            decision.released = released
            return decision
        if reason == FRAGMENT:
            return self._judge(parse(packet.data, meta, True), meta, now)
        _raw_chain, filter_chain = self.chains(meta.hook)
        decision = Decision(DROP, reason, packet, BEFORE_TRACKING, filter_chain, meta.mark)
        decision.held = reason == FRAGMENT_INCOMPLETE
        return decision

    def dropped_fragments(self, now: float) -> list[int]:
        """The tokens of held fragments that are to be dropped: the rest of them will not come."""
        self._reassembler.expire(now)
        dropped = self._reassembler.dropped
        self._reassembler.dropped = []
        return dropped

    def chains(self, hook: int) -> tuple[Chain, Chain]:
        """The raw chain and the filter chain that judge what this hook has seen.

        A packet seen in INPUT or FORWARD has come through prerouting, one in OUTPUT has not.
        """
        ruleset = self.ruleset
        if hook == HOOK_OUTPUT:
            return ruleset.raw_output, ruleset.filter_output
        if hook == HOOK_INPUT:
            return ruleset.raw_prerouting, ruleset.filter_input
        return ruleset.raw_prerouting, ruleset.filter_forward


# Raw rules run before a state is known; they may not ask for one (policy/ refuses it).
BEFORE_TRACKING: Final = CtInfo(0)


def _decide(
    verdict: int,
    packet: Packet,
    info: CtInfo,
    chain: Chain,
    outcome: Outcome,
    raw: Outcome,
    now: float,
) -> Decision:
    """Gather what the chains said."""
    rule = outcome.rule
    decision = Decision(
        verdict, POLICY if rule is None else RULE, packet, info, chain, outcome.mark
    )
    decision.rule = rule
    if outcome.chain is not None:
        decision.rule_chain = outcome.chain
    if rule is not None and rule.verdict == REJECT:
        bucket = rule.reject_bucket
        if bucket is None or bucket.take(now):
            decision.reject_with = rule.reject_with
    if raw.logs is not None or outcome.logs is not None:
        decision.logs = _due_logs(raw, outcome)
    return decision


def _due_logs(raw: Outcome, outcome: Outcome) -> list[tuple[Chain, LogHit]]:
    due: list[tuple[Chain, LogHit]] = []
    if raw.logs is not None:
        due.extend([(hit.chain, hit) for hit in raw.logs])
    if outcome is not raw and outcome.logs is not None:
        due.extend([(hit.chain, hit) for hit in outcome.logs])
    return due
