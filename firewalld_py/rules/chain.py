"""Chains, and how a packet goes through one.

A packet goes through a chain from the top; a rule whose conditions are all met may log, assign a
helper and do what its targets are, and then gives a verdict or lets the packet go on. The first
verdict counts; a filter chain that gives none has a policy. A short chain is walked rule by rule;
of a longer one only those rules are asked that the classifier has for the packet.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import ESTABLISHED, NO_TEMPLATE, CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.changes import Changes
from firewalld_py.rules.classifier import Classifier
from firewalld_py.rules.matches import StateMatch
from firewalld_py.rules.paths import SELDOM, Path, Paths, find_path
from firewalld_py.rules.prefixes import rules_of
from firewalld_py.rules.rule import LogTarget, Rule
from firewalld_py.rules.targets import Effects
from firewalld_py.rules.verdicts import CONTINUE, GO_ON, GOTO, JUDGED, JUMP, LEAVE

# Up to so many rules a chain is walked: asking them is no slower than the classifier's lookups.
WALKED: Final = 8


@mypyc_attr(acyclic=True)
class LogHit:
    """A log line that is due: which rule of which chain wants it, and how many were suppressed."""

    __slots__ = ("chain", "rule", "suppressed")

    def __init__(self, chain: Chain, rule: Rule, suppressed: int) -> None:
        self.chain = chain
        self.rule = rule
        self.suppressed = suppressed


@mypyc_attr(acyclic=True, free_list_len=1)
class Outcome(Effects):
    """What a chain said. `rule` is None if its policy decided, or if it left the matter open.

    `chain` is the one in which the rule stands: this one or one that it led to.

    `logs` is None or the log lines that are due, in order. `template` is what raw rules want of
    tracking.
    """

    __slots__ = ("chain", "logs", "rule", "template", "verdict")

    def __init__(self, verdict: int, mark: int) -> None:
        super().__init__(mark)
        self.verdict = verdict
        self.rule: Rule | None = None
        self.chain: Chain | None = None
        self.template = NO_TEMPLATE
        self.logs: list[LogHit] | None = None


class Chain:
    """Rules in order, and the verdict for what none of them judges.

    That is CONTINUE in the raw table and in chains to which only rules lead.
    """

    __slots__ = (
        "asked_first",
        "changes",
        "classifier",
        "name",
        "paths",
        "policy",
        "policy_hits",
        "remembers",
        "rules",
        "table",
    )

    def __init__(
        self, table: str, name: str, policy: int, rules: list[Rule], changes: Changes
    ) -> None:
        self.table = table
        self.name = name
        self.policy = policy
        self.rules: list[Rule] = []
        self.classifier: Classifier | None = None
        self.asked_first = 0  # rules that are asked without a lookup, where there is a classifier
        self.policy_hits = 0
        self.changes = changes
        self.paths = Paths()
        self.remembers = False  # whether paths save anything here
        for rule in rules:
            self.add(rule)

    def add(self, rule: Rule) -> None:
        """Append a rule. Its conditions may not change any more."""
        self.rules.append(rule)
        if len(self.rules) == 1 and rule.matches and isinstance(rule.matches[0], StateMatch):
            self.asked_first = 1
        self.remembers = len(self.rules) > 1 and not self.rules[0].lets_answers_through()
        if self.classifier is not None:
            self.classifier.add(rule.matches)
        elif len(self.rules) > WALKED:
            self.classifier = Classifier()
            for earlier in self.rules:
                self.classifier.add(earlier.matches)

    def evaluate(self, packet: Packet, info: CtInfo, mark: int, now: float) -> Outcome:
        """Send a packet through the chain; `mark` is the packet's mark so far."""
        outcome = Outcome(self.policy, mark)
        connection = info.connection
        if not self.remembers or info.state != ESTABLISHED or connection is None:
            if not self._traverse(packet, info, outcome, now):
                self.policy_hits += 1
            return outcome
        path = connection.path(info.direction)
        if isinstance(path, Path) and self._recall(path, packet, outcome):
            return outcome
        if not self._traverse(packet, info, outcome, now):
            self.policy_hits += 1
        if connection.packets(info.direction) & SELDOM == SELDOM:
            connection.remember(info.direction, find_path(self, packet, info))
        return outcome

    def _recall(self, path: Path, packet: Packet, outcome: Outcome) -> bool:
        """Let the packet go its connection's path; False if that is not what it was."""
        meta = packet.meta
        if (
            path.chain is not self
            or path.changes != self.changes.count
            or path.in_index != meta.in_index
            or path.out_index != meta.out_index
        ):
            return False
        for rule in path.met:
            rule.hits += 1
            rule.hit_octets += packet.length
        judge = path.rule
        if judge is None:
            self.policy_hits += 1
        else:
            outcome.verdict = judge.verdict
            outcome.rule = judge
            outcome.chain = path.rule_chain
        return True

    def to_ask(self, packet: Packet, info: CtInfo) -> list[int]:
        """The numbers of the rules that a packet may meet, in order."""
        if self.classifier is None:
            return list(range(len(self.rules)))
        candidates = self.classifier.candidates(packet, info)
        if candidates is None:
            return rules_of(int.from_bytes(self.classifier.crowd(packet, info), "little"))
        return candidates

    def _traverse(self, packet: Packet, info: CtInfo, outcome: Outcome, now: float) -> bool:
        """Whether some rule judges the packet; `outcome` has what it says."""
        if self.classifier is None:
            return self._walk(packet, info, outcome, now)
        return self._classify(self.classifier, packet, info, outcome, now)

    def _walk(self, packet: Packet, info: CtInfo, outcome: Outcome, now: float) -> bool:
        """Ask all rules, up to the one that gives a verdict; whether there is one."""
        for rule in self.rules:
            step = self._ask(rule, packet, info, outcome, now)
            if step != GO_ON:
                return step == JUDGED
        return False

    def _classify(
        self, classifier: Classifier, packet: Packet, info: CtInfo, outcome: Outcome, now: float
    ) -> bool:
        """The same, but of those rules alone that the classifier has for this packet.

        A first rule that asks for a state is asked before: most often it lets the answers through.
        """
        if self.asked_first:
            step = self._ask(self.rules[0], packet, info, outcome, now)
            if step != GO_ON:
                return step == JUDGED
        candidates = classifier.candidates(packet, info)
        if candidates is None:
            return self._sift(classifier.crowd(packet, info), packet, info, outcome, now)
        for number in candidates:
            if number >= self.asked_first:
                step = self._ask(self.rules[number], packet, info, outcome, now)
                if step != GO_ON:
                    return step == JUDGED
        return False

    def _sift(
        self, octets: bytes, packet: Packet, info: CtInfo, outcome: Outcome, now: float
    ) -> bool:
        """The same of a set of rules, from its lowest bit."""
        for at in range(len(octets)):
            octet = octets[at]
            number = at * 8
            while octet:
                if octet & 1 and number >= self.asked_first:
                    step = self._ask(self.rules[number], packet, info, outcome, now)
                    if step != GO_ON:
                        return step == JUDGED
                octet >>= 1
                number += 1
        return False

    def _ask(self, rule: Rule, packet: Packet, info: CtInfo, outcome: Outcome, now: float) -> int:
        """Whether the packet meets a rule, and what that means for its way: GO_ON, …"""
        if not rule.is_met(packet, info, outcome.mark):
            return GO_ON
        rule.hits += 1
        rule.hit_octets += packet.length
        if rule.targets is not None:
            for target in rule.targets:
                target.apply(packet, info, outcome, now)
        if rule.template is not None:
            outcome.template = rule.template.over(outcome.template)
        if rule.log is not None:
            self._log(rule, rule.log, outcome, now)
        verdict = rule.verdict
        if verdict == CONTINUE:
            return GO_ON
        if verdict >= JUMP:
            return self._follow(rule, packet, info, outcome, now)
        outcome.verdict = verdict
        outcome.rule = rule
        outcome.chain = self
        return JUDGED

    def _follow(
        self, rule: Rule, packet: Packet, info: CtInfo, outcome: Outcome, now: float
    ) -> int:
        """Go where the rule leads, as ipt_do_table() does in net/ipv4/netfilter/ip_tables.c.

        Chains lead in no circle and are not nested deeper than calls.MAX_DEPTH.
        """
        chain = rule.leads_to
        if chain is None:
            return LEAVE
        if chain._traverse(packet, info, outcome, now):
            return JUDGED
        return LEAVE if rule.verdict == GOTO else GO_ON

    def release(self, count: int) -> int:
        """Free up to `count` rules and the like; how many less it were, 0 if some may be left."""
        count -= 1  # the chain itself
        self.paths.forget()
        freed = min(count, len(self.rules))
        if freed > 0:
            del self.rules[len(self.rules) - freed :]
            count -= freed
        if count > 0 and self.classifier is not None:
            count = self.classifier.release(count)
        return max(count, 0)

    def _log(self, rule: Rule, log: LogTarget, outcome: Outcome, now: float) -> None:
        """Note the rule's log line, if its limit lets it through."""
        if not log.bucket.take(now):
            log.suppressed += 1
            return
        if outcome.logs is None:
            outcome.logs = []
        outcome.logs.append(LogHit(self, rule, log.suppressed))
        log.suppressed = 0
