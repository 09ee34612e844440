"""What a watcher is told of connections: new, updates, destroy."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack import connection as names
from firewalld_py.conntrack.connection import ORIGINAL, REPLY, Connection
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.events import CHANGE_NAMES, Watcher
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import Packet
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.build import build_ruleset
from tests.plans import plan, rule
from tests.segments import datagram, segment

ALL: Final = 1 << 30


class Diary(Watcher):
    """Writes down what it is told, a line each, of one connection or all."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def created(self, connection: Connection, now: float) -> None:
        self.lines.append(f"{now:g} new {connection.protocol}")

    def updated(self, connection: Connection, changes: int, now: float) -> None:
        names = " ".join(name for bit, name in CHANGE_NAMES.items() if changes & bit)
        self.lines.append(f"{now:g} update {names}")

    def destroyed(self, connection: Connection) -> None:
        self.lines.append(f"destroy {connection.protocol}")


def watched(*packets: Packet, rules: dict[str, object] | None = None) -> tuple[list[str], Firewall]:
    """What is told of these packets, one a second."""
    diary = Diary()
    firewall = Firewall(build_ruleset(rules or plan()), Conntrack(Settings(), diary))
    for now, packet in enumerate(packets):
        firewall.handle(packet.data, packet.meta, float(now))
    return diary.lines, firewall


HANDSHAKE: Final = (
    segment(ORIGINAL, "S", 1000),
    segment(REPLY, "SA", 5000, 1001),
    segment(ORIGINAL, "A", 1001, 5001),
)


def test_the_life_of_a_tcp_connection() -> None:
    lines, firewall = watched(
        *HANDSHAKE,
        segment(ORIGINAL, "A", 1001, 5001),
        segment(ORIGINAL, "FA", 1001, 5001),
    )
    assert lines == [
        "0 new 6", "1 update reply state", "2 update assured state", "4 update state"
    ]  # fmt: skip
    firewall.conntrack.expire(1000.0, ALL)
    assert lines[-1] == "destroy 6"


def test_the_life_of_a_question_and_its_answers() -> None:
    lines, _ = watched(
        datagram(), datagram(), datagram(REPLY), datagram(), datagram(REPLY), datagram()
    )
    # Answered in the third second, and a stream as it still talks after that.
    assert lines == ["0 new 17", "2 update reply", "3 update assured"]


def test_what_is_dropped_or_invalid_is_no_news() -> None:
    drop_all = plan([rule("drop")])
    assert watched(datagram(), rules=drop_all)[0] == []
    assert watched(segment(REPLY, "R", 1, 1))[0] == []


def test_a_connection_that_a_rst_ends_at_once_is_destroyed() -> None:
    lines, _ = watched(segment(ORIGINAL, "S", 1000), segment(REPLY, "RA", 0, 1001))
    assert lines == ["0 new 6", "destroy 6"]


def test_a_rule_that_changes_mark_or_labels_is_told_once() -> None:
    marking = plan([rule("continue", targets=[("connmark", [5, 0xFF]), ("label", [1])])])
    lines, firewall = watched(datagram(), datagram(), rules=marking)
    assert lines == ["0 new 17"]  # set while it was not yet in the table
    firewall.ruleset = build_ruleset(
        plan([rule("continue", targets=[("connmark", [6, 0xFF]), ("label", [1, 2])])])
    )
    for now in (10.0, 11.0):
        firewall.handle(datagram().data, datagram().meta, now)
    assert lines == ["0 new 17", "10 update mark labels"]


def test_every_change_has_a_name_and_a_bit_of_its_own() -> None:
    bits = list(CHANGE_NAMES)
    assert sum(bits) == (1 << len(bits)) - 1
    assert names.LABELS_CHANGED in bits
    assert len(set(CHANGE_NAMES.values())) == len(bits)
