"""Reading captures: pcap (both byte orders, µs and ns) and pcapng, plain or gzipped.

scapy's raw readers take the file apart; what they leave silent (a file that ends in the middle of a
record, a section that numbers its interfaces anew) is noticed here. Packets are read one by one, so
that a capture of any size needs no more memory than a small one.
"""

from __future__ import annotations

import gzip
import logging
import struct
import sys
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Self

from firewalld_py.service.link_layer import NO_IP, ip_offset, source_mac

# What is wrong with a file is told by CaptureError, once, and not by scapy's warnings.
logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.error import Scapy_Exception  # noqa: E402
from scapy.utils import RawPcapNgReader, RawPcapReader  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

GZIP_MAGIC: Final = b"\x1f\x8b"
PCAPNG_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
MAX_RECORD: Final = 16 << 20  # octets; a longer record is taken for damage, not for a packet
LINK_TYPE_MASK: Final = 0xFFFF  # above it a pcap header tells of the frame check sequence
UNREADABLE: Final = (EOFError, Scapy_Exception, struct.error, OverflowError, ValueError, IndexError)


class CaptureError(Exception):
    """The capture cannot be read, or not to its end; the message names the file and the cause."""


class Frame(NamedTuple):
    """One packet of the file.

    `time` is seconds since the epoch; `data` begins at the IP header (what follows the datagram, as
    Ethernet's padding, may still be there) and is None for what is no IP packet; `truncated` says
    that the capture has only the beginning; `interface` is its name where the file tells it, and
    `source_mac` the Ethernet address that sent it, b"" where there is none.
    """

    time: float
    data: bytes | None
    truncated: bool
    interface: str | None
    source_mac: bytes = b""


class Capture:
    """An open capture: iterate over its frames once."""

    def __init__(self, path: str) -> None:
        """Open `path` ("-" is standard input). Raises CaptureError if it is no capture."""
        self.path = path
        self._stream = _Stream(path)
        try:
            self._reader, self._is_pcapng = self._open_reader()
        except UNREADABLE:
            self._stream.close()
            why = self._stream.damage or "it is neither pcap nor pcapng"
            raise CaptureError(f"{path}: no capture that can be read: {why}") from None
        self._last_time = 0.0

    def _open_reader(self) -> tuple[Any, bool]:
        """scapy's reader for what is in the file, and: is it pcapng?"""
        magic = self._stream.read(4)
        is_pcapng = magic == PCAPNG_MAGIC
        kind: type[RawPcapReader] = _SectionReader if is_pcapng else RawPcapReader
        # scapy's own way to make a reader opens the file itself and guesses what is in it.
        reader: Any = kind.__new__(kind)
        kind.__init__(reader, self.path, self._stream, magic)  # type: ignore[arg-type]
        return reader, is_pcapng

    def __iter__(self) -> Iterator[Frame]:
        """The frames in order. Raises CaptureError behind the last one that could be read."""
        while True:
            self._stream.at_boundary = True
            try:
                record, meta = self._reader._read_packet(MAX_RECORD)
            except UNREADABLE:
                if self._stream.ended:
                    return
                raise CaptureError(
                    f"{self.path}: damaged: {self._stream.damage or 'a record makes no sense'}"
                ) from None
            if self._stream.damage:  # scapy takes a record that is cut for a shorter one
                raise CaptureError(f"{self.path}: damaged: {self._stream.damage}")
            yield self._frame(record, meta)

    def _frame(self, record: bytes, meta: Any) -> Frame:
        if self._is_pcapng:
            link_type, name = meta.linktype, getattr(meta, "ifname", None)
            if meta.tshigh is not None:  # a simple packet block has no time
                self._last_time = (meta.tshigh << 32 | meta.tslow) / meta.tsresol
        else:
            link_type, name = self._reader.linktype & LINK_TYPE_MASK, None
            self._last_time = meta.sec + meta.usec / (1e9 if self._reader.nano else 1e6)
        at = ip_offset(link_type, record)
        data = None if at == NO_IP else record[at:]
        interface = name.decode("utf-8", "replace").rstrip("\0") if name else None
        cut = len(record) < meta.wirelen
        return Frame(self._last_time, data, cut, interface, source_mac(link_type, record))

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        """Return the capture."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


class _Stream:
    """The file under scapy's reader; it remembers how reading ended.

    `at_boundary` is set where a record may begin, and the file may end; `ended` says that it did so
    there, `damage` what else was wrong ("" for nothing). `octets` counts what was read.
    """

    def __init__(self, path: str) -> None:
        self.at_boundary = False
        self.ended = False
        self.damage = ""
        self.octets = 0
        self._closing: list[IO[bytes]] = []
        try:
            plain: Any = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115
            self._closing.append(plain)
            zipped = plain.peek(2)[:2] == GZIP_MAGIC
        except OSError as error:
            self.close()
            raise CaptureError(f"{path}: {error.strerror}") from None
        self._file: Any = gzip.GzipFile(fileobj=plain) if zipped else plain

    def read(self, octets: int) -> bytes:
        """As a file does it; what cannot be read is an EOFError, with the cause in `damage`."""
        boundary, self.at_boundary = self.at_boundary, False
        if octets > MAX_RECORD:
            self.damage = f"a record claims to have {octets} octets"
            raise EOFError
        try:
            data: bytes = self._file.read(octets)
        except (OSError, EOFError, zlib.error) as error:
            self.damage = str(error)
            raise EOFError from None
        self.octets += len(data)
        if not data and boundary:
            self.ended = True
        elif self.octets == 0:
            self.damage = "it is empty"
        elif len(data) < octets:
            self.damage = f"it ends in the middle of a record, after {self.octets} octets"
        return data

    def close(self) -> None:
        while self._closing:
            self._closing.pop().close()


class _SectionReader(RawPcapNgReader):
    """scapy's reader, with what the format says of blocks and sections beyond it."""

    def _read_block(self, size: int = MAX_RECORD) -> Any:
        # A file may end before every block, not only before a packet.
        self.f.at_boundary = True  # type: ignore[union-attr]
        return super()._read_block(size)

    def _read_block_shb(self) -> None:
        # Interface numbers count from 0 again in every section.
        self.interfaces.clear()
        super()._read_block_shb()

    def _check_interface_id(self, intid: int) -> bool:
        if intid >= len(self.interfaces):
            raise EOFError  # skipping the packet would give the others wrong numbers
        return True
