"""What remembers, in the rule language: connections by address, lists of addresses, counters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.matches_connlimit import count_name
from firewalld_py.policy.model import Recent, Target
from firewalld_py.policy.recent import ADDRESSES, MAX_COUNTERS, MAX_LISTS
from firewalld_py.policy.trial import run_tests
from tests.unit.policy_texts import assert_problems, in_chain, one_rule, parsed
from tests.unit.test_policy_explain import World

ALL_4, ALL_6 = 32, 128
FILL = "{action: {recent_set: ssh}}"


def planned(*rules: str) -> list[Any]:
    """The rules of filter/forward as the plan has them."""
    plan = compile_policy(parsed(in_chain("filter/forward", *rules)), Config())
    found: list[Any] = plan["filter"]["forward"]["rules"]
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{over: 10}", (True, 10, False, ALL_4, ALL_6)),
        ("{up_to: 1, per: dst}", (False, 1, True, ALL_4, ALL_6)),
        ("{over: 4294967295, mask: 0, mask6: 64}", (True, 2**32 - 1, False, 0, 64)),
    ],
)
def test_how_many_connections(text: str, value: object) -> None:
    assert one_rule(f"{{connections: {text}, action: drop}}").matches[0].value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ssh", Recent("ssh")),
        ("{list: ssh}", Recent("ssh")),
        ("{list: ssh, of: dst, within: 1m, hits: 4}", Recent("ssh", True, 60, 4)),
        ("{list: ssh, update: true, same_ttl: on}", Recent("ssh", update=True, same_ttl=True)),
        ("{list: ssh, within: 5, reap: yes}", Recent("ssh", within_s=5, reap=True)),
        ("{list: ssh, remove: true}", Recent("ssh", remove=True)),
        ("{list: ssh, mask: 24, mask6: 64, max: 9}", Recent("ssh", mask=24, mask6=64, max=9)),
    ],
)
def test_what_is_asked_of_a_list(text: str, value: Recent) -> None:
    policy = parsed(in_chain("filter/forward", f"{{recent: {text}, action: drop}}", FILL))
    assert policy.chains[0].rules[0].matches[0].value == value


def test_what_is_done_with_lists_and_counters_in_any_table() -> None:
    for chain in ("raw/prerouting", "filter/output"):
        rule = one_rule(
            "{action: [{recent_set: {list: a, of: dst}}, {recent_remove: a}, {recent_set: c}, "
            "{count: x}, {count: y}]}",
            chain,
        )
        assert rule.action.targets == (
            Target("recent_set", Recent("a", True)),
            Target("recent_remove", Recent("a")),
            Target("recent_set", Recent("c")),
            Target("count", "x"),
            Target("count", "y"),
        )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "{connections: §10, action: drop}",
            "connections: expected {over: NUMBER} or {up_to: N",
        ),
        (
            "{connections: §{over: 1, up_to: 2}, action: drop}",
            "connections: expected one of over",
        ),
        ("{connections: §{per: src}, action: drop}", "connections: expected one of over and up_to"),
        ("{connections: {over: §0}, action: drop}", "over: expected a number from 1 to 4294967295"),
        ("{connections: {§above: 3}, action: drop}", "unknown key 'above' in connections => over"),
        ("{connections: {over: 3, per: §source}, action: drop}", "per: expected src or dst"),
        (
            "{connections: {over: 3, mask: §33}, action: drop}",
            "mask: expected a number from 0 to 3",
        ),
        ("{connections: §[], action: drop}", "connections: expected connections as a mapping"),
        ("{§connlimit: 3, action: drop}", "unknown key 'connlimit' in a rule => connections"),
        ("{recent: §'a b', action: drop}", "recent: expected a name of at most 64 characters"),
        ("{recent: §{of: src}, action: drop}", "list is missing in recent: name the list"),
        ("{recent: {list: §, hits: 3}, action: drop}", "list: expected a name"),
        (
            "{recent: {list: ssh, hits: §256}, action: drop}",
            "hits: expected a number from 1 to",
        ),
        ("{recent: {list: ssh, §seconds: 5}, action: drop}", "unknown key 'seconds' in rec"),
        ("{recent: {list: ssh, within: §0}, action: drop}", "within: expected a time from 1"),
        ("{recent: §{list: ssh, remove: on, hits: 2}, action: drop}", "recent: remove takes out"),
        ("{recent: §{list: ssh, reap: true}, action: drop}", "recent: reap needs within"),
        ("{action: {count: §a/b}}", "count: expected a name of at most 64 characters"),
        (f"{{action: {{count: §{'x' * 65}}}}}", "count: expected a name of at most 64 characters"),
        ("{action: [{count: a}, §{count: a}]}", "count stands here twice"),
        ("{action: [{recent_set: ssh}, §{recent_set: ssh}]}", "recent_set stands here twice"),
        ("{action: {§recent: ssh}}", "unknown key 'recent' in an action => recent_set"),
        ("{action: {recent_set: {list: a, §hits: 3}}}", "unknown key 'hits' in a list; known are"),
    ],
)
def test_faults(rule: str, message: str) -> None:
    assert_problems(in_chain("filter/forward", rule, FILL), message)


@pytest.mark.parametrize("chain", ["raw/prerouting", "raw/output"])
def test_connections_are_not_known_in_raw(chain: str) -> None:
    assert_problems(
        in_chain(chain, "{§connections: {over: 1}, action: drop}"),
        "connections is not known in raw",
    )


def test_a_list_that_nobody_fills_is_told_with_the_one_that_was_meant() -> None:
    assert_problems(
        in_chain("filter/forward", "{§recent: shs, action: drop}", FILL),
        "no rule has {recent_set: shs}: nothing is ever in the list => ssh",
    )
    assert_problems(
        in_chain("filter/forward", "{§recent: {list: ssh, update: true}, action: drop}"),
        "no rule has {recent_set: ssh}",
    )
    assert_problems(
        in_chain("raw/output", "§{action: {recent_remove: ssh}}"), "no rule has {recent_set: ssh}"
    )


def test_rules_that_disagree_about_a_list_are_told_where() -> None:
    assert_problems(
        in_chain(
            "filter/forward",
            "{recent: {list: ssh, mask: 24, max: 5}, action: drop}",
            "§{action: [{recent_set: {list: ssh, mask: 16}}, accept]}",
            "{not: {§recent: {list: ssh, max: 6}}, action: drop}",
        ),
        "mask of the list 'ssh' is 24 in line 5, and 16 here",
        "max of the list 'ssh' is 5 in line 5, and 6 here",
    )


def test_lists_and_counters_have_a_bound() -> None:
    rules = [f"{{action: [{{recent_set: l{number}}}, log]}}" for number in range(MAX_LISTS)]
    rules += [f"{{action: {{count: c{number}}}}}" for number in range(MAX_COUNTERS)]
    assert_problems(
        in_chain("raw/output", *rules, "§§{action: [{recent_set: b}, {count: b}]}", rules[0]),
        f"more than {MAX_LISTS} lists",
        f"more than {MAX_COUNTERS} counters",
    )


def test_all_rules_have_what_one_says_of_a_list() -> None:
    ask, fill, other = planned(
        "{recent: {list: a, hits: 3}, action: drop}",
        "{action: {recent_set: {list: a, max: 7, mask: 24}}}",
        "{not: {recent: {list: a, mask6: 64, hits: 2}}, action: [{recent_set: b}, accept]}",
    )
    size = ["a", 24, 64, 7, 3]
    assert ask["match"] == [["recent", False, [size, False, 0, 3, False, False, False, False]]]
    assert fill["targets"] == [["recent_set", [size, False]]]
    assert other["match"] == [["recent", True, [size, False, 0, 2, False, False, False, False]]]
    assert other["targets"] == [["recent_set", [["b", 32, 128, ADDRESSES, 1], False]]]


def test_what_counts_stands_last_and_connections_first_among_it() -> None:
    (made, _fill) = planned(
        "{limit: 1/s, recent: ssh, connections: {over: 3}, src: 10.0.0.0/8, state: new, "
        "action: drop}",
        FILL,
    )
    assert [kind for kind, _, _ in made["match"]] == [
        "state",
        "src",
        "connections",
        "recent",
        "limit",
    ]


def test_a_count_goes_on_under_another_name_and_place_but_not_of_other_conditions() -> None:
    def name(*rules: str, chain: str = "filter/forward") -> str:
        return count_name(parsed(in_chain(chain, *rules)).chains[0].rules[-1])

    rule = "{dport: 22, connections: {over: 3}, action: drop}"
    same = name(rule)
    assert (
        name("{action: log}", "{name: x, connections: {over: 3}, dport: 22, action: log}") == same
    )
    others = {
        name(rule, chain="filter/input"),
        name("{dport: 23, connections: {over: 3}, action: drop}"),
        name("{dport: 22, connections: {over: 4}, action: drop}"),
        name("{dport: 22, not: {connections: {over: 3}}, action: drop}"),
        name("{dport: 22, in: lan0, connections: {over: 3}, action: drop}"),
    }
    assert len(others | {same}) == 6


RULES = """version: 1
filter:
  forward:
    policy: accept
    rules:
      - {proto: udp, dport: 53, connections: {over: 2, mask: 24}, action: drop}
      - {flags: syn, dport: 22, recent: {list: ssh, within: 60s, hits: 2}, action: drop}
      - {flags: syn, dport: 22, action: [{recent_set: ssh}, {count: knocks}, accept]}
"""
DNS = "in=lan0 out=wan0 src=10.1.0.{} dst=203.0.113.9 proto=udp dport=53"
SSH = "in=lan0 out=wan0 src=10.1.0.5 dst=203.0.113.9 proto=tcp dport=22 flags=syn sport={}"


def test_explain_tells_how_many_there_are(tmp_path: Path) -> None:
    world = World(tmp_path / "r.yaml", RULES)
    found = [world.explain(DNS.format(host)).tried[0] for host in (1, 2, 3)]
    assert found[0].condition == "connections {over: 2, mask: 24}"
    assert found[0].found == "10.1.0.0/24 has 1 connection, no more than 2"
    assert found[1].found == "10.1.0.0/24 has 2 connections, no more than 2"
    assert found[2].met


def test_explain_tells_that_an_inverse_has_too_many(tmp_path: Path) -> None:
    text = RULES.replace("{over: 2, mask: 24}", "{up_to: 1, per: dst}")
    world = World(tmp_path / "r.yaml", text.replace("action: drop}", "action: accept}"))
    found = [world.explain(DNS.format(host)).tried[0] for host in (1, 2)]
    assert found[0].met
    assert found[1].found == "203.0.113.9 has 2 connections, more than 1"


def test_explain_tells_how_often_an_address_was_seen(tmp_path: Path) -> None:
    world = World(tmp_path / "r.yaml", RULES)
    found = [world.explain(SSH.format(port)).tried for port in (1, 2, 3)]
    assert found[0][1].found == "10.1.0.5 was not in the list"
    assert found[1][1].found == "10.1.0.5 was seen once within 60 s"
    assert found[0][2].action == "recent_set ssh, count knocks, accept"
    assert found[2][1].met


def test_the_condition_behind_a_count_that_is_met_is_the_one_that_failed(tmp_path: Path) -> None:
    rule = "{connections: {over: 1}, quota: 1, action: drop}"
    world = World(tmp_path / "r.yaml", in_chain("filter/forward", rule))
    first, second = (world.explain(DNS.format(1) + f" sport={port}").tried[0] for port in (5, 6))
    assert first.condition == "connections {over: 1}"
    assert second.condition == "quota 1"


def test_rule_tests_begin_anew_and_count_no_dead() -> None:
    def step(port: int, verdict: str, wait: str = "") -> str:
        packet = (
            f"{{in: lan0, src: 10.1.0.5, dst: 203.0.113.9, proto: udp, dport: 53, sport: {port}}}"
        )
        return f"{{packet: {packet}, expect: {verdict}{wait}}}"

    steps = [step(1, "accept"), step(2, "accept"), step(3, "drop")]
    again = [*steps, step(4, "accept", ", wait: 1h"), step(5, "accept"), step(6, "drop")]
    tests = "".join(
        f"  - {{name: {name}, steps: [{', '.join(these)}]}}\n"
        for name, these in (("a", steps), ("b", again), ("c", steps))
    )
    assert [one.fault for one in run_tests(parsed(f"{RULES}tests:\n{tests}"), Config())] == [""] * 3
