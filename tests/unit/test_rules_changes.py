"""That something changed is noted by counting."""

from __future__ import annotations

from firewalld_py.rules.changes import Changes
from firewalld_py.rules.matches import Interfaces


def test_each_change_counts() -> None:
    changes = Changes()
    assert changes.count == 0
    changes.note()
    changes.note()
    assert changes.count == 2


def test_interfaces_that_come_or_go_are_a_change() -> None:
    changes = Changes()
    Interfaces(["lan*"], changes).set_names({1: "lan0"})
    assert changes.count == 1
