"""What rules do beside their verdict."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import (
    LABELS_CHANGED,
    MARK_CHANGED,
    NEW,
    ORIGINAL,
    UNTRACKED,
    Connection,
    CtInfo,
)
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.targets import (
    ConnmarkRestoreTarget,
    ConnmarkSaveTarget,
    ConnmarkTarget,
    Effects,
    LabelTarget,
    MarkingTarget,
    MarkTarget,
    Target,
)
from tests.segments import connection_for, datagram
from tests.wire import CLIENT4, SERVER4, UDP, ip, udp

PACKET = parse(ip(CLIENT4, SERVER4, UDP, udp()), PacketMeta())
ALL: Final = 0xFFFF_FFFF
EVERY: list[Target] = [
    MarkTarget(1, 3),
    ConnmarkTarget(1, 3),
    LabelTarget(1),
    ConnmarkSaveTarget(ALL, ALL),
    ConnmarkRestoreTarget(ALL, ALL),
]


def applied(target: Target, connection: Connection | None, mark: int = 0) -> Effects:
    effects = Effects(mark)
    state = UNTRACKED if connection is None else NEW
    target.apply(PACKET, CtInfo(state, ORIGINAL, connection), effects, 0.0)
    return effects


def test_a_mark_is_set_within_its_mask() -> None:
    assert applied(MarkTarget(0x10, 0xF0), None, 0xFFFF_FFFF).mark == 0xFFFF_FF1F
    assert applied(MarkTarget(0x10, 0xFFFF_FFFF), None, 7).mark == 0x10


@pytest.mark.parametrize(
    ("value", "mask", "after"),
    [
        (0x0F00, 0x0F00, 0x0FF0),  # or
        (0, ALL ^ 0x30, 0x30),  # and
        (0x0FF0, 0, 0x0F00),  # xor
        (0xF000, 0, 0xF0F0),
        (0xFF, 0x0F, 0x0F),  # --set-xmark with bits outside of its mask
    ],
)
def test_bits_are_cleared_and_then_turned_round(value: int, mask: int, after: int) -> None:
    assert applied(MarkTarget(value, mask), None, 0x00F0).mark == after
    entry = connection_for(datagram())
    entry.change_mark(0x00F0, ALL)
    applied(ConnmarkTarget(value, mask), entry)
    assert entry.mark == after


def test_the_packets_mark_is_saved_through_both_masks() -> None:
    entry = connection_for(datagram())
    entry.change_mark(0x1111_1111, ALL)
    effects = applied(ConnmarkSaveTarget(0x00FF, 0xFFFF), entry, 0x2222)
    assert (entry.mark, effects.mark, effects.changes) == (0x1111_0022, 0x2222, MARK_CHANGED)
    # Bits that are read and not cleared are turned round.
    applied(ConnmarkSaveTarget(0xFF00, 0), entry, 0xFF00)
    assert entry.mark == 0x1111_FF22


def test_the_connections_mark_is_restored_through_both_masks() -> None:
    entry = connection_for(datagram())
    entry.change_mark(0x1111_1111, ALL)
    effects = applied(ConnmarkRestoreTarget(0xFFFF, 0x00FF), entry, 0x2222_2222)
    assert (effects.mark, entry.mark, effects.changes) == (0x2222_0011, 0x1111_1111, 0)
    assert applied(ConnmarkRestoreTarget(0, 0x11), entry, 0x01).mark == 0x10


def test_a_connections_mark_is_set_within_its_mask_and_the_change_is_told() -> None:
    entry = connection_for(datagram())
    entry.change_mark(0xFF, 0xFFFF_FFFF)
    effects = applied(ConnmarkTarget(0x10, 0xF0), entry, 5)
    assert (entry.mark, effects.changes, effects.mark) == (0x1F, MARK_CHANGED, 5)
    assert applied(ConnmarkTarget(0x10, 0xF0), entry).changes == 0


def test_labels_are_added_and_the_change_is_told() -> None:
    entry = connection_for(datagram())
    assert applied(LabelTarget(0b01), entry).changes == LABELS_CHANGED
    assert applied(LabelTarget(0b10), entry).changes == LABELS_CHANGED
    assert entry.labels() == 0b11
    assert applied(LabelTarget(0b10), entry).changes == 0


@pytest.mark.parametrize("target", EVERY)
def test_without_a_connection_nothing_is_changed_of_it(target: Target) -> None:
    effects = applied(target, None, 5)
    assert effects.changes == 0
    assert effects.mark == 5 or isinstance(target, MarkTarget)


@pytest.mark.parametrize("target", EVERY)
def test_setting_or_copying_all_bits_is_the_same_done_twice(target: Target) -> None:
    assert isinstance(target, MarkingTarget)
    entry = connection_for(datagram())
    once = applied(target, entry, 8).mark, entry.mark, entry.labels()
    assert (applied(target, entry, once[0]).mark, entry.mark, entry.labels()) == once
