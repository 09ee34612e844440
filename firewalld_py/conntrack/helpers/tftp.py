"""TFTP (RFC 1350): the server answers a request from a port of its own choice.

As nf_conntrack_tftp.c: every datagram that begins with a request's opcode counts, whoever sends it.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.expectation import EXPECTED, Policy
from firewalld_py.conntrack.flow import destination, destination_port, source
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Call, Helper
from firewalld_py.packet.protocols import IPPROTO_UDP
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK

OPCODE_OCTETS: Final = 2
READ_REQUEST: Final = 1
WRITE_REQUEST: Final = 2


class TftpHelper(Helper):
    def __init__(self) -> None:
        super().__init__(
            "tftp",
            frozenset({(IPV4, IPPROTO_UDP), (IPV6, IPPROTO_UDP)}),
            [Policy(1, 300.0)],
        )

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        if len(payload) < OPCODE_OCTETS:
            return OK
        if payload[0] << 8 | payload[1] not in (READ_REQUEST, WRITE_REQUEST):
            return OK
        answer = connection.reply_key
        port = destination_port(answer)
        if call.expect(source(answer), destination(answer), IPPROTO_UDP, port) == EXPECTED:
            return OK
        return EXPECTATION_REFUSED
