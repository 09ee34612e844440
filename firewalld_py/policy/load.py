"""Reads a rule file: all of its problems at once, or a Policy."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Final, cast

from firewalld_py.policy import values
from firewalld_py.policy.actions import FORM, read_action, read_log
from firewalld_py.policy.checks import check_action, check_matches
from firewalld_py.policy.defines import Defines, read_defines
from firewalld_py.policy.errors import Fault, PolicyErrors, Problem, Problems, quoted
from firewalld_py.policy.keys import Key, Reading, Table, mapping, one
from firewalld_py.policy.matches import MATCHES, NEGATED, make_matches
from firewalld_py.policy.model import Action, Chain, Log, Match, Policy, Rule
from firewalld_py.policy.nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    compose,
    found,
    is_null,
    read_tree,
)

VERSION: Final = 1
MAX_NAME: Final = 100  # characters of a rule's name
MAX_RULES: Final = 200_000  # of one file


def load_rules(path: str | os.PathLike[str]) -> Policy:
    """Read the rule file at `path`. Raises PolicyErrors with all problems of the file."""
    policy, problems = read_rules(path)
    if problems:
        raise PolicyErrors(problems)
    return policy


def read_rules(path: str | os.PathLike[str]) -> tuple[Policy, list[Problem]]:
    """The rule file at `path`, without what is wrong in it, and all its problems."""
    name = os.fspath(path)
    problems = Problems(name)
    return _policy(read_tree(name, problems), problems)


def parse_rules(text: str, name: str) -> tuple[Policy, list[Problem]]:
    """The same for a text; `name` stands for the file in messages and rules."""
    problems = Problems(name)
    return _policy(compose(text, problems), problems)


def _policy(tree: Node | None, problems: Problems) -> tuple[Policy, list[Problem]]:
    loader = _Loader(problems.file, Reading(problems, Defines()))
    if tree is None or is_null(tree):
        if not problems.found:
            problems.add(1, 1, "the file is empty: expected a policy that begins with 'version: 1'")
    else:
        loader.read(tree)
    return Policy(problems.file, VERSION, tuple(loader.chains)), problems.ordered()


def _version(text: str) -> int:
    if text != str(VERSION):
        raise Fault(
            f"expected {VERSION}, the version that this program reads, found {quoted(text)}"
        )
    return VERSION


def _unread(node: Node, reading: Reading) -> Node:  # noqa: ARG001
    """The node itself: what stands there is read later, when the defines are known."""
    return node


_RULE: Final = Table(
    "a rule",
    (
        Key(
            "name",
            one(values.plain_text(MAX_NAME), "a name"),
            f"a text of at most {MAX_NAME} characters",
            "what logs and messages call the rule; once per chain. Without it: filter/forward/3",
            also=("comment", "description", "id"),
        ),
        *MATCHES.keys,
        Key(
            "not",
            mapping(NEGATED),
            "a mapping with the keys of conditions",
            "conditions each of which is negated by itself",
            also=("negate", "except", "unless"),
        ),
        Key(
            "log",
            read_log,
            "true or {prefix, limit, burst, level}",
            "write a log line for the packet",
        ),
        Key(
            "action",
            read_action,
            FORM,
            "what happens to the packet",
            also=("target", "jump", "verdict", "then", "j"),
        ),
    ),
)
_FILTER_CHAIN: Final = Table(
    "a chain",
    (
        Key(
            "policy",
            one(values.word(("accept", "drop")), "accept or drop"),
            "accept or drop",
            "what happens to packets that no rule decided about",
            "accept",
            also=("default",),
        ),
        Key("rules", _unread, "a list of rules", "the rules, tried from the first to the last"),
    ),
)
_RAW: Final = Table(
    "raw",
    (
        Key("prerouting", _unread, "a list of rules", "packets from the network, before tracking"),
        Key("output", _unread, "a list of rules", "packets of this machine, before tracking"),
    ),
)
_FILTER: Final = Table(
    "filter",
    (
        Key("input", _unread, "a chain", "packets for this machine"),
        Key("forward", _unread, "a chain", "packets that pass through this machine"),
        Key("output", _unread, "a chain", "packets of this machine"),
    ),
)
POLICY: Final = Table(
    "the policy",
    (
        Key("version", one(_version, "1"), "1", "the version of the rule language", required=True),
        Key(
            "define",
            _unread,
            "a mapping from names to lists",
            "names for $name in rules",
            also=("defines", "variables", "vars"),
        ),
        Key("raw", mapping(_RAW), "prerouting and output", "rules before connection tracking"),
        Key("filter", mapping(_FILTER), "input, forward and output", "rules that decide"),
    ),
)


@dataclass(slots=True)
class _Loader:
    """Goes through one policy; what can be read is collected in `chains`."""

    file: str
    reading: Reading
    chains: list[Chain] = field(default_factory=list)
    rules: int = 0

    def read(self, tree: Node) -> None:
        try:
            top = POLICY.read(tree, self.reading)
        except Fault as fault:
            self.reading.fault(tree, fault.message)
            return
        if "define" in top:
            self.reading.defines = read_defines(cast("Node", top["define"]), self.reading)
        raw = cast("dict[str, Node]", top.get("raw", {}))
        for name in ("prerouting", "output"):
            if name in raw:
                self.chain("raw", name, raw[name], "accept", raw[name])
        chains = cast("dict[str, Node]", top.get("filter", {}))
        for name in ("input", "forward", "output"):
            if name in chains:
                self.filter_chain(name, chains[name])

    def filter_chain(self, name: str, node: Node) -> None:
        """Read `{policy: ..., rules: [...]}`."""
        if is_null(node):
            self.chain("filter", name, node, "accept", node)
            return
        try:
            read = _FILTER_CHAIN.read(node, self.reading)
        except Fault as fault:
            hint = "; write policy: and rules: below it" if isinstance(node, Sequence) else ""
            self.reading.fault(node, f"filter/{name}: {fault.message}{hint}")
            return
        policy = cast("str", read.get("policy", "accept"))
        self.chain("filter", name, node, policy, cast("Node", read.get("rules", _NOTHING)))

    def chain(self, table: str, name: str, node: Node, policy: str, rules: Node) -> None:
        """Read the list of rules of a chain."""
        place = f"{table}/{name}"
        read: list[Rule] = []
        if isinstance(rules, Sequence):
            read = self.rule_list(place, rules)
        elif not is_null(rules):
            hint = "; each rule begins with '- '" if isinstance(rules, Mapping) else ""
            self.reading.fault(
                rules, f"{place}: expected a list of rules, found {found(rules)}{hint}"
            )
        self.chains.append(
            Chain(table, name, self.file, node.line, node.column, policy, tuple(read))
        )

    def rule_list(self, place: str, rules: Sequence) -> list[Rule]:
        read: list[Rule] = []
        names: dict[str, int] = {}
        for number, node in enumerate(rules.items, 1):
            self.rules += 1
            if self.rules > MAX_RULES:
                self.reading.fault(node, f"more than {MAX_RULES} rules")
                break
            self.reading.rule = rule_place = f"{place}/{number}"
            rule = self.rule(place, rule_place, node)
            if rule is None:
                continue
            if rule.name in names:
                assert isinstance(node, Mapping)
                at = node.entries["name"][1] if "name" in node.entries else node
                self.reading.fault(
                    at,
                    f"the name {quoted(rule.name)} is taken by the rule in line {names[rule.name]}",
                )
            names.setdefault(rule.name, rule.line)
            read.append(rule)
        self.reading.rule = ""
        return read

    def rule(self, chain: str, place: str, node: Node) -> Rule | None:
        """One rule, or None when nothing can be made of it; what is wrong is noted."""
        reading = self.reading
        if isinstance(node, Mapping) and "name" in node.entries:
            name_node = node.entries["name"][1]
            if isinstance(name_node, Scalar) and name_node.text:
                reading.rule = f"{place} ({name_node.text[:MAX_NAME]})"
        before = reading.problems.count()
        try:
            read = _RULE.read(node, reading)
        except Fault as fault:
            reading.fault(node, fault.message)
            return None
        assert isinstance(node, Mapping)
        name = cast("str", read.pop("name", place))
        log = cast("Log | None", read.pop("log", None))
        action = cast("Action | None", read.pop("action", None))
        matches = _matches(read, node)
        for match, message in check_matches(chain, matches):
            reading.problems.add(match.line, match.column, message, rule=reading.rule)
        action = self.action(chain, node, action, log, matches)
        if action is None or reading.problems.count() > before:
            return None
        return Rule(name, place, self.file, node.line, node.column, matches, action)

    def action(
        self,
        chain: str,
        node: Mapping,
        action: Action | None,
        log: Log | None,
        matches: tuple[Match, ...],
    ) -> Action | None:
        """The whole action of a rule from its `action:` and `log:` keys."""
        reading = self.reading
        if "action" not in node.entries:
            if log is None and "log" not in node.entries:
                reading.fault(node, f"a rule needs an action: {FORM}")
                return None
            return Action(log=log)
        if action is None:
            return None
        key, _ = node.entries["action"]
        for message in check_action(chain, action, matches):
            reading.fault(key, message)
        if log is None:
            return action
        if action.log is not None:
            reading.fault(key, "log stands here twice: as a key and as an action")
        return replace(action, log=log)


_NOTHING: Final = Scalar("", True, 1, 1)


def _matches(read: dict[str, object], node: Mapping) -> tuple[Match, ...]:
    """The matches of a rule's keys and of those below `not:`, in the order of the table."""
    negated = cast("dict[str, object]", read.pop("not", {}))
    matches = make_matches(read, node, inverted=False)
    if negated:
        below = node.entries["not"][1]
        assert isinstance(below, Mapping)
        matches += make_matches(negated, below, inverted=True)
    return tuple(matches)
