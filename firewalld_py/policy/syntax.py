"""What a YAML parser stumbles over, in words for people and at the place where it went wrong.

A parser notices a fault later than it was made: at the next thing that stands there, maybe many
lines below. So the last thing that it could still read is looked at, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import yaml

from firewalld_py.policy.errors import quoted

# The parser's words, and ours for what people most often did.
_SYNTAX: Final = (
    ("mapping values are not allowed", "a ':' too many: a text with ': ' in it needs quotes"),
    ("did not find expected ',' or", "a ',' or the closing bracket is missing"),
    ("expected ',' or", "a ',' or the closing bracket is missing"),
    ("did not find expected '-' indicator", "wrong indentation: a '-' of this list was expected"),
    ("did not find expected key", "wrong indentation, or a text where a key was expected"),
    (
        "expected <block end>",
        "wrong indentation: this stands deeper or less deep than its neighbours",
    ),
    ("could not find expected ':'", "a ':' is missing after the key"),
    ("unexpected end of stream", "a closing quote is missing"),
    ("unexpected ':'", "an address that ends with ':' needs quotes"),
    ("a tab character", "a tab cannot indent YAML: use spaces"),
    ("expected alphabetic or numeric", "a text that begins with '*' or '&' needs quotes"),
    ("expected <document start>", "this belongs to nothing: is it left over from something?"),
    ("undefined alias", "an alias (*name) without its anchor (&name)"),
    (
        "did not find expected node content",
        "a value is missing, or one that begins with ':' lacks quotes",
    ),
    ("expected the node content", "a value is missing, or one that begins with ':' lacks quotes"),
)
_NO_KEY: Final = re.compile("did not find expected key|expected <block end>")
_BARE_KEY: Final = re.compile(r"\s*(?:- +)?\w+")


def start_of(event: Any) -> tuple[int, int]:
    """Line and column, from 1, where an event's text begins."""
    return event.start_mark.line + 1, event.start_mark.column + 1


def goes_on(event: Any) -> bool:
    """Whether an event's text goes on into other lines."""
    return bool(event.end_mark.line != event.start_mark.line)


def stands_there(event: Any) -> bool:
    """Whether an event has a text at all."""
    return bool(event.end_mark.index > event.start_mark.index)


def syntax_fault(
    error: yaml.YAMLError, last: yaml.Event | None, lines: Sequence[str]
) -> tuple[int, int, str]:
    """Line, column and message; `last` is the last event that stands in the text."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    said = str(getattr(error, "problem", None) or error)
    words = next((ours for theirs, ours in _SYNTAX if theirs in said), said)
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    if "cannot start any token" in said:
        character = text[column - 1 : column]
        words = f"a text that begins with {quoted(character)} needs quotes"
        if character == "\t":
            words = "a tab cannot indent YAML: use spaces"
    elif text[max(column - 2, 0) :].startswith("${"):
        words = "a $name stands without braces"
    elif said.startswith("mapping values") and _BARE_KEY.fullmatch(text[: column - 1]):
        words = "wrong indentation: this stands deeper than the line above"
    elif _NO_KEY.search(said) and _stands_alone(last, lines):
        line, column = start_of(last)
        words = "a ':' is missing after the key"
    elif _is_open_quote(last):
        words = f"a closing quote is missing: the next one stands in line {line}"
        line, column = start_of(last)
    else:
        line, column = _origin(error, last, line, column)
    return line, column, f"not YAML: {words}"


def _origin(error: Any, last: Any, line: int, column: int) -> tuple[int, int]:
    context = str(getattr(error, "context", None))
    if "simple key" in context or "quoted" in context:
        return error.context_mark.line + 1, error.context_mark.column + 1
    if "flow" in context and last is not None and last.end_mark.line + 1 < line:
        return last.end_mark.line + 1, max(last.end_mark.column, 1)
    return line, column


def _is_open_quote(last: Any) -> bool:
    """Whether the last thing was a text in quotes that went on into other lines."""
    return isinstance(last, yaml.ScalarEvent) and last.style in ("'", '"') and goes_on(last)


def _stands_alone(last: Any, lines: Sequence[str]) -> bool:
    """Whether the last thing was a text without quotes, alone in its line."""
    if not isinstance(last, yaml.ScalarEvent) or last.style or goes_on(last):
        return False
    line, _column = start_of(last)
    text = lines[line - 1] if line <= len(lines) else ""
    return text.partition(" #")[0].strip() == last.value
