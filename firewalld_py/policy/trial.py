"""Runs the tests of a policy: each packet through Firewall.handle, as live traffic goes.

Every test has an empty state table and a clock of its own. What a rule keeps from packet to packet
(a limit's tokens) is made anew for each test too, but for rules that surely keep nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from firewalld_py.conntrack.connection import STATE_NAMES
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.helpers.base import Helper
from firewalld_py.conntrack.tracker import make_settings
from firewalld_py.packet.reasons import OK, REASON_NAMES, RULE
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.policy.compile import Plan, compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.errors import Problem, nearest, quoted
from firewalld_py.policy.flow_text import end_text
from firewalld_py.policy.fresh_rules import FreshRules
from firewalld_py.policy.model import Policy
from firewalld_py.policy.packet_octets import Talk, interface_indexes, meta_of
from firewalld_py.policy.rule_tests import RuleTest, Step
from firewalld_py.rules.build import plan_rules
from firewalld_py.rules.machine import Machine

BUDGET_S: Final = 20.0  # for all tests of a policy; what is not run by then has failed
NO_RULE: Final = "policy"  # in a test: that the chain's policy decides
STEP_S: Final = 0.001  # that passes between two packets
SWEEP_LOOKS: Final = 10_000  # at connections, before each packet
START: Final = 1_000_000.0  # the clock at the first packet
WALL_START: Final = 1767268800.0  # 2026-01-01 12:00 UTC, a Thursday: what the wall clock shows then


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test: `fault` is "" if it passed; `step` (from 1) is where it failed."""

    test: str
    file: str
    line: int
    column: int
    passed: bool
    fault: str = ""
    step: int = 0

    def problem(self) -> Problem:
        """The failure as check shows it."""
        return Problem(self.file, self.line, self.column, self.fault, f"test {quoted(self.test)}")

    def as_json(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self)


def run_tests(
    policy: Policy,
    config: Config,
    more_helpers: Iterable[Helper] = (),
    clock: Callable[[], float] = time.monotonic,
) -> list[Outcome]:
    """What becomes of every test, in the order of the files; `clock` is for the time it takes."""
    if not policy.tests:
        return []
    trial = _Trial(compile_policy(policy, config), config, list(more_helpers))
    until = clock() + BUDGET_S
    outcomes: list[Outcome] = []
    for test in policy.tests:
        if clock() > until:
            fault = f"not run: the tests before it took {BUDGET_S:.0f} s, the most they may"
            outcomes.append(Outcome(test.name, test.file, test.line, test.column, False, fault))
        else:
            outcomes.append(trial.run(test))
    return outcomes


def failed_tests(
    policy: Policy, config: Config, more_helpers: Iterable[Helper] = ()
) -> list[Problem]:
    """The tests that fail, as problems of the policy; raises nothing, for a test is data."""
    return [
        outcome.problem()
        for outcome in run_tests(policy, config, more_helpers)
        if not outcome.passed
    ]


class _Trial:
    """A plan under test."""

    def __init__(self, plan: Plan, config: Config, more_helpers: list[Helper]) -> None:
        self._settings = make_settings(config.conntrack.numbers())
        self._more_helpers = more_helpers
        self._machine = Machine()
        self._names = {str(rule["name"]) for _chain, rule in plan_rules(plan)}
        self._rules = FreshRules(plan, self._machine)

    def run(self, test: RuleTest) -> Outcome:
        """Send its packets; the first that fares otherwise than expected ends it."""
        indexes = interface_indexes([step.packet for step in test.steps])
        ruleset = self._rules.ruleset()
        ruleset.interfaces.set_names({index: name for name, index in indexes.items()})
        conntrack = Conntrack(self._settings, more_helpers=self._more_helpers)
        firewall, talk, now = Firewall(ruleset, conntrack), Talk(), START
        self._machine.wall_offset = WALL_START - START
        for number, step in enumerate(test.steps, 1):
            now += step.wait_s + STEP_S
            if step.packet.time is not None:
                self._machine.wall_offset = step.packet.time - now
            conntrack.expire(now, SWEEP_LOOKS)  # as a worker does: who counts them counts no dead
            data = talk.error(step.packet) if step.is_error else talk.octets(step.packet)
            decision = firewall.handle(data, meta_of(step.packet, step.chain, indexes), now)
            if fault := self._fault(step, decision):
                where = f"step {number}: " if len(test.steps) > 1 else ""
                return Outcome(
                    test.name, test.file, step.line, step.column, False, where + fault, number
                )
        return Outcome(test.name, test.file, test.line, test.column, True)

    def _fault(self, step: Step, decision: Decision) -> str:
        """What is otherwise than expected, "" for nothing."""
        state = STATE_NAMES.get(decision.info.state, "none").lower()
        rule = NO_RULE if decision.rule is None else decision.rule.name
        if (
            decision.verdict_name() == step.verdict
            and (not step.states or state in step.states)
            and step.rule in ("", rule)
        ):
            return ""
        wanted = [step.verdict]
        if step.states:
            wanted.append(f"state {' or '.join(step.states)}")
        if step.rule:
            wanted.append(f"by {quoted(step.rule)}")
        unknown = ""
        if step.rule not in ("", NO_RULE) and step.rule not in self._names:
            near = nearest(step.rule, self._names)
            unknown = f"; there is no rule {quoted(step.rule)}"
            unknown += f", did you mean {quoted(near)}?" if near else ""
        packet = step.packet
        ends = f"{end_text(packet.src, packet.sport)} > {end_text(packet.dst, packet.dport)}"
        return (
            f"expected {', '.join(wanted)}; {ends} in {step.chain} "
            f"got {happened(decision)}{unknown}"
        )


def happened(decision: Decision) -> str:
    """Verdict, state and what decided, in one line: `drop, state new, by "rest" (rules.yaml:9)`."""
    words = [decision.verdict_name()]
    if decision.info.state in STATE_NAMES:
        why = f" ({REASON_NAMES[decision.info.reason]})" if decision.info.reason != OK else ""
        words.append(f"state {STATE_NAMES[decision.info.state].lower()}{why}")
    rule = decision.rule
    if rule is None:
        words.append(f"by the policy of {decision.chain.table}/{decision.chain.name}")
    else:
        words.append(f"by {quoted(rule.name)} ({rule.file}:{rule.line})")
    if rule is not None and decision.reason != RULE:
        words.append(decision.reason_name())
    return ", ".join(words)
