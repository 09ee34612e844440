"""Two people who chat: an IRC server and real clients that send each other a file (DCC)."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from tests.lab.netns import LabError
from tests.lab.real_servers import running
from tests.machine import DEBIAN_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from tests.lab.log import Log
    from tests.lab.netns import Namespace

IRC_PORT: Final = 6667
TRANSFER_TIMEOUT_S: Final = 30.0  # two clients start, which takes long on a busy machine
# linux/inotify.h
IN_MOVED_TO: Final = 0x80
_EVENT: Final = struct.Struct("=iIII")

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def irc_server(namespace: Namespace, address: str) -> Iterator[Log]:
    """Serve IRC while the context lasts; gives its log, with each line that it receives or says."""
    command = [DEBIAN_PYTHON, "-W", "ignore", "-u", "-m", "irc.server", "-l", "DEBUG"]
    with running(namespace, [*command, "-a", address, "-p", str(IRC_PORT)], "Listening") as log:
        yield log


class Chatter:
    """WeeChat without a screen, which accepts whatever is offered.

    It has a home directory of its own; what it receives is there under `received`.
    """

    def __init__(self, home: Path, name: str, server: str, command: str = "") -> None:
        """`command` is what it does when it is connected; several are separated by semicolons."""
        self.home = home
        self.name = name
        self.received = home / "xfer"
        self.received.mkdir(parents=True)
        accept = "auto_accept_chats = on\nauto_accept_files = on\n"
        (home / "xfer.conf").write_text(f"[file]\n{accept}")
        (home / "irc.conf").write_text(
            "[server_default]\nanti_flood_prio_high = 0\nanti_flood_prio_low = 0\n"
            f'[server]\nlab.addresses = "{server}/{IRC_PORT}"\nlab.autoconnect = on\n'
            f'lab.ssl = off\nlab.tls = off\nlab.nicks = "{name}"\nlab.command = "{command}"\n'
        )

    @contextmanager
    def online(self, namespace: Namespace, server: Log) -> Iterator[None]:
        """Run it, from when the server has welcomed it to the end of the context."""
        words = ["weechat-headless", "--stdout", "--no-script", "--plugins", "irc,xfer"]
        mark = server.mark()
        with running(namespace, [*words, "--dir", str(self.home)]):
            server.wait_line(lambda line: f" 376 {self.name} " in line, mark)
            yield


class Arrival:
    """Waits for a file that is moved into a directory, as WeeChat does with one that is whole."""

    def __init__(self, directory: Path) -> None:
        """Look from now on."""
        self._directory = directory
        self._inotify = _libc.inotify_init1(os.O_CLOEXEC)
        _libc.inotify_add_watch(self._inotify, os.fsencode(directory), IN_MOVED_TO)

    def wait(self, timeout: float = TRANSFER_TIMEOUT_S) -> Path:
        """The file; LabError when none has come in time."""
        poll = select.poll()
        poll.register(self._inotify, select.POLLIN)
        if not poll.poll(timeout * 1000):
            raise LabError(f"no file came to {self._directory} in {timeout} s")
        event = os.read(self._inotify, 4096)
        _, _, _, length = _EVENT.unpack_from(event)
        name = event[_EVENT.size : _EVENT.size + length].rstrip(b"\0")
        return self._directory / os.fsdecode(name)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look no longer."""
        os.close(self._inotify)
