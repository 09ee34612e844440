"""The SCTP state machine as nf_conntrack has it: a table, nothing else.

The states are those of the association as seen from between its ends. A row is chosen by direction
and kind of chunk, a column by the state so far; chunks of other kinds (DATA, SACK, …) change
nothing. SHUTDOWN_SENT, for instance, is "a SHUTDOWN came from the originator".

Facts from net/netfilter/nf_conntrack_proto_sctp.c (sctp_conntracks) of Linux 6.x; RFC 9260.
"""

from __future__ import annotations

from typing import Final

# States, numbered as the kernel numbers them.
NONE: Final = 0
CLOSED: Final = 1
COOKIE_WAIT: Final = 2
COOKIE_ECHOED: Final = 3
ESTABLISHED: Final = 4
SHUTDOWN_SENT: Final = 5
SHUTDOWN_RECD: Final = 6
SHUTDOWN_ACK_SENT: Final = 7
HEARTBEAT_SENT: Final = 8
INVALID: Final = 9

# In these the association is ending, and the entry may give way to a new one.
SHUTDOWN_STATES: Final[frozenset[int]] = frozenset(
    {SHUTDOWN_SENT, SHUTDOWN_RECD, SHUTDOWN_ACK_SENT}
)

STATE_NAMES: Final[tuple[str, ...]] = (
    "NONE",
    "CLOSED",
    "COOKIE_WAIT",
    "COOKIE_ECHOED",
    "ESTABLISHED",
    "SHUTDOWN_SENT",
    "SHUTDOWN_RECD",
    "SHUTDOWN_ACK_SENT",
    "HEARTBEAT_SENT",
    "INVALID",
)

# Chunk types (RFC 9260 section 3.2).
DATA: Final = 0
INIT: Final = 1
INIT_ACK: Final = 2
HEARTBEAT: Final = 4
HEARTBEAT_ACK: Final = 5
ABORT: Final = 6
SHUTDOWN: Final = 7
SHUTDOWN_ACK: Final = 8
ERROR: Final = 9
COOKIE_ECHO: Final = 10
COOKIE_ACK: Final = 11
SHUTDOWN_COMPLETE: Final = 14

# The rows of the table, in order.
ROWS: Final[tuple[int, ...]] = (
    INIT,
    INIT_ACK,
    ABORT,
    SHUTDOWN,
    SHUTDOWN_ACK,
    ERROR,
    COOKIE_ECHO,
    COOKIE_ACK,
    SHUTDOWN_COMPLETE,
    HEARTBEAT,
    HEARTBEAT_ACK,
)
NO_ROW: Final = 255  # of chunks that change no state


def _row_of_chunk() -> bytes:
    table = bytearray([NO_ROW] * 256)
    for row, chunk in enumerate(ROWS):
        table[chunk] = row
    return bytes(table)


ROW_OF_CHUNK: Final[bytes] = _row_of_chunk()

_NO, _CL, _CW, _CE, _ES = NONE, CLOSED, COOKIE_WAIT, COOKIE_ECHOED, ESTABLISHED
_SS, _SR, _SA, _HS, _IV = SHUTDOWN_SENT, SHUTDOWN_RECD, SHUTDOWN_ACK_SENT, HEARTBEAT_SENT, INVALID

# fmt: off
# Row: direction * len(ROWS) + row of the chunk; column: the state so far.
TRANSITIONS: Final[tuple[bytes, ...]] = (
    # original     NO   CL   CW   CE   ES   SS   SR   SA   HS
    bytes((       _CL, _CL, _CW, _CE, _ES, _CL, _CL, _SA, _CW)),  # INIT
    bytes((       _CL, _CL, _CW, _CE, _ES, _SS, _SR, _SA, _CL)),  # INIT ACK
    bytes((       _CL, _CL, _CL, _CL, _CL, _CL, _CL, _CL, _CL)),  # ABORT
    bytes((       _CL, _CL, _CW, _CE, _SS, _SS, _SR, _SA, _CL)),  # SHUTDOWN
    bytes((       _SA, _CL, _CW, _CE, _ES, _SA, _SA, _SA, _SA)),  # SHUTDOWN ACK
    bytes((       _CL, _CL, _CW, _CE, _ES, _SS, _SR, _SA, _CL)),  # ERROR
    bytes((       _CL, _CL, _CE, _CE, _ES, _SS, _SR, _SA, _CL)),  # COOKIE ECHO
    bytes((       _CL, _CL, _CW, _ES, _ES, _SS, _SR, _SA, _CL)),  # COOKIE ACK
    bytes((       _CL, _CL, _CW, _CE, _ES, _SS, _SR, _CL, _CL)),  # SHUTDOWN COMPLETE
    bytes((       _HS, _CL, _CW, _CE, _ES, _SS, _SR, _SA, _HS)),  # HEARTBEAT
    bytes((       _CL, _CL, _CW, _CE, _ES, _SS, _SR, _SA, _HS)),  # HEARTBEAT ACK
    # reply        NO   CL   CW   CE   ES   SS   SR   SA   HS
    bytes((       _IV, _CL, _CW, _CE, _ES, _SS, _SR, _SA, _IV)),  # INIT
    bytes((       _IV, _CW, _CW, _CE, _ES, _SS, _SR, _SA, _IV)),  # INIT ACK
    bytes((       _IV, _CL, _CL, _CL, _CL, _CL, _CL, _CL, _IV)),  # ABORT
    bytes((       _IV, _CL, _CW, _CE, _SR, _SS, _SR, _SA, _IV)),  # SHUTDOWN
    bytes((       _IV, _CL, _CW, _CE, _ES, _SA, _SA, _SA, _IV)),  # SHUTDOWN ACK
    bytes((       _IV, _CL, _CW, _CL, _ES, _SS, _SR, _SA, _IV)),  # ERROR: a stale cookie
    bytes((       _IV, _CL, _CE, _CE, _ES, _SS, _SR, _SA, _IV)),  # COOKIE ECHO
    bytes((       _IV, _CL, _CW, _ES, _ES, _SS, _SR, _SA, _IV)),  # COOKIE ACK
    bytes((       _IV, _CL, _CW, _CE, _ES, _SS, _SR, _CL, _IV)),  # SHUTDOWN COMPLETE
    bytes((       _IV, _CL, _CW, _CE, _ES, _SS, _SR, _SA, _HS)),  # HEARTBEAT
    bytes((       _IV, _CL, _CW, _CE, _ES, _SS, _SR, _SA, _ES)),  # HEARTBEAT ACK
)
# fmt: on
