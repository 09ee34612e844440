"""Our judge with one thing wrong about TCP windows: what a comparison has to find out."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from firewalld_py.conntrack.tcp_connection import TcpConnection
from firewalld_py.conntrack.tcp_window import is_before
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.protocols import TCP_MIN, TCPOPT_NOP, TCPOPT_SACK
from tests import wire
from tests.differential.ours import OurJudge
from tests.differential.segments import tcp_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.differential.answer import Answer


def liberal(switches: Mapping[str, int]) -> OurJudge:
    """No segment is outside of the window."""
    return OurJudge({**switches, "tcp_be_liberal": 1})


class _Misreading(OurJudge):
    """Reads packets as others than they are; so it must not look at their checksums."""

    def __init__(self, switches: Mapping[str, int]) -> None:
        super().__init__({**switches, "checksum": 0})

    def judge(self, data: bytes, now: float, *, accept: bool) -> Answer | None:
        return super().judge(self.misread(data), now, accept=accept)

    def misread(self, data: bytes) -> bytes:
        raise NotImplementedError


class SackIgnored(_Misreading):
    """SACK blocks are not read."""

    def misread(self, data: bytes) -> bytes:
        return _with_blocks(data, None)


class SackTooHigh(_Misreading):
    """The right edge of a SACK block is taken for the last octet in it, not for the next one."""

    def misread(self, data: bytes) -> bytes:
        return _with_blocks(data, 1)


class HolesForbidden(OurJudge):
    """Only what follows without a hole counts as seen, so that SACK of more is INVALID."""

    def __init__(self, switches: Mapping[str, int]) -> None:
        super().__init__(switches)
        self._ends: dict[tuple[bytes, int], int] = {}

    def judge(self, data: bytes, now: float, *, accept: bool) -> Answer | None:
        answer = super().judge(data, now, accept=accept)
        assert self._decision is not None, "it was judged just now"
        connection, direction = self._decision.info.connection, self._decision.info.direction
        if isinstance(connection, TcpConnection):
            sender, side = connection.peer_copy(direction), (connection.original_key, direction)
            end = self._ends.get(side, sender.end)
            if is_before(end, self._decision.packet.seq):
                sender.end = end
                connection.set_peer(direction, sender)
            self._ends[side] = sender.end
        return answer


def _with_blocks(data: bytes, more: int | None) -> bytes:
    """The packet with its SACK blocks' right edges raised, or with no blocks."""
    packet = parse(data, PacketMeta())
    if packet.protocol != wire.TCP or packet.fault:
        return data
    changed = bytearray(data)
    end = packet.transport + packet.header_length
    for kind, at, size in tcp_options(data, packet.transport + TCP_MIN, end):
        if kind == TCPOPT_SACK and more is None:
            changed[at : at + size] = bytes((TCPOPT_NOP,)) * size
        elif kind == TCPOPT_SACK:
            for edge in range(at + 6, at + size, 8):
                (number,) = struct.unpack_from(">I", changed, edge)
                struct.pack_into(">I", changed, edge, (number + (more or 0)) & 0xFFFFFFFF)
    return bytes(changed)


# Wrong about what only a bad link makes real stacks send.
BAD_LINK_FAULTS: Final[dict[str, Callable[[Mapping[str, int]], OurJudge]]] = {
    "SACK one octet too high": SackTooHigh,
    "holes are forbidden": HolesForbidden,
}
# Wrong about bounds that real stacks keep to; somebody has to step over them.
BOUND_FAULTS: Final[dict[str, Callable[[Mapping[str, int]], OurJudge]]] = {
    "no bounds": liberal,
    "SACK is ignored": SackIgnored,
}
