"""FTP (RFC 959, RFC 2428): the data connection that PORT, EPRT and the answers 227 and 229 name.

As nf_conntrack_ftp.c. A command counts only where a line is known to begin: behind a segment that
ended with a line feed. So no line that was slipped into the middle of another opens anything; but
the very first line of each side is never read. A command that is cut is dropped: sent again in one
piece it will be read.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import ESTABLISHED, ORIGINAL, Connection
from firewalld_py.conntrack.expectation import EXPECTED, Policy
from firewalld_py.conntrack.flow import destination, source
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Call, Helper
from firewalld_py.conntrack.helpers.text import is_digit, read_ipv6
from firewalld_py.packet.protocols import IPPROTO_TCP
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, HELPER_COMMAND, OK

LINES_KEPT: Final = 2  # beginnings of lines that are remembered of each side
HALF: Final = 0x80000000
U32: Final = 0xFFFFFFFF
CR: Final = 0x0D
LF: Final = 0x0A
COMMA: Final = 0x2C
ANY_END: Final = -1


@mypyc_attr(acyclic=True)
class FtpState:
    """Where lines begin: sequence numbers, of each side LINES_KEPT at most."""

    __slots__ = ("original", "reply")

    def __init__(self) -> None:
        self.original: list[int] = []
        self.reply: list[int] = []


class Named:
    """What a command names: an address, b"" for the one that said it, and a port."""

    __slots__ = ("address", "port")

    def __init__(self, address: bytes, port: int) -> None:
        self.address = address
        self.port = port


class FtpHelper(Helper):
    """`loose` allows commands that name another host than the one that says them."""

    def __init__(self, loose: bool) -> None:
        super().__init__(
            "ftp",
            frozenset({(IPV4, IPPROTO_TCP), (IPV6, IPPROTO_TCP)}),
            [Policy(1, 300.0)],
            third_parties=loose,
        )
        self.loose = loose

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        if call.state != ESTABLISHED or not payload:
            return OK
        beginnings = _beginnings(connection, direction)
        ends_line = payload[-1] == LF and len(payload) == call.length
        following = (call.packet.seq + call.length) & U32
        result = OK
        if call.packet.seq in beginnings:
            result = self._command(payload, connection, direction, call)
        if ends_line and result != HELPER_COMMAND:
            _remember(beginnings, following)
        return result

    def _command(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        key = connection.key(direction)
        own = source(key)
        named = _client_says(payload, len(own)) if direction == ORIGINAL else _server_says(payload)
        if named is None:
            return OK
        if named.port < 0:
            return HELPER_COMMAND
        address = named.address or own
        if address != own and (not self.loose or len(address) != len(own)):
            return OK
        if call.expect(destination(key), address, IPPROTO_TCP, named.port) == EXPECTED:
            return OK
        return EXPECTATION_REFUSED


_CUT: Final = Named(b"", -1)


def _client_says(payload: bytes, address_size: int) -> Named | None:
    """PORT or EPRT; _CUT where one begins that cannot be read."""
    at = _behind(payload, b"PORT", b" ")
    if at != 0:
        return _CUT if at < 0 else _six_numbers(payload, at, CR)
    at = _behind(payload, b"EPRT", b" ")
    if at != 0:
        return _CUT if at < 0 else _extended_port(payload, at, address_size)
    return None


def _server_says(payload: bytes) -> Named | None:
    """The answer to PASV or EPSV."""
    at = _behind(payload, b"227 ", b"")
    if at > 0:
        while at < len(payload) and not is_digit(payload[at]):
            at += 1
        return _six_numbers(payload, at, ANY_END)
    if at == 0:
        at = _behind(payload, b"229 ", b"(")
    if at == 0:
        return None
    return _CUT if at < 0 else _extended_passive(payload, at)


def _behind(payload: bytes, pattern: bytes, skip: bytes) -> int:
    """Where to read on behind a pattern (in any case) and the first `skip` behind that.

    0 where there is another text, -1 where the payload ends before it can be told.
    """
    if len(payload) <= len(pattern):
        return -1 if pattern.startswith(payload.upper()) else 0
    if payload[: len(pattern)].upper() != pattern:
        return 0
    if not skip:
        return len(pattern)
    at = payload.find(skip, len(pattern))
    return at + 1 if 0 <= at < len(payload) - 1 else -1


def _numbers(payload: bytes, at: int, count: int, separator: int, mark: int) -> list[int]:
    """So many numbers, the last ended by `mark` (or by anything), then the place of that mark.

    A number may be empty. Nothing if they are not there.
    """
    values = [0]
    while at < len(payload):
        octet = payload[at]
        if is_digit(octet):
            values[-1] = (values[-1] * 10 + octet - 0x30) & U32
        elif octet == separator:
            if len(values) == count:
                return []
            values.append(0)
        elif len(values) == count and mark in (octet, ANY_END):
            values.append(at)
            return values
        else:
            return []
        at += 1
    return []


def _address(numbers: list[int]) -> bytes:
    whole = numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3]
    return (whole & U32).to_bytes(4, "big")


def _six_numbers(payload: bytes, at: int, mark: int) -> Named:
    """h1,h2,h3,h4,p1,p2 (RFC 959 section 4.1.2)."""
    numbers = _numbers(payload, at, 6, COMMA, mark)
    if not numbers:
        return _CUT
    return Named(_address(numbers), (numbers[4] << 8 | numbers[5]) & 0xFFFF)


def _is_delimiter(octet: int) -> bool:
    """RFC 2428 section 2: a printable character, and no digit."""
    return 33 <= octet <= 126 and not is_digit(octet)


def _extended_port(payload: bytes, at: int, address_size: int) -> Named:
    """|family|address|port| (RFC 2428 section 2)."""
    if len(payload) - at <= 3:
        return _CUT
    mark = payload[at]
    family = 0x31 if address_size == 4 else 0x32
    if not _is_delimiter(mark) or payload[at + 1] != family or payload[at + 2] != mark:
        return _CUT
    at += 3
    if address_size == 4:
        numbers = _numbers(payload, at, 4, 0x2E, mark)
        if not numbers:
            return _CUT
        address, at = _address(numbers), numbers[4]
    else:
        address, at = read_ipv6(payload, at, len(payload), mark)
        if not address or at == len(payload) or payload[at] != mark:
            return _CUT
    return Named(address, _port(payload, at + 1, mark))


def _extended_passive(payload: bytes, at: int) -> Named:
    """|||port| (RFC 2428 section 3)."""
    if len(payload) - at <= 3:
        return _CUT
    mark = payload[at]
    if not _is_delimiter(mark) or payload[at + 1] != mark or payload[at + 2] != mark:
        return _CUT
    return Named(b"", _port(payload, at + 3, mark))


def _port(payload: bytes, at: int, mark: int) -> int:
    """A port that is not 0 and ends with the mark; -1 if there is none."""
    value = 0
    while at < len(payload):
        octet = payload[at]
        if octet == mark:
            return value or -1
        if not is_digit(octet):
            return -1
        value = (value * 10 + octet - 0x30) & 0xFFFF
        at += 1
    return -1


def _beginnings(connection: Connection, direction: int) -> list[int]:
    extension = connection.extended()
    state = extension.helper_state
    if not isinstance(state, FtpState):
        state = FtpState()
        extension.helper_state = state
    return state.original if direction == ORIGINAL else state.reply


def _remember(beginnings: list[int], following: int) -> None:
    """A line begins there; of more than LINES_KEPT the one that lies furthest back is forgotten."""
    if following in beginnings:
        return
    if len(beginnings) < LINES_KEPT:
        beginnings.append(following)
        return
    oldest = 0 if (beginnings[0] - beginnings[1]) & U32 >= HALF else 1
    if (beginnings[oldest] - following) & U32 >= HALF:
        beginnings[oldest] = following
