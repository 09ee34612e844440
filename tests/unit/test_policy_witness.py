"""Candidates: made from what rules ask for, judged by the firewall."""

from __future__ import annotations

import pytest

from firewalld_py.policy.bench import Bench, run, state_of
from firewalld_py.policy.config import Config
from firewalld_py.policy.lint_reach import asks_empty_set
from firewalld_py.policy.load import load_rules, parse_rules
from firewalld_py.policy.model import Policy
from firewalld_py.policy.witness_candidates import candidates, interfaces_of
from tests.project import ROOT

SHIPPED = sorted([ROOT / "config/rules.yaml", *(ROOT / "config/examples").glob("*.yaml")])
OPEN = "{state: [established, related], action: accept}"


def policy_of(*rules: str, raw: str = "") -> Policy:
    text = f"version: 1\nraw: {{prerouting: [{raw}]}}\n"
    text += f"filter: {{forward: {{policy: drop, rules: [{', '.join(rules)}]}}}}"
    policy, problems = parse_rules(text, "rules.yaml")
    assert policy is not None, problems
    return policy


def hits(policy: Policy) -> list[int]:
    """How often candidates met each rule of forward."""
    interfaces = interfaces_of([policy])
    bench = Bench(policy, Config(), interfaces)
    for candidate in candidates([policy], interfaces, 20_000):
        bench.run(candidate)
    return [rule.hits for rule in bench.ruleset.filter_forward.rules]


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_every_rule_that_is_shipped_is_met(path: object) -> None:
    policy = load_rules(str(path))
    interfaces = interfaces_of([policy])
    bench = Bench(policy, Config(), interfaces)
    for candidate in candidates([policy], interfaces):
        bench.run(candidate)
    built = {f"{one.table}/{one.name}": one.rules for one in bench.ruleset.chains()}
    rules = [
        (rule, built[f"{chain.table}/{chain.name}"][number])
        for chain in policy.chains
        for number, rule in enumerate(chain.rules)
        if not asks_empty_set(policy, rule)
    ]
    assert len(rules) > 5
    assert [rule.name for rule, one in rules if not one.hits] == []


@pytest.mark.parametrize(
    "condition",
    [
        "src: 192.0.2.9, dst: 192.0.2.77",
        'src: "fd00::/64"',
        "in: lan0, out: wan0, proto: udp, sport: 123, dport: 123",
        'not: {in: "wan*"}, proto: tcp',
        "icmp: [redirect/host]",
        "icmpv6: packet-too-big",
        "tcp_flags: {mask: [fin, psh], value: [fin, psh]}",
        "not: {flags: syn}",
        "length: 1000-1001, ttl: 3",
        "dscp: ef",
        "mark: [0x10/0xf0], not: {mark: 0x10}",
        "proto: tcp, mss: 500-600",
        "proto: udp, payload: {at: 3, octets: 0x0102}",
        "proto: tcp, contains: {text: GET, to: 100}",
        "state: new, original_dst: 192.0.2.0/28, connection_proto: udp, reply_sport: 9",
        "state: established, direction: original",
        "state: established, direction: reply, proto: udp",
        "state: established, icmp: echo-reply",
        "state: related, icmp: destination-unreachable",
        "state: invalid, proto: tcp",
        "state: invalid, icmpv6: echo-reply",
        "state: untracked, icmpv6: neighbour-solicitation",
        "state: untracked, proto: udp, dport: 53",
        "status: seen-reply",
        "proto: sctp, dport: 9",
        "limit: 1/hour",
    ],
)
def test_a_packet_is_found_that_meets(condition: str) -> None:
    raw = "{proto: udp, dport: 53, action: notrack}"
    assert hits(policy_of(f"{{{condition}, action: accept}}", raw=raw))[0] > 0


def test_each_state_is_really_had() -> None:
    policy = policy_of(
        OPEN, "{in: lan0, state: new, action: accept}", raw="{dport: 99, action: notrack}"
    )
    interfaces = interfaces_of([policy])
    bench = Bench(policy, Config(), interfaces)
    found = {state_of(bench.run(one)) for one in candidates([policy], interfaces)}
    assert found == {"new", "established", "related", "invalid", "untracked"}


def test_edges_are_tried_inside_and_outside() -> None:
    policy = policy_of("{proto: tcp, dport: 100-200, src: 10.1.0.8/30, action: accept}")
    every = list(candidates([policy], interfaces_of([policy])))
    assert {99, 100, 200, 201} <= {one.last.words.dport for one in every}
    sources = {one.last.words.src for one in every}
    assert {bytes([10, 1, 0, number]) for number in (7, 8, 11, 12)} <= sources


def test_a_connection_may_stand_from_before() -> None:
    policy = policy_of(OPEN)  # nothing is ever NEW here
    interfaces = interfaces_of([policy])
    bench = Bench(policy, Config(), interfaces)
    found = [one for one in candidates([policy], interfaces) if one.state == "established"]
    found = [one for one in found if one.last.chain == "forward"]
    accepted = [
        one for one in found if (made := run(bench, one)) and made.verdict_name() == "accept"
    ]
    assert accepted
    assert all(one.opened for one in accepted)


def test_they_are_always_the_same_and_no_more_than_asked_for() -> None:
    policy = policy_of(OPEN, "{src: 10.0.0.0/8, dport: [22, 80, 443], action: accept}")
    interfaces = interfaces_of([policy])
    every = list(candidates([policy], interfaces))
    assert every == list(candidates([policy], interfaces))
    assert len(every) == len(set(every))
    assert list(candidates([policy], interfaces, 7)) == every[:7]
