"""The files under config/ are right, say what the defaults are, and do not lock anybody out."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from firewalld_py.cli.main import main
from firewalld_py.conntrack.tracker import make_settings
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import CONFIG, DEFAULT_RULES, Config, load_config
from firewalld_py.policy.load import load_rules
from firewalld_py.policy.trial import failed_tests
from firewalld_py.rules.build import build_ruleset

SHIPPED = Path(__file__).parents[2] / "config"
RULE_FILES = [SHIPPED / "rules.yaml", *sorted((SHIPPED / "examples").glob("*.yaml"))]


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_shipped_rules_pass_the_check_and_build(path: Path) -> None:
    policy = load_rules(path)
    build_ruleset(compile_policy(policy, Config()))
    assert policy.rule_count() > 5


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_shipped_rules_pass_their_own_tests(path: Path) -> None:
    policy = load_rules(path)
    assert len(policy.tests) >= 3
    assert failed_tests(policy, Config()) == []


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_shipped_rules_close_what_comes_in_and_what_passes(path: Path) -> None:
    policies = {chain.name: chain.policy for chain in load_rules(path).chains}
    assert policies["input"] == policies["forward"] == "drop"


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_every_shipped_rule_has_a_name_of_its_own(path: Path) -> None:
    for chain in load_rules(path).chains:
        assert all(rule.name != rule.place for rule in chain.rules)


def test_there_is_an_example_of_each_kind_of_network() -> None:
    assert [path.stem for path in RULE_FILES[1:]] == [
        "bastion",
        "home-gateway",
        "ipv6-only",
        "laptop",
        "office-dmz",
        "server-farm",
        "strict-server",
    ]


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_the_command_finds_nothing_wrong_with_shipped_rules(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["--config", str(SHIPPED / "firewalld-py.yaml"), "check", "--rules", str(path)]) == 0
    )
    assert ", ok" in capsys.readouterr().out


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_shipped_rules_test_whole_exchanges(path: Path) -> None:
    tests = load_rules(path).tests
    assert any(len(test.steps) > 1 for test in tests)
    assert any(step.verdict == "accept" for test in tests for step in test.steps)
    assert any(step.verdict != "accept" for test in tests for step in test.steps)


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_shipped_rules_let_answers_pass_first_and_drop_what_is_invalid(path: Path) -> None:
    for chain in load_rules(path).chains:
        if chain.user or chain.table == "raw" or not chain.rules or chain.policy == "accept":
            continue
        names = [rule.name for rule in chain.rules]
        assert set(names[: names.index("answers")]) <= {"loopback", "banned", "to banned"}
        assert "junk" in names or chain.name == "output"  # of what this machine makes none is


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_shipped_rules_do_not_lock_the_administrator_out(path: Path) -> None:
    """But a laptop, at which one sits."""
    if path.stem == "laptop":
        return
    tests = load_rules(path).tests
    assert any(
        step.chain == "input" and step.packet.dport == 22 and step.verdict == "accept"
        for test in tests
        for step in test.steps
    )


def test_the_shipped_configuration_is_the_default() -> None:
    config = load_config(SHIPPED / "firewalld-py.yaml")
    assert Path(config.rules) == SHIPPED / "rules.yaml"
    assert replace(config, rules=DEFAULT_RULES) == Config()


def test_the_shipped_configuration_can_be_told_to_a_worker() -> None:
    numbers = load_config(SHIPPED / "firewalld-py.yaml").conntrack.numbers()
    assert {type(value) for value in numbers.values()} == {int}
    assert make_settings(numbers).helpers["sip_direct_media"] == 1


def test_the_shipped_configuration_shows_every_key() -> None:
    text = (SHIPPED / "firewalld-py.yaml").read_text()
    shown = set(re.findall(r"^ *([a-z_0-9]+):", text, flags=re.MULTILINE))
    for key in CONFIG:
        assert key.name in shown
        for sub in key.table or ():
            assert sub.name in shown
    assert set(Config().conntrack.timeouts) <= shown
    assert set(Config().conntrack.helpers) <= shown


def test_ipv6_neighbours_are_let_in_although_they_are_never_tracked() -> None:
    for path in RULE_FILES:
        (chain,) = (chain for chain in load_rules(path).chains if chain.name == "input")
        (rule,) = (rule for rule in chain.rules if rule.name == "neighbours")
        values = {match.key: match.value for match in rule.matches}
        assert values["state"] == 16
        assert {(58, kind, 0, 255) for kind in range(133, 137)} <= set(values["icmpv6"])  # type: ignore[arg-type]
        assert rule.action.verdict == "accept"
