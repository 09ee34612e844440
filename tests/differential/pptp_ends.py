"""The two ends of a PPTP call: the program pptp as the client, and a small server.

No PPP is spoken: what pptp exchanges with its pppd are frames as of HDLC (RFC 1662), and the server
sends a first one, then back whatever comes. So it runs where the kernel has no PPP.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.lab.netns import LabError
from tests.lab.servers import tcp_listener
from tests.lab.traffic import ANSWER_TIMEOUT_S
from tests.pptp import (
    CLEAR,
    DISCONNECT,
    GRE,
    OUT_CALL,
    OUT_REPLY,
    PORT,
    PPP,
    START,
    START_REPLY,
    message,
    numbers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.netns import Namespace

SERVER_ID: Final = 0x2001
FIRST: Final = b"\xff\x03\xc0\x21hello"  # address, control, and LCP's number; more nobody reads
SEQUENCE, ACKNOWLEDGEMENT = 0x1000, 0x0080  # flags (RFC 2637 section 4.1)
FLAG: Final = b"~"
# The client's call manager is found by a path: each shall have a place of its own for that.
IN_A_PLACE_OF_ITS_OWN: Final = (
    'mount -t tmpfs none /run && exec pptp "$1" --nolaunchpppd --nohostroute --debug --nobuffer'
)


class PptpServer:
    """Serves one control connection with one call."""

    def __init__(self, control: socket.socket, gre: socket.socket) -> None:
        self._control = control
        self._gre = gre
        self._client_id = 0
        self._sent = 0

    def serve(self) -> None:
        """Answer until the client hangs up."""
        while header := self._control.recv(12, socket.MSG_WAITALL):
            length, _, _, kind, _ = struct.unpack(">HHIHH", header)
            body = self._control.recv(length - len(header), socket.MSG_WAITALL)
            if kind == START:
                self._control.sendall(message(START_REPLY, b"\1\0\1"))
            elif kind == OUT_CALL:
                self._call(body)
            elif kind == CLEAR:
                self._control.sendall(message(DISCONNECT, numbers(SERVER_ID)))
                return

    def _call(self, body: bytes) -> None:
        (self._client_id,) = struct.unpack_from(">H", body)
        answer = numbers(SERVER_ID, self._client_id) + b"\1\0" + bytes(6) + numbers(3)
        self._control.sendall(message(OUT_REPLY, answer))
        self._send(FIRST)

    def _send(self, payload: bytes) -> None:
        flags = 0x2001 | SEQUENCE
        header = struct.pack(">HHHHI", flags, PPP, len(payload), self._client_id, self._sent)
        self._sent += 1
        self._gre.send(header + payload)

    def echo(self) -> None:
        """Send back what comes through GRE, until the socket is shut down."""
        while packet := self._gre.recv(65535):
            octets = packet[(packet[0] & 15) * 4 :]
            (flags,) = struct.unpack_from(">H", octets)
            if flags & SEQUENCE:
                self._send(octets[16 if flags & ACKNOWLEDGEMENT else 12 :])


@contextmanager
def pptp_server(namespace: Namespace, address: str, client: str) -> Iterator[None]:
    """Serve the one client that comes while the context lasts."""
    with (
        tcp_listener(namespace, address, PORT) as listener,
        namespace.socket(socket.AF_INET, socket.SOCK_RAW, GRE) as gre,
    ):
        gre.bind((address, 0))
        gre.connect((client, 0))

        def serve() -> None:
            try:
                control, _ = listener.accept()
            except TimeoutError:
                return
            with control:
                control.settimeout(ANSWER_TIMEOUT_S)
                server = PptpServer(control, gre)
                echo = threading.Thread(target=server.echo, daemon=True)
                echo.start()
                server.serve()
                gre.shutdown(socket.SHUT_RDWR)
                echo.join()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join()


def call(namespace: Namespace, address: str, frames: int) -> None:
    """Let pptp call the server, wait for its first frame, and see some echoed; then hang up."""
    ours, its = socket.socketpair()
    command = ["unshare", "--mount", "sh", "-c", IN_A_PLACE_OF_ITS_OWN, "sh", address]
    with its, namespace.entered():
        program = subprocess.Popen(
            command, stdin=its.fileno(), stdout=its.fileno(), stderr=subprocess.DEVNULL
        )
    with program, ours:
        ours.settimeout(ANSWER_TIMEOUT_S)
        received = _frame(ours)
        for number in range(frames):
            ours.sendall(FLAG + _stuffed(FIRST + bytes((number,))) + FLAG)
            received = _frame(ours)
        if received != _stuffed(FIRST + bytes((frames - 1,))):
            raise LabError(f"pptp brought another frame back: {received!r}")


def _frame(connection: socket.socket) -> bytes:
    """The next frame, between its flags, as it stands there."""
    octets = b""
    while len(octets) < 2 or not octets.endswith(FLAG):
        piece = connection.recv(4096)
        if not piece:
            raise LabError(f"pptp hung up, having brought {octets!r}")
        octets += piece
    return octets.strip(FLAG)


def _stuffed(payload: bytes) -> bytes:
    """Payload and check sequence, with the octets escaped that HDLC has a use for."""
    stuffed = bytearray()
    for octet in payload + struct.pack("<H", _check_sequence(payload)):
        escaped = octet < 0x20 or octet in b"}~"
        stuffed += bytes((0x7D, octet ^ 0x20)) if escaped else bytes((octet,))
    return bytes(stuffed)


def _check_sequence(payload: bytes) -> int:
    """RFC 1662 appendix C."""
    value = 0xFFFF
    for octet in payload:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
    return value ^ 0xFFFF
