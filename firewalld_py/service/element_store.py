"""The file in which elements that were added at run time outlive the daemon.

One JSON object for all sets with `persist: true`, each element as it is written in rules with the
wall-clock time at which it is over, or null, and the time at which all this was true:

    {"version": 1, "saved": 1700000000.0,
     "sets": {"banned": {"203.0.113.7": 1700003600.0, "198.51.100.0/24": null}}}

A clock that shows less when it is read than it did then has been set back, as that of a machine
without a battery is at each start: then no time has gone by.

It is replaced in one step, so that whoever reads it finds the old elements or the new ones. A file
that cannot be read is put aside, never in the way of a start.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any, Final

FILE: Final = "sets.json"
DAMAGED: Final = "sets.json.damaged"  # the one before it is overwritten
VERSION: Final = 1
FILE_MODE: Final = 0o640
MAX_OCTETS: Final = 512 << 20  # a longer file is not ours
MAX_ELEMENT: Final = 256  # characters; what is longer is no element

Elements = dict[str, dict[str, float | None]]


class StoreError(Exception):
    """The file cannot be read or written; the message says which and why."""


class ElementStore:
    """The file in one directory, which is made when there is something to write."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)
        self.path = self._directory / FILE

    def load(self, now: float) -> Elements:
        """The elements that are not over at `now`; none if there is no file.

        Raises StoreError: then the file has been put aside.
        """
        try:
            saved, found = _read(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            aside = self._put_aside()
            raise StoreError(f"{self.path} cannot be read: {error.strerror}; {aside}") from error
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{self.path} is damaged ({error}); {self._put_aside()}") from error
        back = max(saved - now, 0.0)
        return {name: _alive(elements, now, back) for name, elements in found.items()}

    def save(self, elements: Elements, now: float) -> None:
        """Write these elements in place of those that are there. Raises StoreError."""
        whole = {"version": VERSION, "saved": round(now, 3), "sets": elements}
        octets = json.dumps(whole, indent=1).encode()
        beside = self._directory / f".{FILE}.{os.getpid()}"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            _write(beside, octets)
            beside.replace(self.path)
            _settle(self._directory)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise StoreError(f"{self.path} cannot be written: {error.strerror}") from error

    def _put_aside(self) -> str:
        aside = self._directory / DAMAGED
        try:
            self.path.replace(aside)
        except OSError as error:
            return f"it cannot be put aside: {error.strerror}"
        return f"it is put aside as {aside}"


def _alive(elements: dict[str, float | None], now: float, back: float) -> dict[str, float | None]:
    """Those that are not over, where the clock was set back by so much."""
    alive: dict[str, float | None] = {}
    for text, until in elements.items():
        if until is None:
            alive[text] = None
        elif until - back > now:
            alive[text] = until - back
    return alive


def _read(path: Path) -> tuple[float, Elements]:
    """When the file was written, and what it says. Raises ValueError or OSError."""
    if path.stat().st_size > MAX_OCTETS:
        raise ValueError(f"it is longer than {MAX_OCTETS} octets")
    whole = json.loads(path.read_text())
    if not isinstance(whole, dict) or whole.get("version") != VERSION:
        raise ValueError(f"it is no file of version {VERSION}")
    sets = _mapping("its sets", whole.get("sets"))
    elements = {name: _elements(name, found) for name, found in sets.items()}
    return _time("its own time", whole.get("saved")), elements


def _time(what: str, value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{what} is no time: {value!r}")
    return float(value)


def _mapping(what: str, value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError(f"{what} are no mapping")
    return value


def _elements(name: str, elements: Any) -> dict[str, float | None]:
    checked: dict[str, float | None] = {}
    for text, until in _mapping(f"the elements of {name[:MAX_ELEMENT]!r}", elements).items():
        if len(text) > MAX_ELEMENT:
            raise ValueError(f"an element of {len(text)} characters")
        checked[text] = None if until is None else _time(f"that of {text!r}", until)
    return checked


def _write(path: Path, octets: bytes) -> None:
    """A new file whose octets are on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(descriptor)


def _settle(directory: Path) -> None:
    """See to it that the directory's new entry is on the disk, too."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
