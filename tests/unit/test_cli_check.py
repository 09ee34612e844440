"""`firewalld-py check`: what it prints and how it exits."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from firewalld_py.cli import check
from firewalld_py.policy.config import DEFAULT_CONFIG

GOOD_RULES = "version: 1\nfilter: {input: {rules: [{action: drop}]}}\n"
UNREAD_RULES = """version: 1
filter:
  forward:
    rules:
      - {state: [established, related], action: accept}
      - {proto: tcp, dport: 21, state: new, action: accept}
"""
BAD_RULES = "version: 1\nfilter: {input: {rules: [{action: dorp}]}}\n"


def run(*arguments: str, config: str) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default=DEFAULT_CONFIG)
    check.add_arguments(parser.add_subparsers(dest="verb"))
    return check.run(parser.parse_args(["--config", config, "check", *arguments]))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text("rules: r.yaml\n")
    (tmp_path / "r.yaml").write_text(GOOD_RULES)
    return path


def test_one_line_per_file_when_all_is_well(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config=str(config)) == 0
    out, err = capsys.readouterr()
    rules = config.parent / "r.yaml"
    assert out.splitlines() == [f"{config}: ok", f"{rules}: 1 rule, 1 chain, ok"]
    assert err == ""


def test_the_problems_of_both_files_go_to_stderr(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("rules: r.yaml\nfail: maybe\n")
    (config.parent / "r.yaml").write_text(BAD_RULES)
    assert run(config=str(config)) == 5
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith(f"{config}:2:7: fail: expected one of closed, open")
    assert lines[3].startswith(f"{config.parent / 'r.yaml'}:2:35: filter/input/1: expected accept")
    assert lines[3].endswith("did you mean 'drop'?")
    assert lines[-1] == "2 problems"


def test_other_rules_than_the_configured_ones(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(BAD_RULES)
    assert run("--rules", str(other), config=str(config)) == 5
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{config}: ok"]
    assert f"{other}:2:35" in err


def test_rules_can_be_checked_where_no_configuration_is_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = str(tmp_path / "absent.yaml")
    rules = tmp_path / "r.yaml"
    rules.write_text(GOOD_RULES)
    assert run("--rules", str(rules), config=absent) == 5  # named, so it has to be there
    assert f"{absent}: cannot be read: No such file or directory" in capsys.readouterr().err
    monkeypatch.setattr(check, "DEFAULT_CONFIG", absent)
    assert run("--rules", str(rules), config=absent) == 0
    assert capsys.readouterr().out == f"{rules}: 1 rule, 1 chain, ok\n"


def test_a_warning_is_shown_and_is_no_failure(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = config.parent / "r.yaml"
    rules.write_text(UNREAD_RULES)
    assert run(config=str(config)) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{config}: ok", f"{rules}: 2 rules, 1 chain, ok"]
    warning, count = err.splitlines()
    assert warning.startswith(f"{rules}:6:9: warning: filter/forward/2: this opens tcp port 21")
    assert count == "1 warning"
    assert run("--json", config=str(config)) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["ok"], shown["problems"]) == (True, [])
    assert [(one["line"], one["severity"]) for one in shown["warnings"]] == [(6, "warning")]


FAILING_TEST = """tests:
  - name: ssh
    chain: input
    packet: {in: lan0, src: 10.1.0.5, dst: 10.1.0.1, dport: 22, flags: syn}
    expect: accept
"""


def test_a_failing_test_is_a_problem(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = config.parent / "r.yaml"
    rules.write_text(GOOD_RULES + FAILING_TEST)
    assert run(config=str(config)) == 5
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{config}: ok"]
    assert err.startswith(f"{rules}:4:5: test 'ssh': expected accept; 10.1.0.5:40000 > 10.1.0.1:22")
    assert "got drop, state new, by 'filter/input/1' (" in err
    rules.write_text(GOOD_RULES + FAILING_TEST.replace("accept", "drop"))
    assert run(config=str(config)) == 0
    assert capsys.readouterr().out.splitlines()[1] == f"{rules}: 1 rule, 1 chain, 1 test, ok"


def test_the_files_that_were_included_are_listed(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules, web, empty = (config.parent / name for name in ("r.yaml", "a.yaml", "b.yaml"))
    rules.write_text(GOOD_RULES + "include: [a.yaml, b.yaml]\n")
    web.write_text(GOOD_RULES.replace("drop", "accept"))
    empty.write_text("# nothing yet\n")
    assert run(config=str(config)) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"{rules}: 2 rules, 1 chain, ok",
        f"  with {web}: 1 rule",
        f"  with {empty}: 0 rules",
    ]
    assert run("--json", config=str(config)) == 0
    assert json.loads(capsys.readouterr().out)["files"][1]["included"] == [
        {"file": str(web), "rules": 1},
        {"file": str(empty), "rules": 0},
    ]
    web.write_text(BAD_RULES)
    assert run(config=str(config)) == 5
    assert f"{web}:2:35: filter/input/2: expected accept" in capsys.readouterr().err


def test_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = config.parent / "r.yaml"
    assert run("--json", config=str(config)) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "files": [
            {"file": str(config), "ok": True},
            {"file": str(rules), "ok": True, "rules": 1, "chains": 1, "tests": 0},
        ],
        "problems": [],
        "warnings": [],
    }
    rules.write_text(BAD_RULES)
    assert run("--json", config=str(config)) == 5
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"] is False
    assert shown["files"][1] == {"file": str(rules), "ok": False}
    (problem,) = shown["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == (str(rules), 2, 35)
    assert problem["rule"] == "filter/input/1"
    assert problem["suggestion"] == "drop"
    assert problem["excerpt"] == "filter: {input: {rules: [{action: dorp}]}}"
