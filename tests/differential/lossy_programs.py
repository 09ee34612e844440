"""What real programs do over a bad link, and what their captures must hold to prove anything."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import AF_INET6
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Final

from tests.differential import programs
from tests.differential.programs import ANSWERED, CURL, NMAP, SSH, SSH_NEEDS, TALK, Program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.netns import Namespace

UPLOAD_PORT: Final = 8080
UPLOAD_OCTETS: Final = 1_500_000


class _Upload(BaseHTTPRequestHandler):
    """Takes whatever is put, and reads it to its end."""

    def do_PUT(self) -> None:
        left = int(self.headers["Content-Length"])
        while left and (piece := self.rfile.read(min(left, 1 << 16))):
            left -= len(piece)
        self.send_response(201 if not left else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing: the tests look at the packets."""


class _Server6(HTTPServer):
    address_family = AF_INET6


@contextmanager
def _upload(namespace: Namespace, address: str) -> Iterator[str]:
    """Take uploads; the client's directory holds a `file` to put."""
    kind = _Server6 if ":" in address else HTTPServer
    with namespace.entered():
        server = kind((address, UPLOAD_PORT), _Upload)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        with TemporaryDirectory() as directory:
            Path(directory, "file").write_bytes(bytes(UPLOAD_OCTETS))
            yield directory
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class LossyRun:
    """One call of a program over the bad link, and how both stacks behave by `sysctls`.

    `uploads`, `downloads` say who sends so much over TCP that much of it must be sent again.
    """

    title: str
    program: Program
    uploads: bool = False
    downloads: bool = False
    sysctls: Mapping[str, int] = field(default_factory=dict)

    @property
    def sack(self) -> bool:
        """Whether the two stacks agree on SACK."""
        return bool(self.sysctls.get("ipv4/tcp_sack", 1))


_NO_SACK: Final = {"ipv4/tcp_sack": 0}
_NO_TIMESTAMPS: Final = {"ipv4/tcp_timestamps": 0}
_BARE: Final = {**_NO_SACK, **_NO_TIMESTAMPS, "ipv4/tcp_window_scaling": 0}


def _download(octets: int) -> Program:
    return Program(f"{CURL} http://{{host}}/bytes/{octets}", TALK, programs.http)


def _iperf(words: str) -> Program:
    return Program(f"iperf3 {words} -c {{server}}", TALK, programs.iperf)


_UPLOAD: Final = Program(
    f"{CURL} -H Expect: -T {{files}}/file http://{{host}}:{UPLOAD_PORT}/", TALK, _upload
)
_SSH: Final = Program(f"{SSH} head -c 1000000 /dev/zero", TALK, programs.ssh, needs=SSH_NEEDS)
_SCAN: Final = Program(f"{NMAP} -sS -p 1-300 {{server}}", ANSWERED, programs.listening)

DOWNLOAD: Final = LossyRun("download", _download(2_000_000), downloads=True)
# Where nothing is lost, nothing is sent again, however slow the machine: no tail loss probes.
UNHURRIED: Final = LossyRun(
    "download, unhurried", _download(2_000_000), sysctls={"ipv4/tcp_early_retrans": 0}
)
# Without SACK one loss costs a round trip each, so these are smaller.
DOWNLOAD_WITHOUT_SACK: Final = LossyRun(
    "download without SACK", _download(1_000_000), downloads=True, sysctls=_NO_SACK
)
# Slower than the link: the buffer of whoever receives runs full, and the window closes.
SLOW_DOWNLOAD: Final = LossyRun(
    "slow download",
    Program(f"{CURL} --limit-rate 1M http://{{host}}/bytes/1200000", TALK, programs.http),
    downloads=True,
)
UPLOAD: Final = LossyRun("upload", _UPLOAD, uploads=True)
RUNS: Final = (
    DOWNLOAD,
    DOWNLOAD_WITHOUT_SACK,
    LossyRun(
        "download without timestamps",
        _download(2_000_000),
        downloads=True,
        sysctls=_NO_TIMESTAMPS,
    ),
    LossyRun(
        "download without SACK, timestamps and window scale",
        _download(1_000_000),
        downloads=True,
        sysctls=_BARE,
    ),
    SLOW_DOWNLOAD,
    UPLOAD,
    LossyRun("upload without timestamps", _UPLOAD, uploads=True, sysctls=_NO_TIMESTAMPS),
    LossyRun("ssh", _SSH, downloads=True),
    LossyRun("iperf3 -R", _iperf("-R -n 2M"), downloads=True),
    LossyRun("iperf3, four at once", _iperf("-P 4 -n 2M"), uploads=True),
    LossyRun("iperf3 UDP", _iperf("-u -b 40M -n 1M")),
    LossyRun("nmap -sS", _SCAN),
)
