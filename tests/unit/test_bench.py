"""The bench's arithmetic and its rule sets; what it measures is for `make bench`."""

from __future__ import annotations

import math

import pytest

from bench import core, large_rules, million, packets, sets
from bench.policies import rules
from bench.report import Section, number, table
from bench.rounds import Spread, percentile, ratio, spread, take_turns
from firewalld_py.conntrack.connection import NEW, CtInfo
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK
from firewalld_py.policy.load import parse_rules
from firewalld_py.rules.verdicts import ACCEPT


def test_contestants_take_turns_and_none_is_always_first() -> None:
    order: list[str] = []

    def contestant(name: str) -> float:
        order.append(name)
        return float(len(order))

    samples = take_turns({name: lambda name=name: contestant(name) for name in "AB"}, 3)  # type: ignore[misc]
    assert "".join(order) == "ABBAAB"
    assert samples == {"A": [1.0, 4.0, 5.0], "B": [2.0, 3.0, 6.0]}


def test_a_ratio_is_taken_within_each_round() -> None:
    # The second round was twice as slow for both: that changes no ratio.
    samples = {"daemon": [100.0, 50.0, 90.0], "floor": [200.0, 100.0, 90.0]}
    assert ratio(samples, "daemon", "floor") == Spread(0.5, 0.5, 1.0)


def test_a_ratio_to_nothing_is_no_number() -> None:
    samples = {"daemon": [3.0, 3.0], "floor": [0.0, -1.0]}
    assert math.isnan(ratio(samples, "daemon", "floor").median)
    with pytest.raises(ValueError, match="no samples"):
        spread([])


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0)]
)
def test_a_percentile_is_a_sample(share: float, expected: float) -> None:
    assert percentile([float(sample) for sample in range(100, 0, -1)], share) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.8, "1 234 568"), (99.94, "99.9"), (1.004, "1.00"), (0.0034, "0.0034")],
)
def test_numbers_keep_the_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_the_table_shows_the_goal_beside_the_ratio_and_passes_no_judgement() -> None:
    section = Section("Packets")
    samples = {"daemon": [30.0, 50.0], "floor": [100.0, 100.0]}
    section.add(samples, "packets/s")
    section.compare(samples, "daemon", "floor", "at least 1.0")
    row = table([section]).splitlines()[-1].split()
    assert " ".join(row) == "daemon / floor 0.40 (0.30 - 0.50) goal at least 1.0"


@pytest.mark.parametrize("answers_first", [False, True])
def test_rule_sets_have_their_size_and_no_fault(answers_first: bool) -> None:
    policy, problems = parse_rules(rules(1000, answers_first), "bench")
    assert (policy is None, problems) == (False, [])
    assert policy is not None
    chain = next(chain for chain in policy.chains if chain.name == "forward")
    assert len(chain.rules) == 1002 + answers_first


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_the_measured_packets_meet_the_last_rules_only(kind: str) -> None:
    firewall, traffic = core.established(kind, 32)
    firewall.ruleset = core.build(100)
    for data, meta in traffic:
        decision = firewall.handle(data, meta, 2.0)
        assert decision.rule is not None
        assert decision.rule.name in {"through", "back"}
    assert firewall.conntrack.table.size == 32


def test_the_measured_packets_are_whole() -> None:
    for data, meta in packets.udp_opening(0) + packets.tcp_opening(70_000):
        assert parse(data, meta).fault == OK


def test_the_million_is_measured_of_tables_of_both_sizes() -> None:
    found = million.figures(2 * million.FEW)
    assert set(found.nanoseconds) == {
        f"{what}, {whom}"
        for what in ("handle", "find")
        for whom in (million.OF_FEW, million.FEW_OF_MANY, million.ALL_OF_MANY)
    }
    assert {len(samples) for samples in found.nanoseconds.values()} == {million.PASSES}
    assert min(min(samples) for samples in found.nanoseconds.values()) > 0


@pytest.mark.parametrize("family", [4, 6])
def test_the_networks_of_a_bench_are_looked_up_and_miss_its_own_hosts(family: int) -> None:
    ruleset, took = sets.loaded(300, family)
    assert ruleset.sets["blocked"].static_count() == 300
    assert sets.octets(ruleset) > 300 * 9
    assert all(seconds >= 0 for seconds in took.values())
    for data, meta in packets.udp_opening(1):
        packet = parse(data, meta)
        assert not ruleset.sets["blocked"].contains(packet.src, 0.0)
        chain = ruleset.filter_forward
        assert chain.evaluate(packet, CtInfo(NEW), 0, 0.0).verdict == ACCEPT


def test_putting_large_rules_in_force_takes_what_is_allowed() -> None:
    """Ten times the goal: other processes may take their share of the machine."""
    figures = large_rules.measure(1)
    assert len(figures) == 4
    for name, (figure,) in figures.items():
        assert 0 < figure < (20_000 if name.endswith("ms") else 200)
