"""Conditions of rules as they stand in their files.

A condition's text is read from the file at the place of its key, so that one of any kind can be
shown, and just as whoever wrote it knows it.
"""

from __future__ import annotations

from typing import Final, Protocol

from firewalld_py.policy.errors import Problems
from firewalld_py.policy.model import Match
from firewalld_py.policy.nodes import Mapping, Node, Scalar, Sequence, read_tree

SHOWN_ITEMS: Final = 4  # of a list; of more the number is told
SHOWN_TEXT: Final = 60  # characters


class Conditions(Protocol):
    """How conditions of rules are shown."""

    def text(self, file: str, match: Match) -> str:
        """One condition: `dport 80, 443`, `not src $lan`."""
        ...

    def items(self, file: str, match: Match) -> list[str]:
        """The parts of its value, all of them: `80`, `443`."""
        ...


class WrittenConditions:
    """How conditions stand in their files."""

    def __init__(self) -> None:
        self._files: dict[str, dict[tuple[int, int], Node]] = {}

    def text(self, file: str, match: Match) -> str:
        """The condition as written: `dport 80, 443`, `not src $lan`."""
        node = self._node(file, match)
        value = str(match.value) if node is None else node_text(node)
        text = value if len(value) <= SHOWN_TEXT else value[: SHOWN_TEXT - 1] + "…"
        return f"{'not ' if match.inverted else ''}{match.key} {text}"

    def items(self, file: str, match: Match) -> list[str]:
        """The elements of a list, or the one value that stands there."""
        node = self._node(file, match)
        if isinstance(node, Sequence):
            return [node_text(item) for item in node.items]
        return [str(match.value) if node is None else node_text(node)]

    def _node(self, file: str, match: Match) -> Node | None:
        if file not in self._files:
            self._files[file] = _values(file)
        return self._files[file].get((match.line, match.column))


def _values(file: str) -> dict[tuple[int, int], Node]:
    """The node behind each key of a file, by the key's place."""
    values: dict[tuple[int, int], Node] = {}
    tree = read_tree(file, Problems(file))
    waiting: list[Node] = [] if tree is None else [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Sequence):
            waiting.extend(node.items)
        elif isinstance(node, Mapping):
            for key, value in node.entries.values():
                values[key.line, key.column] = value
                waiting.append(value)
    return values


def node_text(node: Node) -> str:
    """A value in one line: lists without brackets, their first elements only."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Mapping):
        inside = ", ".join(f"{key}: {node_text(value)}" for key, (_, value) in node.entries.items())
        return f"{{{inside}}}"
    shown = ", ".join(node_text(item) for item in node.items[:SHOWN_ITEMS])
    more = len(node.items) - SHOWN_ITEMS
    return f"{shown} and {more} more" if more > 0 else shown
