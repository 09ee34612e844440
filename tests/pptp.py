"""PPTP's control messages and GRE packets (RFC 2637), octet by octet."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from firewalld_py.conntrack.helpers.pptp import BODY_OCTETS
from tests import wire

if TYPE_CHECKING:
    from tests.talk import TcpTalk

PORT: Final = 1723
GRE: Final = 47
PPP: Final = 0x880B
COOKIE: Final = 0x1A2B3C4D
(
    START, START_REPLY, STOP, STOP_REPLY, ECHO, ECHO_REPLY, OUT_CALL, OUT_REPLY, IN_CALL, IN_REPLY,
    IN_CONNECTED, CLEAR, DISCONNECT, ERROR_NOTIFY, LINK_INFO,
) = range(1, 16)  # fmt: skip


def message(kind: int, body: bytes = b"", cookie: int = COOKIE, packet_type: int = 1) -> bytes:
    """A control message (RFC 2637 section 2), its body filled up with zeros."""
    size = BODY_OCTETS[kind] if kind < len(BODY_OCTETS) else 4
    body = body.ljust(size, b"\0")
    return struct.pack(">HHIHH", 12 + len(body), packet_type, cookie, kind, 0) + body


def numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def started(control: TcpTalk) -> TcpTalk:
    """Agree on a session."""
    control.send(0, message(START))
    control.send(1, message(START_REPLY, b"\1\0\1"))
    return control


def gre(
    call_id: int, *, answers: bool = False, version: int = 1, payload: int = PPP, hops: int = 64
) -> bytes:
    """A GRE packet to a call of the server's, or (an answer) of the client's."""
    ends = (wire.CLIENT4, wire.SERVER4)
    octets = struct.pack(">HHHHI", 0x3000 | version, payload, 4, call_id, 1) + b"ppp!"
    return wire.ip(*(ends[::-1] if answers else ends), GRE, octets, hops)
