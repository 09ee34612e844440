"""The state table: finding, room, removal, and the sweep of what is past its deadline."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.connection import ASSURED, CONFIRMED, DYING, Connection
from firewalld_py.conntrack.events import Watcher
from firewalld_py.conntrack.flow import reply_key
from firewalld_py.conntrack.table import EVICTION_LOOKS, MAX_AHEAD_S, MOST_DEAD, Table
from tests import wire

ALL = 1 << 30


def entry(port: int, deadline: float) -> Connection:
    """A UDP connection from this port, in no table."""
    key = wire.CLIENT4 + wire.SERVER4 + port.to_bytes(2, "big") + b"\0\x35" + bytes((wire.UDP,))
    made = Connection(wire.UDP, key, reply_key(key), 0.0)
    made.deadline = deadline
    return made


def filled(*deadlines: float, now: float = 0.0) -> tuple[Table, list[Connection]]:
    """A table with a connection for each deadline, all entered at `now`."""
    table = Table(1000)
    entries = [entry(port, deadline) for port, deadline in enumerate(deadlines, 1)]
    for connection in entries:
        assert table.insert(connection, now)
    return table, entries


def test_a_connection_is_found_by_both_its_keys() -> None:
    table, (connection,) = filled(30.0)
    assert table.find(connection.original_key, 1.0) is connection
    assert table.find(connection.reply_key, 1.0) is connection
    assert table.find(entry(99, 1.0).original_key, 1.0) is None
    assert connection.status & CONFIRMED


def test_a_deadline_is_the_first_instant_at_which_the_connection_is_gone() -> None:
    table, (connection,) = filled(30.0)
    assert table.find(connection.original_key, 29.999) is connection
    assert table.find(connection.original_key, 30.0) is None
    assert (table.size, connection.status & DYING) == (0, DYING)
    assert table.find(connection.reply_key, 1.0) is None


def test_a_deadline_that_moved_on_counts() -> None:
    table, (connection,) = filled(30.0)
    connection.deadline = 90.0
    assert table.expire(60.0, ALL) > 0
    assert table.find(connection.original_key, 60.0) is connection


def test_a_key_that_is_taken_is_refused_whichever_way_round() -> None:
    table, (connection,) = filled(30.0)
    assert not table.insert(entry(1, 30.0), 0.0)
    reversed_ = Connection(wire.UDP, connection.reply_key, connection.original_key, 0.0)
    assert not table.insert(reversed_, 0.0)
    assert table.size == 1
    assert table.find(connection.original_key, 1.0) is connection


def test_a_full_table_refuses() -> None:
    table = Table(2)
    assert table.insert(entry(1, 30.0), 0.0)
    assert not table.is_full()
    assert table.insert(entry(2, 30.0), 0.0)
    assert table.is_full()
    refused = entry(3, 30.0)
    assert not table.insert(refused, 0.0)
    assert not refused.status & CONFIRMED
    table.remove(table.connections()[0])
    assert table.insert(refused, 0.0)


def test_a_connection_that_is_not_in_the_table_is_removed_from_nothing() -> None:
    table, (connection,) = filled(30.0)
    same_keys = entry(1, 30.0)
    table.remove(same_keys)
    assert same_keys.status & DYING
    assert table.find(connection.original_key, 1.0) is connection
    table.remove(connection)
    table.remove(connection)
    assert table.size == 0


def test_connections_are_listed_once_each() -> None:
    table, entries = filled(30.0, 40.0, 50.0)
    assert len(table.connections()) == 3
    assert set(table.connections()) == set(entries)


def test_a_connection_that_answers_itself_has_one_key() -> None:
    # A packet from an address and port to the same address and port: both keys are equal.
    key = wire.CLIENT4 * 2 + b"\0\x35\0\x35" + bytes((wire.UDP,))
    table = Table(10)
    itself = Connection(wire.UDP, key, reply_key(key), 0.0)
    itself.deadline = 30.0
    assert table.insert(itself, 0.0)
    assert table.connections() == [itself]
    table.remove(itself)
    assert (table.size, table.connections()) == (0, [])


def test_a_cleared_table_is_empty_and_takes_connections_again() -> None:
    table, (connection, *_rest) = filled(30.0, 40.0)
    table.clear()
    assert (table.size, table.connections()) == (0, [])
    assert table.find(connection.original_key, 1.0) is None
    assert table.insert(entry(1, 30.0), 0.0)


def test_a_sweep_takes_out_what_is_past_its_deadline_and_nothing_else() -> None:
    table, entries = filled(5.0, 10.0, 10.5, 500.0)
    table.expire(10.4, ALL)
    # One second is the grain of the sweep; what is found is exact all the same.
    assert set(table.connections()) <= set(entries[1:])
    assert set(table.connections()) >= set(entries[2:])
    table.expire(12.0, ALL)
    assert table.connections() == [entries[3]]
    table.expire(502.0, ALL)
    assert table.size == 0


@pytest.mark.parametrize("deadline", [3.0, MAX_AHEAD_S - 1.0, MAX_AHEAD_S + 1.0, 432000.0])
def test_everything_is_swept_out_at_last_without_being_looked_for(deadline: float) -> None:
    table, _ = filled(deadline)
    now = 0.0
    while table.size:
        now += 1.0
        table.expire(now, ALL)
        assert now <= deadline + 2.0
    assert now >= deadline


def test_a_sweep_in_slices_looks_at_no_more_than_its_budget() -> None:
    table, _ = filled(*[5.0] * 10)
    assert [table.expire(10.0, 4) for _ in range(4)] == [4, 4, 2, 0]
    assert table.size == 0


def test_a_sweep_may_wait_for_days() -> None:
    table, _ = filled(5.0, 400.0, 1e6)
    table.expire(500_000.0, ALL)
    assert table.size == 1
    table.expire(1e6 + 2, ALL)
    assert table.size == 0


def test_a_clock_that_leaps_back_removes_nothing_and_stops_nothing() -> None:
    table, (connection,) = filled(1030.0, now=1000.0)
    table.expire(1000.0, ALL)
    assert table.expire(10.0, ALL) == 0
    assert table.find(connection.original_key, 10.0) is connection
    assert table.insert(entry(2, 40.0), 10.0)
    table.expire(2000.0, ALL)
    assert table.size == 0


def test_a_sweep_that_is_up_to_date_costs_nothing() -> None:
    table, _ = filled(500.0)
    table.expire(100.0, ALL)
    assert [table.expire(100.0, ALL), table.expire(100.5, ALL)] == [0, 0]


def test_room_is_made_by_forgetting_a_connection_that_was_never_assured() -> None:
    table, entries = filled(500.0, 500.0, 500.0)
    for assured in (entries[0], entries[2]):
        assured.status |= ASSURED
    assert table.make_room(0.0)
    assert set(table.connections()) == {entries[0], entries[2]}
    assert entries[1].status & DYING


def test_assured_connections_do_not_give_way_and_are_swept_out_in_their_time() -> None:
    table, entries = filled(50.0, 500.0)
    for connection in entries:
        connection.status |= ASSURED
    assert not table.make_room(0.0)
    assert table.size == 2
    table.expire(52.0, ALL)
    assert table.connections() == [entries[1]]
    table.expire(502.0, ALL)
    assert table.size == 0


def test_for_room_a_few_connections_are_looked_at_and_not_all() -> None:
    table, entries = filled(*[500.0] * (3 * EVICTION_LOOKS))
    for connection in entries[1:]:
        connection.status |= ASSURED
    found = [table.make_room(0.0) for _ in range(4)]
    assert sum(found) <= 1
    assert table.size >= 3 * EVICTION_LOOKS - 1


def test_an_empty_table_has_nothing_to_forget() -> None:
    assert not Table(0).make_room(5.0)


class Followers(Watcher):
    """With each connection that goes others go, as a helper's do with their master."""

    def __init__(self) -> None:
        self.table = Table(100_000, self)
        self.of: dict[Connection, list[Connection]] = {}
        self.gone: list[Connection] = []

    def destroyed(self, connection: Connection) -> None:
        self.gone.append(connection)
        for follower in self.of.get(connection, []):
            self.table.remove(follower)

    def insert(self, port: int, deadline: float) -> Connection:
        connection = entry(port, deadline)
        assert self.table.insert(connection, 0.0)
        return connection


def test_what_goes_may_take_others_with_it_whether_it_is_removed_found_swept_or_makes_room() -> (
    None
):
    for go in ("remove", "find", "expire", "make room"):
        world = Followers()
        table = world.table
        first, second, third, other = (world.insert(port, 5.0 + port) for port in range(1, 5))
        # In a circle, and one of the same slot of the wheel.
        world.of = {first: [second, third], second: [first, third], third: [first]}
        other.status |= ASSURED
        other.deadline = 500.0
        if go == "remove":
            table.remove(first)
        elif go == "find":
            assert table.find(first.original_key, 6.5) is None
        elif go == "expire":
            table.expire(7.5, ALL)
        else:
            assert table.make_room(0.0)
        assert sorted(map(id, world.gone)) == sorted(map(id, (first, second, third))), go
        assert (table.size, table.connections()) == (1, [other])
        assert table.expire(502.0, ALL) > 0
        assert (table.size, len(world.gone)) == (0, 4)


def test_a_sweep_goes_on_when_what_it_removes_takes_thousands_with_it() -> None:
    """So many that the wheel is cleaned of them meanwhile, the slot that is swept included."""
    world = Followers()
    masters = [world.insert(port, 5.0) for port in range(1, 4)]
    living = [world.insert(port, 90.0) for port in range(4, 8)]
    for number, master in enumerate(masters):
        ports = range(10_000 + number * 3 * MOST_DEAD, 10_000 + (number + 1) * 3 * MOST_DEAD)
        world.of[master] = [world.insert(port, 5.0 + port % 50) for port in ports]
    table = world.table
    for now in range(3, 90):
        while table.expire(float(now), 7) == 7:
            assert set(living) <= set(table.connections())
    assert (table.size, len(world.gone)) == (4, len(set(world.gone)))
    table.expire(91.0, ALL)
    assert (table.size, len(world.gone)) == (0, 7 + 9 * MOST_DEAD)
