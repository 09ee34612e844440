"""What may stand under a key, as data: from it come the JSON Schema and the lists of words in help.

The functions that read a value say their shape with `@reads(...)`; those that are made of others
(a list of ports, one word of some) take theirs from these. A function that says nothing reads
ANYTHING: a schema is then too kind, and never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from firewalld_py.policy.keys import Table


@dataclass(frozen=True, slots=True)
class Anything:
    """Nobody said what."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text that `pattern` finds itself in (of Python and of ECMA 262), of at most `longest`.

    `plain` tells that one may stand there which YAML takes for a number or a truth value.
    """

    pattern: str = ""
    longest: int = 0
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these words."""

    words: tuple[str, ...]
    any_case: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number between these."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false, in one of YAML's ways of saying it."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What one of these shapes has."""

    options: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """An element, or a list of at least one."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of elements; nothing reads as an empty one."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Names:
    """A mapping from names of the writer's own; nothing reads as an empty one."""

    pattern: str
    value: Shape


@dataclass(frozen=True, slots=True)
class Keys:
    """A mapping with the keys of a table.

    `nothing` tells that nothing reads as an empty one, `single` that it has exactly one key,
    `filled` at least one, and `one_of` names keys of which one has to be there,
    or several ("packet expect") together.
    """

    table: Table
    nothing: bool = False
    single: bool = False
    filled: bool = False
    one_of: tuple[str, ...] = ()


Shape = Anything | Text | Choice | Number | Truth | AnyOf | OneOrMore | Rows | Names | Keys

ANYTHING: Final = Anything()
_SHAPES: Final[WeakKeyDictionary[Callable[..., Any], Shape]] = WeakKeyDictionary()
Reader = TypeVar("Reader", bound=Callable[..., Any])


def reads(*shapes: Shape) -> Callable[[Reader], Reader]:
    """Notes what a function reads: one of these shapes."""
    shape = shapes[0] if len(shapes) == 1 else AnyOf(shapes)

    def note(function: Reader) -> Reader:
        _SHAPES[function] = shape
        return function

    return note


def shape_of(function: Callable[..., Any]) -> Shape:
    """What a function reads."""
    return _SHAPES.get(function, ANYTHING)


def any_case(words: Iterable[str]) -> str:
    """A pattern for these words (of letters, digits, '-' and '_'), in capitals or not."""
    letters = (
        "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word.lower()) for word in words
    )
    return f"^(?:{'|'.join(letters)})$"


def words_of(shape: Shape) -> tuple[str, ...]:
    """All words that are known by name where this shape stands."""
    if isinstance(shape, Choice):
        return shape.words
    if isinstance(shape, AnyOf):
        return tuple(dict.fromkeys(word for part in shape.options for word in words_of(part)))
    return words_of(shape.item) if isinstance(shape, OneOrMore) else ()


def tables_of(shape: Shape) -> tuple[Table, ...]:
    """The tables of the mappings that may stand there."""
    if isinstance(shape, Keys):
        return (shape.table,)
    if isinstance(shape, AnyOf):
        return tuple(table for part in shape.options for table in tables_of(part))
    if isinstance(shape, OneOrMore | Rows):
        return tables_of(shape.item)
    return tables_of(shape.value) if isinstance(shape, Names) else ()
