"""The SCTP table as data; tests/tables walks every cell of it through the tracker."""

from __future__ import annotations

from firewalld_py.conntrack import sctp_states
from firewalld_py.conntrack.sctp_states import (
    CLOSED,
    DATA,
    INVALID,
    NO_ROW,
    NONE,
    ROW_OF_CHUNK,
    ROWS,
    SHUTDOWN_STATES,
    STATE_NAMES,
    TRANSITIONS,
)


def test_states_are_numbered_by_their_names() -> None:
    for number, name in enumerate(STATE_NAMES):
        assert getattr(sctp_states, name) == number


def test_the_chunks_have_their_numbers_of_rfc_9260() -> None:
    names = {
        "DATA": 0, "INIT": 1, "INIT_ACK": 2, "HEARTBEAT": 4, "HEARTBEAT_ACK": 5, "ABORT": 6,
        "SHUTDOWN": 7, "SHUTDOWN_ACK": 8, "ERROR": 9, "COOKIE_ECHO": 10, "COOKIE_ACK": 11,
        "SHUTDOWN_COMPLETE": 14,
    }  # fmt: skip
    assert {name: getattr(sctp_states, name) for name in names} == names


def test_the_table_has_a_row_for_each_direction_and_chunk_and_a_column_for_each_state() -> None:
    assert len(TRANSITIONS) == 2 * len(ROWS)
    assert {len(row) for row in TRANSITIONS} == {INVALID}


def test_each_chunk_of_the_table_finds_its_row_and_no_other_chunk_has_one() -> None:
    assert len(ROW_OF_CHUNK) == 256
    assert [ROW_OF_CHUNK[chunk] for chunk in ROWS] == list(range(len(ROWS)))
    assert {ROW_OF_CHUNK[chunk] for chunk in set(range(256)) - set(ROWS)} == {NO_ROW}
    assert DATA not in ROWS


def test_no_chunk_leads_back_to_none() -> None:
    assert all(cell != NONE for row in TRANSITIONS for cell in row)


def test_what_answers_cannot_come_first() -> None:
    assert {row[NONE] for row in TRANSITIONS[len(ROWS) :]} == {INVALID}


def test_every_state_can_be_reached_from_none() -> None:
    reached = {NONE}
    while True:
        following = {row[state] for row in TRANSITIONS for state in reached} - {INVALID}
        if following <= reached:
            break
        reached |= following
    assert reached == set(range(INVALID))


def test_a_shutdown_ends_in_no_state_but_its_own_and_closed() -> None:
    following = {row[state] for row in TRANSITIONS for state in SHUTDOWN_STATES}
    assert following == {*SHUTDOWN_STATES, CLOSED}
