"""NetBIOS' name service and SNMP: questions to all hosts of a network, each of which may answer.

As nf_conntrack_broadcast.c. No packet is read: it counts that this machine itself sends it, to the
broadcast address of a network of the interface by which it leaves. For the time of the answers any
host of that network may send some from the service's port, and the question's connection stays.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import ORIGINAL, Connection
from firewalld_py.conntrack.expectation import PERMANENT, Policy
from firewalld_py.conntrack.flow import destination_port
from firewalld_py.conntrack.helpers.base import IPV4, Call, Helper
from firewalld_py.packet.protocols import HOOK_INPUT, HOOK_OUTPUT, IPPROTO_UDP
from firewalld_py.packet.reasons import OK

NETBIOS_NS_PORT: Final = 137
SNMP_PORT: Final = 161


@mypyc_attr(acyclic=True)
class BroadcastState:
    """By which interface the last question left."""

    __slots__ = ("out_index",)

    def __init__(self, out_index: int) -> None:
        self.out_index = out_index


class BroadcastHelper(Helper):
    """Answers come from `port`, wherever the question went, and for `timeout_s`."""

    def __init__(self, name: str, port: int, timeout_s: int) -> None:
        super().__init__(name, frozenset({(IPV4, IPPROTO_UDP)}), [Policy(1, float(timeout_s))])
        self._port = port
        self._timeout_s = float(timeout_s)

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        if direction != ORIGINAL:
            return OK
        packet = call.packet
        meta = packet.meta
        if meta.hook == HOOK_INPUT:
            self._came_back(connection, meta.in_index, call)
        if meta.hook != HOOK_OUTPUT:
            return OK
        netmask = call.tables.networks.netmask(meta.out_index, packet.dst)
        if not any(netmask):  # no such network; or one that is the whole world
            return OK
        call.expect(
            packet.dst,
            packet.src,
            IPPROTO_UDP,
            destination_port(connection.reply_key),
            sport=self._port,
            flags=PERMANENT,
            src_mask=netmask,
        )
        call.refresh(self._timeout_s)
        connection.extended().helper_state = BroadcastState(meta.out_index)
        return OK

    def _came_back(self, connection: Connection, in_index: int, call: Call) -> None:
        """A sender gets its own broadcast, too: the kernel does not track that a second time."""
        state = connection.extended().helper_state
        if isinstance(state, BroadcastState) and state.out_index == in_index:
            call.refresh(self._timeout_s)
