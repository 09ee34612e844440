"""Regions: what rules' conditions mean, together and without each other."""

from __future__ import annotations

from firewalld_py.policy.interface_names import Interfaces
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.region import EVERYWHERE, NOWHERE, Region, region_of
from firewalld_py.policy.witness_candidates import interfaces_of


def regions(*rules: str) -> list[Region]:
    text = f"version: 1\nfilter: {{forward: {{rules: [{', '.join(rules)}]}}}}"
    policy, problems = parse_rules(text, "rules.yaml")
    assert policy is not None, problems
    interfaces = interfaces_of([policy])
    return [region_of(rule.matches, interfaces) for rule in policy.chains[0].rules]


def test_conditions_that_contradict_each_other_leave_nothing() -> None:
    for rule in (
        "{src: 10.1.0.0/24, not: {src: 10.0.0.0/8}, action: drop}",
        "{dport: 80, not: {dport: 1-100}, action: drop}",
        "{proto: tcp, dport: 80, not: {proto: tcp}, state: new, action: drop}",
        '{in: lan0, not: {in: "lan*"}, action: drop}',
        "{flags: syn, not: {tcp_flags: SYN,ACK SYN}, action: drop}",
        "{icmp: echo-request, not: {icmp: [echo-request, echo-reply]}, action: drop}",
        '{src: 10.1.0.5, dst: "fd00::5", action: drop}',
    ):
        policy, problems = parse_rules(
            f"version: 1\nfilter: {{forward: {{rules: [{rule}]}}}}", "rules.yaml"
        )
        if policy is None:
            assert problems  # the loader refuses it already
        else:
            assert regions(rule)[0].empty(), rule


def test_of_other_conditions_the_opposite_contradicts_if_it_is_steady() -> None:
    (region,) = regions("{mark: 0x1, not: {mark: 0x1}, action: drop}")
    assert region.empty({"mark"})
    assert not region.empty()


def test_both_and_neither() -> None:
    web, tcp, udp = regions(
        "{proto: tcp, dport: 80, action: drop}",
        "{proto: tcp, action: drop}",
        "{proto: udp, action: drop}",
    )
    assert web.less(tcp) == []
    assert tcp.less(web) != []
    assert web.apart(udp)
    assert not web.apart(tcp)
    assert web.also(tcp) == web
    assert web.also(udp) == NOWHERE
    assert EVERYWHERE.also(web) == web


def test_what_has_no_port_is_not_asked_for_one() -> None:
    tcp, any_port = regions(
        "{proto: tcp, action: drop}", "{proto: tcp, dport: 0-65535, action: drop}"
    )
    assert any_port.less(tcp) == []
    assert tcp.less(any_port) != []  # a TCP header that is cut short


def test_ranges_side_by_side_are_one() -> None:
    both, low, high = regions(
        "{src: 10.1.0.0/24, action: drop}",
        "{src: 10.1.0.0/25, action: drop}",
        "{src: 10.1.0.128/25, action: drop}",
    )
    assert [piece.less(high) for piece in both.less(low)] == [[]]


def test_every_pattern_has_a_name_of_its_own() -> None:
    interfaces = Interfaces(["lan0", "wan*", "wan0", "wan1", "wan10*", "lo"])
    assert sorted(interfaces.names[: interfaces.other])[:2] == ["lan0", "lo"]
    wide, narrow = interfaces.numbers(("wan*",)), interfaces.numbers(("wan10*",))
    assert sum(high - low + 1 for low, high in wide) == 4
    assert sum(high - low + 1 for low, high in narrow) == 1
    assert len(interfaces.names) == interfaces.other + 1  # and one that fits none


def test_where_every_interface_fits_there_is_no_other() -> None:
    interfaces = Interfaces(["*", "lan0"])
    assert len(interfaces.names) == interfaces.other == 2
    (low, high), *_rest = interfaces.numbers(("*",))
    assert (low, high > 1000) == (0, True)
