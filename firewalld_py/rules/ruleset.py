"""Rules, chains, and how a packet goes through one.

A packet goes through a chain from the top; a rule whose conditions are all met may log, assign a
helper and do what its targets are, and then gives a verdict or lets the packet go on. The first
verdict counts; a filter chain that gives none has a policy. A short chain is walked rule by rule;
of a longer one only those rules are asked that the classifier has for the packet.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import ESTABLISHED, NO_TEMPLATE, CtInfo, Template
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.changes import Changes
from firewalld_py.rules.classifier import Classifier
from firewalld_py.rules.limits import TokenBucket
from firewalld_py.rules.matches import Interfaces, Match, StateMatch
from firewalld_py.rules.matches_payload import ContainsMatch, PayloadMatch, RegexMatch
from firewalld_py.rules.memory import Memory
from firewalld_py.rules.paths import SELDOM, Path, Paths
from firewalld_py.rules.prefixes import rules_of
from firewalld_py.rules.sets import News, Set
from firewalld_py.rules.targets import Effects, Target

# Verdicts of a rule. DROP and ACCEPT are also the kernel's numbers (NF_DROP, NF_ACCEPT).
DROP: Final = 0
ACCEPT: Final = 1
REJECT: Final = 2
NOTRACK: Final = 3
CONTINUE: Final = 4
# Where to go on: in another chain and then behind this rule, in another chain instead of the rest
# of this one, or behind the rule that led to this chain.
JUMP: Final = 5
GOTO: Final = 6
RETURN: Final = 7

# Up to so many rules a chain is walked: asking them is no slower than the classifier's lookups.
WALKED: Final = 8

VERDICT_NAMES: Final[tuple[str, ...]] = (
    *("drop", "accept", "reject", "notrack", "continue", "jump", "goto", "return"),
)
# What a rule that is met means for the chain it stands in.
GO_ON: Final = 0
LEAVE: Final = 1
JUDGED: Final = 2
UNSTEADY: Final = 3  # it cannot be said for all packets of the connection


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

    `targets` is None or what it does beside its verdict, in order; `template` is what a raw rule
    wants of tracking, or None; `reject_with` names the answer of a REJECT, whose number
    `reject_bucket` limits; `leads_to` is the chain that a JUMP or GOTO leads to.
    """

    __slots__ = (
        "file",
        "hit_octets",
        "hits",
        "leads_to",
        "line",
        "log",
        "matches",
        "name",
        "reject_bucket",
        "reject_with",
        "targets",
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
        self.targets: list[Target] | None = None
        self.template: Template | None = None
        self.reject_with = ""
        self.reject_bucket: TokenBucket | None = None
        self.leads_to: Chain | None = None
        self.hits = 0
        self.hit_octets = 0

    def lets_answers_through(self) -> bool:
        """Whether it judges all ESTABLISHED packets, at once."""
        if len(self.matches) != 1 or self.verdict >= CONTINUE:
            return False
        match = self.matches[0]
        return isinstance(match, StateMatch) and bool(match.states & ESTABLISHED) != match.inverted

    def is_steady(self) -> bool:
        """Whether it treats all packets of a connection alike, and does nothing but judge them."""
        if self.targets is not None or self.log is not None or self.template is not None:
            return False
        for match in self.matches:
            if not match.is_steady():
                return False
        return True

    def may_be_met(self, packet: Packet, info: CtInfo) -> bool:
        """Whether packets of this one's connection, in its direction, may meet the conditions."""
        for match in self.matches:
            if match.is_steady() and not match.matches(packet, info, 0):
                return False
        return True

    def is_met(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        for match in self.matches:
            if not match.matches(packet, info, mark):
                return False
        return True


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
            connection.remember(info.direction, self._find_path(packet, info))
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

    def _find_path(self, packet: Packet, info: CtInfo) -> Path | None:
        """The path of all packets that are like this one; None if there may be several."""
        path = Path(self, self.changes.count, packet.meta.in_index, packet.meta.out_index)
        if self._trace(packet, info, path) == UNSTEADY:
            return None
        return self.paths.shared(path)

    def _trace(self, packet: Packet, info: CtInfo, path: Path) -> int:
        """Note which rules are met, as _traverse() does; GO_ON, LEAVE, JUDGED or UNSTEADY."""
        for number in self._to_ask(packet, info):
            rule = self.rules[number]
            if not rule.may_be_met(packet, info):
                continue
            if not rule.is_steady():
                return UNSTEADY
            path.met.append(rule)
            step = self._trace_on(rule, packet, info, path)
            if step != GO_ON:
                return step
        return GO_ON

    def _trace_on(self, rule: Rule, packet: Packet, info: CtInfo, path: Path) -> int:
        """Go where a rule that is met leads."""
        if rule.verdict == CONTINUE:
            return GO_ON
        if rule.verdict < JUMP:
            path.rule = rule
            path.rule_chain = self
            return JUDGED
        step = LEAVE
        if rule.leads_to is not None:
            step = rule.leads_to._trace(packet, info, path)
        if step in (JUDGED, UNSTEADY):
            return step
        return GO_ON if rule.verdict == JUMP else LEAVE

    def _to_ask(self, packet: Packet, info: CtInfo) -> list[int]:
        """The numbers of the rules that are to be asked, in order."""
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
            if rule.is_met(packet, info, outcome.mark):
                step = self._meets(rule, packet, info, outcome, now)
                if step != GO_ON:
                    return step == JUDGED
        return False

    def _classify(
        self, classifier: Classifier, packet: Packet, info: CtInfo, outcome: Outcome, now: float
    ) -> bool:
        """The same, but of those rules alone that the classifier has for this packet.

        A first rule that asks for a state is asked before: most often it lets the answers through.
        """
        if self.asked_first and self.rules[0].is_met(packet, info, outcome.mark):
            step = self._meets(self.rules[0], packet, info, outcome, now)
            if step != GO_ON:
                return step == JUDGED
        candidates = classifier.candidates(packet, info)
        if candidates is None:
            return self._sift(classifier.crowd(packet, info), packet, info, outcome, now)
        for number in candidates:
            rule = self.rules[number]
            if number >= self.asked_first and rule.is_met(packet, info, outcome.mark):
                step = self._meets(rule, packet, info, outcome, now)
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
                    rule = self.rules[number]
                    if rule.is_met(packet, info, outcome.mark):
                        step = self._meets(rule, packet, info, outcome, now)
                        if step != GO_ON:
                            return step == JUDGED
                octet >>= 1
                number += 1
        return False

    def _meets(self, rule: Rule, packet: Packet, info: CtInfo, outcome: Outcome, now: float) -> int:
        """The packet meets the rule's conditions; what that means for its way: GO_ON, …"""
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


class Ruleset:
    """All chains of one policy, and the interfaces and sets that its rules speak of.

    `needs` are the bits of rules/machine.py: what its rules ask that is not always at hand.
    `set_news` are the changes that its rules made to its sets, `memory` what they remember by name.
    """

    __slots__ = (
        "filter_forward",
        "filter_input",
        "filter_output",
        "interfaces",
        "memory",
        "needs",
        "raw_output",
        "raw_prerouting",
        "set_news",
        "sets",
        "user_chains",
    )

    def __init__(
        self,
        interfaces: Interfaces,
        raw_prerouting: Chain,
        raw_output: Chain,
        filter_input: Chain,
        filter_forward: Chain,
        filter_output: Chain,
        user_chains: list[Chain],
    ) -> None:
        self.interfaces = interfaces
        self.needs = 0
        self.raw_prerouting = raw_prerouting
        self.raw_output = raw_output
        self.filter_input = filter_input
        self.filter_forward = filter_forward
        self.filter_output = filter_output
        self.user_chains = user_chains
        self.sets: dict[str, Set] = {}
        self.set_news = News()
        self.memory = Memory()

    def carry_over(self, before: Ruleset) -> None:
        """Take on what was added to sets of the rule set before, where their types are the same.

        However much it is, that takes no time. It has to be called before this one judges.
        """
        for name, the_set in self.sets.items():
            replaced = before.sets.get(name)
            if replaced is not None:
                the_set.carry_over(replaced)

    def expire_elements(self, now: float, budget: int) -> None:
        """Look at so many elements of each set, remove those past their deadlines."""
        for the_set in self.sets.values():
            the_set.expire(now, budget)

    def chains(self) -> list[Chain]:
        """All of them; first those that packets come to by themselves."""
        return [
            self.raw_prerouting,
            self.raw_output,
            self.filter_input,
            self.filter_forward,
            self.filter_output,
            *self.user_chains,
        ]

    def reads_payload(self) -> bool:
        """Whether some rule asks for octets far behind a packet's headers."""
        for chain in self.chains():
            for rule in chain.rules:
                for match in rule.matches:
                    if isinstance(match, (PayloadMatch, ContainsMatch, RegexMatch)):
                        return True
        return False

    def assigns_helpers(self) -> bool:
        """Whether some rule gives a helper to connections."""
        for chain in self.chains():
            if chain.table != "raw":
                continue
            for rule in chain.rules:
                if rule.template is not None and rule.template.helper:
                    return True
        return False

    def release(self, count: int) -> bool:
        """Free up to `count` rules and the like of a rule set that judges no longer; whether all.

        All at once would take 10 ms for 10 000 rules.
        """
        while self.user_chains:
            count = self.user_chains[-1].release(count)
            if count == 0:
                return False
            self.user_chains.pop()
        for chain in self.chains():
            count = chain.release(count)
            if count == 0:
                return False
        for the_set in self.sets.values():
            count = the_set.release(count)
            if count == 0:
                return False
        return self.memory.release(count) > 0
