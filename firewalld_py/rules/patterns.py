"""Regular expressions over octets, searched in time that grows with the octets alone.

RE2 has no backtracking: whatever the expression and the octets, a search costs no more than their
number times the size of the compiled expression, which are both bounded here. Every octet is a
character of its own, a text in the expression stands for its octets in UTF-8.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

MAX_EXPRESSION: Final = 1024  # octets of the text
# Octets searched times size. RE2 takes some 4 ns for each at worst, 10 where caches fail: 2 to 5 ms
# for octets made to be slow, and some microseconds for all others.
MAX_WORK: Final = 1 << 19


class Searcher(Protocol):
    """A compiled expression."""

    programsize: int

    def search(self, octets: bytes) -> object | None:
        """None if it is nowhere in the octets."""


def searcher(expression: bytes) -> Searcher:
    """The compiled expression; ValueError, with RE2's words, if there is something wrong with it.

    RE2 is loaded only here: most rule sets do without.
    """
    import re2  # noqa: PLC0415

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    options.never_capture = True
    options.log_errors = False
    try:
        found: Any = re2.compile(expression, options)
    except re2.error as fault:
        words: Any = fault.args[0]
        raise ValueError(words.decode("utf-8", "replace")) from None
    compiled: Searcher = found
    return compiled
