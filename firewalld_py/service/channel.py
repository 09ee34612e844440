"""The pipe between supervisor and worker: datagrams, never blocking the worker."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

from firewalld_py.service.messages import MAX_MESSAGE, Message, decode, encode

BUFFER_OCTETS: Final = 8 << 20
SO_SNDBUFFORCE: Final = 32


class ChannelClosedError(ConnectionError):
    """The other end is gone."""


class Channel:
    """One end of a SOCK_SEQPACKET pair. `lost` counts messages that a full pipe did not take."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self.lost = 0
        for option in (SO_SNDBUFFORCE, socket.SO_SNDBUF):
            with contextlib.suppress(PermissionError):
                end.setsockopt(socket.SOL_SOCKET, option, BUFFER_OCTETS)
                break

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, message: Message) -> bool:
        """Send if there is room; a message that finds none is counted and lost."""
        try:
            self._socket.send(encode(message))
        except BlockingIOError:
            self.lost += 1
            return False
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosedError from error
        return True

    def receive(self, at_most: int) -> Iterator[Message]:
        """The messages that are there, `at_most` of them. Raises ChannelClosedError at the end."""
        for _ in range(at_most):
            try:
                datagram = self._socket.recv(MAX_MESSAGE)
            except BlockingIOError:
                return
            except ConnectionResetError:
                continue  # it ended without reading all; what it said can still be read
            if not datagram:
                raise ChannelClosedError
            yield decode(datagram)


def channel_pair() -> tuple[Channel, socket.socket]:
    """The supervisor's end, and the socket to pass to a worker."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(ours), theirs
