"""YAML text as a tree of nodes in which every scalar is still the text that stands in the file.

No scalar is turned into a number, a date or a truth value here: each field of the policy reads its
own text. That gives YAML 1.2 where YAML 1.1 bites (`22:80` is no base-60 number, `on` is no truth
value). The tree is built from PyYAML's events, by libyaml when PyYAML was built with it. Everything
that a file can grow is bounded: octets, nodes (an alias counts as all that it stands for), depth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from firewalld_py.policy.errors import Problems, quoted
from firewalld_py.policy.source import LINE_BREAK, all_visible, read_text
from firewalld_py.policy.syntax import goes_on, stands_there, start_of, syntax_fault

MAX_NODES: Final = 4_000_000  # of one file, aliases expanded
MAX_DEPTH: Final = 32

NULLS: Final = frozenset(("", "~", "null", "Null", "NULL"))


@dataclass(slots=True)
class Scalar:
    """A text; `plain` tells that it stands without quotes. Lines and columns count from 1."""

    text: str
    plain: bool
    line: int
    column: int
    size: int = 1
    height: int = 0


@dataclass(slots=True)
class Sequence:
    """A list. `size` counts the nodes in it and itself, `height` the levels below it."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 0
    complete: bool = False


@dataclass(slots=True)
class Mapping:
    """A mapping from texts; every key stands in it once, in the order of the file."""

    line: int
    column: int
    entries: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)
    size: int = 1
    height: int = 0
    complete: bool = False


Node = Scalar | Sequence | Mapping


def is_null(node: Node) -> bool:
    """Whether nothing stands there (`key:` and no value), or YAML's word for nothing."""
    return isinstance(node, Scalar) and node.plain and node.text in NULLS


def found(node: Node) -> str:
    """What stands there, in words for a message."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    return "nothing" if is_null(node) else quoted(node.text)


def read_tree(path: str, problems: Problems) -> Node | None:
    """Read and compose the file at `path`; None when it cannot be read, is no YAML, or is empty.

    Whatever is wrong stands in `problems` afterwards, except that the file is empty.
    """
    text = read_text(path, problems)
    return None if text is None else compose(text, problems)


def compose(text: str, problems: Problems) -> Node | None:
    """The tree of one YAML document; None when it is empty or broken beyond reading."""
    problems.lines = LINE_BREAK.split(text)
    return _Composer(problems).compose(text) if all_visible(text, problems) else None


class _Abandoned(Exception):  # noqa: N818
    """The problem is noted and nothing after it can be understood."""


_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NO_KEY: Final = Scalar("", False, 0, 0)  # stands in for a key that is no word


class _Composer:
    """Builds the tree of one document from the parser's events, without recursion."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.root: Node | None = None
        self.open: list[Sequence | Mapping] = []
        self.counts: list[int] = []  # nodes before each open collection
        self.keys: list[Scalar | None] = []  # per open collection: the key that waits for its value
        self.anchors: dict[str, Node] = {}
        self.nodes = 0
        self.documents = 0
        self.last: Any = None  # the last event that stands in the text

    def compose(self, text: str) -> Node | None:
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                self.take(event)
                if stands_there(event):
                    self.last = event
        except yaml.YAMLError as error:
            self.problems.add(*syntax_fault(error, self.last, self.problems.lines))
            return None
        except _Abandoned:
            return None
        return self.root

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            line, column = start_of(event)
            self.place(self.alias(str(event.anchor), line, column), line, column)
        elif isinstance(event, yaml.NodeEvent):
            self.node(event, *start_of(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            self.close()
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.abandon(*start_of(event), "a second document begins here; one file holds one")

    def node(self, event: Any, line: int, column: int) -> None:
        if event.tag is not None:
            self.problems.add(
                line,
                column,
                f"tag {quoted(event.tag)}: tags (!word) have no meaning here; "
                "quote a text that begins with '!', negate with 'not:'",
            )
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            plain = not event.style
            if plain and goes_on(event):
                self.problems.add(
                    line,
                    column,
                    "a text without quotes goes on in the next line: is a ',' or '-' missing?",
                )
            if plain and event.value.endswith(("'", '"')):
                blank = re.match(r"\w+:['\"]", event.value)
                why = "after the ':' a blank is missing" if blank else "and begins with none"
                self.problems.add(line, column, f"{quoted(event.value)} ends with a quote, {why}")
            node = Scalar(event.value, plain, line, column)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Sequence(line, column)
        else:
            node = Mapping(line, column)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self.place(node, line, column)

    def place(self, node: Node, line: int, column: int) -> None:
        """Put a node where it belongs; a collection that begins becomes the innermost open one."""
        self.nodes += node.size
        if self.nodes > MAX_NODES:
            self.abandon(line, column, f"more than {MAX_NODES} values in one file")
        if len(self.open) + node.height >= MAX_DEPTH:
            self.abandon(line, column, f"nested deeper than {MAX_DEPTH} levels")
        if not self.open:
            self.root = node
        else:
            parent = self.open[-1]
            if isinstance(parent, Sequence):
                parent.items.append(node)
            elif self.keys[-1] is None:
                self.keys[-1] = self.key(node)
            else:
                self.enter(parent, self.keys[-1], node)
                self.keys[-1] = None
        if not isinstance(node, Scalar) and not node.complete:
            self.open.append(node)
            self.keys.append(None)
            self.counts.append(self.nodes)

    def key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar):
            return node
        self.problems.add(node.line, node.column, f"a key must be a word, found {found(node)}")
        return _NO_KEY

    def enter(self, parent: Mapping, key: Scalar, node: Node) -> None:
        if key is _NO_KEY:
            return
        if key.plain and key.text == "<<":
            self.problems.add(
                key.line,
                key.column,
                "merge keys (<<) are not supported: name what repeats under define:",
            )
            return
        first = parent.entries.setdefault(key.text, (key, node))
        if first[0] is not key:
            self.problems.add(
                key.line,
                key.column,
                f"key {quoted(key.text)} stands here twice, first in line {first[0].line}",
            )

    def close(self) -> None:
        node = self.open.pop()
        self.keys.pop()
        node.size = self.nodes - self.counts.pop() + 1
        node.complete = True
        if self.open:
            self.open[-1].height = max(self.open[-1].height, node.height + 1)

    def alias(self, anchor: str, line: int, column: int) -> Node:
        node = self.anchors.get(anchor)
        if node is None:
            self.abandon(line, column, f"alias *{anchor} without its anchor &{anchor}")
        elif not isinstance(node, Scalar) and not node.complete:
            self.abandon(line, column, f"alias *{anchor} stands inside of what it names")
        assert node is not None
        return node

    def abandon(self, line: int, column: int, message: str) -> None:
        self.problems.add(line, column, message)
        raise _Abandoned
