"""A connection's bits and counters."""

from __future__ import annotations

from firewalld_py.conntrack import connection as module
from firewalld_py.conntrack.connection import (
    DIRECTION_NAMES,
    LABELS_CHANGED,
    MARK_CHANGED,
    NO_TEMPLATE,
    ORIGINAL,
    REPLY,
    STATE_NAMES,
    CtInfo,
    Tallies,
    Tally,
    Template,
)
from firewalld_py.packet.reasons import OK
from tests.segments import connection_for, datagram


def test_states_are_bits_so_that_a_rule_may_ask_for_several() -> None:
    assert [bit.bit_count() for bit in STATE_NAMES] == [1] * 5
    for bit, name in STATE_NAMES.items():
        assert getattr(module, name) == bit


def test_directions_are_indexes() -> None:
    assert (DIRECTION_NAMES[ORIGINAL], DIRECTION_NAMES[REPLY]) == ("original", "reply")


def test_packets_and_octets_are_counted_by_direction_and_the_deadline_moves() -> None:
    entry = connection_for(datagram(), now=5.0)
    assert (entry.started, entry.deadline) == (5.0, 5.0)
    entry.refresh(35.0, ORIGINAL, 100)
    entry.refresh(36.0, ORIGINAL, 50)
    entry.refresh(20.0, REPLY, 7)
    assert entry.deadline == 20.0
    assert (entry.original_packets, entry.original_octets) == (2, 150)
    assert (entry.reply_packets, entry.reply_octets) == (1, 7)


def test_a_new_connection_has_no_status_no_master_no_helper_and_no_mark() -> None:
    entry = connection_for(datagram())
    assert (entry.status, entry.mark, entry.extension) == (0, 0, None)
    assert (entry.master(), entry.helper(), entry.labels(), entry.zone()) == (None, "", 0, 0)


def test_what_is_said_of_a_packet_without_a_connection() -> None:
    info = CtInfo(module.UNTRACKED)
    assert (info.direction, info.connection, info.reason) == (ORIGINAL, None, OK)


def test_of_two_templates_the_later_ones_words_count() -> None:
    first = Template(3, "ftp", {"udp_timeout": 7})
    second = Template(None, "sip")
    assert first.over(NO_TEMPLATE) is first
    both = second.over(first)
    assert (both.zone, both.helper) == (3, "sip")
    assert both.timeouts is first.timeouts
    assert Template(4, "", {"udp_timeout": 8}).over(first).timeouts is not first.timeouts


def test_a_later_word_for_zone_0_counts_too() -> None:
    both = Template(0).over(Template(3, "ftp"))
    assert (both.zone, both.helper) == (0, "ftp")
    assert Template(None, "sip").over(both).over(Template(5)).zone == 0


def test_a_mark_is_changed_within_its_mask_and_the_change_is_told() -> None:
    entry = connection_for(datagram())
    assert entry.change_mark(0x12, 0xFF) == MARK_CHANGED
    assert entry.change_mark(0x3400, 0xFF00) == MARK_CHANGED
    assert entry.mark == 0x3412
    assert entry.change_mark(0x12, 0xFF) == 0
    assert entry.change_mark(0, 0) == 0


def test_labels_stay_and_only_new_ones_are_a_change() -> None:
    entry = connection_for(datagram())
    assert entry.add_labels(0) == 0
    assert entry.extension is None
    assert entry.add_labels(1 << 127) == LABELS_CHANGED
    assert entry.add_labels(1) == LABELS_CHANGED
    assert entry.add_labels(1) == 0
    assert entry.labels() == 1 << 127 | 1


def test_addresses_and_ports_by_direction() -> None:
    entry = connection_for(datagram())
    for direction in (ORIGINAL, REPLY):
        assert entry.address(direction, False) == entry.address(1 - direction, True)
        assert entry.port(direction, False) == entry.port(1 - direction, True)
    key = entry.original_key
    assert entry.address(ORIGINAL, False) + entry.address(ORIGINAL, True) == key[:8]
    assert entry.port(ORIGINAL, True).to_bytes(2, "big") == key[10:12]


def test_a_tally_is_where_it_is_found_as_long_as_it_counts_something() -> None:
    tallies = Tallies()
    one, other = connection_for(datagram()), connection_for(datagram())
    tally, second = Tally(b"a", tallies), Tally(b"b", tallies)
    assert not one.is_in(tally)
    one.leave_tallies()
    for entry in (one, other):
        entry.join(tally)
    one.join(second)
    assert one.is_in(tally)
    assert one.is_in(second)
    assert not other.is_in(second)
    assert (tally.connections, tallies.of_key) == (2, {b"a": tally, b"b": second})
    one.leave_tallies()
    one.leave_tallies()
    assert (tally.connections, tallies.of_key) == (1, {b"a": tally})
    other.leave_tallies()
    assert tallies.of_key == {}
    assert not one.is_closed()


def test_a_connection_that_is_counted_again_leaves_what_rules_that_are_gone_counted() -> None:
    gone, there = Tallies(), Tallies()
    entry = connection_for(datagram())
    for tallies in (gone, there):
        entry.join(Tally(b"a", tallies))
    gone.in_force = False
    entry.join(Tally(b"b", there))
    assert gone.of_key == {}
    assert [tally.connections for tally in there.of_key.values()] == [1, 1]
    entry.leave_tallies()
    assert there.of_key == {}
