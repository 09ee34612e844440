"""The state table under random operations, with budgets and a clock that leaps.

The table holds both keys of a connection or neither, counts right, and forgets by deadline alone.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from firewalld_py.conntrack.connection import DYING, Connection
from firewalld_py.conntrack.flow import reply_key
from firewalld_py.conntrack.table import Table
from tests import wire

MAXIMUM = 12
ENDS = (wire.CLIENT4 + wire.SERVER4, wire.SERVER4 + wire.CLIENT4, wire.CLIENT4 * 2)
# Few keys, so that they meet again, reversed, and as their own answer.
KEYS = st.builds(
    lambda ends, sport, dport: ends + bytes((0, sport, 0, dport, wire.UDP)),
    st.sampled_from(ENDS),
    st.integers(1, 4),
    st.integers(1, 4),
)
LIFETIMES = st.sampled_from([0.0, 0.5, 1.0, 30.0, 63.0, 64.0, 65.0, 600.0, 432000.0])
LEAPS = st.sampled_from([0.0, 0.001, 0.5, 1.0, 29.0, 64.0, 65.0, 1e6, -0.5, -10.0, -1e6])


class TableMachine(RuleBasedStateMachine):
    """The table beside a plain list of what ought to be in it."""

    @initialize()
    def begin(self) -> None:
        self.now = 2e6
        self.table = Table(MAXIMUM)
        self.entered: list[Connection] = []

    def alive(self, connection: Connection) -> bool:
        return connection.deadline > self.now

    def held(self, key: bytes) -> Connection | None:
        """What the model has under a key, dead or alive, unless it was removed."""
        for connection in self.entered:
            if not connection.status & DYING and key in (
                connection.original_key, connection.reply_key
            ):  # fmt: skip
                return connection
        return None

    @rule(leap=LEAPS)
    def time_passes(self, leap: float) -> None:
        self.now = max(self.now + leap, 0.0)

    @rule(key=KEYS, lifetime=LIFETIMES)
    def insert(self, key: bytes, lifetime: float) -> None:
        connection = Connection(wire.UDP, key, reply_key(key), self.now)
        connection.deadline = self.now + lifetime
        taken = self.held(key) is not None
        full = self.table.is_full()
        assert self.table.insert(connection, self.now) == (not taken and not full)
        if not taken and not full:
            self.entered.append(connection)

    @rule(key=KEYS)
    def find(self, key: bytes) -> None:
        expected = self.held(key)
        found = self.table.find(key, self.now)
        if expected is not None and self.alive(expected):
            assert found is expected
        else:
            assert found is None

    @rule(key=KEYS, lifetime=LIFETIMES)
    def refresh(self, key: bytes, lifetime: float) -> None:
        connection = self.table.find(key, self.now)
        if connection is not None:
            connection.deadline = self.now + lifetime

    @rule(key=KEYS)
    def remove(self, key: bytes) -> None:
        connection = self.held(key)
        if connection is not None:
            self.table.remove(connection)
            self.table.remove(connection)

    @rule(budget=st.sampled_from([0, 1, 3, 1000]))
    def expire(self, budget: int) -> None:
        living = [c for c in self.entered if not c.status & DYING and self.alive(c)]
        assert self.table.expire(self.now, budget) <= budget
        for connection in living:
            assert self.table.find(connection.original_key, self.now) is connection

    @invariant()
    def both_keys_or_neither(self) -> None:
        if not hasattr(self, "table"):
            return
        there = [c for c in self.entered if not c.status & DYING]
        assert set(self.table.connections()) == set(there)
        assert len(self.table.connections()) == self.table.size <= MAXIMUM
        # At the beginning of time nothing is past its deadline.
        for connection in there:
            if connection.deadline > 0.0:
                assert self.table.find(connection.original_key, 0.0) is connection
                assert self.table.find(connection.reply_key, 0.0) is connection


TableMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTable = TableMachine.TestCase
