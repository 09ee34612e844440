"""What is told of sets where a packet is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from firewalld_py.policy.explain import Explanation
from firewalld_py.rules.set_table import FOREVER
from tests.unit.test_policy_explain import World

RULES = """version: 1
sets:
  blocked: {type: address, elements: 192.0.2.7}
  ports: {type: port, elements: [22, "icmp:echo-request"]}
  pairs: {type: [address, port], elements: [[203.0.113.9, tcp:80]]}
  ifs: {type: interface, elements: wan0}
  macs: {type: mac}
filter:
  forward:
    policy: drop
    rules:
"""
TCP = "in=lan0 out=wan0 src=10.1.0.5 dst=203.0.113.9 proto=tcp dport=80"
PING = "in=lan0 out=wan0 src=10.1.0.5 dst=203.0.113.9 proto=icmp icmp=echo-request"


def world(path: Path, *rules: str) -> World:
    return World(path / "rules.yaml", RULES + "".join(f"      - {rule}\n" for rule in rules))


def told(explanation: Explanation) -> list[tuple[str, str]]:
    """Condition and what was found of each rule that was tried; its action where it was met."""
    return [
        ("met", one.action) if one.met else (one.condition, one.found) for one in explanation.tried
    ]


@pytest.mark.parametrize(
    ("rule", "line", "condition", "found"),
    [
        ("{src: $blocked, action: drop}", TCP, "src $blocked", "10.1.0.5 is not in set blocked"),
        ("{dport: $ports, action: drop}", TCP, "dport $ports", "tcp:80 is not in set ports"),
        (
            "{not: {dport: $ports}, action: drop}",
            *(PING, "not dport $ports", "icmp:echo-request/0 is in set ports"),
        ),
        (
            "{not: {set: {name: pairs, of: [dst, dport]}}, action: drop}",
            *(TCP, "not set {name: pairs, of: dst, dport}"),
            "203.0.113.9,tcp:80 is in set pairs",
        ),
        ("{in: $ifs, action: drop}", TCP, "in $ifs", "lan0 is not in set ifs"),
        (
            "{source_mac: $macs, action: drop}",
            *(TCP, "source_mac $macs", "the packet has no Ethernet source"),
        ),
    ],
)
def test_what_a_packet_has_where_a_set_is_asked(
    tmp_path: Path, rule: str, line: str, condition: str, found: str
) -> None:
    assert told(world(tmp_path, rule).explain(line)) == [(condition, found)]


def test_sets_are_told_as_they_were_when_the_rule_was_asked(tmp_path: Path) -> None:
    asked = world(
        tmp_path,
        "{src: $blocked, action: drop}",
        "{action: {add: {set: blocked, of: src, for: 10m}}}",
        "{not: {src: $blocked}, action: drop}",
        "{action: {remove: {set: blocked, of: src}}}",
        "{src: $blocked, action: drop}",
    )
    not_in = ("src $blocked", "10.1.0.5 is not in set blocked")
    expected = [
        not_in,
        ("met", "add src to set blocked for 10m"),
        ("not src $blocked", "10.1.0.5 is in set blocked"),
        ("met", "remove src from set blocked"),
        not_in,
    ]
    for _packet in range(2):
        assert told(asked.explain(TCP)) == expected


def test_what_a_packet_leaves_in_a_set_is_there_for_the_next(tmp_path: Path) -> None:
    asked = world(
        tmp_path,
        "{src: $blocked, action: drop}",
        "{action: [{add: {set: blocked, of: src}}, drop]}",
    )
    blocked = asked.firewall.ruleset.sets["blocked"]
    stays = bytes((198, 51, 100, 1))
    blocked.add(stays, b"\x20", FOREVER, 0.0)
    assert [word for word, _ in told(asked.explain(TCP))] == ["src $blocked", "met"]
    assert [word for word, _ in told(asked.explain(TCP))] == ["met"]
    assert blocked.contains(stays, 0.0)
    assert blocked.dynamic.count == 2
