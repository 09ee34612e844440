"""Tables of keys: the one place that knows a key's name, what may stand there, and what it means.

Reading a mapping, the suggestion for an unknown key, and what is written about keys elsewhere all
come from the same table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from firewalld_py.conntrack.helpers.base import Readable
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.policy.errors import Fault, Problems, nearest, quoted
from firewalld_py.policy.nodes import Mapping, Node, Scalar, Sequence, found, is_null
from firewalld_py.policy.shapes import ANYTHING, Keys, Shape, reads, shape_of

if TYPE_CHECKING:
    from firewalld_py.policy.defines import Defines


class Reported(Exception):  # noqa: N818
    """The value cannot be used and all its problems are noted already."""


@dataclass(slots=True)
class Reading:
    """The file that is being read: its problems, its defines, and the rule that is being read.

    `helpers` are those that there are, with the connections that each can read; `chains` are the
    chains of the table that is being read to which its rules may lead. `sets` are the types of the
    sets by name, None of those whose type is wrong, and `set_places` file and line of each.
    """

    problems: Problems
    defines: Defines | None = None
    rule: str = ""
    helpers: MappingOf[str, Readable] = field(default_factory=lambda: READABLE)
    chains: Collection[str] = ()
    sets: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    set_places: dict[str, tuple[str, int]] = field(default_factory=dict)

    def fault(self, node: Node, message: str, suggestion: str = "") -> None:
        """Note a problem at the place of `node`."""
        self.problems.add(node.line, node.column, message, rule=self.rule, suggestion=suggestion)


Value = TypeVar("Value")

# Reads the node under a key. Raises Fault (noted at that node) or Reported.
Parser = Callable[[Node, Reading], object]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a mapping.

    `form` says in words what may stand there, `doc` what it means, `default` what holds without it;
    `also` are words by which it is known elsewhere, for suggestions only; `required` tells what to
    do where it is missing; `table` holds the keys of the mapping that stands there, if it is one;
    `example` is a mapping in which it stands; `read_as` is its shape where `parse` does not know.
    """

    name: str
    parse: Parser
    form: str
    doc: str
    default: object = None
    also: tuple[str, ...] = ()
    required: str = ""
    table: Table | None = None
    example: str = ""
    read_as: Shape = ANYTHING

    @property
    def shape(self) -> Shape:
        """What may stand there, as data."""
        if self.read_as is not ANYTHING:
            return self.read_as
        known = shape_of(self.parse)
        return Keys(self.table, nothing=True) if known is ANYTHING and self.table else known


@dataclass(frozen=True, slots=True)
class Table:
    """The keys of one kind of mapping; `what` names it in messages ("a rule")."""

    what: str
    keys: tuple[Key, ...]
    by_name: dict[str, Key] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {key.name: key for key in self.keys})

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def read(self, node: Node, reading: Reading) -> dict[str, object]:
        """The values of the keys that stand in `node` and are right; all else is noted.

        Raises Fault if `node` is no mapping at all.
        """
        if not isinstance(node, Mapping):
            space = isinstance(node, Scalar) and re.search(r"\w:\S", node.text)
            hint = "; after the ':' a space is missing" if space else ""
            raise Fault(f"expected {self.what} as a mapping, found {found(node)}{hint}")
        values: dict[str, object] = {}
        for name, (key_node, value) in node.entries.items():
            key = self.by_name.get(name)
            if key is None:
                self._unknown(key_node, reading)
                continue
            try:
                values[name] = key.parse(value, reading)
            except Fault as fault:
                reading.fault(value, f"{name}: {fault.message}", fault.suggestion)
            except Reported:
                pass
        for key in self.keys:
            if key.required and not self.has(node, key.name):
                reading.fault(node, f"{key.name} is missing in {self.what}: {key.required}")
        return values

    def has(self, node: Mapping, *names: str) -> bool:
        """Whether one of these keys stands in `node`, right or misspelt: that is told by itself."""
        return any(
            name in names or (name not in self.by_name and self._meant(name) in names)
            for name in node.entries
        )

    def _meant(self, name: str) -> str:
        """The key that was probably meant by an unknown one, or ""."""
        word = name.lower().replace("-", "_")
        first, _ = _split(name)
        known = first if first in self.by_name else ""
        known = known or next((key.name for key in self.keys if word in key.also), "")
        return known or nearest(name, self.by_name)

    def _unknown(self, node: Scalar, reading: Reading) -> None:
        """Note an unknown key, with the key that was probably meant or else all that there are."""
        meant = self._meant(node.text)
        word, separator = _split(node.text)
        if separator and word in self.by_name:
            lost = "after its ':' a blank" if separator == ":" else "behind it a ':'"
            reading.fault(node, f"unknown key {quoted(node.text)}: of {word} {lost} is missing")
            return
        known = "" if meant else f"; known are: {', '.join(self.by_name)}"
        reading.fault(node, f"unknown key {quoted(node.text)} in {self.what}{known}", meant)


def _split(name: str) -> tuple[str, str]:
    """What stands before the colon or the blank in a key, and which of them there is."""
    word, separator, _ = name.partition(":" if ":" in name else " ")
    return word, separator


def text_of(node: Node, expected: str) -> str:
    """The text of a scalar that is there, else a Fault that says what was expected."""
    if not isinstance(node, Scalar) or (node.plain and is_null(node)):
        raise Fault(f"expected {expected}, found {found(node)}{_colon_hint(node)}")
    return node.text


def _colon_hint(node: Node) -> str:
    """An IPv6 network without quotes may end in ':' and so become a key; say so."""
    if isinstance(node, Mapping) and len(node.entries) == 1:
        ((text, (_, value)),) = node.entries.items()
        if ":" in text and is_null(value):
            return f'; an address that ends with a colon needs quotes: "{text}:"'
    return ""


def one(convert: Callable[[str], object], expected: str) -> Parser:
    """A parser for one scalar; `convert` takes its text and may raise Fault."""

    @reads(shape_of(convert))
    def parse(node: Node, reading: Reading) -> object:  # noqa: ARG001
        return convert(text_of(node, expected))

    return parse


def mapping(table: Table) -> Parser:
    """A parser for a mapping of its own; nothing there reads as an empty one."""

    @reads(Keys(table, nothing=True))
    def parse(node: Node, reading: Reading) -> object:
        return {} if is_null(node) else table.read(node, reading)

    return parse


def items_of(node: Node, expected: str) -> Collection[Node]:
    """The elements of a list, or the one element that stands there without a list."""
    if isinstance(node, Sequence):
        if not node.items:
            raise Fault(f"expected {expected}, found an empty list")
        return node.items
    return (node,)


def each(
    node: Node, reading: Reading, convert: Callable[[str], Value], expected: str
) -> list[Value]:
    """Every element of a list, or the one that stands there, converted; all faults are noted.

    Raises Fault for an empty list and Reported when an element was wrong.
    """
    values: list[Value] = []
    items = items_of(node, expected)
    for item in items:
        try:
            values.append(convert(text_of(item, expected)))
        except Fault as fault:
            reading.fault(item, fault.message, fault.suggestion)
    if len(values) < len(items):
        raise Reported
    return values
