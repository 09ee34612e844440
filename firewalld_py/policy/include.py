"""`include:` in a rule file: which files it names, in which order, and what stands in them.

The order of a policy is that of its files: first what the including file says, then what each of
the files it names says, patterns' files by name, and behind each of them what it includes itself.
Every file is read once. How many there are, how deep they nest and how large they are together is
bounded; beyond that nothing more is read and an error says so.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, cast

from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Reading, Table, items_of, text_of
from firewalld_py.policy.nodes import MAX_NODES, Node, is_null, read_tree
from firewalld_py.policy.shapes import OneOrMore, Text
from firewalld_py.policy.source import MAX_OCTETS

MAX_FILES: Final = 1000  # that are included, directly or not
MAX_INCLUDES: Final = 8  # files within files
FORM: Final = "a file or a pattern for files (rules.d/*.yaml), or a list of them"
SHAPE: Final = OneOrMore(Text(r"^[^\x00-\x1f*?\[]*[^\x00-\x1f/]+$"))
_PATTERN: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a policy, and what stands under its keys."""

    file: str
    top: dict[str, object]


@dataclass(slots=True)
class Pieces:
    """Reads a rule file and all that it includes; those that can be read stand in `read`.

    `whole` are the keys of the first file, `included` those of the others.
    """

    reading: Reading
    whole: Table
    included: Table
    read: list[Piece] = field(default_factory=list)
    # By real path: where the file was included.
    _named: dict[str, tuple[str, int]] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)  # the files that are being read, outermost first
    _octets: int = 0
    _nodes: int = 0

    def begin(self, tree: Node) -> None:
        """Take the tree of the first file, which is the one that is being read."""
        self._named[os.path.realpath(self.reading.problems.file)] = ("", 0)
        self._take(tree, self.whole)

    def _take(self, tree: Node, table: Table) -> None:
        file = self.reading.problems.file
        try:
            top = table.read(tree, self.reading)
        except Fault as fault:
            self.reading.fault(tree, fault.message)
            return
        self.read.append(Piece(file, top))
        self._nodes += tree.size
        if "include" in top and not is_null(cast("Node", top["include"])):
            self._open.append(file)
            self._include(cast("Node", top["include"]))
            self._open.pop()

    def _include(self, node: Node) -> None:
        try:
            items = items_of(node, FORM)
        except Fault as fault:
            self.reading.fault(node, f"include: {fault.message}")
            return
        for item in items:
            try:
                files = _files(text_of(item, FORM), self.reading.problems.file)
            except Fault as fault:
                self.reading.fault(item, f"include: {fault.message}", fault.suggestion)
                continue
            for path in files:
                try:
                    self._enter(path, item)
                except Fault as fault:
                    self.reading.fault(item, f"include: {fault.message}")

    def _enter(self, path: str, item: Node) -> None:
        """Read one file that `item` names. Raises Fault if it must not be read here."""
        real = os.path.realpath(path)
        problems = self.reading.problems
        if real in map(os.path.realpath, self._open):
            way = " -> ".join((*self._open, path))
            raise Fault(f"{path} includes itself: {way}")
        if real in self._named:
            raise Fault(f"{path} is included already, in {problems.place(*self._named[real])}")
        if len(self._open) > MAX_INCLUDES:
            raise Fault(f"files include each other more than {MAX_INCLUDES} deep")
        if len(self._named) > MAX_FILES:
            raise Fault(f"more than {MAX_FILES} files")
        self._named[real] = (problems.file, item.line)
        self._weigh(path)
        with problems.within(path):
            tree = read_tree(path, problems)
            if tree is None or is_null(tree):
                self.read.append(Piece(path, {}))
            else:
                self._take(tree, self.included)

    def _weigh(self, path: str) -> None:
        """Raises Fault if all files together are larger than one may be."""
        try:
            self._octets += Path(path).stat().st_size
        except OSError as error:
            raise Fault(f"{path} cannot be read: {error.strerror}") from None
        if self._octets > MAX_OCTETS or self._nodes > MAX_NODES:
            raise Fault(
                f"all files together are larger than {MAX_OCTETS >> 20} MiB or {MAX_NODES} values, "
                "the most that is read"
            )


def _files(text: str, including: str) -> list[str]:
    """The files that a name or a pattern stands for, by name. Raises Fault."""
    path = Path(including).parent / text
    if not Path(text).name or not text.isprintable():
        raise Fault(f"expected {FORM}, found {quoted(text)}")
    if _PATTERN.search(str(Path(text).parent)):
        raise Fault(f"a pattern may stand in the last part of a path only, found {quoted(text)}")
    try:
        if _PATTERN.search(path.name):
            return [str(path.parent / name) for name in _names(path.parent) if _meets(name, path)]
        if path.exists():
            return [str(path)]
    except FileNotFoundError:
        return []  # as a pattern in a directory without such files
    except OSError as error:
        raise Fault(f"{error.filename or path} cannot be read: {error.strerror}") from None
    raise Fault(f"{path} is not there", _meant(text, including))


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _meets(name: str, pattern: Path) -> bool:
    """As in a shell: a name that begins with a dot is met only by a pattern that does."""
    hidden = name.startswith(".") and not pattern.name.startswith(".")
    return not hidden and fnmatchcase(name, pattern.name)


def _meant(text: str, including: str) -> str:
    """The file that was probably meant by a name that is not there: another one is near it."""
    base = Path(including).parent
    meant = Path()
    for part in Path(text).parts:
        try:
            there = (base / meant / part).exists()
            near = "" if there else nearest(part, _names(base / meant))
        except OSError:
            return ""
        if not there and not near:
            return ""
        meant /= part if there else near
    return str(meant)
