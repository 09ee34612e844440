"""The TCP table as data; tests/tables walks every cell of it through the tracker."""

from __future__ import annotations

from firewalld_py.conntrack import tcp_states
from firewalld_py.conntrack.tcp_states import (
    CLASS_NAMES,
    CLASSES,
    IGNORED,
    INVALID,
    NONE,
    STATE_NAMES,
    TRANSITIONS,
)


def test_states_and_classes_are_numbered_by_their_names() -> None:
    for number, name in enumerate(STATE_NAMES):
        assert getattr(tcp_states, name) == number
    for number, name in enumerate(CLASS_NAMES):
        assert getattr(tcp_states, f"CLASS_{name.upper()}") == number
    assert len(CLASS_NAMES) == CLASSES


def test_the_table_has_a_row_for_each_direction_and_class_and_a_column_for_each_state() -> None:
    assert len(TRANSITIONS) == 2 * CLASSES
    assert {len(row) for row in TRANSITIONS} == {INVALID}


def test_no_segment_leads_back_to_none() -> None:
    assert all(cell != NONE for row in TRANSITIONS for cell in row)


def test_a_segment_without_flags_is_invalid_everywhere() -> None:
    none = tcp_states.CLASS_NONE
    assert set(TRANSITIONS[none]) | set(TRANSITIONS[CLASSES + none]) == {INVALID}


def test_every_state_can_be_reached_from_none() -> None:
    reached = {NONE}
    while True:
        following = {row[state] for row in TRANSITIONS for state in reached}
        following -= {INVALID, IGNORED}
        if following <= reached:
            break
        reached |= following
    assert reached == set(range(INVALID))
