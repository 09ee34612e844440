"""What is written differently in two rule files, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import load_rules
from firewalld_py.policy.rule_diff import Change, Version, changes, same_plans
from firewalld_py.policy.rule_pairs import pair_rules
from firewalld_py.policy.written import WrittenConditions


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def version(name: str, text: str) -> Version:
    Path(name).write_text(text)
    policy = load_rules(name)
    return Version(policy, compile_policy(policy, Config()), WrittenConditions())


def forward(*rules: str, more: str = "", policy: str = "accept") -> str:
    lines = "".join(f"      - {rule}\n" for rule in rules)
    return (
        f"version: 1\n{more}filter:\n  forward:\n    policy: {policy}\n    rules:"
        f"{' []' if not rules else ''}\n{lines}"
    )


def found(old: str, new: str) -> list[Change]:
    one, other = version("old.yaml", old), version("new.yaml", new)
    return changes(one, other, pair_rules(one.policy, other.policy))


def said(old: str, new: str) -> list[str]:
    """What became of each rule, and how."""
    return [f"{'+'.join(one.kinds)} {one.name}: {'; '.join(one.details)}"
            for one in found(old, new)]  # fmt: skip


WEB = "{name: web, proto: tcp, dport: 80, action: accept}"
SSH = "{name: ssh, proto: tcp, dport: 22, action: accept}"
PING = "{name: ping, icmp: ping, action: accept}"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("proto: tcp, dport: 80", "proto: tcp, dport: [80, 443]", "dport 80 -> 80, 443"),
        ("proto: tcp, dport: 80", "proto: tcp, dport: http", ""),
        ("proto: tcp", "proto: tcp, src: 192.0.2.1", "also asks for: src 192.0.2.1"),
        ("in: lan0, proto: tcp", "proto: tcp", "no longer asks for: in lan0"),
        ("src: 192.0.2.1", "not: {src: 192.0.2.1}",
         "no longer asks for: src 192.0.2.1; also asks for: not src 192.0.2.1"),
        ("proto: tcp, dport: [1, 2, 3, 4, 5]", "proto: tcp, dport: [1, 3, 4, 5, 6, 7]",
         "dport added: 6, 7; removed: 2"),
        ("probability: 50%", "src: 192.0.2.1",
         "no longer asks for: probability 50%; also asks for: src 192.0.2.1"),
    ],
)  # fmt: skip
def test_conditions_that_change(here: Path, old: str, new: str, words: str) -> None:
    one, other = (forward(f"{{name: a, {rule}, action: drop}}") for rule in (old, new))
    assert said(one, other) == ([f"changed a: {words}"] if words else [])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("action: accept", "action: drop", "action accept -> drop"),
        ("action: {reject: tcp-reset}", "action: {reject: no-route}",
         "action reject with tcp-reset -> reject with no-route"),
        ("action: [{mark: 1}, accept]", "action: [{mark: 2}, accept]",
         "action mark 0x1, accept -> mark 0x2, accept"),
        ("log: true, action: drop", "action: drop", "action log, drop -> drop"),
        ('log: {prefix: "a "}, action: drop', 'log: {prefix: "b ", limit: 5/second}, action: drop',
         'log level warning, prefix "a " -> level warning, prefix "b ", limit 5/second'),
    ],
)  # fmt: skip
def test_actions_that_change(here: Path, old: str, new: str, words: str) -> None:
    one, other = (forward(f"{{name: a, proto: tcp, {rule}}}") for rule in (old, new))
    assert said(one, other) == [f"changed a: {words}"]


def test_rules_that_come_go_and_move_with_their_places(here: Path) -> None:
    old = forward(WEB, SSH, PING, "{name: gone, action: drop}")
    new = forward(PING, WEB, "{name: come, src: 192.0.2.1, action: drop}", SSH)
    assert found(old, new) == [
        Change("rule", ("moved",), "ping", "filter/forward", "old.yaml:8", "new.yaml:6",
               ("to the front of filter/forward",)),
        Change("rule", ("removed",), "gone", "filter/forward", "old.yaml:9", "",
               ("everything: drop",)),
        Change("rule", ("added",), "come", "filter/forward", "", "new.yaml:8",
               ("src 192.0.2.1: drop",)),
    ]  # fmt: skip


def test_rules_without_a_name_are_known_by_what_they_say(here: Path) -> None:
    a, b, c = (f"{{proto: tcp, dport: {port}, in: lan0, action: accept}}" for port in (1, 2, 3))
    assert said(forward(a, b, c), forward(a, c)) == [
        "removed filter/forward/2: proto tcp, dport 2, in lan0: accept"
    ]
    assert said(forward(a, c), forward(b.replace("2", "[2, 9]"), a, c)) == [
        "added filter/forward/1: proto tcp, dport 2, 9, in lan0: accept"
    ]
    assert said(forward(a, b, c), forward(a, b.replace("2", "[2, 9]"), c)) == [
        "changed filter/forward/2: dport 2 -> 2, 9"
    ]
    other = "{src: 192.0.2.1, action: drop}"
    assert [one.split(":")[0] for one in said(forward(a), forward(other))] == [
        "removed filter/forward/1",
        "added filter/forward/1",
    ]


def test_a_rule_that_got_another_name_is_known_by_what_it_says(here: Path) -> None:
    assert said(forward(WEB), forward(WEB.replace("name: web", "name: www"))) == [
        "renamed www: name 'web' -> 'www'"
    ]


def test_a_rule_that_went_to_another_chain(here: Path) -> None:
    chains = "  chains:\n    tcp:\n      - {action: {jump: more}}\n    more: [%s]\n"
    old = forward(SSH, "{action: {jump: tcp}}") + chains % ""
    new = forward("{action: {jump: tcp}}") + chains % SSH
    assert said(old, new) == ["moved ssh: from filter/forward to the front of filter/more"]


def test_chains_and_policies(here: Path) -> None:
    old = forward(WEB, policy="accept") + "  chains: {a: [{action: drop}, {action: accept}]}\n"
    new = forward(WEB, policy="drop") + "  input: {policy: drop}\n  chains: {b: []}\n"
    assert [(one.what, one.kinds, one.name, one.details) for one in found(old, new)] == [
        ("policy", ("changed",), "filter/forward", ("policy accept -> drop",)),
        ("chain", ("removed",), "filter/a", ("had 2 rules",)),
        ("policy", ("changed",), "filter/input", ("policy accept -> drop",)),
        ("chain", ("added",), "filter/b", ("has 0 rules",)),
    ]


def test_defines_and_the_rules_that_use_them(here: Path) -> None:
    rule = "{name: a, src: $lan, action: drop}"
    old = forward(rule, more="define: {lan: [10.1.0.0/24, 10.2.0.0/24], x: 1.2.3.4}\n")
    new = forward(rule, more="define: {lan: [10.1.0.0/24, 10.3.0.0/24], y: 1.2.3.4}\n")
    assert [(one.what, one.old, one.new) for one in found(old, new)[:2]] == [
        ("define", "old.yaml:2", "new.yaml:2"),
        ("define", "old.yaml:2", ""),
    ]
    assert said(old, new) == [
        "changed lan: 10.1.0.0/24, 10.2.0.0/24 -> 10.1.0.0/24, 10.3.0.0/24",
        "removed x: 1.2.3.4",
        "added y: 1.2.3.4",
        "changed a: src $lan: this stands for something else now",
    ]


def test_plans_are_the_same_wherever_their_rules_stand(here: Path) -> None:
    rules = forward(WEB, "{probability: 10%, action: drop}")
    one, other = version("old.yaml", rules), version("new.yaml", f"# a comment\n\n{rules}")
    assert same_plans(one.plan, other.plan)
    for different in (forward(WEB), forward(WEB.replace("80", "81"), "{action: drop}"),
                      forward(WEB, "{probability: 20%, action: drop}"),
                      rules + "  input: {policy: drop}\n",
                      rules + "  chains: {a: []}\n"):  # fmt: skip
        assert not same_plans(one.plan, version("new.yaml", different).plan)
