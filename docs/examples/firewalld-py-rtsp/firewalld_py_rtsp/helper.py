"""RTSP (RFC 2326): the media streams that SETUP and its answer agree upon.

A client that sets up a stream says on which of its UDP ports it wants it, and the server answers
from which of its own it will come, two ports each, for RTP and RTCP:

    SETUP rtsp://camera/video RTSP/1.0
    CSeq: 3
    Transport: RTP/AVP;unicast;client_port=4588-4589
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ESTABLISHED, ORIGINAL, Connection
from firewalld_py.conntrack.expectation import Policy
from firewalld_py.conntrack.flow import destination, source
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Call, Helper
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP
from firewalld_py.packet.reasons import OK

MAX_HEADER: Final = 4096  # octets; in a longer one nothing is read
FIRST_PORT: Final = 1024  # no stream goes to a port of the system's own services
TO_CLIENT: Final = 0
TO_SERVER: Final = 1


class RtspHelper(Helper):
    """Reads control connections (TCP, port 554) and expects the streams, either way."""

    def __init__(self) -> None:
        # By class: four streams of two ports each, a minute (RFC 2326 section 12.37) to begin.
        super().__init__(
            "rtsp",
            frozenset({(IPV4, IPPROTO_TCP), (IPV6, IPPROTO_TCP)}),
            [Policy(8, 60.0), Policy(8, 60.0)],
        )

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        """Nothing is dropped: what cannot be read leads to nothing."""
        if call.state != ESTABLISHED:
            return OK
        if direction == ORIGINAL and payload.startswith(b"SETUP "):
            ports, kind = _ports(payload, b"client_port"), TO_CLIENT
        elif direction != ORIGINAL and payload.startswith(b"RTSP/1.0 200 "):
            ports, kind = _ports(payload, b"server_port"), TO_SERVER
        else:
            return OK
        # Each side speaks for itself: whoever says it is where the stream goes to.
        key = connection.key(direction)
        for port in ports:
            call.expect(destination(key), source(key), IPPROTO_UDP, port, kind=kind)
        return OK


def _ports(message: bytes, parameter: bytes) -> list[int]:
    """The ports that a parameter of the Transport line names; none unless the header is whole."""
    header, end, _ = message[:MAX_HEADER].partition(b"\r\n\r\n")
    if not end:
        return []
    for line in header.split(b"\r\n")[1:]:
        field, _, value = line.partition(b":")
        if field.strip().lower() == b"transport":
            for part in value.replace(b",", b";").split(b";"):
                name, _, ports = part.partition(b"=")
                if name.strip().lower() == parameter:
                    return _range(ports.strip())
    return []


def _range(text: bytes) -> list[int]:
    """A port, or two in a row as 4588-4589; nothing for whatever else stands there."""
    low, _, high = text.partition(b"-")
    if not (low.isdigit() and (high or low).isdigit() and len(text) <= 11):
        return []
    first, last = int(low), int(high or low)
    if not FIRST_PORT <= first <= last <= min(first + 1, 0xFFFF):
        return []
    return [*range(first, last + 1)]
