"""Rules, chains, and how a packet goes through one.

A chain is walked from the top; a rule whose conditions are all met may log, set the packet's mark
and assign a helper, and then gives a verdict or lets the packet go on. The first verdict counts; a
filter chain that gives none has a policy.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import NO_TEMPLATE, Connection, CtInfo, Template
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.limits import TokenBucket
from firewalld_py.rules.matches import MARK_MASK, Interfaces, Match

# Verdicts of a rule. DROP and ACCEPT are also the kernel's numbers (NF_DROP, NF_ACCEPT).
DROP: Final = 0
ACCEPT: Final = 1
REJECT: Final = 2
NOTRACK: Final = 3
CONTINUE: Final = 4

VERDICT_NAMES: Final[tuple[str, ...]] = ("drop", "accept", "reject", "notrack", "continue")


class LogTarget:
    """A rule's `log:`; `suppressed` counts what the limit has swallowed since the last line."""

    __slots__ = ("bucket", "level", "prefix", "suppressed")

    def __init__(self, prefix: str, level: int, rate: float, burst: int) -> None:
        self.prefix = prefix
        self.level = level
        self.bucket = TokenBucket(rate, burst)
        self.suppressed = 0


class Rule:
    """One rule. `hits` and `hit_octets` count the packets whose conditions it met.

    `mark_value` and `mark_mask` set the packet's mark where the mask is not 0, `connmark_value` and
    `connmark_mask` its connection's, which also gets the bits of `labels`; `template` is what a raw
    rule wants of tracking, or None; `reject_with` names the answer of a REJECT, whose number
    `reject_bucket` limits.
    """

    __slots__ = (
        "connmark_mask",
        "connmark_value",
        "file",
        "hit_octets",
        "hits",
        "labels",
        "line",
        "log",
        "mark_mask",
        "mark_value",
        "matches",
        "name",
        "reject_bucket",
        "reject_with",
        "template",
        "verdict",
    )

    def __init__(self, name: str, file: str, line: int, matches: list[Match], verdict: int) -> None:
        self.name = name
        self.file = file
        self.line = line
        self.matches = matches
        self.verdict = verdict
        self.log: LogTarget | None = None
        self.mark_value = 0
        self.mark_mask = 0
        self.connmark_value = 0
        self.connmark_mask = 0
        self.labels = 0
        self.template: Template | None = None
        self.reject_with = ""
        self.reject_bucket: TokenBucket | None = None
        self.hits = 0
        self.hit_octets = 0

    def is_met(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        for match in self.matches:
            if not match.matches(packet, info, mark):
                return False
        return True


@mypyc_attr(acyclic=True)
class LogHit:
    """A log line that is due: which rule wants it, and how many before it were suppressed."""

    __slots__ = ("rule", "suppressed")

    def __init__(self, rule: Rule, suppressed: int) -> None:
        self.rule = rule
        self.suppressed = suppressed


@mypyc_attr(acyclic=True, free_list_len=1)
class Outcome:
    """What a chain said. `rule` is None if its policy decided, or if it left the matter open.

    `logs` is None or the log lines that are due, in order. `template` is what raw rules want of
    tracking; `changes` tells what was changed of the connection, as conntrack.events has it.
    """

    __slots__ = ("changes", "logs", "mark", "rule", "template", "verdict")

    def __init__(self, verdict: int, mark: int) -> None:
        self.verdict = verdict
        self.mark = mark
        self.rule: Rule | None = None
        self.template = NO_TEMPLATE
        self.changes = 0
        self.logs: list[LogHit] | None = None


class Chain:
    """Rules in order, and the verdict for what none of them judges (CONTINUE in the raw table)."""

    __slots__ = ("name", "policy", "policy_hits", "rules", "table")

    def __init__(self, table: str, name: str, policy: int, rules: list[Rule]) -> None:
        self.table = table
        self.name = name
        self.policy = policy
        self.rules = rules
        self.policy_hits = 0

    def evaluate(self, packet: Packet, info: CtInfo, mark: int, now: float) -> Outcome:
        """Send a packet through the chain; `mark` is the packet's mark so far."""
        outcome = Outcome(self.policy, mark)
        for rule in self.rules:
            if rule.is_met(packet, info, outcome.mark):
                rule.hits += 1
                rule.hit_octets += packet.length
                self._act(rule, info.connection, outcome, now)
                if rule.verdict != CONTINUE:
                    outcome.verdict = rule.verdict
                    outcome.rule = rule
                    return outcome
        self.policy_hits += 1
        return outcome

    def _act(self, rule: Rule, connection: Connection | None, outcome: Outcome, now: float) -> None:
        """What a rule does beside its verdict."""
        if rule.mark_mask:
            outcome.mark = (outcome.mark & (MARK_MASK ^ rule.mark_mask)) | rule.mark_value
        if rule.template is not None:
            outcome.template = rule.template.over(outcome.template)
        if connection is not None and (rule.connmark_mask or rule.labels):
            outcome.changes |= connection.change_mark(rule.connmark_value, rule.connmark_mask)
            outcome.changes |= connection.add_labels(rule.labels)
        log = rule.log
        if log is None:
            return
        if not log.bucket.take(now):
            log.suppressed += 1
            return
        if outcome.logs is None:
            outcome.logs = []
        outcome.logs.append(LogHit(rule, log.suppressed))
        log.suppressed = 0


class Ruleset:
    """All chains of one policy, and the interfaces that its rules speak of."""

    __slots__ = (
        "filter_forward",
        "filter_input",
        "filter_output",
        "interfaces",
        "raw_output",
        "raw_prerouting",
    )

    def __init__(
        self,
        interfaces: Interfaces,
        raw_prerouting: Chain,
        raw_output: Chain,
        filter_input: Chain,
        filter_forward: Chain,
        filter_output: Chain,
    ) -> None:
        self.interfaces = interfaces
        self.raw_prerouting = raw_prerouting
        self.raw_output = raw_output
        self.filter_input = filter_input
        self.filter_forward = filter_forward
        self.filter_output = filter_output

    def chains(self) -> list[Chain]:
        return [
            self.raw_prerouting,
            self.raw_output,
            self.filter_input,
            self.filter_forward,
            self.filter_output,
        ]

    def assigns_helpers(self) -> bool:
        """Whether some rule gives a helper to connections."""
        for chain in (self.raw_prerouting, self.raw_output):
            for rule in chain.rules:
                if rule.template is not None and rule.template.helper:
                    return True
        return False
