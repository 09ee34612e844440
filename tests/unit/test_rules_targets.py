"""What rules do beside their verdict."""

from __future__ import annotations

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
EVERY: list[Target] = [MarkTarget(1, 3), ConnmarkTarget(1, 3), LabelTarget(1)]


def applied(target: Target, connection: Connection | None, mark: int = 0) -> Effects:
    effects = Effects(mark)
    state = UNTRACKED if connection is None else NEW
    target.apply(PACKET, CtInfo(state, ORIGINAL, connection), effects, 0.0)
    return effects


def test_a_mark_is_set_within_its_mask() -> None:
    assert applied(MarkTarget(0x10, 0xF0), None, 0xFFFF_FFFF).mark == 0xFFFF_FF1F
    assert applied(MarkTarget(0x10, 0xFFFF_FFFF), None, 7).mark == 0x10


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
    assert applied(target, None).changes == 0


@pytest.mark.parametrize("target", EVERY)
def test_what_only_marks_is_the_same_done_twice(target: Target) -> None:
    assert isinstance(target, MarkingTarget)
    entry = connection_for(datagram())
    once = applied(target, entry, 8).mark, entry.mark, entry.labels()
    assert (applied(target, entry, once[0]).mark, entry.mark, entry.labels()) == once
