"""Amanda: a backup client answers, over UDP, with the TCP ports on which it will be asked for more.

As nf_conntrack_amanda.c: `CONNECT DATA 1024 MESG 1025 INDEX 1026` and a line feed, anywhere in an
answer. Every answer keeps the control connection alive, for a client may take long to estimate.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import ORIGINAL, Connection
from firewalld_py.conntrack.expectation import EXPECTED, Policy
from firewalld_py.conntrack.flow import destination, source
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Call, Helper
from firewalld_py.conntrack.helpers.text import read_number
from firewalld_py.packet.protocols import IPPROTO_TCP, IPPROTO_UDP
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK

CONNECT: Final = b"CONNECT "
STREAMS: Final[tuple[bytes, ...]] = (b"DATA ", b"MESG ", b"INDEX ", b"STATE ")
PORT_DIGITS: Final = 5  # what follows them is not read
LF: Final = b"\n"


class AmandaHelper(Helper):
    """The control connection lives `master_timeout_s` from each answer on."""

    def __init__(self, master_timeout_s: int) -> None:
        super().__init__(
            "amanda",
            frozenset({(IPV4, IPPROTO_UDP), (IPV6, IPPROTO_UDP)}),
            [Policy(4, 180.0)],
        )
        self._master_timeout_s = master_timeout_s

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        if direction == ORIGINAL:
            return OK
        call.refresh(float(self._master_timeout_s))
        begin = payload.find(CONNECT)
        if begin < 0:
            return OK
        begin += len(CONNECT)
        end = payload.find(LF, begin)
        if end < 0:
            return OK
        server, client = source(connection.original_key), destination(connection.original_key)
        result = OK
        for stream in STREAMS:
            at = payload.find(stream, begin, end)
            if at < 0:
                continue
            at += len(stream)
            port = read_number(payload, at, min(at + PORT_DIGITS, end))[0] & 0xFFFF
            if port == 0:
                break
            if call.expect(server, client, IPPROTO_TCP, port) != EXPECTED:
                result = EXPECTATION_REFUSED  # and on: one refused keeps no other from coming
        return result
