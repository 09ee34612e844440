"""Where log entries go: the journal under systemd, stderr otherwise.

Nothing here ever holds up the caller. Entries wait in a bounded queue for a thread of their own;
when it is full they are counted, and the count is logged as soon as there is room.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import select
import socket
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from firewalld_py.service.logline import (
    ERR,
    INFO,
    NOTICE,
    WARNING,
    Entry,
    daemon_entry,
    lost_entry,
    packet_entries,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from firewalld_py.service.messages import LogEvent

QUEUE_ENTRIES: Final = 4096  # what waits for the writer; more are counted as lost
CLOSE_TIMEOUT_S: Final = 2.0
STDERR: Final = 2
JOURNAL_SOCKET: Final = "/run/systemd/journal/socket"
LEVEL_WORDS: Final = ("emerg", "alert", "crit", "error", "warning", "notice", "info", "debug")


class Target(Protocol):
    """A place for entries. Returns only when the entry is written, or raises OSError."""

    def write(self, entry: Entry, giving_up: Callable[[], bool]) -> None:
        """Write one entry; while it waits for room it asks `giving_up`, and ends if that is so."""


class JournalTarget:
    """The journal, through systemd-python.

    sd_journal_sendv() blocks while journald reads nothing, and systemd-python holds the
    interpreter's lock meanwhile: one stuck journal would stop every thread of the daemon. Two
    things keep it from that. Room is waited for beforehand, with a connected socket of our own on
    which poll() tells whether journald's queue is full; and libsystemd's socket is made
    non-blocking, because another program may take that room first.
    """

    WAIT_S: Final = 0.2

    def __init__(self, path: str = JOURNAL_SOCKET) -> None:
        """`path` is where to look for room; libsystemd itself always sends to JOURNAL_SOCKET."""
        from systemd import journal  # noqa: PLC0415 - a C library that only this target needs

        self._sendv = journal.sendv
        self._path = path
        self._probe: socket.socket | None = None
        self._unblocked = False

    def write(self, entry: Entry, giving_up: Callable[[], bool]) -> None:
        """See Target."""
        fields = [f"MESSAGE={entry.message}", f"PRIORITY={entry.priority}"]
        fields += [f"{name}={value}" for name, value in entry.fields.items()]
        while not self._send(fields):
            if giving_up():
                return

    def _send(self, fields: list[str]) -> bool:
        """Returns whether the entry went out; False after WAIT_S without room."""
        if not self._room():
            return False
        try:
            if self._unblocked:
                self._sendv(*fields)
            else:
                self._first_send(fields)
        except BlockingIOError:
            # Somebody else took the room, or the probe hangs on a socket that was replaced.
            self._forget_probe()
            return False
        return True

    def _room(self) -> bool:
        if self._probe is None:
            probe = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                probe.connect(self._path)
            except OSError:
                probe.close()
                raise
            self._probe = probe
        waiting = select.poll()
        waiting.register(self._probe, select.POLLOUT)
        return bool(waiting.poll(self.WAIT_S * 1000))

    def _first_send(self, fields: list[str]) -> None:
        """Send, and make the socket that libsystemd has opened for it non-blocking."""
        before = _sockets()
        self._sendv(*fields)
        for descriptor, _ in _sockets() - before:
            if _is_unbound_datagram_socket(descriptor):
                flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
                fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        self._unblocked = True

    def _forget_probe(self) -> None:
        if self._probe is not None:
            self._probe.close()
            self._probe = None


def _sockets() -> set[tuple[int, int]]:
    """Descriptor and inode of every socket of this process (a bare number may be used again)."""
    sockets = set()
    for path in Path("/proc/self/fd").iterdir():
        descriptor = int(path.name)
        try:
            found = os.fstat(descriptor)
        except OSError:
            continue  # that of the listing itself
        if stat.S_ISSOCK(found.st_mode):
            sockets.add((descriptor, found.st_ino))
    return sockets


def _is_unbound_datagram_socket(descriptor: int) -> bool:
    """Whether it is a socket as libsystemd makes it: unix, datagram, no name, no peer."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            kind = (copy.family, copy.type)
            if kind != (socket.AF_UNIX, socket.SOCK_DGRAM) or copy.getsockname():
                return False
            try:
                copy.getpeername()
            except OSError:
                return True
            return False
    except OSError:
        return False  # closed meanwhile by whoever owns it


class StderrTarget:
    """Lines on stderr, one write each, so that lines of several processes never mix.

    Where stderr itself leads into the journal each line begins with its level as sd-daemon(3) has
    it; elsewhere with the time and, about the daemon itself, the level in words if it is grave.
    """

    def __init__(self, descriptor: int = STDERR) -> None:
        """Find out what the descriptor leads to."""
        self._descriptor = descriptor
        self._to_journal = leads_to_journal(descriptor)

    def write(self, entry: Entry, giving_up: Callable[[], bool]) -> None:  # noqa: ARG002
        """See Target; a pipe that nobody reads holds this thread, and no other."""
        if self._to_journal:
            start = between = f"<{entry.priority}>"
        else:
            fraction = int(entry.time % 1 * 1000)
            clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time))
            grave = entry.priority < NOTICE and "FW_CHAIN" not in entry.fields
            level = f"{LEVEL_WORDS[entry.priority]}: " if grave else ""
            start, between = f"{clock}.{fraction:03d} {level}", "    "
        text = start + entry.message.replace("\n", "\n" + between) + "\n"
        os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))


def leads_to_journal(descriptor: int = STDERR) -> bool:
    """Whether this descriptor is the stream systemd made to the journal (JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def choose_target(word: str) -> Target:
    """The target of the configuration's `log: {target: …}`: auto, journal or stderr."""
    if word == "journal" or (word == "auto" and leads_to_journal()):
        return JournalTarget()
    return StderrTarget()


class Log:
    """What the daemon says. Every method returns at once, whatever the log's target does.

    `close` writes what waits, for CLOSE_TIMEOUT_S at most.
    """

    def __init__(
        self,
        target: str = "auto",
        *,
        now: Callable[[], float] = time.time,
        entries: int = QUEUE_ENTRIES,
        writer: Target | None = None,
    ) -> None:
        """`target` is auto, journal or stderr; `writer` replaces it. Starts the thread."""
        self._target = choose_target(target) if writer is None else writer
        self._now = now
        self._queue: queue.Queue[Entry | None] = queue.Queue(entries)
        self._lost = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self.written = 0
        self.lost = 0
        self._thread.start()

    def packet(self, event: LogEvent, interface_name: Callable[[int], str]) -> None:
        """Log one packet; `interface_name` gives the name of an interface index."""
        in_name = interface_name(event.in_index) if event.in_index > 0 else ""
        out_name = interface_name(event.out_index) if event.out_index > 0 else ""
        for entry in packet_entries(event, in_name, out_name):
            self._put(entry)

    def info(self, message: str, *, event: str = "daemon", **fields: object) -> None:
        """Log what is worth knowing; `event` is a key of logline.MESSAGE_IDS, fields FW_….."""
        self._daemon(INFO, message, event, fields)

    def notice(self, message: str, *, event: str = "daemon", **fields: object) -> None:
        """Log what changed and is well."""
        self._daemon(NOTICE, message, event, fields)

    def warning(self, message: str, *, event: str = "daemon", **fields: object) -> None:
        """Log what somebody should look at."""
        self._daemon(WARNING, message, event, fields)

    def error(self, message: str, *, event: str = "daemon", **fields: object) -> None:
        """Log what failed."""
        self._daemon(ERR, message, event, fields)

    def _daemon(self, priority: int, message: str, event: str, fields: dict[str, object]) -> None:
        words = {name.upper(): str(value) for name, value in fields.items()}
        self._put(daemon_entry(self._now(), priority, message, event, words))

    def _put(self, entry: Entry) -> None:
        try:
            self._queue.put_nowait(entry)
        except queue.Full:
            with self._lock:
                self._lost += 1
                self.lost += 1

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Write what waits, then end the thread; after `timeout_s` leave the rest unwritten."""
        self._deadline = time.monotonic() + timeout_s
        self._closing.set()
        with contextlib.suppress(queue.Full):  # then the writer sees _closing between two entries
            self._queue.put_nowait(None)
        self._thread.join(timeout_s)

    def _giving_up(self) -> bool:
        return self._closing.is_set() and time.monotonic() >= self._deadline

    def _run(self) -> None:
        while not self._giving_up():
            if self._closing.is_set() and self._queue.empty():
                break
            entry = self._queue.get()
            if entry is not None:
                self._write(entry)
            if self._queue.empty():
                self._say_lost()
        self._say_lost()

    def _say_lost(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            self._write(lost_entry(self._now(), lost))

    def _write(self, entry: Entry) -> None:
        try:
            self._target.write(entry, self._giving_up)
        except OSError:
            if not self._write_to_stderr(entry):
                with self._lock:
                    self.lost += 1
                return
        self.written += 1

    def _write_to_stderr(self, entry: Entry) -> bool:
        """The last resort: a journal that is gone must not take the reason for it along."""
        if isinstance(self._target, StderrTarget):
            return False
        try:
            StderrTarget().write(entry, self._giving_up)
        except OSError:
            return False
        return True
