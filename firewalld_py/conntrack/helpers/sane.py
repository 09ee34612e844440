"""SANE's network protocol: the answer to NET_START names the port on which the scan can be fetched.

As nf_conntrack_sane.c. A request is told by its size, 8 octets in one segment; only the very next
segment of the server is its answer, and has to be whole.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import ESTABLISHED, ORIGINAL, Connection
from firewalld_py.conntrack.expectation import EXPECTED, Policy
from firewalld_py.conntrack.flow import destination, source
from firewalld_py.conntrack.helpers.base import IPV4, IPV6, Call, Helper
from firewalld_py.packet.protocols import IPPROTO_TCP
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, OK

REQUEST_OCTETS: Final = 8  # opcode and handle, 32 bits each
ANSWER_OCTETS: Final = 8  # status (32 bits), then the port, the upper half of its word being 0
NET_START: Final = b"\0\0\0\7"
SUCCESS: Final = bytes(6)  # the status, and that upper half


@mypyc_attr(acyclic=True)
class SaneState:
    """Whether the server is about to answer NET_START."""

    __slots__ = ("start_requested",)

    def __init__(self) -> None:
        self.start_requested = False


class SaneHelper(Helper):
    def __init__(self) -> None:
        super().__init__(
            "sane",
            frozenset({(IPV4, IPPROTO_TCP), (IPV6, IPPROTO_TCP)}),
            [Policy(1, 300.0)],
        )

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        if call.state != ESTABLISHED or not payload:
            return OK
        state = _state(connection)
        if direction == ORIGINAL:
            if call.length == REQUEST_OCTETS:
                state.start_requested = payload.startswith(NET_START)
            return OK
        if not state.start_requested:
            return OK
        state.start_requested = False
        if len(payload) < ANSWER_OCTETS or not payload.startswith(SUCCESS):
            return OK
        client, server = source(connection.original_key), destination(connection.original_key)
        port = payload[6] << 8 | payload[7]
        if call.expect(client, server, IPPROTO_TCP, port) == EXPECTED:
            return OK
        return EXPECTATION_REFUSED


def _state(connection: Connection) -> SaneState:
    extension = connection.extended()
    state = extension.helper_state
    if not isinstance(state, SaneState):
        state = SaneState()
        extension.helper_state = state
    return state
