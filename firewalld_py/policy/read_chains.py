"""The chains of a policy: read from all files in which they stand, one behind the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

from firewalld_py.policy import values
from firewalld_py.policy.chains import (
    CHAINS_FORM,
    MAX_CHAINS,
    NAME_FORM,
    check_chains,
    check_name,
    names_of,
)
from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.helper_checks import check_raw_chain
from firewalld_py.policy.keys import Key, Reading, Table, one
from firewalld_py.policy.model import Chain, Rule
from firewalld_py.policy.nodes import Mapping, Node, Scalar, Sequence, found, is_null
from firewalld_py.policy.recent import check_lists
from firewalld_py.policy.rule import SHAPE as RULE
from firewalld_py.policy.rule import read_rule
from firewalld_py.policy.shapes import Keys, Names, Rows

MAX_RULES: Final = 200_000  # of one policy
BASE_CHAINS: Final = {
    "raw": ("prerouting", "output"),
    "filter": ("input", "forward", "output"),
}
_NOTHING: Final = Scalar("", True, 1, 1)

# What stands in the files at a place ("filter", "input"); each is the one being read by then.
Under = Callable[..., Iterator[Node]]


def unread(node: Node, reading: Reading) -> Node:  # noqa: ARG001
    """The node itself: what stands there is read later, when the defines are known."""
    return node


_RULES: Final = Rows(RULE)
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
            unread,
            "a list of rules",
            "the rules, tried from the first to the last",
            read_as=_RULES,
        ),
    ),
)


def _raw_chain(name: str, doc: str) -> Key:
    return Key(name, unread, "a list of rules", doc, read_as=_RULES)


def _filter_chain(name: str, doc: str) -> Key:
    return Key(name, unread, "a chain", doc, read_as=Keys(_FILTER_CHAIN, nothing=True))


_USER_CHAINS: Final = Key(
    "chains",
    unread,
    CHAINS_FORM,
    "chains that rules here lead to by jump and goto",
    read_as=Names(NAME_FORM, _RULES),
)
RAW: Final = Table(
    "raw",
    (
        _raw_chain("prerouting", "packets from the network, before tracking"),
        _raw_chain("output", "packets of this machine, before tracking"),
        _USER_CHAINS,
    ),
)
FILTER: Final = Table(
    "filter",
    (
        _filter_chain("input", "packets for this machine"),
        _filter_chain("forward", "packets that pass through this machine"),
        _filter_chain("output", "packets of this machine"),
        _USER_CHAINS,
    ),
)


def read_chains(reading: Reading, under: Under) -> list[Chain]:
    """All chains of both tables; what is wrong with them is noted."""
    reader = _Chains(reading, under)
    for table in BASE_CHAINS:
        reader.table(table)
    for rule, line, column, message in check_chains(reader.chains):
        reading.problems.add(line, column, message, rule=rule.label, file=rule.file)
    for rule, line, column, message, near in check_lists(reader.chains):
        reading.problems.add(
            line, column, message, rule=rule.label, suggestion=near, file=rule.file
        )
    return reader.chains


@dataclass(frozen=True, slots=True)
class _Part:
    """What one file says of a chain: where, the rules, and the policy if it says one."""

    file: str
    at: Node
    rules: Node
    policy: str = ""


@dataclass(slots=True)
class _Chains:
    """Reads chains; `rules` counts their rules."""

    reading: Reading
    under: Under
    chains: list[Chain] = field(default_factory=list)
    rules: int = 0

    def table(self, table: str) -> None:
        """Read all chains of a table."""
        user: dict[str, list[_Part]] = {}
        for node in self.under(table, "chains"):
            self.user_chains(table, node, user)
        self.reading.chains = tuple(
            dict.fromkeys(name for node in self.under(table, "chains") for name in names_of(node))
        )
        for name in BASE_CHAINS[table]:
            parts: list[_Part] = []
            for node in self.under(table, name):
                part = self.part(node) if table == "raw" else self.filter_part(name, node)
                parts += [] if part is None else [part]
            if parts:
                self.chain(table, name, parts)
        for name, parts in user.items():
            self.chain(table, name, parts, user=True)

    def part(self, rules: Node, at: Node | None = None, policy: str = "") -> _Part:
        return _Part(self.reading.problems.file, at or rules, rules, policy)

    def user_chains(self, table: str, node: Node, parts: dict[str, list[_Part]]) -> None:
        """Read `{web: [...], ...}`, the chains of a table to which its rules lead."""
        if is_null(node):
            return
        if not isinstance(node, Mapping):
            self.reading.fault(node, f"{table}/chains: expected {CHAINS_FORM}, found {found(node)}")
            return
        for name, (key, rules) in node.entries.items():
            if len(parts) == MAX_CHAINS and name not in parts:
                self.reading.fault(key, f"{table}/chains: more than {MAX_CHAINS} chains")
                break
            try:
                check_name(table, name)
            except Fault as fault:
                self.reading.fault(key, f"{table}/chains: {fault.message}")
                continue
            parts.setdefault(name, []).append(self.part(rules, key))

    def filter_part(self, name: str, node: Node) -> _Part | None:
        """Read `{policy: ..., rules: [...]}`."""
        if is_null(node):
            return self.part(node)
        try:
            read = _FILTER_CHAIN.read(node, self.reading)
        except Fault as fault:
            hint = "; write policy: and rules: below it" if isinstance(node, Sequence) else ""
            self.reading.fault(node, f"filter/{name}: {fault.message}{hint}")
            return None
        rules = cast("Node", read.get("rules", _NOTHING))
        return self.part(rules, node, cast("str", read.get("policy", "")))

    def chain(self, table: str, name: str, parts: list[_Part], *, user: bool = False) -> None:
        """Read the rules of a chain, and find its policy: what stands in each file, in turn."""
        place = f"{table}/{name}"
        says = next((part for part in parts if part.policy), parts[0])
        read: dict[str, Rule] = {}  # by name
        before = 0
        for part in parts:
            with self.reading.problems.within(part.file):
                if part.policy != says.policy and part.policy:
                    first = self.reading.problems.place(says.file, _policy(says).line)
                    self.reading.fault(
                        _policy(part),
                        f"{place}: the policy is {part.policy} here and {says.policy} in {first}",
                    )
                self.rule_list(place, part.rules, read, before)
            before += len(part.rules.items) if isinstance(part.rules, Sequence) else 0
        if table == "raw":
            for rule, message in check_raw_chain(tuple(read.values())):
                self.reading.problems.add(
                    rule.line, rule.column, message, rule=rule.label, file=rule.file
                )
        at = says.at
        self.chains.append(
            Chain(
                *(table, name, says.file, at.line, at.column, says.policy or "accept"),
                tuple(read.values()),
                user,
            )
        )

    def rule_list(self, place: str, rules: Node, read: dict[str, Rule], before: int) -> None:
        """Read the rules that one file has of a chain, behind the `before` ones of other files."""
        if is_null(rules):
            return
        if not isinstance(rules, Sequence):
            hint = "; each rule begins with '- '" if isinstance(rules, Mapping) else ""
            self.reading.fault(
                rules, f"{place}: expected a list of rules, found {found(rules)}{hint}"
            )
            return
        for number, node in enumerate(rules.items, before + 1):
            self.rules += 1
            if self.rules > MAX_RULES:
                self.reading.fault(node, f"more than {MAX_RULES} rules")
                break
            self.reading.rule = rule_place = f"{place}/{number}"
            rule = read_rule(place, rule_place, node, self.reading)
            if rule is None:
                continue
            if rule.name in read:
                assert isinstance(node, Mapping)
                at = node.entries["name"][1] if "name" in node.entries else node
                first = read[rule.name]
                where = self.reading.problems.place(first.file, first.line)
                self.reading.fault(
                    at, f"the name {quoted(rule.name)} is taken by the rule in {where}"
                )
            read.setdefault(rule.name, rule)
        self.reading.rule = ""


def _policy(part: _Part) -> Node:
    """Where a file says the policy of a chain."""
    assert isinstance(part.at, Mapping)
    return part.at.entries["policy"][0]
