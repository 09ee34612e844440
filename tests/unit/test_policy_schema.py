"""The JSON Schemas take all that is right, and refuse what a schema can know to be wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.policy.keys import Key, Table
from firewalld_py.policy.load import POLICY, parse_rules
from firewalld_py.policy.schema import FILES, make_schema
from firewalld_py.policy.shapes import tables_of
from tests.project import ROOT
from tests.unit import test_policy_config, test_policy_load
from tests.unit.policy_texts import in_chain, marked
from tests.unit.schemas import objections
from tests.unit.test_policy_properties import KEYS, VALUES

SHIPPED: Final = ROOT / "config"


def cases(test: Callable[..., object], place: int) -> list[str]:
    """The texts that a parametrized test is about: one of its parameters."""
    marks: list[Any] = test.pytestmark  # type: ignore[attr-defined]
    return [case[place] for mark in marks if mark.name == "parametrize" for case in mark.args[1]]


BROKEN_RULES: Final = [
    marked(in_chain("filter/forward", rule))[0]
    for rule in cases(test_policy_load.test_faults_of_a_rule, 0)
]
BROKEN_CONFIGS: Final = [marked(text)[0] for text in cases(test_policy_config.test_faults, 0)]


def tables() -> Iterator[Table]:
    """Every table of both files once."""
    waiting = list(FILES.values())
    seen: set[int] = set()
    for table in waiting:
        if id(table) not in seen:
            seen.add(id(table))
            waiting += [found for key in table for found in tables_of(key.shape)]
            yield table


def patterns(schema: object) -> Iterator[str]:
    """Every pattern in a schema."""
    if isinstance(schema, list):
        for part in schema:
            yield from patterns(part)
    elif isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        yield from patterns(list(schema.values()))


@pytest.mark.parametrize("name", FILES)
def test_patterns_mean_the_same_to_editors(name: str) -> None:
    """ECMA 262 with its u flag refuses escapes without meaning, and has no (?i) and no \\Z."""
    for pattern in set(patterns(make_schema(name))):
        assert set(re.findall(r"\\(.)", pattern)) <= set("sx.*+?^$(){}[]|/"), pattern
        assert set(re.findall(r"\(\?(.)", pattern)) <= set(":=!"), pattern
        assert (pattern[0], pattern[-1]) == ("^", "$")


def test_every_key_of_every_table_stands_in_a_schema_with_what_it_means() -> None:
    texts = {name: json.dumps(make_schema(name), ensure_ascii=False) for name in FILES}
    for table in tables():
        for key in table:
            assert any(json.dumps(key.doc, ensure_ascii=False)[1:-1] in t for t in texts.values())
            assert any(f'"{key.name}": {{' in text for text in texts.values())


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.yaml")), ids=lambda path: path.stem)
def test_what_is_shipped_is_right(path: Path) -> None:
    name = "config" if path == SHIPPED / "firewalld-py.yaml" else "rules"
    assert objections(path.read_text(), name) == []


@pytest.mark.parametrize(
    "rule",
    [
        "{dport: 22:80, action: drop}",
        "{dport: [ssh, 1024-65535, ftp-data, 80 - 90, $web], action: drop}",
        "{src: [10.0.0.0/8, 'fd00::/8', 10.0.0.1 - 10.0.0.9, '::ffff:1.2.3.4'], action: drop}",
        "{log: on, action: [{mark: 0x1/0xff}, {reject: no-route}]}",
        "{log: YES, proto: [6, udp], mark: [0xff, 5, 0X1/0X1]}",
        "{src: ['::', '::1', '1::', '1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8', '::1.2.3.4'], log: on}",
        "{src: ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:1.2.3.4', '::1 - ::2', 'fe80::/10'], log: on}",
        "{payload: {octets: 1603}, action: drop}",
        "{payload: {at: 2, octets: '0x16:03 01'}, action: drop}",
        "{contains: [5, true, ü], action: drop}",
        "{contains: {octets: [00, 0d0a]}, action: drop}",
        "{name: 5, family: 4, in: [ppp*, '5', 5], not: {state: [NEW]}, action: drop}",
        "{icmp: [8, 3/4, redirect/host, host-unreachable], action: accept}",
        "{tcp_flags: [{mask: [SYN, ack], value: syn}, 'SYN,ACK SYN'], action: drop}",
    ],
)
def test_an_editor_takes_what_is_right(rule: str) -> None:
    text = in_chain("filter/input", rule, define="{web: [80, 443]}")
    _, problems = parse_rules(text, "t")
    assert {problem.message for problem in problems} <= set()
    assert objections(text) == []


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ("{state: [nw], action: drop}", "state"),
        ("{src: 10.0.0.256, action: drop}", "src"),
        ("{src: 10.0.0.0/33, action: drop}", "src"),
        ("{src: 00:11:22:33:44:55/130, action: drop}", "src"),
        ("{dport: 65536, action: drop}", "dport"),
        ("{dport: 1-65536, action: drop}", "dport"),
        ("{in: ppp+, action: drop}", "in"),
        ("{not: {stat: new}, action: drop}", "stat"),
        ("{action: {reject: tcp-rest}}", "action"),
        ("{action: {mark: 1, connmark: 1}}", "action"),
        ("{log: {level: loud}}", "log"),
        ("{log: {limit: 10 per second}}", "log"),
        ("{name: without action}", "name"),
        ("{scr: 10.0.0.1, action: drop}", "scr"),
        ("{payload: GET, action: drop}", "payload"),
        ("{payload: {at: 65536, octets: 00}, action: drop}", "at"),
        ("{payload: {octets: '0x0'}, action: drop}", "octets"),
        ("{payload: {at: 3}, action: drop}", "payload"),
        ("{contains: '', action: drop}", "contains"),
        ("{contains: {from: 3}, action: drop}", "contains"),
        ("{contains: {txt: x}, action: drop}", "contains"),
        ("{src: '00:11:22:33:44:55', action: drop}", "src"),
        ("{src: 'fd00:::1', action: drop}", "src"),
        ("{src: 'fd00::1::2', action: drop}", "src"),
        ("{tcp_flags: SNY SYN, action: drop}", "tcp_flags"),
        ("{icmp: 8/256, action: drop}", "icmp"),
        ("{action: {jump: a b}}", "action"),
        ("{action: {helper: not a name}}", "action"),
    ],
)
def test_an_editor_tells_of_what_is_wrong(rule: str, word: str) -> None:
    found = objections(in_chain("filter/input", rule))
    assert any(word in text for text in found), found


@settings(max_examples=300)
@given(st.dictionaries(KEYS, VALUES, max_size=6), st.sampled_from(["filter/input", "raw/output"]))
def test_what_the_reader_takes_the_schema_takes_too(rule: dict[str, object], chain: str) -> None:
    shown = yaml.safe_dump(rule, default_flow_style=True, width=10**9).strip()
    text = in_chain(chain, shown, define="{a: [10.0.0.1, 80]}")
    policy, _ = parse_rules(text, "t")
    assert policy is None or objections(text) == []


@pytest.mark.parametrize(
    ("name", "texts", "refused"),
    # The others take more than a schema knows: what a chain allows, bits beyond a mask, helpers'
    # names, which packages may add to.
    [("rules", BROKEN_RULES, 59), ("config", BROKEN_CONFIGS, 20)],
    ids=FILES,
)
def test_of_the_broken_files_at_least_these_many_are_refused_while_typing(
    name: str, texts: list[str], refused: int
) -> None:
    missed = [text for text in texts if not objections(text, name)]
    assert len(texts) - len(missed) >= refused, "\n".join(missed)
    assert len(missed) <= len(texts) // 4, "\n".join(missed)


def test_a_key_whose_reader_says_nothing_about_its_shape_is_offered_and_not_judged() -> None:
    table = Table("x", (Key("new", lambda node, reading: node, "a form", "a meaning"),))
    FILES["test"] = table
    try:
        assert make_schema("test")["properties"] == {"new": {"description": "a meaning\n\na form"}}
    finally:
        del FILES["test"]
    assert POLICY in FILES.values()
