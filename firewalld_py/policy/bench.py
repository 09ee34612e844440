"""Runs candidates through Firewall.handle, as live traffic goes, each with an empty state table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from firewalld_py.conntrack.connection import STATE_NAMES
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.helpers.base import Helper
from firewalld_py.conntrack.tracker import make_settings
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.policy.compile import FILTER_CHAINS, Plan, compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.fresh_rules import FreshRules
from firewalld_py.policy.interface_names import Interfaces
from firewalld_py.policy.model import Policy
from firewalld_py.policy.packet_octets import Talk, meta_of
from firewalld_py.policy.trial import START, STEP_S, WALL_START
from firewalld_py.policy.witness import Candidate, Sent
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.rule import Rule
from firewalld_py.rules.ruleset import Ruleset

# Between two candidates: limits have their tokens again.
REST_S: Final = 1_000_000.0
# A table is emptied for the next candidate, which is cheaper than a new one, so often.
RUNS_OF_A_TABLE: Final = 1000


class Bench:
    """A policy's rules, ready to judge candidates that name `interfaces`.

    What rules count stays from one candidate to the next, but for what time gives back.
    """

    def __init__(
        self,
        policy: Policy,
        config: Config,
        interfaces: Interfaces,
        more_helpers: Iterable[Helper] = (),
        plan: Plan | None = None,
    ) -> None:
        """`plan` is the policy's, if somebody has compiled it before."""
        self._machine = Machine()
        self.plan = compile_policy(policy, config) if plan is None else plan
        self._interfaces = interfaces
        self._settings = make_settings(config.conntrack.numbers())
        self._more_helpers = list(more_helpers)
        self._rules: FreshRules | None = None
        self.ruleset = self._built(self.plan)
        self._opening: Ruleset | None = None
        self._conntrack = self._empty()
        self._now = START
        self._runs = 0
        self._fills_sets = any(
            target.kind in ("add", "remove")
            for chain in policy.chains
            for rule in chain.rules
            for target in rule.action.targets
        )

    def _empty(self) -> Conntrack:
        return Conntrack(self._settings, more_helpers=self._more_helpers)

    def _built(self, plan: Plan) -> Ruleset:
        return self._named(build_ruleset(plan, self._machine))

    def _named(self, ruleset: Ruleset) -> Ruleset:
        ruleset.interfaces.set_names(
            {index: name for name, index in self._interfaces.indexes.items()}
        )
        return ruleset

    def renew(self) -> None:
        """Forget what rules remember, as if no packet had come yet."""
        if self._rules is None:
            self._rules = FreshRules(self.plan, self._machine)
        self.ruleset = self._named(self._rules.ruleset())

    def opening(self) -> Ruleset:
        """The same raw rules, and a filter that lets everything through."""
        if self._opening is None:
            filter_: Any = {name: {"policy": "accept", "rules": []} for name in FILTER_CHAINS}
            chains = {
                place: rules
                for place, rules in self.plan.get("chains", {}).items()
                if place.startswith("raw/")
            }
            self._opening = self._built({**self.plan, "filter": filter_, "chains": chains})
        return self._opening

    def run(self, candidate: Candidate) -> Decision:
        """What becomes of its last packet."""
        return self.run_all(candidate)[-1]

    def run_all(self, candidate: Candidate) -> list[Decision]:
        """What becomes of each of its packets."""
        judge = self._judge(candidate)
        return [judge(sent) for sent in candidate.steps]

    def run_counting(self, candidate: Candidate, rule: Rule) -> tuple[Decision, int]:
        """What becomes of its last packet, and how often that met a rule of the rule set."""
        judge = self._judge(candidate)
        for sent in candidate.steps[:-1]:
            judge(sent)
        before = rule.hits
        return judge(candidate.last), rule.hits - before

    def _judge(self, candidate: Candidate) -> Callable[[Sent], Decision]:
        """Judges the packets of a candidate one after another, from an empty state table on."""
        self._now += REST_S
        self._runs += 1
        if self._fills_sets:
            for one in self.ruleset.sets.values():
                one.begin_anew(one)
        if self.ruleset.assigns_helpers() or self._runs % RUNS_OF_A_TABLE == 0:
            self._conntrack = self._empty()
        elif self._conntrack.table.size:
            for connection in self._conntrack.table.connections():
                self._conntrack.table.remove(connection)
        firewall, talk = Firewall(self.ruleset, self._conntrack), Talk()

        def judge(sent: Sent) -> Decision:
            is_before = candidate.opened and sent is not candidate.last
            firewall.ruleset = self.opening() if is_before else self.ruleset
            self._now += STEP_S
            wall = WALL_START if sent.words.time is None else sent.words.time
            self._machine.wall_offset = wall - self._now
            data = talk.error(sent.words) if sent.is_error else talk.octets(sent.words)
            meta = meta_of(sent.words, sent.chain, self._interfaces.indexes)
            return firewall.handle(data, meta, self._now)

        return judge


def state_of(decision: Decision) -> str:
    """The state that its packet had: new, established, …; "none" if it was dropped in raw."""
    return STATE_NAMES.get(decision.info.state, "none").lower()


def run(bench: Bench, candidate: Candidate) -> Decision | None:
    """What becomes of the last packet, None if it has not the state that it is to have."""
    decision = bench.run(candidate)
    return decision if state_of(decision) == candidate.state else None
