"""From a plan's rule to a Rule: its conditions, what it does, and its verdict."""

from __future__ import annotations

from typing import Any

from firewalld_py.conntrack.connection import Template
from firewalld_py.rules.build_basic_matches import BASIC_BUILDERS
from firewalld_py.rules.build_machine_matches import MACHINE_BUILDERS
from firewalld_py.rules.build_matches import BUILDERS
from firewalld_py.rules.build_memory import REMEMBERING_MATCHES, REMEMBERING_TARGETS
from firewalld_py.rules.build_sets import SET_TARGETS, SetsBuilder
from firewalld_py.rules.build_targets import TARGETS
from firewalld_py.rules.limits import TokenBucket
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches import InterfaceMatch, Interfaces, Match
from firewalld_py.rules.memory import Memory
from firewalld_py.rules.rule import LogTarget, Rule
from firewalld_py.rules.targets import Target
from firewalld_py.rules.verdicts import REJECT, VERDICT_NAMES


class PlanError(ValueError):
    """The plan is not one that policy/compile.py makes."""


def verdict_of(name: str) -> int:
    """The number of a verdict; PlanError if there is none of this name."""
    if name not in VERDICT_NAMES:
        raise PlanError(f"no such verdict: {name}")
    return VERDICT_NAMES.index(name)


class RuleBuilder:
    """Makes the rules of one rule set, which share what they speak of.

    KeyError, TypeError, ValueError or AttributeError for what is no plan's.
    """

    __slots__ = ("_interfaces", "_machine", "_memory", "_sets")

    def __init__(
        self, interfaces: Interfaces, machine: Machine, sets: SetsBuilder, memory: Memory
    ) -> None:
        self._interfaces = interfaces
        self._machine = machine
        self._sets = sets
        self._memory = memory

    def rule(self, data: Any) -> Rule:
        """All of a rule but the chain that it leads to."""
        matches = [
            self._match(str(kind), bool(inverted), value) for kind, inverted, value in data["match"]
        ]
        rule = Rule(
            str(data["name"]),
            str(data["file"]),
            int(data["line"]),
            matches,
            verdict_of(data["verdict"]),
        )
        rule.targets = self._targets(data["targets"])
        log, template = data["log"], data["template"]
        if log is not None:
            rule.log = LogTarget(
                str(log["prefix"]), int(log["level"]), float(log["rate"]), int(log["burst"])
            )
        if template is not None:
            rule.template = _template(template)
        if rule.verdict == REJECT:
            reject = data["reject"]
            rule.reject_with = str(reject["with"])
            rule.reject_bucket = TokenBucket(float(reject["rate"]), int(reject["burst"]))
        return rule

    def _match(self, kind: str, inverted: bool, value: Any) -> Match:
        if kind in {"in", "out"}:
            return InterfaceMatch(inverted, int(value), self._interfaces, kind == "out")
        if kind == "set":
            return self._sets.match(inverted, value)
        if kind in MACHINE_BUILDERS:
            return MACHINE_BUILDERS[kind](inverted, value, self._machine)
        if kind in REMEMBERING_MATCHES:
            return REMEMBERING_MATCHES[kind](inverted, value, self._memory)
        builder = BASIC_BUILDERS.get(kind) or BUILDERS.get(kind)
        if builder is None:
            raise PlanError(f"no such match: {kind}")
        return builder(inverted, value)

    def _targets(self, data: Any) -> list[Target] | None:
        targets: list[Target] = []
        for kind, value in data:
            if kind in SET_TARGETS:
                targets.append(self._sets.target(str(kind), value))
            elif kind in REMEMBERING_TARGETS:
                targets.append(REMEMBERING_TARGETS[str(kind)](value, self._memory))
            elif kind in TARGETS:
                targets.append(TARGETS[str(kind)](value))
            else:
                raise PlanError(f"no such target: {kind}")
        return targets or None


def _template(data: Any) -> Template:
    timeouts = data["timeouts"]
    if timeouts is not None:
        timeouts = {str(name): int(seconds) for name, seconds in timeouts.items()}
    zone = data["zone"]
    return Template(None if zone is None else int(zone), str(data["helper"]), timeouts)
