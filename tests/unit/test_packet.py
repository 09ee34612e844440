"""A packet before and after it was taken apart."""

from __future__ import annotations

from firewalld_py.packet.packet import UNKNOWN_INTERFACE, Packet, PacketMeta
from firewalld_py.packet.protocols import HOOK_FORWARD
from firewalld_py.packet.reasons import OK


def test_metadata_that_nobody_gave_are_those_of_a_forwarded_packet_without_a_mark() -> None:
    meta = PacketMeta()
    assert (meta.hook, meta.in_index, meta.out_index) == (HOOK_FORWARD, 0, 0)
    assert (meta.mark, meta.truncated) == (0, False)


def test_an_unknown_interface_is_no_index_that_the_kernel_gives() -> None:
    assert UNKNOWN_INTERFACE < 0


def test_a_packet_that_nothing_is_known_of_meets_no_protocol() -> None:
    packet = Packet(b"", PacketMeta())
    assert packet.protocol == -1  # 0 is a protocol
    assert (packet.fault, packet.has_ports, packet.version, packet.src) == (OK, False, 0, b"")
