"""Counters with names of their own, to which several rules may add."""

from __future__ import annotations

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.targets import Effects, Target


class Counter:
    """Packets and their octets, IP headers included."""

    __slots__ = ("octets", "packets")

    def __init__(self) -> None:
        self.packets = 0
        self.octets = 0


class CountTarget(Target):
    """Add the packet to a counter."""

    __slots__ = ("counter",)

    def __init__(self, counter: Counter) -> None:
        self.counter = counter

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        self.counter.packets += 1
        self.counter.octets += packet.length
