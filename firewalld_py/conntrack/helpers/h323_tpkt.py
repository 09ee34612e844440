"""TPKT (RFC 1006 section 6): messages in a TCP stream, each behind a header of four octets.

As the kernel, we put no segments together: a message is read if it stands in one, or if a segment
holds its header alone and the next of that side the message.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import Connection

HEADER: Final = 4
VERSION: Final = 3


@mypyc_attr(acyclic=True)
class TpktState:
    """By direction, how long the message is whose header came alone; 0 for none."""

    __slots__ = ("awaited",)

    def __init__(self) -> None:
        self.awaited = [0, 0]


def tpkt_state(connection: Connection) -> TpktState:
    extension = connection.extended()
    state = extension.helper_state
    if not isinstance(state, TpktState):
        state = TpktState()
        extension.helper_state = state
    return state


def take_messages(payload: bytes, direction: int, state: TpktState) -> list[tuple[int, int]]:
    """Where the messages of a segment begin and end."""
    awaited = state.awaited[direction]
    state.awaited[direction] = 0
    found: list[tuple[int, int]] = []
    at = 0
    if not _is_header(payload, 0):
        if not 0 < awaited <= len(payload):
            return found
        found.append((0, awaited))
        at = awaited
    elif len(payload) == HEADER:
        state.awaited[direction] = max(_length(payload, 0) - HEADER, 0)
    while len(payload) - at > HEADER and _is_header(payload, at):
        length = _length(payload, at)
        if length < HEADER or length > len(payload) - at:
            break
        found.append((at + HEADER, at + length))
        at += length
    return found


def _is_header(payload: bytes, at: int) -> bool:
    return len(payload) - at >= HEADER and payload[at] == VERSION and payload[at + 1] == 0


def _length(payload: bytes, at: int) -> int:
    """With the header."""
    return payload[at + 2] << 8 | payload[at + 3]
