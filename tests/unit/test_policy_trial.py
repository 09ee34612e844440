"""Rule tests that run: they pass, they fail and say why, and they keep a broken policy out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from firewalld_py.cli.main import main
from firewalld_py.policy import fresh_rules, trial
from firewalld_py.policy.config import Config
from firewalld_py.policy.errors import PolicyErrors
from firewalld_py.policy.trial import Outcome, run_tests
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.service.journal import Log
from firewalld_py.service.policy_in_force import PolicyInForce
from tests.unit.policy_texts import parsed

RULES = """version: 1
raw:
  prerouting:
    - {name: ftp, proto: tcp, dport: 21, action: {helper: ftp}}
    - {name: spoofed, src: 127.0.0.0/8, action: drop}
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: [established, related], action: accept}
      - {name: no telnet, proto: tcp, dport: 23, action: {reject: tcp-reset}}
      - {name: lan out, in: lan0, state: new, action: accept}
tests:
"""
SYN = "{in: lan0, src: 10.1.0.5, dst: 203.0.113.9, dport: %d, flags: syn}"


def outcomes(*tests: str) -> list[Outcome]:
    return run_tests(parsed(RULES + "".join(f"  - {test}\n" for test in tests)), Config())


def fault(test: str) -> str:
    (outcome,) = outcomes(test)
    assert not outcome.passed
    return outcome.fault


def assert_passes(test: str) -> None:
    (outcome,) = outcomes(test)
    assert outcome.passed, outcome.fault


def test_single_packets() -> None:
    assert_passes(f"{{name: a, packet: {SYN % 80}, expect: accept, state: new, rule: lan out}}")
    assert_passes(f"{{name: a, packet: {SYN % 23}, expect: reject, rule: no telnet}}")
    stranger = "{src: 'fd00::1', dst: 'fd00::2', proto: udp, dport: 9, in: wan0}"
    assert_passes(f"{{name: a, packet: {stranger}, expect: drop, rule: policy}}")
    spoofed = "{src: 127.0.0.1, dst: 10.1.0.5, icmp: ping}"
    assert_passes(f"{{name: a, packet: {spoofed}, expect: drop, rule: spoofed}}")


def test_a_whole_exchange_with_an_error_about_it() -> None:
    assert_passes(
        f"{{name: a, steps: [{{packet: {SYN % 80}, expect: accept, state: new}},"
        " {answer: {flags: syn+ack}, expect: accept, state: established},"
        " {answer: , expect: accept, state: established},"
        " {answer: {payload: hello}, expect: accept, state: established},"
        " {error: {icmp: fragmentation-needed, src: 192.0.2.1}, expect: accept, state: related}]}"
    )


def test_a_question_and_its_answer_that_comes_too_late() -> None:
    ends = "in: lan0, out: wan0, src: 10.1.0.5, dst: 203.0.113.9"
    question = f"{{packet: {{{ends}, proto: udp, dport: 53}}, expect: accept}}"
    assert_passes(f"{{name: a, steps: [{question}, {{answer: , expect: accept}}]}}")
    late = "{answer: , wait: 1h, expect: drop, state: new}"
    assert_passes(f"{{name: a, steps: [{question}, {late}]}}")


def test_a_session_of_ftp() -> None:
    lines = ("220 ready", "PASV", "227 Entering Passive Mode (203,0,113,9,200,10).")
    said = "".join(f' {{answer: {{payload: "{line}\\r\\n"}}, expect: accept}},' for line in lines)
    data = f"{{packet: {SYN % 51210}, expect: accept, state: related, rule: answers}}"
    assert_passes(
        f"{{name: a, steps: [{{packet: {SYN % 21}, expect: accept}}, {{answer: , expect: accept}},"
        f" {{answer: , expect: accept}},{said} {data}]}}"
    )


def test_every_test_begins_with_nothing_known() -> None:
    syn_ack = "{src: 203.0.113.9, dst: 10.1.0.5, sport: 80, dport: 40000, flags: syn+ack}"
    answer = f"{{name: b, packet: {syn_ack}, expect: drop, state: invalid}}"
    syn = f"{{name: a, packet: {SYN % 80}, expect: accept}}"
    assert [outcome.passed for outcome in outcomes(syn, answer, syn)] == [True, True, True]


def test_a_failure_says_what_was_expected_and_what_decided() -> None:
    assert fault(f"{{name: a, packet: {SYN % 80}, expect: drop, state: established}}") == (
        "expected drop, state established; 10.1.0.5:40000 > 203.0.113.9:80 in forward got accept, "
        "state new, by 'lan out' (rules.yaml:12)"
    )
    xmas = "{src: '::1', dst: '::2', proto: tcp, dport: 80, flags: [fin, psh, urg]}"
    assert fault(f"{{name: a, packet: {xmas}, expect: accept}}") == (
        "expected accept; [::1]:40000 > [::2]:80 in forward got drop, state invalid (tcp_flags), "
        "by the policy of filter/forward"
    )
    steps = f"[{{packet: {SYN % 80}, expect: accept}}, {{answer: , expect: accept, rule: answer}}]"
    assert fault(f"{{name: a, steps: {steps}}}").startswith(
        "step 2: expected accept, by 'answer'; "
    )
    assert fault(f"{{name: a, steps: {steps}}}").endswith("'answer', did you mean 'answers'?")


def test_what_is_not_run_in_time_has_failed() -> None:
    tests = [f"{{name: t{number}, packet: {SYN % 80}, expect: accept}}" for number in range(3)]
    policy = parsed(RULES + "".join(f"  - {test}\n" for test in tests))
    ticks = iter((0.0, 1.0, trial.BUDGET_S + 1, trial.BUDGET_S + 2))
    run = run_tests(policy, Config(), clock=lambda: next(ticks))
    assert [outcome.passed for outcome in run] == [True, False, False]
    assert run[1].fault == "not run: the tests before it took 20 s, the most they may"


def test_rules_that_may_keep_something_are_made_anew_for_each_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[Plan] = []

    def build(plan: Plan, machine: Machine) -> Ruleset:
        built.append(plan)
        return build_ruleset(plan, machine)

    monkeypatch.setattr(fresh_rules, "build_ruleset", build)
    syn = f"{{name: a, packet: {SYN % 80}, expect: accept}}"
    outcomes(syn, syn)
    assert len(built) == 1
    monkeypatch.setattr(fresh_rules, "KEEP_NOTHING", fresh_rules.KEEP_NOTHING - {"dport"})
    outcomes(syn, syn)
    assert len(built) == 3


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "r.yaml"
    good = f"  - {{name: good, packet: {SYN % 80}, expect: accept}}\n"
    rules.write_text(RULES + good)
    assert main(["test", str(rules)]) == 0
    assert capsys.readouterr().out == "ok    good\n1 passed, 0 failed\n"
    rules.write_text(RULES + good + good.replace("good", "bad").replace("accept", "drop"))
    assert main(["test", str(rules)]) == 1
    got = "10.1.0.5:40000 > 203.0.113.9:80 in forward got accept, state new, by 'lan out'"
    assert capsys.readouterr().out.splitlines() == [
        "ok    good",
        "FAIL  bad",
        f"      {rules}:15: expected drop",
        f"        {got} ({rules}:12)",
        "1 passed, 1 failed",
    ]
    assert main(["test", "--json", str(rules)]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["test"], line["passed"], line["line"]) for line in lines] == [
        ("good", True, 14), ("bad", False, 15)
    ]  # fmt: skip
    rules.write_text(RULES + "  - {name: bad}\n")
    assert main(["test", str(rules)]) == 5


def test_a_policy_that_fails_a_test_is_not_taken(tmp_path: Path) -> None:
    rules = tmp_path / "r.yaml"
    rules.write_text(RULES + f"  - {{name: bad, packet: {SYN % 80}, expect: drop}}\n")
    in_force = PolicyInForce(Config(rules=str(rules)), Log("stderr"))
    with pytest.raises(PolicyErrors, match="test 'bad': expected drop"):
        asyncio.run(in_force.begin())
    assert (in_force.generation, in_force.rules) == (0, 0)
    rules.write_text(RULES)
    asyncio.run(in_force.begin())
    assert in_force.rules == 5
