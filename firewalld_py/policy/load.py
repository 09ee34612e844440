"""Reads a rule file: all of its problems at once, or a Policy."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, cast

from firewalld_py.conntrack.helpers.base import Readable
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.policy import values
from firewalld_py.policy.chains import (
    CHAINS_FORM,
    MAX_CHAINS,
    NAME_FORM,
    check_chains,
    check_name,
    names_of,
)
from firewalld_py.policy.defines import SHAPE as DEFINES
from firewalld_py.policy.defines import Defines, read_defines
from firewalld_py.policy.errors import (
    Fault,
    PolicyErrors,
    Problem,
    Problems,
    TooManyProblems,
    quoted,
)
from firewalld_py.policy.helper_checks import check_raw_chain
from firewalld_py.policy.keys import Key, Reading, Table, mapping, one
from firewalld_py.policy.model import Chain, Policy, Rule
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
from firewalld_py.policy.rule import SHAPE as RULE
from firewalld_py.policy.rule import read_rule
from firewalld_py.policy.rule_tests import SHAPE as TESTS
from firewalld_py.policy.rule_tests import RuleTest, read_tests, tests_beside
from firewalld_py.policy.shapes import Choice, Keys, Names, Rows, reads

VERSION: Final = 1
MAX_RULES: Final = 200_000  # of one file
_NOTHING: Final = Scalar("", True, 1, 1)


# What connections each helper can read, by name.
Helpers = MappingOf[str, Readable]


def load_rules(path: str | os.PathLike[str], helpers: Helpers = READABLE) -> Policy:
    """Read the rule file at `path`. Raises PolicyErrors with all problems of the file."""
    policy, problems = read_rules(path, helpers)
    if policy is None:
        raise PolicyErrors(problems)
    return policy


def read_rules(
    path: str | os.PathLike[str], helpers: Helpers = READABLE
) -> tuple[Policy | None, list[Problem]]:
    """The rule file at `path`, or None and all its problems; with the tests of tests.d."""
    name = os.fspath(path)
    policy, problems = _read(Problems(name), helpers, lambda problems: read_tree(name, problems))
    tests, of_tests = tests_beside(name)
    if policy is None or of_tests:
        return None, problems + of_tests
    return replace(policy, tests=policy.tests + tests), []


def parse_rules(
    text: str, name: str, helpers: Helpers = READABLE
) -> tuple[Policy | None, list[Problem]]:
    """The same for a text; `name` stands for the file in messages and rules."""
    return _read(Problems(name), helpers, lambda problems: compose(text, problems))


def _read(
    problems: Problems, helpers: Helpers, tree_of: Callable[[Problems], Node | None]
) -> tuple[Policy | None, list[Problem]]:
    reading = Reading(problems, Defines(), helpers=helpers)
    loader = _Loader(problems.file, reading)
    with suppress(TooManyProblems):
        tree = tree_of(problems)
        if tree is not None and not is_null(tree):
            loader.read(tree)
        elif not problems.found:
            problems.add(1, 1, "the file is empty: expected a policy that begins with 'version: 1'")
    if problems.found:
        return None, problems.ordered()
    return Policy(problems.file, VERSION, tuple(loader.chains), loader.tests), []


@reads(Choice((str(VERSION),)))
def _version(text: str) -> int:
    if text != str(VERSION):
        raise Fault(
            f"expected {VERSION}, the version that this program reads, found {quoted(text)}"
        )
    return VERSION


def _unread(node: Node, reading: Reading) -> Node:  # noqa: ARG001
    """The node itself: what stands there is read later, when the defines are known."""
    return node


_RULES: Final = Rows(RULE)
_CHAINS: Final = Names(NAME_FORM, _RULES)
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
        Key(
            "rules",
            _unread,
            "a list of rules",
            "the rules, tried from the first to the last",
            read_as=_RULES,
        ),
    ),
)
_CHAIN: Final = Keys(_FILTER_CHAIN, nothing=True)
_RAW: Final = Table(
    "raw",
    (
        Key(
            "prerouting",
            _unread,
            "a list of rules",
            "packets from the network, before tracking",
            read_as=_RULES,
        ),
        Key(
            "output",
            _unread,
            "a list of rules",
            "packets of this machine, before tracking",
            read_as=_RULES,
        ),
        Key(
            "chains",
            _unread,
            CHAINS_FORM,
            "chains that rules here lead to by jump and goto",
            read_as=_CHAINS,
        ),
    ),
)
_FILTER: Final = Table(
    "filter",
    (
        Key("input", _unread, "a chain", "packets for this machine", read_as=_CHAIN),
        Key(
            "forward", _unread, "a chain", "packets that pass through this machine", read_as=_CHAIN
        ),
        Key("output", _unread, "a chain", "packets of this machine", read_as=_CHAIN),
        Key(
            "chains",
            _unread,
            CHAINS_FORM,
            "chains that rules here lead to by jump and goto",
            read_as=_CHAINS,
        ),
    ),
)
POLICY: Final = Table(
    "the policy",
    (
        Key(
            "version",
            one(_version, "1"),
            "1",
            "the version of the rule language",
            required="begin the file with 'version: 1'",
        ),
        Key(
            "define",
            _unread,
            "a mapping from names to lists",
            "names for $name in rules",
            also=("defines", "variables", "vars"),
            read_as=DEFINES,
        ),
        Key(
            "raw",
            mapping(_RAW),
            "prerouting, output and chains",
            "rules before connection tracking",
        ),
        Key("filter", mapping(_FILTER), "input, forward, output and chains", "rules that decide"),
        Key(
            "tests",
            _unread,
            "a list of tests",
            "packets, and what the rules are to do with them",
            read_as=TESTS,
        ),
    ),
)


@dataclass(slots=True)
class _Loader:
    """Goes through one policy; what can be read is collected in `chains`."""

    file: str
    reading: Reading
    chains: list[Chain] = field(default_factory=list)
    tests: tuple[RuleTest, ...] = ()
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
        self.reading.chains = names_of(raw.get("chains"))
        for name in ("prerouting", "output"):
            if name in raw:
                self.chain("raw", name, raw[name], "accept", raw[name])
        self.user_chains("raw", raw.get("chains"))
        chains = cast("dict[str, Node]", top.get("filter", {}))
        self.reading.chains = names_of(chains.get("chains"))
        for name in ("input", "forward", "output"):
            if name in chains:
                self.filter_chain(name, chains[name])
        self.user_chains("filter", chains.get("chains"))
        for rule, line, column, message in check_chains(self.chains):
            self.reading.problems.add(line, column, message, rule=rule.label)
        if "tests" in top:
            self.tests = read_tests(cast("Node", top["tests"]), self.reading)

    def user_chains(self, table: str, node: Node | None) -> None:
        """Read `{web: [...], ...}`, the chains of a table to which its rules lead."""
        if node is None or is_null(node):
            return
        if not isinstance(node, Mapping):
            self.reading.fault(node, f"{table}/chains: expected {CHAINS_FORM}, found {found(node)}")
            return
        for number, (name, (key, rules)) in enumerate(node.entries.items()):
            if number == MAX_CHAINS:
                self.reading.fault(key, f"{table}/chains: more than {MAX_CHAINS} chains")
                break
            try:
                check_name(table, name)
            except Fault as fault:
                self.reading.fault(key, f"{table}/chains: {fault.message}")
                continue
            self.chain(table, name, key, "accept", rules, user=True)

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

    def chain(
        self, table: str, name: str, node: Node, policy: str, rules: Node, *, user: bool = False
    ) -> None:
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
        if table == "raw":
            for rule, message in check_raw_chain(read):
                self.reading.problems.add(rule.line, rule.column, message, rule=rule.label)
        self.chains.append(
            Chain(table, name, self.file, node.line, node.column, policy, tuple(read), user)
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
            rule = read_rule(place, rule_place, node, self.reading)
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
