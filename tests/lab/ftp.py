"""An FTP control connection that is held by hand: both ends say what they are told to."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from tests.lab.servers import tcp_listener
from tests.lab.traffic import ANSWER_TIMEOUT_S, tcp_connection

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.netns import Namespace

FTP_PORT: Final = 21


class Control:
    """A control connection to a server, the user logged in; whatever is said has been received.

    So the firewall between has read it. Data connections are none of its business.
    """

    def __init__(self, client: Namespace, server: Namespace, address: str) -> None:
        """Connect, and log in: the helper never reads the first line of either side."""
        self._stack = ExitStack()
        try:
            listener = self._stack.enter_context(tcp_listener(server, address, FTP_PORT))
            self._client = self._stack.enter_context(tcp_connection(client, address, FTP_PORT))
            self._server = self._stack.enter_context(listener.accept()[0])
            self._server.settimeout(ANSWER_TIMEOUT_S)
            self.server_says("220 ready")
            self.client_says("USER anonymous")
            self.server_says("230 welcome")
        except BaseException:
            self._stack.close()
            raise

    def client_says(self, line: str) -> None:
        """A line to the server, in a segment of its own."""
        _pass_on(self._client, self._server, line)

    def server_says(self, line: str) -> None:
        """A line to the client, in a segment of its own."""
        _pass_on(self._server, self._client, line)

    def expect_passive(self, address: str, port: int) -> None:
        """The server will be connected to at an IPv4 address."""
        self.client_says("PASV")
        self.server_says(f"227 Entering Passive Mode ({_six_numbers(address, port)}).")

    def expect_active(self, address: str, port: int) -> None:
        """The client wants the server to connect to an IPv4 address."""
        self.client_says(f"PORT {_six_numbers(address, port)}")
        self.server_says("200 will do")

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close both ends."""
        self._stack.close()


def _six_numbers(address: str, port: int) -> str:
    """As RFC 959 writes address and port."""
    return ",".join([*address.split("."), str(port >> 8), str(port & 0xFF)])


def _pass_on(source: socket.socket, destination: socket.socket, line: str) -> None:
    wanted = f"{line}\r\n".encode()
    source.sendall(wanted)
    got = b""
    while len(got) < len(wanted):
        got += destination.recv(65536)
    assert got == wanted
