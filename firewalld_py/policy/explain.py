"""Why a packet is judged as it is: its state and every rule that was tried, in order.

The verdict is Firewall.handle's and nobody else's. Which rules were met is told by their counters,
before and after. Only why the others were not is asked again: their own conditions, one by one,
with the marks that the packet and its connection had by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from firewalld_py.conntrack.connection import (
    CONFIRMED,
    DIRECTION_NAMES,
    ESTABLISHED,
    NEW,
    REPLY,
    STATE_NAMES,
    UNTRACKED,
    Connection,
    CtInfo,
)
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.reasons import OK, POLICY, RULE
from firewalld_py.pipeline import BEFORE_TRACKING, Decision, Firewall
from firewalld_py.policy.action_text import action_text
from firewalld_py.policy.checks import IMPLIED
from firewalld_py.policy.compile import Plan
from firewalld_py.policy.condition_text import Facts
from firewalld_py.policy.counted_text import counted_text
from firewalld_py.policy.explain_sets import SetsBefore, set_fact
from firewalld_py.policy.flow_text import connection_text, protocol_name
from firewalld_py.policy.machine_facts import machine_fact
from firewalld_py.policy.model import Match, Policy
from firewalld_py.policy.model import Rule as PolicyRule
from firewalld_py.policy.reason_text import reason_text
from firewalld_py.policy.written import Conditions, WrittenConditions
from firewalld_py.rules.build import plan_rules
from firewalld_py.rules.chain import Chain
from firewalld_py.rules.matches_rate import CountingMatch
from firewalld_py.rules.matches_sets import AddTarget, RemoveTarget
from firewalld_py.rules.rule import Rule
from firewalld_py.rules.targets import MARK_MASK, Effects, MarkingTarget
from firewalld_py.rules.verdicts import CONTINUE, GOTO, JUMP, RETURN

# Said of a rule that was not met although each of its conditions, asked again, is.
NOT_THEN: Final = "not met at that moment; asked again, it is (it depends on more than the packet)"


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule that was tried: its place, and what it did or which condition failed first.

    `condition` is that condition as written, `found` what the packet has instead; both are "" where
    `met`, `action` where not.
    """

    chain: str
    name: str
    file: str
    line: int
    met: bool
    condition: str = ""
    found: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, why its packet has its state, and the rules that were tried, in order."""

    decision: Decision
    state: str
    why: str
    tried: tuple[Tried, ...]


@dataclass(slots=True)
class _Before:
    """What stood before the packet came: hits of rules, marks of connections (kept alive here).

    And what was added to sets.
    """

    sets: SetsBefore
    hits: dict[int, int] = field(default_factory=dict)
    marks: dict[int, tuple[Connection, int, int]] = field(default_factory=dict)


class Explainer:
    """A firewall that tells about a packet what it did; `names` are interfaces by index.

    What a rule counts (a limit's tokens) may be counted twice where it is asked again.
    """

    def __init__(
        self,
        firewall: Firewall,
        policy: Policy,
        plan: Plan,
        names: Mapping[int, str],
        written: Conditions | None = None,
    ) -> None:
        """`plan` is the policy's, and the firewall's rules are built from it.

        `written` knows the conditions' text, where that is not in the policy's files.
        """
        self.firewall = firewall
        self._names = names
        self._written = written or WrittenConditions()
        self._sources: dict[int, tuple[PolicyRule, list[Match | None]]] = {}
        self._leading = Counter(
            id(rule.leads_to) for chain in firewall.ruleset.chains() for rule in chain.rules
        )
        of_policy = {f"{c.table}/{c.name}": list(c.rules) for c in policy.chains}
        of_plan: dict[str, list[Any]] = {}
        for name, planned in plan_rules(plan):
            of_plan.setdefault(name, []).append(planned)
        for built in firewall.ruleset.chains():
            place = f"{built.table}/{built.name}"
            sources = zip(of_policy.get(place, ()), of_plan.get(place, ()), strict=True)
            for rule, (source, entry) in zip(built.rules, sources, strict=True):
                self._sources[id(rule)] = source, _matches_of(source, entry)

    def handle(self, data: bytes, meta: PacketMeta, now: float) -> Explanation:
        """Judge a packet as Firewall.handle does, and tell why."""
        before = self._before()
        decision = self.firewall.handle(data, meta, now)
        tried = self._tried(decision, meta, before)
        state = STATE_NAMES.get(decision.info.state, "none")
        return Explanation(decision, state, _why(decision, tried, before), tuple(tried))

    def _before(self) -> _Before:
        before = _Before(sets=SetsBefore(self.firewall.ruleset))
        for chain in self.firewall.ruleset.chains():
            for rule in chain.rules:
                before.hits[id(rule)] = rule.hits
        for connection in self.firewall.conntrack.table.connections():
            before.marks[id(connection)] = connection, connection.mark, connection.labels()
        return before

    def _tried(self, decision: Decision, meta: PacketMeta, before: _Before) -> list[Tried]:
        """All rules of both chains that the packet came to."""
        if decision.held or (decision.packet.fragment and decision.reason not in (RULE, POLICY)):
            return []
        walk = _Walk(self, before, decision.packet, meta.mark)
        before.sets.restore()  # for the walk changes them again, each where it was changed
        ruleset = self.firewall.ruleset
        local = decision.chain in (ruleset.filter_output, ruleset.raw_output)
        walk.through(ruleset.raw_output if local else ruleset.raw_prerouting, BEFORE_TRACKING)
        if decision.chain.table == "raw":
            return walk.tried
        connection = decision.info.connection
        if connection is None:
            walk.through(decision.chain, decision.info)
            return walk.tried
        after = connection.mark, connection.labels()
        status = connection.status
        if id(connection) not in before.marks:
            connection.status &= ~CONFIRMED  # it was not yet, when the rules were asked
        try:
            _set_marks(connection, *_marks_before(connection, before))
            walk.through(decision.chain, decision.info)
        finally:
            _set_marks(connection, *after)
            connection.status = status
        return walk.tried

    def is_shared(self, chain: Chain) -> bool:
        """Whether several rules lead to a chain."""
        return self._leading[id(chain)] > 1

    def source(self, rule: Rule) -> tuple[PolicyRule, list[Match | None]]:
        """A rule as the file has it, and for each of its conditions the file's, None if implied."""
        return self._sources[id(rule)]

    def failed(self, rule: Rule, packet: Packet, info: CtInfo, mark: int) -> tuple[str, str]:
        """The first condition of a rule that fails, as written; and what the packet has."""
        source, written = self.source(rule)
        for match, condition in zip(rule.matches, written, strict=True):
            # They stand last, all before them is met: it was this one, or one of those behind it.
            if isinstance(match, CountingMatch) and condition is not None:
                if found := counted_text(match, packet, info):
                    return self._written.text(source.file, condition), found
                continue
            if match.matches(packet, info, mark):
                continue
            facts = Facts(packet, info, mark, self._names)
            if condition is None:
                implied = next((one.key for one in source.matches if one.key in IMPLIED), "")
                return f"{implied} (which says the protocol)", facts.text("proto")
            found = machine_fact(match, packet, self._names) or set_fact(match, packet)
            found = found or facts.text(condition.key)
            return self._written.text(source.file, condition), found
        return "", NOT_THEN


class _Walk:
    """Goes along the rules that a packet was led to, with the mark that it has by then."""

    def __init__(self, explainer: Explainer, before: _Before, packet: Packet, mark: int) -> None:
        self._explainer = explainer
        self._before = before
        self._packet = packet
        self._effects = Effects(mark)
        self._seen: dict[int, int] = {}
        self.tried: list[Tried] = []

    def through(self, chain: Chain, info: CtInfo) -> bool:
        """The rules of one chain and of those it leads to, up to one that decides; if one does."""
        place = f"{chain.table}/{chain.name}"
        for rule in chain.rules:
            at = (place, rule.name, rule.file, rule.line)
            if not self._is_met(rule, chain, info):
                failed = self._explainer.failed(rule, self._packet, info, self._effects.mark)
                self.tried.append(Tried(*at, False, *failed))
                continue
            source, _ = self._explainer.source(rule)
            self.tried.append(Tried(*at, True, action=action_text(source.action)))
            for target in rule.targets or ():
                if isinstance(target, (MarkingTarget, AddTarget, RemoveTarget)):
                    now = self._packet.meta.arrived
                    target.apply(self._packet, info, self._effects, now)
            if rule.leads_to is not None and self.through(rule.leads_to, info):
                return True
            if rule.verdict in (GOTO, RETURN):
                return False
            if rule.verdict not in (CONTINUE, JUMP):
                return True
        return False

    def _is_met(self, rule: Rule, chain: Chain, info: CtInfo) -> bool:
        """Whether the packet met the rule when it came there this time."""
        seen = self._seen.get(id(rule), 0)
        if rule.hits <= self._before.hits.get(id(rule), 0) + seen:
            return False
        # Into some chains a packet may come several times, and the counter does not say when.
        if self._explainer.is_shared(chain):
            for match in rule.matches:
                if isinstance(match, CountingMatch):
                    break  # these stand last, and are asked once
                if not match.matches(self._packet, info, self._effects.mark):
                    return False
        self._seen[id(rule)] = seen + 1
        return True


def _matches_of(source: PolicyRule, planned: Any) -> list[Match | None]:
    """The file's condition behind each condition of a plan's rule; None for an implied one.

    The compiler sorts conditions and leaves out what every packet meets; of one kind they keep
    their order.
    """
    left = list(source.matches)
    found: list[Match | None] = []
    for kind, inverted, _value in planned["match"]:
        same = [one for one in left if one.kind == kind and one.inverted == bool(inverted)]
        found.append(same[0] if same else None)
        if same:
            left.remove(same[0])
    return found


def _marks_before(connection: Connection, before: _Before) -> tuple[int, int]:
    """Mark and labels before this packet; a new connection has its master's mark."""
    known = before.marks.get(id(connection))
    if known is not None:
        return known[1], known[2]
    master = connection.master()
    if master is None:
        return 0, 0
    of_master = before.marks.get(id(master))
    return (master.mark if of_master is None else of_master[1]), 0


def _set_marks(connection: Connection, mark: int, labels: int) -> None:
    connection.change_mark(mark, MARK_MASK)
    if connection.labels() != labels:
        connection.extended().labels = labels


def _why(decision: Decision, tried: list[Tried], before: _Before) -> str:
    """Why the packet has its state, in a sentence."""
    info, connection = decision.info, decision.info.connection
    if decision.held or (info.state == 0 and decision.reason not in (RULE, POLICY)):
        return reason_text(decision.reason)
    if info.state == 0:
        return "a raw rule dropped it before tracking"
    if info.reason != OK:
        return reason_text(info.reason)
    if info.state == UNTRACKED:
        rules = [one for one in tried if one.chain.startswith("raw/") and one.met]
        if rules and rules[-1].action.endswith("notrack"):
            return f"raw rule '{rules[-1].name}' says notrack"
        return "of its kind nothing is ever tracked (neighbour and router discovery, …)"
    if connection is None:
        return ""
    text = connection_text(connection)
    if connection.protocol != decision.packet.protocol:
        name = protocol_name(decision.packet.protocol)
        return f"it is an {name.upper()} error about {text}"
    return _of_connection(info, connection, text, id(connection) in before.marks)


def _of_connection(info: CtInfo, connection: Connection, text: str, was_there: bool) -> str:
    if info.state == NEW:
        return f"no answer was seen yet in {text}" if was_there else f"it is the first of {text}"
    if info.state == ESTABLISHED:
        way = DIRECTION_NAMES[info.direction]
        if info.direction == REPLY:
            return f"it answers {text} ({way} direction)"
        return f"it belongs to {text}, which was answered ({way} direction)"
    master = connection.master()
    if master is not None:
        return f"the helper {master.helper()} of {connection_text(master)} expected it"
    return f"it is an ICMP error about {text}"
