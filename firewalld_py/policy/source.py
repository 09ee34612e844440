"""A file as text: read within bounds, UTF-8, and nothing in it that its reader cannot see."""

from __future__ import annotations

import os
import re
import stat
from typing import Final

from firewalld_py.policy.errors import Problems

MAX_OCTETS: Final = 64 << 20  # of one file

LINE_BREAK: Final = re.compile(r"\r\n|[\r\n]")
# Not printable in YAML 1.2 (section 5.1), or not to be seen in an editor: line separators that YAML
# would obey and characters that change the direction of writing could hide a rule from its reader.
HIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
# UTF-16 and UTF-32, with their mark or beginning with an ASCII character.
_WIDE: Final = re.compile(
    rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff|[^\x00]\x00.\x00|\x00[^\x00]\x00.|\x00\x00\x00[^\x00]",
    re.DOTALL,
)


def read_text(path: str, problems: Problems) -> str | None:
    """The text of the regular file at `path`, or None and a problem."""
    data = _read_file(path, problems)
    return None if data is None else _decode(data, problems)


def all_visible(text: str, problems: Problems) -> bool:
    """Whether all that stands in the text can be seen by its reader; else a problem is noted."""
    hidden = HIDDEN.search(text)
    if hidden is None:
        return True
    line, column = _place(text, hidden.start())
    problems.add(
        line, column, f"character U+{ord(hidden[0]):04X} is invisible and must not stand here"
    )
    return False


def _read_file(path: str, problems: Problems) -> bytes | None:
    try:
        # O_NONBLOCK: opening a pipe nobody writes to must not hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problems.add(0, 0, f"cannot be read: {reason}")
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        problems.add(0, 0, "cannot be read: it is not a regular file")
        return None
    with os.fdopen(descriptor, "rb") as stream:
        try:
            data = stream.read(MAX_OCTETS + 1)
        except OSError as error:
            problems.add(0, 0, f"cannot be read: {error.strerror}")
            return None
    if len(data) > MAX_OCTETS:
        problems.add(0, 0, f"is larger than {MAX_OCTETS >> 20} MiB, the most that is read")
        return None
    return data


def _decode(data: bytes, problems: Problems) -> str | None:
    if _WIDE.match(data):
        problems.add(1, 1, "this is UTF-16 or UTF-32: save the file as UTF-8")
        return None
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8")
        problems.lines = LINE_BREAK.split(data.decode("utf-8", "replace"))
        line, column = _place(good, len(good))
        problems.add(
            line, column, f"octet 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8"
        )
        return None


def _place(text: str, at: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at offset `at`."""
    before = LINE_BREAK.split(text[:at])
    return len(before), len(before[-1]) + 1
