"""`firewalld-py check`: what it prints and how it exits."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from firewalld_py.cli import check
from firewalld_py.cli.main import main
from firewalld_py.policy.config import DEFAULT_CONFIG

SILENT = "lint: [lock-out, policy-accept]\n"
GOOD_RULES = f"version: 1\nfilter: {{input: {{rules: [{{action: drop}}]}}}}\n{SILENT}"
UNREAD_RULES = """version: 1
filter:
  forward:
    rules:
      - {state: [established, related], action: accept}
      - {proto: tcp, dport: 21, state: new, action: accept}
    policy: drop
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


def test_a_finding_is_shown_and_is_no_failure_unless_it_is_to_be(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = config.parent / "r.yaml"
    rules.write_text(f"{UNREAD_RULES}lint: [policy-accept, related-without-helper]\n")
    assert run(config=str(config)) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"{config}: ok", f"{rules}: 2 rules, 1 chain, ok"]
    finding, count = err.splitlines()
    assert finding.startswith(f"{rules}:6:9: warning: filter/forward/2: this opens tcp port 21")
    assert finding.endswith(" [helper-missing]")
    assert count == "1 finding"
    assert run("--json", config=str(config)) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["ok"], shown["problems"], shown["warnings"]) == (True, [], [])
    assert [(one["name"], one["line"], one["rule"]) for one in shown["findings"]] == [
        ("helper-missing", 6, "filter/forward/2")
    ]
    assert run("--strict", config=str(config)) == 1
    assert run("--strict", "--json", config=str(config)) == 1
    rules.write_text(GOOD_RULES)
    assert run("--strict", config=str(config)) == 0
    rules.write_text(BAD_RULES)
    assert run("--strict", config=str(config)) == 5


def test_the_witness_stands_below_its_finding_and_explain_takes_it(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = config.parent / "r.yaml"
    rules.write_text(GOOD_RULES.replace("]}}", ", {name: late, dport: 9, action: accept}]}}"))
    assert run(config=str(config)) == 0
    finding, shown, _count = capsys.readouterr().err.splitlines()
    assert finding.endswith("[unreachable]")
    words = shown.split()
    assert words[:2] == ["firewalld-py", "explain"]
    assert main(["--config", str(config), *words[1:]]) == 0
    explained = capsys.readouterr().out
    assert "by rule 'filter/input/1'" in explained
    assert "late" not in explained


def test_who_asks_by_ssh_is_warned_of_being_cut_off(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = config.parent / "r.yaml"
    rules.write_text(
        "version: 1\nfilter:\n  input:\n    policy: drop\n    rules:\n"
        "      - {state: established, action: accept}\n"
        "      - {src: 10.1.0.0/24, proto: tcp, dport: 22, action: accept}\n  forward:\n"
        "    policy: drop\n"
    )
    monkeypatch.setenv("SSH_CONNECTION", "10.2.0.5 50000 10.1.0.1 22")
    assert run("--strict", config=str(config)) == 1
    assert "[lock-out]" in capsys.readouterr().err
    monkeypatch.setenv("SSH_CONNECTION", "10.1.0.5 50000 10.1.0.1 22")
    assert run("--strict", config=str(config)) == 0
    monkeypatch.setenv("SSH_CONNECTION", "10.2.0.5 50000 10.1.0.1 22")
    assert run("--strict", "--rules", str(rules), config=str(config)) == 0  # perhaps not from here


def test_what_was_not_looked_at_is_noted(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = config.parent / "r.yaml"
    rules.write_text(
        GOOD_RULES.replace("[{", "[{name: odd, label: 3, dport: 9, action: accept}, {")
    )
    assert run("--strict", config=str(config)) == 0
    note = "note: no packet could be made that meets filter/input/1 (odd): lint says nothing of it"
    assert capsys.readouterr().err == f"{note}\n"


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
    assert err.startswith(f"{rules}:5:5: test 'ssh': expected accept; 10.1.0.5:40000 > 10.1.0.1:22")
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
        "findings": [],
        "notes": [],
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
