"""What either judge says of a packet: its state, and its direction where that means something."""

from __future__ import annotations

from typing import Final, NamedTuple

from firewalld_py.conntrack.connection import (
    DIRECTION_NAMES,
    ESTABLISHED,
    INVALID,
    NEW,
    RELATED,
    STATE_NAMES,
    UNTRACKED,
)


class Answer(NamedTuple):
    """State and direction by name; INVALID and UNTRACKED packets have no connection, so no side."""

    state: str
    direction: str

    def __str__(self) -> str:
        return f"{self.state} {self.direction}" if self.direction == "reply" else self.state


INVALID_ANSWER: Final = Answer(STATE_NAMES[INVALID], "")
UNTRACKED_ANSWER: Final = Answer(STATE_NAMES[UNTRACKED], "")
# By state and direction, as CtInfo has them.
ANSWERS: Final[dict[tuple[int, int], Answer]] = {
    (state, direction): Answer(STATE_NAMES[state], name)
    for state in (NEW, ESTABLISHED, RELATED)
    for direction, name in enumerate(DIRECTION_NAMES)
} | {
    (state, direction): answer
    for state, answer in ((INVALID, INVALID_ANSWER), (UNTRACKED, UNTRACKED_ANSWER))
    for direction in range(len(DIRECTION_NAMES))
}
