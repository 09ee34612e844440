"""What a rule does beside its verdict: small objects, applied in the order in which they stand.

The log line is not here (ruleset.LogTarget): it tells of the packet as it is when all is done.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet

MARK_MASK: Final = 0xFFFFFFFF


@mypyc_attr(acyclic=True, allow_interpreted_subclasses=False)
class Effects:
    """What rules have changed so far: the packet's mark, and what of its connection.

    `changes` are bits as conntrack.events has them.
    """

    __slots__ = ("changes", "mark")

    def __init__(self, mark: int) -> None:
        self.mark = mark
        self.changes = 0


class Target:
    """One thing that a rule does with each packet that meets it."""

    __slots__ = ()

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        """Do it. `now` is in seconds of the packets' clock."""
        raise NotImplementedError


class MarkingTarget(Target):
    """One that changes nothing but marks and labels."""

    __slots__ = ()


class MarkTarget(MarkingTarget):
    """Clear the bits of the packet's mark that are in `mask`, then turn those of `value` round.

    That is `--set-xmark`, of which setting bits, or, and, and xor are special cases.
    """

    __slots__ = ("mask", "value")

    def __init__(self, value: int, mask: int) -> None:
        self.value = value
        self.mask = mask

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        effects.mark = (effects.mark & (MARK_MASK ^ self.mask)) ^ self.value


class ConnmarkTarget(MarkingTarget):
    """The same of the connection's mark."""

    __slots__ = ("mask", "value")

    def __init__(self, value: int, mask: int) -> None:
        self.value = value
        self.mask = mask

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        connection = info.connection
        if connection is not None:
            effects.changes |= connection.change_mark(self.value, self.mask)


class LabelTarget(MarkingTarget):
    """Set labels (bits) of the connection, beside those that it has."""

    __slots__ = ("labels",)

    def __init__(self, labels: int) -> None:
        self.labels = labels

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        connection = info.connection
        if connection is not None:
            effects.changes |= connection.add_labels(self.labels)


class ConnmarkSaveTarget(MarkingTarget):
    """`--save-mark`: bits of the packet's mark in place of bits of the connection's."""

    __slots__ = ("ctmask", "nfmask")

    def __init__(self, nfmask: int, ctmask: int) -> None:
        self.nfmask = nfmask
        self.ctmask = ctmask

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        connection = info.connection
        if connection is not None:
            effects.changes |= connection.change_mark(effects.mark & self.nfmask, self.ctmask)


class ConnmarkRestoreTarget(MarkingTarget):
    """`--restore-mark`: bits of the connection's mark in place of bits of the packet's."""

    __slots__ = ("ctmask", "nfmask")

    def __init__(self, nfmask: int, ctmask: int) -> None:
        self.nfmask = nfmask
        self.ctmask = ctmask

    def apply(self, packet: Packet, info: CtInfo, effects: Effects, now: float) -> None:
        connection = info.connection
        if connection is not None:
            kept = effects.mark & (MARK_MASK ^ self.nfmask)
            effects.mark = kept ^ (connection.mark & self.ctmask)
