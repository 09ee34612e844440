"""The verb `test`: run the tests of a rule file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from firewalld_py.cli import exits
from firewalld_py.cli.replay import config_of
from firewalld_py.policy.errors import PolicyErrors, Problem
from firewalld_py.policy.load import read_rules
from firewalld_py.policy.trial import Outcome, run_tests
from firewalld_py.service.plugins import load_helpers, with_plugins

if TYPE_CHECKING:
    import argparse


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `test` to the command's parser."""
    test = subparsers.add_parser(
        "test",
        help="run the tests that stand in the rules",
        description="Run the tests in a rule file (its key tests:) and in tests.d/*.yaml beside "
        "it, each with an empty state table, by the engine that judges live traffic. Exit code 0 "
        "if all pass, 1 if one fails, 5 if the rules cannot be read.",
    )
    test.add_argument("rules", metavar="RULES", nargs="?", help="default: the configured rules")
    test.add_argument("--json", action="store_true", help="one JSON object for each test")


def run(args: argparse.Namespace) -> int:
    """Run the tests; returns the exit code. Raises PolicyErrors."""
    config = config_of(args)
    plugins = load_helpers(_tell_of_helper)
    policy, problems = read_rules(args.rules or config.rules, with_plugins(plugins))
    if policy is None:
        raise PolicyErrors(problems)
    outcomes = run_tests(policy, config, plugins)
    if args.json:
        for outcome in outcomes:
            print(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        _print(policy.file, outcomes)
    return exits.OK if all(outcome.passed for outcome in outcomes) else exits.FAILURE


def _print(file: str, outcomes: list[Outcome]) -> None:
    """A line for each test; what was wrong below it."""
    if not outcomes:
        print(f"{file}: there are no tests")
        return
    for outcome in outcomes:
        print(f"{'ok  ' if outcome.passed else 'FAIL'}  {outcome.test}")
        if not outcome.passed:
            parts = outcome.fault.split("; ")
            print(f"      {outcome.file}:{outcome.line}: {parts[0]}")
            for part in parts[1:]:
                print(f"        {part}")
    failed = sum(not outcome.passed for outcome in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed")


def _tell_of_helper(name: str, what: str) -> None:
    print(Problem(f"helper {name}", 0, 0, what), file=sys.stderr)
