"""What media a session description in a SIP message names (SDP, RFC 8866), as nf_conntrack_sip.c.

The description is where a line `v=` is, even among the SIP headers: no Content-Type is asked for.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.helpers.sip_message import (
    BLANK,
    CR,
    HIGHEST_PORT,
    LF,
    LOWEST_PORT,
    Message,
    is_letter,
)

# Classes of expectations; SIGNALLING is that of registrations.
SIGNALLING: Final = 0
AUDIO: Final = 1
VIDEO: Final = 2
IMAGE: Final = 3
_KINDS: Final[tuple[tuple[bytes, int], ...]] = (
    (b"audio ", AUDIO),
    (b"video ", VIDEO),
    (b"image ", IMAGE),
)
MAX_MEDIA: Final = 3  # of one message; more are not read

_VERSION: Final = b"v="
_CONNECTION: Final = b"c="
_MEDIA: Final = b"m="


class Media:
    """One stream: its class, and where it is to be sent to."""

    __slots__ = ("address", "kind", "port")

    def __init__(self, kind: int, address: bytes, port: int) -> None:
        self.kind = kind
        self.address = address
        self.port = port


class Session:
    """The media of a message. It is not `sound` if, behind them, one is named that may not be."""

    __slots__ = ("media", "sound")

    def __init__(self) -> None:
        self.media: list[Media] = []
        self.sound = True


def read_session(message: Message) -> Session:
    """All media of a message that are not switched off (by port 0) or of a kind that is unknown."""
    session = Session()
    at = _line(message, _VERSION, 0)
    if at < 0 or message.behind_digits(at) == at:
        return session
    address_of_all = _address(message, at)
    while len(session.media) < MAX_MEDIA:
        at = _line(message, _MEDIA, at)
        if at < 0 or not _is_media(message, at):
            break
        kind = _kind(message, at)
        if kind == SIGNALLING:
            continue
        at += len(_KINDS[0][0])
        port = message.number(at)
        if port <= 0:
            continue
        address = _address(message, at) or address_of_all
        if not LOWEST_PORT <= port <= HIGHEST_PORT or not address:
            session.sound = False
            break
        session.media.append(Media(kind, address, port))
    return session


def _line(message: Message, name: bytes, at: int, last: bytes = b"") -> int:
    """Behind the name of the next line that has it, unless one named `last` comes first; or -1."""
    at = message.line(at)
    while at >= 0:
        if last and message.lower.startswith(last, at):
            return -1
        if message.lower.startswith(name, at):
            return at + len(name)
        at = message.line(at + 1)
    return -1


def _address(message: Message, at: int) -> bytes:
    """What the next line `c=` before any other media says (section 5.7); b"" if it is unclear."""
    at = _line(message, _CONNECTION, at, _MEDIA)
    if at < 0:
        return b""
    family = b"IN IP4 " if message.version == 4 else b"IN IP6 "
    end = at
    while end < message.size and message.text[end] not in (CR, LF):
        end += 1
    found = message.text.find(family, at, end)
    if found < 0 or found + len(family) == message.size:
        return b""
    return message.address(found + len(family))[0]


def _is_media(message: Message, at: int) -> bool:
    """Letters and a blank: what else there may be, nothing behind it is read."""
    while at < message.size and is_letter(message.text[at]):
        at += 1
    return at < message.size and message.text[at] == BLANK


def _kind(message: Message, at: int) -> int:
    for word, kind in _KINDS:
        if message.text.startswith(word, at):
            return kind
    return SIGNALLING
