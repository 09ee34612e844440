"""The pipe between supervisor and worker: datagrams, never blocking the worker."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

from firewalld_py.service.messages import MAX_MESSAGE, Message, MessageError, decode, encode

BUFFER_OCTETS: Final = 8 << 20
SO_SNDBUFFORCE: Final = 32
PIECE_OCTETS: Final = 64 * 1024
MORE: Final = b"+"
LAST: Final = b"."


class ChannelClosedError(ConnectionError):
    """The other end is gone."""


class Channel:
    """One end of a SOCK_SEQPACKET pair. `lost` counts messages that a full pipe did not take."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self.lost = 0
        self._partial = bytearray()  # of a message whose last datagram has not come yet
        for option in (SO_SNDBUFFORCE, socket.SO_SNDBUF):
            with contextlib.suppress(PermissionError):
                end.setsockopt(socket.SOL_SOCKET, option, BUFFER_OCTETS)
                break

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, message: Message) -> bool:
        """Send if there is room; a message that finds none is counted and lost.

        For short messages, as a worker's are: MessageError for one that takes several datagrams.
        """
        pieces = split(message)
        if len(pieces) > 1:
            raise MessageError(f"{type(message).__name__} is too long to be sent without waiting")
        if self.send_piece(pieces[0]):
            return True
        self.lost += 1
        return False

    def send_piece(self, piece: bytes) -> bool:
        """Send one of the datagrams that `split` made; False if there is no room for it now."""
        try:
            self._socket.send(piece)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosedError from error
        return True

    def receive(self, at_most: int) -> Iterator[Message]:
        """The messages in the datagrams that are there, `at_most` of these.

        Raises ChannelClosedError at the end, MessageError for what is no message.
        """
        for _ in range(at_most):
            try:
                datagram = self._socket.recv(PIECE_OCTETS + 1)
            except BlockingIOError:
                return
            except ConnectionResetError:
                continue  # it ended without reading all; what it said can still be read
            if not datagram:
                raise ChannelClosedError
            if datagram[:1] not in (MORE, LAST):
                raise MessageError(f"not a part of a message: {datagram[:80]!r}")
            self._partial += datagram[1:]
            if len(self._partial) > MAX_MESSAGE:
                self._partial.clear()
                raise MessageError(f"longer than {MAX_MESSAGE} octets")
            if datagram[:1] == LAST:
                whole = bytes(self._partial)
                self._partial.clear()
                yield decode(whole)


def split(message: Message) -> list[bytes]:
    """The datagrams of a message: each begins with an octet that tells whether more follow."""
    octets = encode(message)
    starts = range(0, len(octets), PIECE_OCTETS)
    pieces = [MORE + octets[start : start + PIECE_OCTETS] for start in starts]
    pieces[-1] = LAST + pieces[-1][1:]
    return pieces


def channel_pair() -> tuple[Channel, socket.socket]:
    """The supervisor's end, and the socket to pass to a worker."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(ours), theirs
