"""Counters with names."""

from __future__ import annotations

from firewalld_py.conntrack.connection import NEW, UNTRACKED, CtInfo
from firewalld_py.rules.counters import Counter, CountTarget
from firewalld_py.rules.targets import Effects
from tests.plans import firewall, plan, rule
from tests.segments import datagram


def test_a_packet_and_its_octets_are_added_connection_or_not() -> None:
    counter = Counter()
    packets = [datagram(payload=bytes(size)) for size in (0, 10)]
    for packet, state in zip(packets, (NEW, UNTRACKED), strict=True):
        CountTarget(counter).apply(packet, CtInfo(state), Effects(0), 0.0)
    assert (counter.packets, counter.octets) == (2, sum(packet.length for packet in packets))


def test_several_rules_add_to_one_counter() -> None:
    rules = [
        rule("continue", targets=[("count", "all"), ("count", "seen")]),
        rule("accept", targets=[("count", "all")]),
    ]
    made = firewall(plan(rules, prerouting=[rule("continue", targets=[("count", "seen")])]))
    packet = datagram()
    made.handle(packet.data, packet.meta, 0.0)
    counters = made.ruleset.memory.counters
    assert {name: counter.packets for name, counter in counters.items()} == {"all": 2, "seen": 2}
    assert counters["all"].octets == 2 * packet.length
