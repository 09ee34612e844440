"""`define:` gives names to lists of texts; `$name` stands for them in lists of a rule.

What a define means depends on the field that uses it (addresses, ports, interfaces), so its texts
are read there; what it means to a kind of field is remembered. Names that are unknown, stand in a
circle or nest too deep are found when the file is loaded, used or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Reading, Reported, items_of, text_of
from firewalld_py.policy.nodes import Mapping, Node, Scalar, found, is_null
from firewalld_py.policy.shapes import Names, OneOrMore, Text

MAX_DEFINE_DEPTH: Final = 16  # defines within defines
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
REFERENCE: Final = Text(rf"^\${NAME.pattern}$")
# What stands in them is read where they are used.
SHAPE: Final = Names(f"^{NAME.pattern}$", OneOrMore(Text(plain=True)))

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ListField:
    """How one kind of field reads a list: each text by `convert`, the whole by `merge`."""

    kind: str
    expected: str
    convert: Callable[[str], object]
    merge: Callable[[Iterable[object]], tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Defined:
    """A define's name, where it stands, and whether any rule uses it."""

    name: str
    file: str
    line: int
    column: int
    used: bool


@dataclass(slots=True)
class Defines:
    """The defines of a policy by name, with what they turned out to mean per kind of field."""

    nodes: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)  # the file and line of each
    columns: dict[str, int] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)  # noted already: unknown names, circles
    known: dict[tuple[str, str], tuple[object, ...] | None] = field(default_factory=dict)
    sets: Collection[str] = ()  # what else $name may mean, where a rule asks

    def read(self, node: Node, reading: Reading, using: ListField) -> tuple[object, ...]:
        """The merged values of a list in a rule. Raises Fault or Reported."""
        if isinstance(node, Scalar) and not node.text.startswith("$"):
            return (using.convert(text_of(node, using.expected)),)
        items = items_of(node, using.expected)
        values = self._values(items, reading, using)
        if values is None:
            raise Reported
        return values

    def _values(
        self, items: Iterable[Node], reading: Reading, using: ListField
    ) -> tuple[object, ...] | None:
        values: list[object] = []
        right = True
        for item in items:
            try:
                text = text_of(item, using.expected)
                if text.startswith("$"):
                    part = self._named(text[1:], reading, using)
                    right = right and part is not None
                    values.extend(part or ())
                else:
                    values.append(using.convert(text))
            except Fault as fault:
                self._note(item, fault, reading)
                right = False
        return using.merge(values) if right else None

    def _named(self, name: str, reading: Reading, using: ListField) -> tuple[object, ...] | None:
        """What `$name` means in this kind of field; None when it is wrong, which is noted then."""
        if name in self.wrong:
            return None
        if name not in self.nodes:
            raise self.unknown(name)
        key = (name, using.kind)
        if key not in self.known:
            with reading.problems.within(self.places[name][0]):
                self.known[key] = self._values(self.nodes[name], reading, using)
        return self.known[key]

    def all(self) -> tuple[Defined, ...]:
        """Every define, once all rules are read."""
        used = {name for name, _kind in self.known}
        return tuple(
            Defined(name, *place, self.columns[name], name in used)
            for name, place in self.places.items()
        )

    def _note(self, item: Node, fault: Fault, reading: Reading) -> None:
        suggestion = fault.suggestion
        if isinstance(item, Scalar) and (item.text in self.nodes or item.text in self.sets):
            suggestion = f"${item.text}"
        reading.fault(item, fault.message, suggestion)

    def unknown(self, name: str) -> Fault:
        """The Fault for a `$name` that is not defined."""
        if name in self.sets:
            return Fault(
                f"${name} is a set: it can be asked for src, dst, sport, dport, in, out and "
                "source_mac, and stands alone there"
            )
        near = nearest(name.strip("{}"), (*self.nodes, *self.sets))
        return Fault(f"{quoted('$' + name)} is not defined", f"${near}" if near else "")


def read_defines(node: Node, reading: Reading) -> None:
    """Add the mapping under `define:` to those of the reading; what is wrong with it is noted."""
    defines = reading.defines
    assert defines is not None
    if is_null(node):
        return
    if not isinstance(node, Mapping):
        reading.fault(node, f"define: expected a mapping from names to lists, found {found(node)}")
        return
    for name, (key, value) in node.entries.items():
        if not NAME.fullmatch(name):
            reading.fault(
                key,
                f"{quoted(name)} cannot be a name: a letter, then letters, digits, '_' and '-'",
                name.lstrip("$") if NAME.fullmatch(name.lstrip("$")) else "",
            )
        elif name in defines.places:
            first = reading.problems.place(*defines.places[name])
            reading.fault(key, f"the name {quoted(name)} is defined already, in {first}")
        else:
            defines.places[name] = (reading.problems.file, key.line)
            defines.columns[name] = key.column
            defines.nodes[name] = _elements(name, value, reading, defines)


def _elements(name: str, value: Node, reading: Reading, defines: Defines) -> tuple[Node, ...]:
    """The scalars of one define; a define with anything else in it is wrong."""
    expected = "a text or a list of texts"
    try:
        elements = tuple(items_of(value, expected))
    except Fault as fault:
        reading.fault(value, f"define {name}: {fault.message}")
        elements = ()
        defines.wrong.add(name)
    for element in elements:
        try:
            text_of(element, expected)
        except Fault as fault:
            reading.fault(element, f"define {name}: {fault.message}")
            defines.wrong.add(name)
    return elements


def _references(defines: Defines, name: str) -> list[tuple[Scalar, str]]:
    return [
        (node, node.text[1:])
        for node in defines.nodes[name]
        if isinstance(node, Scalar) and node.text.startswith("$")
    ]


def check_references(reading: Reading) -> None:
    """Note unknown names and circles among the defines; what leads to them is wrong too."""
    defines = reading.defines
    assert defines is not None
    depths: dict[str, int] = {}
    for name in defines.nodes:
        if name not in depths:
            _measure(name, defines, reading, depths)


def _measure(start: str, defines: Defines, reading: Reading, depths: dict[str, int]) -> None:
    """Walk the defines below `start` without recursion; `depths` gets how deep each one nests."""
    path = {start: None}  # in its order
    pending = [_references(defines, start)]
    while path:
        name = next(reversed(path))
        if not pending[-1]:
            del path[name]
            pending.pop()
            _settle(name, defines, reading, depths)
            continue
        node, other = pending[-1].pop()
        if other not in defines.nodes:
            fault = defines.unknown(other)
            _fault(name, node, reading, f": {fault.message}", fault.suggestion)
            defines.wrong.add(name)
        elif other in path:
            steps = list(path)
            circle = " -> ".join(f"${step}" for step in (*steps[steps.index(other) :], other))
            _fault(name, node, reading, f" contains itself: {circle[:200]}")
            defines.wrong.update(path)
        elif other not in depths:
            path[other] = None
            pending.append(_references(defines, other))


def _fault(name: str, node: Node, reading: Reading, what: str, suggestion: str = "") -> None:
    """Note what is wrong with a define, in the file where it stands."""
    assert reading.defines is not None
    with reading.problems.within(reading.defines.places[name][0]):
        reading.fault(node, f"define {name}{what}", suggestion)


def _settle(name: str, defines: Defines, reading: Reading, depths: dict[str, int]) -> None:
    below = [other for _, other in _references(defines, name) if other in defines.nodes]
    depths[name] = 1 + max((depths.get(other, 0) for other in below), default=0)
    if any(other in defines.wrong for other in below):
        defines.wrong.add(name)
    if depths[name] > MAX_DEFINE_DEPTH and name not in defines.wrong:
        node = defines.nodes[name][0]
        _fault(name, node, reading, f" nests more than {MAX_DEFINE_DEPTH} defines")
        defines.wrong.add(name)
