"""The elements of a set as a rule file has them: in itself, and in files that it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, cast

from firewalld_py.policy.defines import ListField
from firewalld_py.policy.errors import Fault, quoted
from firewalld_py.policy.keys import Reading, Reported, text_of
from firewalld_py.policy.nodes import Node, is_null
from firewalld_py.policy.nodes import Sequence as NodeList
from firewalld_py.policy.set_elements import (
    EXAMPLES,
    FORMS,
    Packed,
    combined,
    read_elements,
    read_part,
)
from firewalld_py.policy.source import LINE_BREAK, all_visible, read_text
from firewalld_py.rules.set_elements import kinds_of
from firewalld_py.rules.set_table import MAX_SHAPES
from firewalld_py.rules.sets import MAX_STATIC

COMMENT: Final = "#"


class TooManyElements(Exception):  # noqa: N818
    """There are more elements, or combinations of their lengths, than a set may have."""


class Elements:
    """Collects the elements of one set, each once; what is wrong with them is noted."""

    def __init__(self, words: Sequence[str], reading: Reading) -> None:
        self._words = words
        self._kinds = kinds_of(list(words))
        self._reading = reading
        self._records: dict[int, set[bytes]] = {}  # by the size of what is packed

    def take(self, node: Node) -> None:
        """What stands under `elements:`. Raises TooManyElements."""
        if is_null(node) or (isinstance(node, NodeList) and not node.items):
            return
        if len(self._kinds) == 1:
            self._take_single(node)
            return
        for item in node.items if isinstance(node, NodeList) else (node,):
            try:
                found = self._combination(item)
            except Fault as fault:
                self._reading.fault(item, fault.message, fault.suggestion)
            else:
                self._add(found)

    def _take_single(self, node: Node) -> None:
        """The same for elements of one part, among which $defines may be."""
        (kind,) = self._kinds

        def convert(text: str) -> object:
            return read_part(kind, text)

        defines = self._reading.defines
        assert defines is not None
        using = ListField(f"set of {self._words[0]}", FORMS[kind], convert, _as_it_is)
        try:
            for found in defines.read(node, self._reading, using):
                self._add(cast("list[Packed]", found))
        except Fault as fault:
            self._reading.fault(node, fault.message, fault.suggestion)
        except Reported:
            pass

    def _combination(self, node: Node) -> list[Packed]:
        """An element of several parts: a list of these, or a text as in a file. Raises Fault."""
        example = ", ".join(EXAMPLES[kind] for kind in self._kinds)
        if isinstance(node, NodeList):
            texts = [text_of(item, f"an element as in [{example}]") for item in node.items]
            return combined(self._kinds, texts, ",".join(texts))
        text = text_of(node, f"an element as in [{example}]")
        if "," not in text:
            raise Fault(
                f"expected {len(self._kinds)} parts, in a list of their own as in [{example}], "
                f"found {quoted(text)}"
            )
        return read_elements(self._words, text)

    def take_file(self, path: str) -> None:
        """One element in a line. Raises TooManyElements."""
        problems = self._reading.problems
        with problems.within(path):
            text = read_text(path, problems)
            if text is None or not all_visible(text, problems):
                return
            problems.lines = lines = LINE_BREAK.split(text)
            for number, line in enumerate(lines, 1):
                written = line.partition(COMMENT)[0].strip()
                if not written:
                    continue
                try:
                    found = read_elements(self._words, written)
                except Fault as fault:
                    column = line.index(written) + 1
                    problems.add(
                        number,
                        column,
                        fault.message,
                        rule=self._reading.rule,
                        suggestion=fault.suggestion,
                    )
                else:
                    self._add(found)

    def _add(self, elements: list[Packed]) -> None:
        for packed, lengths in elements:
            records = self._records.get(len(packed))
            if records is None:
                records = self._records[len(packed)] = set()
            records.add(packed + lengths)
        if self.count() > MAX_STATIC:
            raise TooManyElements(f"more than {MAX_STATIC} elements")

    def check_shapes(self) -> None:
        """Raises TooManyElements if the set would have to be asked too often for each packet."""
        shapes = {
            (size, record[size:]) for size, records in self._records.items() for record in records
        }
        if len(self._kinds) > 1 and len(shapes) > MAX_SHAPES:
            raise TooManyElements(
                f"networks of {len(shapes)} different combinations of lengths: a set of several "
                f"parts may have {MAX_SHAPES}"
            )

    def count(self) -> int:
        return sum(len(records) for records in self._records.values())

    def records(self) -> tuple[tuple[int, bytes], ...]:
        """For each size the elements, one behind another, in the order that sets want."""
        return tuple(
            (size, b"".join(sorted(self._records[size]))) for size in sorted(self._records)
        )


def _as_it_is(found: Iterable[object]) -> tuple[object, ...]:
    return tuple(found)
