"""Servers in a namespace: HTTP with bodies of any size, UDP that answers, DNS; the HTTP client."""

from __future__ import annotations

import functools
import hashlib
import http.client
import random
import socket
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from tests.lab.netns import LabError, Namespace
from tests.lab.traffic import ANSWER_TIMEOUT_S, family_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEGABYTE: Final = 1 << 20
WELCOME: Final = b"This page came through the firewall.\n"
_BLOCK: Final = random.Random(2).randbytes(MEGABYTE)


def _body(octets: int) -> Iterator[bytes]:
    """Give `octets` pseudo-random bytes in pieces, no two pieces equal."""
    for number, start in enumerate(range(0, octets, MEGABYTE)):
        piece = number.to_bytes(8, "big") + _BLOCK[8:]
        yield piece[: octets - start]


@functools.cache
def _body_digest(octets: int) -> str:
    digest = hashlib.sha256()
    for piece in _body(octets):
        digest.update(piece)
    return digest.hexdigest()


class _Handler(BaseHTTPRequestHandler):
    """`/` gives a line of text, `/bytes/N` N pseudo-random bytes, their SHA-256 in the header."""

    def do_GET(self) -> None:
        """Answer one request; a client that went away is no error of the server."""
        octets = int(self.path[7:]) if self.path.startswith("/bytes/") else None
        self.send_response(200)
        if octets is None:
            self.send_header("Content-Length", str(len(WELCOME)))
        else:
            self.send_header("Content-Length", str(octets))
            self.send_header("X-SHA-256", _body_digest(octets))
        try:
            self.end_headers()
            for piece in [WELCOME] if octets is None else _body(octets):
                self.wfile.write(piece)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        """Say nothing: the tests look at the client's side."""


class _Server4(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Server6(_Server4):
    address_family = socket.AF_INET6


@contextmanager
def http_server(namespace: Namespace, address: str, port: int = 80) -> Iterator[None]:
    """Serve HTTP on one address while the context lasts."""
    kind = _Server6 if ":" in address else _Server4
    with namespace.entered():
        server = kind((address, port), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Download:
    """A running download of `octets` from an `http_server`, read as fast as the caller likes."""

    def __init__(
        self,
        namespace: Namespace,
        address: str,
        octets: int,
        port: int = 80,
        patience: float = ANSWER_TIMEOUT_S,
    ) -> None:
        """Connect and ask; OSError when no connection comes about, or nothing for so long."""
        self.octets = octets
        self._digest = hashlib.sha256()
        self._left = octets
        connection = namespace.socket(family_of(address), socket.SOCK_STREAM)
        connection.settimeout(patience)
        self._http = http.client.HTTPConnection(address, port)
        self._http.sock = connection
        try:
            connection.connect((address, port))
            self._http.request("GET", f"/bytes/{octets}")
            self._response = self._http.getresponse()
        except BaseException:
            connection.close()
            raise

    @property
    def received(self) -> int:
        """How many octets of the body have arrived."""
        return self.octets - self._left

    def read(self, octets: int) -> None:
        """Take the next `octets` of the body, or what is left of it; TimeoutError if it stalls."""
        wanted = min(octets, self._left)
        while wanted > 0:
            piece = self._response.read(min(wanted, MEGABYTE))
            if not piece:
                raise LabError(f"the download ended {self._left} octets early")
            self._digest.update(piece)
            wanted -= len(piece)
            self._left -= len(piece)

    def finish(self) -> bool:
        """Read to the end, close, and say whether the SHA-256 is the one the server named."""
        self.read(self._left)
        self.close()
        return self._digest.hexdigest() == self._response.getheader("X-SHA-256")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def fetch_page(namespace: Namespace, address: str, port: int = 80) -> bytes:
    """Fetch the short page of an `http_server`; OSError when that does not work."""
    with namespace.socket(family_of(address), socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT_S)
        connection.connect((address, port))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(functools.partial(connection.recv, 65536), b""))
    return answer.partition(b"\r\n\r\n")[2]


def echo(question: bytes) -> bytes:
    """Answer with the question itself."""
    return question


@contextmanager
def udp_listener(namespace: Namespace, address: str, port: int) -> Iterator[socket.socket]:
    """Give a UDP socket bound to `address`; reading raises TimeoutError when nothing comes."""
    with namespace.socket(family_of(address), socket.SOCK_DGRAM) as udp:
        udp.settimeout(ANSWER_TIMEOUT_S)
        udp.bind((address, port))
        yield udp


@contextmanager
def tcp_listener(namespace: Namespace, address: str, port: int) -> Iterator[socket.socket]:
    """Let connections be made to one port; they are accepted by the kernel, nobody reads them."""
    with namespace.socket(family_of(address), socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.settimeout(ANSWER_TIMEOUT_S)
        listener.bind((address, port))
        listener.listen(128)
        yield listener


@contextmanager
def udp_server(
    namespace: Namespace,
    address: str,
    port: int,
    answer: Callable[[bytes], bytes] = echo,
) -> Iterator[None]:
    """Answer every datagram that comes to one port while the context lasts."""
    with namespace.socket(family_of(address), socket.SOCK_DGRAM) as udp:
        udp.bind((address, port))

        def serve() -> None:
            while True:
                try:
                    question, asker = udp.recvfrom(65535)
                    if asker[1] == port and asker[0] == address:
                        return  # The datagram below: the context is over.
                    udp.sendto(answer(question), asker)
                except OSError:
                    continue  # An ICMP error about an answer; the next question counts.

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            udp.sendto(b"", (address, port))
            thread.join()


def dns_answer(question: bytes) -> bytes:
    """Answer a DNS question with the address 203.0.113.9, whatever was asked.

    To a header that asks nothing (a scanner sends those) the answer is "format error".
    """
    if question[4:6] != b"\0\1":
        return question[:2] + struct.pack("!HHHHH", 0x8181, 0, 0, 0, 0)
    header = question[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0)
    end_of_name = question.index(0, 12) + 1
    asked = question[12 : end_of_name + 4]
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + bytes((203, 0, 113, 9))
    return header + asked + record


def dns_question(name: str, identifier: int = 1) -> bytes:
    """Return a DNS question for the IPv4 address of `name`."""
    labels = b"".join(bytes((len(part),)) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", identifier, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
