"""Marks of packets and connections: how they are changed, saved and restored."""

from __future__ import annotations

import pytest

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.targets import text_of_target
from tests.unit.policy_texts import assert_problems, in_chain, one_rule, parsed

ALL = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("text", "planned", "words"),
    [
        ("{mark: 0x1/0xff}", ["mark", [1, 0xFF]], "mark 0x1/0xff"),
        ("{mark: {set: 0x1/0xff}}", ["mark", [1, 0xFF]], "mark 0x1/0xff"),
        ("{mark: {or: 0x30}}", ["mark", [0x30, 0x30]], "mark or 0x30"),
        ("{mark: {and: 0xff}}", ["mark", [0, ALL ^ 0xFF]], "mark and 0xff"),
        ("{mark: {xor: 16}}", ["mark", [16, 0]], "mark xor 0x10"),
        ("{connmark: 7}", ["connmark", [7, ALL]], "connmark 0x7"),
        ("{connmark: {or: 1}}", ["connmark", [1, 1]], "connmark or 0x1"),
        ("{connmark: save}", ["connmark_save", [ALL, ALL]], "connmark save"),
        ("{connmark: restore}", ["connmark_restore", [ALL, ALL]], "connmark restore"),
        ("{connmark: {save: 0xff}}", ["connmark_save", [255, 255]], "connmark save 0xff"),
        (
            "{connmark: {restore: {nfmask: 0xff, ctmask: 0xff00}}}",
            ["connmark_restore", [0xFF, 0xFF00]],
            "connmark restore nfmask 0xff ctmask 0xff00",
        ),
        (
            "{connmark: {save: {ctmask: 1}}}",
            ["connmark_save", [ALL, 1]],
            "connmark save nfmask 0xffffffff ctmask 0x1",
        ),
    ],
)
def test_what_is_done_with_a_mark(text: str, planned: object, words: str) -> None:
    policy = parsed(in_chain("filter/forward", f"{{action: {text}}}"))
    (target,) = policy.chains[0].rules[0].action.targets
    assert text_of_target(target) == words
    plan = compile_policy(policy, Config())
    assert plan["filter"]["forward"]["rules"][0]["targets"] == [planned]


def test_several_changes_are_made_in_their_order() -> None:
    rule = one_rule(
        "{action: [{connmark: restore}, {mark: {and: 0xf}}, {mark: {or: 0x10}}, {mark: {or: 0x20}},"
        " {connmark: save}, accept]}"
    )
    assert [text_of_target(target) for target in rule.action.targets] == [
        "connmark restore",
        "mark and 0xf",
        "mark or 0x10",
        "mark or 0x20",
        "connmark save",
    ]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("{mark: {or: §0x1/0xff}}", "or: expected bits as a number (0x10, 16), without a mask"),
        ("{mark: {and: §x}}", "and: expected a mark as VALUE or VALUE/MASK"),
        ("{mark: {set: §0x5/0x3}}", "set: mark '0x5/0x3' has bits outside of its mask"),
        ("{mark: {§nor: 1}}", "unknown key 'nor' in mark => or"),
        ("{mark: {§save: 1}}", "unknown key 'save' in mark; known are: set, or, and, xor"),
        ("{mark: §{or: 1, and: 2}}", "mark: expected one of set, or, and, xor: write several"),
        ("{mark: §{}}", "mark: expected one of set, or, and, xor"),
        ("{mark: §save}", "mark: expected a mark as VALUE or VALUE/MASK"),
        ("{mark: §[]}", "mark: expected a mark as VALUE or VALUE/MASK (0x1/0xff), or"),
        (
            "{connmark: §restor}",
            "connmark: expected a mark as VALUE or VALUE/MASK (0x1/0xff), or {",
        ),
        ("{connmark: {save: §{}}}", "save: expected a mask (0xff), or {nfmask: MASK, ctmask"),
        ("{connmark: {save: {§mask: 1}}}", "unknown key 'mask' in the masks"),
        ("{connmark: {restore: {nfmask: §-1}}}", "nfmask: expected a mark"),
        ("[{mark: 1}, §{mark: 2}]", "mark stands here twice"),
        ("[{mark: 1}, {mark: {or: 2}}, §{mark: {set: 3}}]", "mark stands here twice"),
        ("[{connmark: save}, §{connmark: save}]", "connmark stands here twice"),
        ("[{label: 1}, §{label: 2}]", "label stands here twice"),
    ],
)
def test_faults(action: str, message: str) -> None:
    assert_problems(in_chain("filter/forward", f"{{action: {action}}}"), message)


@pytest.mark.parametrize("way", ["save", "restore", "{or: 1}", "{save: 1}"])
def test_what_needs_the_connection_is_not_possible_in_raw(way: str) -> None:
    assert_problems(
        in_chain("raw/output", f"{{§action: {{connmark: {way}}}}}"),
        "connmark is possible in filter only: in raw the connection is not known",
    )
    assert one_rule("{action: [{mark: {or: 1}}]}", "raw/output").action.targets


def test_the_near_miss_of_a_word_is_told() -> None:
    assert_problems(
        in_chain("filter/forward", "{action: {connmark: §restor}}"),
        "connmark: expected a mark as VALUE or VALUE/MASK (0x1/0xff), or {set|or|and|xor: ...}, "
        "save, restore, or {save|restore: MASK}, found 'restor' => restore",
    )
