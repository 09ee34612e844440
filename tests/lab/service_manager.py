"""The service manager's side of sd_notify: what systemd would be told by the daemon."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from typing import TYPE_CHECKING

from tests.lab.log import Log

if TYPE_CHECKING:
    from pathlib import Path


class ServiceManager:
    """A notification socket; each line that is sent to it stands in `told`."""

    def __init__(self, path: Path) -> None:
        """Listen on `path`, the daemon's NOTIFY_SOCKET."""
        self.told = Log()
        self.path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread: threading.Thread | None = None

    def await_ready(self, pid: int, timeout: float) -> bool:
        """Wait for READY=1; False when the process `pid` ends before, or time is up."""
        end = time.monotonic() + timeout
        ended = os.pidfd_open(pid)
        try:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            poll.register(ended, select.POLLIN)
            while (left := end - time.monotonic()) > 0:
                ready = {descriptor for descriptor, _ in poll.poll(left * 1000)}
                if self._socket.fileno() in ready:
                    if "READY=1" in self._take():
                        self._thread = threading.Thread(target=self._listen, daemon=True)
                        self._thread.start()
                        return True
                elif ended in ready:
                    return False
        finally:
            os.close(ended)
        return False

    def _listen(self) -> None:
        while self._take():
            pass

    def _take(self) -> list[str]:
        lines = [line for line in self._socket.recv(65536).decode().split("\n") if line]
        for line in lines:
            self.told.add(line)
        return lines

    def close(self) -> None:
        """Go away, as a service manager does that is restarted; what is sent now is refused."""
        if self._socket.fileno() < 0:
            return
        if self._thread is not None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as waker:
                waker.sendto(b"", str(self.path))
            self._thread.join()
        self._socket.close()
