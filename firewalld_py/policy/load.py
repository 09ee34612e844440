"""Reads a rule file: all of its problems at once, or a Policy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingOf
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, cast

from firewalld_py.conntrack.helpers.base import Readable
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.policy.defines import SHAPE as DEFINES
from firewalld_py.policy.defines import Defines, check_references, read_defines
from firewalld_py.policy.errors import (
    Fault,
    PolicyErrors,
    Problem,
    Problems,
    TooManyProblems,
    quoted,
)
from firewalld_py.policy.findings import OF_FILE_FORM, read_file_silences
from firewalld_py.policy.include import FORM as INCLUDE_FORM
from firewalld_py.policy.include import SHAPE as INCLUDE
from firewalld_py.policy.include import Piece, Pieces
from firewalld_py.policy.keys import Key, Reading, Table, mapping, one
from firewalld_py.policy.model import Chain, Policy, Set, Silence
from firewalld_py.policy.nodes import Node, compose, is_null, read_tree
from firewalld_py.policy.read_chains import FILTER, RAW, read_chains, unread
from firewalld_py.policy.rule_tests import SHAPE as TESTS
from firewalld_py.policy.rule_tests import RuleTest, read_tests, tests_beside
from firewalld_py.policy.sets import FORM as SETS_FORM
from firewalld_py.policy.sets import SHAPE as SETS
from firewalld_py.policy.sets import read_sets
from firewalld_py.policy.shapes import Choice, reads

VERSION: Final = 1

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
    loader = _Loader(reading)
    with suppress(TooManyProblems):
        tree = tree_of(problems)
        if tree is not None and not is_null(tree):
            loader.read(tree)
        elif not problems.found:
            problems.add(1, 1, "the file is empty: expected a policy that begins with 'version: 1'")
    if problems.found:
        return None, problems.ordered()
    files = tuple(piece.file for piece in loader.pieces)
    assert reading.defines is not None
    made = Policy(
        problems.file, VERSION, tuple(loader.chains), loader.tests, files, tuple(loader.sets)
    )
    return replace(made, defines=reading.defines.all(), lint=loader.lint), []


@reads(Choice((str(VERSION),)))
def _version(text: str) -> int:
    if text != str(VERSION):
        raise Fault(
            f"expected {VERSION}, the version that this program reads, found {quoted(text)}"
        )
    return VERSION


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
            "include",
            unread,
            INCLUDE_FORM,
            "rule files to read too, relative to this one; a pattern's by name, and it may meet "
            "none. An included file says what this one may (version or not, include too). Its "
            "rules are put at the end of the chains, behind those of this file and of the files "
            "included before; to have them elsewhere, let the files give rules to a chain of their "
            "own, and jump to it. A chain's policy or a define stands in one file only",
            also=("includes", "import", "source"),
            read_as=INCLUDE,
        ),
        Key(
            "define",
            unread,
            "a mapping from names to lists",
            "names for $name in rules",
            also=("defines", "variables", "vars"),
            read_as=DEFINES,
        ),
        Key(
            "sets",
            unread,
            SETS_FORM,
            "addresses, ports and the like that rules ask for by $name, which can change while the "
            "firewall runs",
            also=("set", "ipset", "ipsets"),
            read_as=SETS,
        ),
        Key(
            "raw",
            mapping(RAW),
            "prerouting, output and chains",
            "rules before connection tracking",
        ),
        Key("filter", mapping(FILTER), "input, forward, output and chains", "rules that decide"),
        Key(
            "tests",
            unread,
            "a list of tests",
            "packets, and what the rules are to do with them",
            read_as=TESTS,
        ),
        Key(
            "lint",
            read_file_silences,
            OF_FILE_FORM,
            "findings of `check` that are known and meant; each alone, or with what it is about",
            also=("silence", "nolint", "ignore"),
        ),
    ),
)


# The same in an included file, where what the first file says of the version holds.
_INCLUDED: Final = Table(
    "an included file",
    tuple(replace(key, required="") if key.name == "version" else key for key in POLICY),
)


@dataclass(slots=True)
class _Loader:
    """Goes through one policy; what can be read is collected in `chains`."""

    reading: Reading
    pieces: list[Piece] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    tests: tuple[RuleTest, ...] = ()
    sets: list[Set] = field(default_factory=list)
    lint: tuple[Silence, ...] = ()

    def read(self, tree: Node) -> None:
        pieces = Pieces(self.reading, POLICY, _INCLUDED, self.pieces)
        pieces.begin(tree)
        for node in self.under("define"):
            read_defines(node, self.reading)
        assert self.reading.defines is not None
        self.reading.defines.sets = self.reading.sets
        for node in self.under("sets"):
            self.sets += read_sets(node, self.reading)
        check_references(self.reading)
        self.chains = read_chains(self.reading, self.under)
        for node in self.under("tests"):
            self.tests += read_tests(node, self.reading)
        for piece in self.pieces:
            self.lint += cast("tuple[Silence, ...]", piece.top.get("lint", ()))

    def under(self, *names: str) -> Iterator[Node]:
        """What stands under a key in each of the files, which is the one being read by then."""
        for piece in self.pieces:
            node: object = piece.top
            for name in names:
                node = cast("dict[str, object]", node).get(name, {})
            if node != {}:
                with self.reading.problems.within(piece.file):
                    yield cast("Node", node)
