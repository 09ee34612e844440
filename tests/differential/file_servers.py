"""Servers of the protocols whose second conversation the first only announces: FTP and TFTP.

Small ones, so that no daemon has to be installed: they give the file asked for, whatever its name.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.lab.servers import tcp_listener
from tests.lab.traffic import ANSWER_TIMEOUT_S, family_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.netns import Namespace

FTP_PORT: Final = 21
TFTP_PORT: Final = 69
FILE: Final = bytes(range(256)) * 40
BLOCK_OCTETS: Final = 512
DATA, ACKNOWLEDGEMENT = 3, 4


class FtpSession:
    """One control connection: anybody may log in, and fetch FILE passively or actively."""

    _PLAIN: Final = {
        "USER": "331 any password",
        "PASS": "230 welcome",
        "PWD": '257 "/"',
        "TYPE": "200 octets",
        "SIZE": f"213 {len(FILE)}",
        "QUIT": "221 goodbye",
    }

    def __init__(self, namespace: Namespace, address: str, control: socket.socket) -> None:
        self._namespace = namespace
        self._address = address
        self._control = control
        self._listener: socket.socket | None = None
        self._active: tuple[str, int] | None = None

    def serve(self) -> None:
        """Talk until the client says goodbye or goes."""
        self._say("220 ready")
        with self._control.makefile("r", encoding="ascii", newline="\r\n") as lines:
            for line in lines:
                word, _, rest = line.strip().partition(" ")
                if word == "EPSV":
                    self._passive()
                elif word == "EPRT":
                    self._actively(rest)
                elif word == "RETR":
                    self._send_file()
                else:
                    self._say(self._PLAIN.get(word, "502 not known here"))
                if word == "QUIT":
                    return

    def _say(self, line: str) -> None:
        self._control.sendall(f"{line}\r\n".encode())

    def _passive(self) -> None:
        self._listener = self._namespace.socket(family_of(self._address), socket.SOCK_STREAM)
        self._listener.settimeout(ANSWER_TIMEOUT_S)
        self._listener.bind((self._address, 0))
        self._listener.listen(1)
        self._say(f"229 Entering Extended Passive Mode (|||{self._listener.getsockname()[1]}|)")

    def _actively(self, where: str) -> None:
        _, _family, address, port, _ = where.split(where[0])
        self._active = address, int(port)
        self._say("200 will connect")

    def _send_file(self) -> None:
        self._say("150 here it comes")
        with self._data_connection() as data:
            data.sendall(FILE)
        self._say("226 that was all")

    def _data_connection(self) -> socket.socket:
        if self._listener is not None:
            with self._listener as listener:
                return listener.accept()[0]
        assert self._active is not None, "RETR came before EPSV or EPRT"
        data = self._namespace.socket(family_of(self._address), socket.SOCK_STREAM)
        data.settimeout(ANSWER_TIMEOUT_S)
        data.connect(self._active)
        return data


@contextmanager
def ftp_server(namespace: Namespace, address: str) -> Iterator[None]:
    """Serve the one client that comes while the context lasts."""
    with tcp_listener(namespace, address, FTP_PORT) as listener:

        def serve() -> None:
            try:
                control, _ = listener.accept()
            except TimeoutError:
                return
            with control:
                control.settimeout(ANSWER_TIMEOUT_S)
                FtpSession(namespace, address, control).serve()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join()


@contextmanager
def tftp_server(namespace: Namespace, address: str) -> Iterator[None]:
    """Answer the one read request that comes, from a port of its own as RFC 1350 has it."""
    with (
        namespace.socket(family_of(address), socket.SOCK_DGRAM) as asked,
        namespace.socket(family_of(address), socket.SOCK_DGRAM) as transfer,
    ):
        for udp, port in ((asked, TFTP_PORT), (transfer, 0)):
            udp.settimeout(ANSWER_TIMEOUT_S)
            udp.bind((address, port))

        def serve() -> None:
            try:
                transfer.connect(asked.recvfrom(65535)[1])
                # The last block is a short one, so that the client knows it as the last.
                for number, at in enumerate(range(0, len(FILE) + 1, BLOCK_OCTETS), 1):
                    piece = FILE[at : at + BLOCK_OCTETS]
                    transfer.send(struct.pack("!HH", DATA, number) + piece)
                    while transfer.recv(65535)[:4] != struct.pack("!HH", ACKNOWLEDGEMENT, number):
                        pass
            except TimeoutError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join()
