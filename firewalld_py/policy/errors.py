"""What is wrong with a file, said so that the reader can put it right: place, fault, near miss."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

MAX_PROBLEMS: Final = 500  # of a file and those it includes; then reading stops
MAX_CANDIDATES: Final = 500  # words that are compared to find the one that was meant
MAX_EXCERPT: Final = 100  # characters of the offending line that are shown
ERROR: Final = "error"
WARNING: Final = "warning"
MAX_QUOTED: Final = 60  # characters of a found value that are repeated in a message


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a file.

    `line` and `column` count from 1; line 0 means the file as a whole. `rule` is the place of the
    rule and, if it has one, its name: "filter/forward/3 (lan out)". `suggestion` is what was meant,
    probably, or empty. `excerpt` is the offending line as it stands in the file. A `severity` of
    WARNING refuses nothing.
    """

    file: str
    line: int
    column: int
    message: str
    rule: str = ""
    suggestion: str = ""
    excerpt: str = ""
    severity: str = ERROR

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        rule = f" {self.rule}:" if self.rule else ""
        near = f"; did you mean {quoted(self.suggestion)}?" if self.suggestion else ""
        kind = "" if self.severity == ERROR else f" {self.severity}:"
        return f"{where}:{kind}{rule} {self.message}{near}"

    def shown(self) -> str:
        """The problem and below it the offending line with a caret under the column."""
        if not self.line or not self.excerpt.strip():
            return str(self)
        start = max(0, min(self.column - 1 - MAX_EXCERPT // 2, len(self.excerpt) - MAX_EXCERPT))
        text = self.excerpt[start : start + MAX_EXCERPT]
        text = "".join(character if character.isprintable() else " " for character in text)
        return f"{self}\n    {text.rstrip()}\n    {' ' * (self.column - 1 - start)}^"


class PolicyErrors(Exception):  # noqa: N818  (several errors in one exception)
    """All problems of the files that were read, in the order in which they stand there."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(problem.shown() for problem in self.problems)


class Fault(Exception):  # noqa: N818  (caught where the place is known, then a Problem)
    """A text or a value that cannot be taken: what was expected and found, without its place."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion


class TooManyProblems(Exception):  # noqa: N818
    """MAX_PROBLEMS are noted and there is one more: nobody reads on, and neither do we."""


class Problems:
    """Collects the problems of a file and of those it includes; reading goes on after each.

    `file` is the one that is being read.
    """

    __slots__ = ("_lines", "_seen", "file", "found", "stopped")

    def __init__(self, file: str, lines: Sequence[str] = ()) -> None:
        self.file = file
        self.found: list[Problem] = []
        self.stopped = False
        self._lines: dict[str, Sequence[str]] = {file: lines}
        self._seen: set[tuple[str, int, int, str]] = set()

    @property
    def lines(self) -> Sequence[str]:
        """The lines of the file that is being read, to show those with a problem."""
        return self._lines[self.file]

    @lines.setter
    def lines(self, lines: Sequence[str]) -> None:
        self._lines[self.file] = lines

    @contextmanager
    def within(self, file: str) -> Iterator[None]:
        """Lets `file` be the one that is being read, then again the one before."""
        before, self.file = self.file, file
        self._lines.setdefault(file, ())
        try:
            yield
        finally:
            self.file = before

    def add(
        self,
        line: int,
        column: int,
        message: str,
        *,
        rule: str = "",
        suggestion: str = "",
        file: str = "",
    ) -> None:
        """Note a problem; the same message at the same place is noted once, for aliases' sake.

        Raises TooManyProblems when there are MAX_PROBLEMS already.
        """
        file = file or self.file
        key = (file, line, column, message)
        if key in self._seen:
            return
        if len(self.found) >= MAX_PROBLEMS:
            self.stopped = True
            raise TooManyProblems
        self._seen.add(key)
        lines = self._lines.get(file, ())
        excerpt = lines[line - 1] if 0 < line <= len(lines) else ""
        self.found.append(Problem(file, line, column, message, rule, suggestion, excerpt))

    def place(self, file: str, line: int) -> str:
        """A place in words: its line, and its file unless that is the one being read."""
        return f"line {line}" if file == self.file else f"{file}:{line}"

    def ordered(self) -> list[Problem]:
        """All problems by their place, of each file in turn; a last one tells if there are more."""
        order = {file: number for number, file in enumerate(self._lines)}
        problems = sorted(
            self.found, key=lambda problem: (order[problem.file], problem.line, problem.column)
        )
        if self.stopped:
            problems.append(Problem(self.file, 0, 0, "there are more problems than these"))
        return problems


def quoted(text: str) -> str:
    """The text in quotes, cut and with control characters made visible."""
    return repr(text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 1] + "…")


def nearest(word: str, words: Iterable[str]) -> str:
    """The one of `words` that was probably meant by `word`, or "". Letter case does not count."""
    if len(word) > MAX_QUOTED:  # the comparison is quadratic
        return ""
    by_lower = {known.lower(): known for known in islice(words, MAX_CANDIDATES)}
    letters = sorted(word.lower())
    for known, name in by_lower.items():
        if sorted(known) == letters:  # two that changed places: what hands do most often
            return name
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else ""
