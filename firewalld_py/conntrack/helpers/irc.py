"""IRC: what a client offers to others by DCC, in a PRIVMSG, is a port on which it waits.

As nf_conntrack_irc.c, whose bounds are kept to the octet: of a segment the first command that
follows `" :"` counts, and only in what the client says. Who will come is not known: anybody may.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ESTABLISHED, ORIGINAL, Connection
from firewalld_py.conntrack.expectation import ANY_ADDRESS, EXPECTED, Policy
from firewalld_py.conntrack.flow import source
from firewalld_py.conntrack.helpers.base import IPV4, Call, Helper
from firewalld_py.conntrack.helpers.text import read_number
from firewalld_py.packet.protocols import IPPROTO_TCP
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK

OCTETS_READ: Final = 4095  # of a segment; a command behind that, or cut by it, is not seen
MESSAGE: Final = b"PRIVMSG "
MESSAGE_BEGINS: Final = b" :"
DCC: Final = b"\x01DCC "
COMMANDS: Final[tuple[bytes, ...]] = (b"SEND ", b"CHAT ", b"MOVE ", b"TSEND ", b"SCHAT ")
# So many octets at least have to follow where each of these is looked for.
BEHIND_BLANKS: Final = 10
BEHIND_MESSAGE: Final = 26
BEHIND_ARGUMENT: Final = 12
BLANK: Final = 0x20
LF: Final = 0x0A
NOTHING: Final = -1


class IrcHelper(Helper):
    """`channels` is how many offers of one client may stand at once, each for `timeout_s`."""

    def __init__(self, channels: int, timeout_s: int) -> None:
        super().__init__(
            "irc", frozenset({(IPV4, IPPROTO_TCP)}), [Policy(channels, float(timeout_s))]
        )

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        if direction != ORIGINAL or call.state != ESTABLISHED:
            return OK
        end = min(len(payload), OCTETS_READ)
        at = _find_command(payload, end)
        if at == NOTHING:
            return OK
        at = _behind_argument(payload, at, end)
        if at == NOTHING:
            return OK
        client = source(connection.original_key)
        address, at = read_number(payload, at, end)
        while payload[at] == BLANK:  # a line feed follows somewhere
            at += 1
        port = read_number(payload, at, end)[0] & 0xFFFF
        if port == 0 or (address & 0xFFFFFFFF).to_bytes(4, "big") != client:
            return OK
        if call.expect(ANY_ADDRESS, client, IPPROTO_TCP, port) == EXPECTED:
            return OK
        return EXPECTATION_REFUSED


def _find_command(payload: bytes, end: int) -> int:
    """Where the argument of the first DCC command begins; NOTHING if the segment has none."""
    at = 0
    while at < end - BEHIND_BLANKS and payload[at] in b" \r\n":
        at += 1
    if at < end - BEHIND_BLANKS:
        if payload[at : at + len(MESSAGE)].upper() != MESSAGE:
            return NOTHING
        at += len(MESSAGE)
    while at < end - BEHIND_MESSAGE:
        if payload[at : at + len(MESSAGE_BEGINS)] != MESSAGE_BEGINS:
            at += 1
            continue
        at += len(MESSAGE_BEGINS)
        if payload[at : at + len(DCC)] != DCC:
            return NOTHING
        at += len(DCC)
        for command in COMMANDS:
            if payload[at : at + len(command)] == command:
                return at + len(command)
    return NOTHING


def _behind_argument(payload: bytes, at: int, end: int) -> int:
    """Where the address begins: behind the next blank, if a line ends there or later."""
    while payload[at] != BLANK:
        at += 1
        if at > end - BEHIND_ARGUMENT:
            return NOTHING
    at += 1
    return at if payload.find(LF, at, end) >= 0 else NOTHING
