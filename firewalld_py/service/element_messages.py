"""What supervisor and worker tell each other of the elements of sets; see messages.py.

An element is `[packed, lengths]`, both hex, as rules/set_elements.py has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

# Elements of one message, either way: to add as many takes a worker a fraction of a
# millisecond, and what is said of them finds room in one datagram.
MAX_ELEMENTS: Final = 128

# What a SetChange asks for.
ADD: Final = "add"
REMOVE: Final = "remove"
TEST: Final = "test"
# These have no elements.
FLUSH: Final = "flush"  # removes all that were added at run time
COUNT: Final = "count"
OWN_LIFETIME: Final = -1.0  # what is added stays as long as the set says
FOR_EVER: Final = 0.0

# Beside the outcomes of rules/sets.py, of a TEST.
IN_SET: Final = -1  # an element covers it: see SetAnswer
NOT_IN_SET: Final = -2


# --- worker → supervisor ---


@dataclass(frozen=True, slots=True)
class SetAnswer:
    """What came of the request of this number; where `error` says something, nothing.

    To a SetChange: `outcomes` has a row for each of its elements, in order: what came of it, the
    seconds that it is there from now on (0: for ever), the element that covers it (empty if none
    does), which may be itself, and whether the rule file has that. To a FLUSH and an
    EndConnections: `count` elements were removed, or connections ended. To a COUNT and a
    SetRequest: `count` are there in all, and all has been told that is told.
    """

    number: int
    error: str
    outcomes: list[Any]
    count: int


@dataclass(frozen=True, slots=True)
class SetListed:
    """Some elements of a set, in answer to the SetRequest of this number.

    A row each: packed, lengths, seconds left (0: for ever), whether the rule file has it, and the
    packets and octets that were counted.
    """

    number: int
    elements: list[Any]


@dataclass(frozen=True, slots=True)
class SetNews:
    """What rules have done to sets, a row each: set, packed, lengths, whether it was added, seconds
    left (0: for ever). `untold` changes more found no room: the sets are to be asked for anew.
    """

    changes: list[Any]
    untold: int


# --- supervisor → worker ---


@dataclass(frozen=True, slots=True)
class SetChange:
    """Do `action` with elements of a set, MAX_ELEMENTS of them at most."""

    number: int
    set_name: str
    action: str
    elements: list[Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class SetRestore:
    """Elements that were added before, a row each: packed, lengths, seconds left (0: for ever).

    Those which come before the first rules are there when these judge; there is no answer.
    """

    set_name: str
    elements: list[Any]


@dataclass(frozen=True, slots=True)
class SetRequest:
    """Tell what is in a set; of the elements of the rule file only where `with_static`."""

    number: int
    set_name: str
    with_static: bool


@dataclass(frozen=True, slots=True)
class EndConnections:
    """End all connections from or to these networks (elements of sets of addresses).

    Where `more` of the same number follow, they are ended all at once with the last of them.
    """

    number: int
    networks: list[Any]
    more: bool
