"""What outlives a reload."""

from __future__ import annotations

from typing import Any

from firewalld_py.conntrack.connection import Tally
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.build import RulesetBuilder
from firewalld_py.rules.memory import Memory
from firewalld_py.rules.ruleset import Ruleset
from tests import wire
from tests.plans import firewall, plan, rule

SSH = ["ssh", 32, 128, 100, 4]


def seen(memory: Memory, name: str = "ssh", **more: Any) -> Any:
    values = {"mask_v4": 32, "mask_v6": 128, "maximum": 10, "times": 1, **more}
    return memory.recent_list(name, *values.values())


def test_a_name_is_the_same_thing_in_all_rules() -> None:
    memory = Memory()
    assert memory.counter("a") is memory.counter("a")
    assert memory.counter("a") is not memory.counter("b")
    assert seen(memory) is seen(memory)
    assert memory.tallies_of("x") is memory.tallies_of("x")


def test_the_next_rule_set_goes_on_with_what_it_names_and_forgets_the_rest() -> None:
    first = Memory()
    first.counter("kept").packets = 7
    first.counter("gone").packets = 8
    kept, gone = seen(first), seen(first, "gone")
    tallies = first.tallies_of("x")
    Tally(b"k", tallies).enter()
    first.complete()
    second = Memory(first)
    assert second.counter("kept") is first.counters["kept"]
    assert seen(second, maximum=20, times=5) is kept
    assert second.tallies_of("x") is tallies
    assert (kept.maximum, kept.times) == (10, 1), "not before the rule set is whole"
    second.complete()
    assert (kept.maximum, kept.times) == (20, 5)
    assert second.counter("gone").packets == 0
    dropped = first.tallies_of("gone")
    first.leave_to(second)
    assert first.recent == {"gone": gone}
    assert (tallies.in_force, dropped.in_force) == (True, False)


def test_a_list_with_other_masks_begins_anew() -> None:
    first = Memory()
    assert seen(Memory(first), mask_v4=24) is not seen(first)
    assert seen(Memory(first), mask_v6=64) is not seen(first)


def test_lists_that_nobody_asks_are_freed_a_little_at_a_time() -> None:
    memory = Memory()
    for name in ("a", "b"):
        found = seen(memory, name, maximum=1000)
        for number in range(10):
            found.entries[bytes((number,))] = found
    assert memory.release(8) == 0
    assert memory.release(8) == 0
    assert sum(len(found.entries) for found in memory.recent.values()) == 5
    assert memory.release(8) == 2
    assert not memory.recent
    assert memory.release(8) == 8


def rules(*, extra: bool) -> list[Any]:
    """Three of this address's connections are one too many; and it is noted."""
    made = [
        rule("drop", ("connections", [True, 2, False, 32, 128, "by"]), targets=[("count", "no")]),
        rule("drop", ("recent", [SSH, False, 10, 2, False, False, False, False]), name="often"),
        rule("accept", targets=[("count", "yes"), ("recent_set", [SSH, False])]),
    ]
    return [rule("continue", ("proto", [99])), *made] if extra else made


def reloaded(judge: Firewall, made: list[Any]) -> Ruleset:
    policies = dict.fromkeys(("input", "forward", "output"), "accept")
    builder = RulesetBuilder([], policies, earlier=judge.ruleset.memory)
    for one in made:
        builder.add("filter/forward", one)
    return builder.finish()


def test_a_reload_goes_on_counting_where_the_rules_before_stopped() -> None:
    """At the third packet there are two connections, at the fourth the first has timed out."""
    judge = firewall(plan(rules(extra=False)))
    verdicts = []
    for port, now in ((1, 0.0), (2, 20.0), (3, 21.0), (3, 40.0)):
        if port == 3:
            before = judge.ruleset
            judge.ruleset = reloaded(judge, rules(extra=True))
            before.memory.leave_to(judge.ruleset.memory)
            while not before.release(50):
                pass
        data = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(sport=port))
        judge.conntrack.expire(now, 1000)
        verdicts.append(judge.handle(data, PacketMeta(), now).verdict_name())
    judge.conntrack.expire(100.0, 1000)
    assert verdicts == ["accept", "accept", "drop", "accept"]
    counters = judge.ruleset.memory.counters
    assert (counters["yes"].packets, counters["no"].packets) == (3, 1)
    assert list(judge.ruleset.memory.tallies["by"].of_key) == []
