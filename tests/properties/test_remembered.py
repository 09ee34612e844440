"""What rules count is what there is: held against the table itself, and against plain lists."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import CtInfo, Tally
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.build import RulesetBuilder
from firewalld_py.rules.memory import Memory
from firewalld_py.rules.recent import RecentList, RecentMatch, RecentSetTarget
from firewalld_py.rules.targets import Effects
from tests import wire
from tests.plans import rule
from tests.properties.samples import corpus, mutated

POLICIES: Final = dict.fromkeys(("input", "forward", "output"), "accept")
PACKETS: Final = 4000


def ruleset(limits: list[int], earlier: Memory | None) -> Any:
    """Rules that count, each by its limit, and one that drops what has mark 7."""
    builder = RulesetBuilder([], POLICIES, earlier=earlier)
    for limit in limits:
        value = [True, limit, limit % 2 == 0, 24, 64, f"over {limit}"]
        builder.add("filter/forward", rule("continue", ("connections", value)))
    builder.add("filter/forward", rule("drop", ("mark", [[7, 0xFF]])))
    return builder.finish()


def assert_counted(judge: Firewall) -> None:
    """Each tally has as many connections as say so, and these are in the table and not closed."""
    counted: Counter[int] = Counter()
    alive: dict[int, Tally] = {}
    for connection in judge.conntrack.table.connections():
        joined = connection.extension.tallies if connection.extension is not None else None
        for tally in joined or ():
            assert not connection.is_closed()
            counted[id(tally)] += 1
            alive[id(tally)] = tally
    for tallies in judge.ruleset.memory.tallies.values():
        for key, tally in tallies.of_key.items():
            assert tally.key == key
            assert tally.connections == counted[id(tally)] > 0
    for number, tally in alive.items():
        assert tally.connections == counted[number]
        assert tally.tallies.of_key[tally.key] is tally


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_counted_is_in_the_table_through_reloads_drops_and_a_full_table(seed: int) -> None:
    chance, real = random.Random(seed), corpus()
    judge = Firewall(ruleset([1, 2], None), Conntrack(Settings(maximum=60)))
    now = 0.0
    for number in range(PACKETS):
        now += chance.choice((0.0, 0.1, 1.0, 20.0))
        data = chance.choice(real)
        if chance.random() < 0.2:
            data = mutated(data, chance)
        judge.handle(data, PacketMeta(mark=chance.choice((0, 0, 0, 7))), now)
        judge.conntrack.expire(now, chance.choice((0, 3, 100)))
        if number % 50 == 0:
            before = judge.ruleset
            judge.ruleset = ruleset(chance.sample(range(1, 6), 3), before.memory)
            before.memory.leave_to(judge.ruleset.memory)
            assert_counted(judge)
    judge.conntrack.expire(now + 1e6, 1 << 20)
    assert all(not one.of_key for one in judge.ruleset.memory.tallies.values())


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 20), st.booleans()), max_size=60),
    st.integers(1, 4),
    st.sampled_from((0.0, 5.0, 30.0)),
    st.integers(1, 4),
)
def test_a_list_is_that_of_one_who_writes_everything_down(
    steps: list[tuple[int, float, bool]], hits: int, within: float, room: int
) -> None:
    """(host, wait, whether it is asked with an update, or else set)."""
    recent = RecentList(32, 128, room, hits)
    match = RecentMatch(False, recent, False, within, hits)
    match.update = True
    target = RecentSetTarget(recent, False)
    written: dict[int, list[float]] = {}
    now = 0.0
    for host, wait, asks in steps:
        now += wait
        meta = PacketMeta()
        meta.arrived = now
        packet = parse(wire.ip(bytes((10, 0, 0, host)), wire.SERVER4, wire.UDP, wire.udp()), meta)
        stamps = written.get(host)
        if asks:
            since = [one for one in stamps or () if not within or one >= now - within]
            is_met = len(since) >= hits
            assert match.matches(packet, CtInfo(0), 0) == is_met
            if not is_met:
                continue
        else:
            target.apply(packet, CtInfo(0), Effects(0), now)
        if stamps is None and len(written) == room:
            del written[min(written, key=lambda one: written[one][-1])]
        # The last to be seen stands last, also of those seen at the same time.
        written[host] = [*written.pop(host, []), now]
        written = dict(sorted(written.items(), key=lambda entry: entry[1][-1]))
    assert list(recent.entries) == [bytes((10, 0, 0, host)) for host in written]
