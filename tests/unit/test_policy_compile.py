"""The plan: the shapes that the rule engine is built from."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config, LogConfig, RejectConfig
from firewalld_py.policy.load import load_rules
from firewalld_py.rules.build import build_ruleset
from tests.unit.policy_texts import FILE, in_chain, parsed

CONFIG = Config(log=LogConfig(rate=3.0, burst=4), reject=RejectConfig(rate=5.0, burst=6))


def plan_of(text: str) -> dict[str, Any]:
    plan = compile_policy(parsed(text), CONFIG)
    assert json.loads(json.dumps(plan)) == plan
    build_ruleset(plan)
    return plan


def compiled(rule: str, chain: str = "filter/forward") -> dict[str, Any]:
    """The one rule of a chain as the plan has it."""
    table, name = chain.split("/")
    plan = plan_of(in_chain(chain, rule))
    rules = plan[table][name]["rules"] if table == "filter" else plan[table][name]
    assert len(rules) == 1
    found: dict[str, Any] = rules[0]
    return found


def test_all_five_chains_are_always_there() -> None:
    empty = {"policy": "accept", "rules": []}
    assert plan_of("version: 1\n") == {
        "interfaces": [],
        "raw": {"prerouting": [], "output": []},
        "filter": {"input": empty, "forward": empty, "output": empty},
    }


def test_a_whole_rule() -> None:
    rule = compiled(
        "{name: x, state: new, proto: tcp, dport: [22, 23], src: 10.0.0.0/8, "
        "action: {reject: tcp-reset}}"
    )
    assert rule == {
        "name": "x",
        "file": FILE,
        "line": 5,
        "match": [
            ["state", False, 1],
            ["proto", False, [6]],
            ["dport", False, [[22, 23]]],
            ["src", False, [["0a000000", "0affffff"]]],
        ],
        "log": None,
        "targets": [],
        "template": None,
        "verdict": "reject",
        "reject": {"with": "tcp-reset", "rate": 5.0, "burst": 6},
    }


@pytest.mark.parametrize(
    ("rule", "match"),
    [
        ("{action: drop}", []),
        ("{state: [new, invalid], action: drop}", [["state", False, 9]]),
        ("{family: ipv6, action: drop}", [["family", False, 6]]),
        ("{in: lan0, out: ppp*, action: drop}", [["in", False, 1], ["out", False, 2]]),
        ("{in: [a, b], not: {out: [c, a]}, action: drop}", [["in", False, 3], ["out", True, 5]]),
        ("{dport: 53, action: drop}", [["dport", False, [[53, 53]]]]),
        ("{dport: 0-65535, action: drop}", [["dport", False, [[0, 65535]]]]),
        (
            "{src: ['::1', 10.0.0.1, 10.0.0.0], action: drop}",
            [["src", False, [["0a000000", "0a000001"], ["0" * 31 + "1", "0" * 31 + "1"]]]],
        ),
        (
            "{icmp: [8, port-unreachable], action: drop}",
            [["proto", False, [1]], ["icmp", False, [[1, 8, 0, 255], [1, 3, 3, 3]]]],
        ),
        (
            "{not: {icmpv6: 128}, action: drop}",
            [["proto", False, [58]], ["icmp", True, [[58, 128, 0, 255]]]],
        ),
        (
            "{flags: syn, tcp_flags: {mask: ece, value: ece}, action: drop}",
            [
                ["proto", False, [6]],
                ["tcp_flags", False, [[23, 2]]],
                ["tcp_flags", False, [[64, 64]]],
            ],
        ),
        (
            "{flags: syn, proto: tcp, action: drop}",
            [["proto", False, [6]], ["tcp_flags", False, [[23, 2]]]],
        ),
        (
            "{flags: syn, not: {proto: udp}, action: drop}",
            [["proto", True, [17]], ["proto", False, [6]], ["tcp_flags", False, [[23, 2]]]],
        ),
        ("{mark: 0x1/0xff, action: drop}", [["mark", False, [[1, 255]]]]),
        ("{not: {connmark: 1}, action: drop}", [["connmark", True, [[1, 0xFFFFFFFF]]]]),
        ("{label: [3, 127], action: drop}", [["label", False, [3, 127]]]),
        ("{zone: 7, action: drop}", [["zone", False, [7]]]),
        ("{not: {src: 10.0.0.1}, action: drop}", [["src", True, [["0a000001", "0a000001"]]]]),
    ],
)
def test_matches(rule: str, match: list[object]) -> None:
    assert compiled(rule)["match"] == match


@pytest.mark.parametrize(
    "rule",
    [
        "{state: [new, established, related, invalid, untracked], action: drop}",
        "{src: [0.0.0.0/0, '::/0'], action: drop}",
        "{dst: [0.0.0.0/1, 128.0.0.0/1, '::/1', '8000::/1'], action: drop}",
        "{mark: 0/0, action: drop}",
    ],
)
def test_what_every_packet_passes_is_left_out(rule: str) -> None:
    assert compiled(rule)["match"] == []


def test_all_ipv4_is_not_every_packet() -> None:
    match = compiled("{src: 0.0.0.0/0, action: drop}")["match"]
    assert match == [["src", False, [["00000000", "ffffffff"]]]]


def test_selective_matches_come_first() -> None:
    rule = compiled(
        "{mark: 1, dst: 10.0.0.2, src: 10.0.0.1, sport: 1, dport: 2, out: b, in: a, family: 4, "
        "flags: syn, state: new, action: drop}"
    )
    assert [kind for kind, _, _ in rule["match"]] == [
        "state",
        "proto",
        "family",
        "in",
        "out",
        "dport",
        "sport",
        "src",
        "dst",
        "tcp_flags",
        "mark",
    ]


@pytest.mark.parametrize(
    ("rule", "key", "value"),
    [
        ("{log: true}", "log", {"prefix": "", "level": 4, "rate": 3.0, "burst": 4}),
        (
            "{log: {prefix: 'x ', limit: 1/minute, burst: 9, level: debug}}",
            "log",
            {"prefix": "x ", "level": 7, "rate": 1 / 60, "burst": 9},
        ),
        ("{log: true}", "verdict", "continue"),
        ("{action: {mark: 0x10/0xf0}}", "targets", [["mark", [16, 240]]]),
        ("{action: [{mark: 1}, accept]}", "targets", [["mark", [1, 0xFFFFFFFF]]]),
        (
            "{action: [{label: [3, 5]}, {connmark: 2/3}, {mark: 1/1}]}",
            "targets",
            [["label", [3, 5]], ["connmark", [2, 3]], ["mark", [1, 1]]],
        ),
        ("{action: [{mark: 1}, accept]}", "verdict", "accept"),
        ("{action: reject}", "reject", {"with": "port-unreachable", "rate": 5.0, "burst": 6}),
        ("{action: drop}", "reject", None),
    ],
)
def test_actions(rule: str, key: str, value: object) -> None:
    assert compiled(rule)[key] == value


def test_raw_rules_are_plain_lists() -> None:
    assert compiled("{proto: udp, dport: 53, action: notrack}", "raw/prerouting")["verdict"] == (
        "notrack"
    )


def test_an_interface_has_one_bit_in_all_chains() -> None:
    plan = plan_of(
        "version: 1\n"
        "raw: {prerouting: [{in: wan0, action: drop}]}\n"
        "filter: {forward: {rules: [{in: lan0, out: wan0, action: drop}]}}\n"
    )
    assert plan["interfaces"] == ["wan0", "lan0"]
    assert plan["filter"]["forward"]["rules"][0]["match"] == [["in", False, 2], ["out", False, 1]]


def test_ten_thousand_rules_are_loaded_and_compiled_in_three_seconds(tmp_path: Path) -> None:
    rules = [
        f"{{name: r{n}, in: lan0, out: wan0, src: 10.{n % 250}.{n // 250}.0/24, proto: tcp, "
        f"dport: [{n + 1}, 80], state: new, action: accept}}"
        for n in range(10_000)
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(in_chain("filter/forward", *rules))
    start = time.process_time()
    plan = compile_policy(load_rules(path), CONFIG)
    assert time.process_time() - start < 3
    assert len(plan["filter"]["forward"]["rules"]) == 10_000


def test_zone_0_is_another_word_than_none() -> None:
    zones = [
        compiled(f"{{action: {action}}}", "raw/output")["template"]["zone"]
        for action in ("{zone: 0}", "{zone: 3}", "{timeout: {udp_timeout: 9s}}")
    ]
    assert zones == [0, 3, None]
