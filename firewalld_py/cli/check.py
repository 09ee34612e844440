"""The verb `check`: everything that is wrong with the configuration and the rules, all at once."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firewalld_py.cli import exits
from firewalld_py.cli.counted import counted
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import DEFAULT_CONFIG, Config, read_config
from firewalld_py.policy.errors import WARNING, Problem
from firewalld_py.policy.findings import Report
from firewalld_py.policy.lint import lint
from firewalld_py.policy.lint_chains import ssh_connection
from firewalld_py.policy.load import read_rules
from firewalld_py.policy.model import Policy
from firewalld_py.policy.trial import failed_tests
from firewalld_py.service.plugins import GROUP, load_helpers, with_plugins

if TYPE_CHECKING:
    import argparse


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `check` to the command's parser."""
    check = subparsers.add_parser(
        "check",
        help="all errors of the configuration and the rules",
        description="Read the configuration and the rules as the daemon would, run the rules' own "
        "tests, and show everything that is wrong, and what is right and probably not meant: "
        "findings, each with a packet that shows it, as explain takes it. Nothing is changed. Exit "
        "code 0 if all is right, 5 if not; findings and warnings change nothing of that, unless "
        "they are to fail (--strict).",
    )
    check.add_argument("--rules", metavar="FILE", help="check these rules, not the configured ones")
    check.add_argument(
        "--strict", action="store_true", help="exit code 1 if there are findings or warnings"
    )
    check.add_argument("--json", action="store_true", help="as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Check both files; returns the exit code."""
    config, problems, files = _check_config(str(args.config), args.rules)
    rules = args.rules or config.rules
    warnings: list[Problem] = []
    plugins = load_helpers(lambda name, what: warnings.append(_of_helper(name, what)))
    helpers = with_plugins(plugins)
    policy, found = read_rules(rules, helpers)
    problems += found
    entry: dict[str, Any] = {"file": rules, "ok": policy is not None}
    report = Report()
    if policy is not None:
        compile_policy(policy, config)
        failed = failed_tests(policy, config, plugins)
        problems += failed
        # What cuts off whoever asks is told of the rules that are in force here, or will be.
        here = "" if args.rules else os.environ.get("SSH_CONNECTION", "")
        report = lint(policy, config, helpers, plugins, ssh_connection(here))
        entry |= {
            "ok": not failed,
            "rules": policy.rule_count(),
            "chains": len(policy.chains),
            "tests": len(policy.tests),
        }
        if len(policy.files) > 1:
            entry["included"] = _included(policy)
    files.append(entry)
    if args.json:
        shown = {
            "ok": not problems,
            "files": files,
            "problems": [asdict(problem) for problem in problems],
            "warnings": [asdict(warning) for warning in warnings],
            "findings": [asdict(finding) for finding in report.findings],
            "notes": report.notes,
        }
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        _print(files, problems, warnings, report)
    if problems:
        return exits.BAD_CONFIGURATION
    return exits.FAILURE if args.strict and (warnings or report.findings) else exits.OK


def _check_config(
    path: str, rules: str | None
) -> tuple[Config, list[Problem], list[dict[str, Any]]]:
    """The configuration with its problems; the defaults where rules are checked without one."""
    if rules and path == DEFAULT_CONFIG and not Path(path).exists():
        return Config(), [], []
    config, problems = read_config(path)
    return config, problems, [{"file": path, "ok": not problems}]


def _included(policy: Policy) -> list[dict[str, Any]]:
    """The files that were included, and how many of the rules stand in each."""
    counts = Counter(rule.file for chain in policy.chains for rule in chain.rules)
    return [{"file": file, "rules": counts[file]} for file in policy.files[1:]]


def _print(
    files: list[dict[str, Any]], problems: list[Problem], warnings: list[Problem], report: Report
) -> None:
    for problem in problems + warnings:
        print(problem.shown(), file=sys.stderr)
    for finding in report.findings:
        print(finding.shown(), file=sys.stderr)
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    for entry in files:
        if entry["ok"]:
            counts = ""
            if "rules" in entry:
                counts = f"{counted(entry['rules'], 'rule')}, {counted(entry['chains'], 'chain')}, "
                counts += f"{counted(entry['tests'], 'test')}, " if entry["tests"] else ""
            print(f"{entry['file']}: {counts}ok")
            for included in entry.get("included", ()):
                print(f"  with {included['file']}: {counted(included['rules'], 'rule')}")
    if problems:
        print(counted(len(problems), "problem"), file=sys.stderr)
    if warnings:
        print(counted(len(warnings), "warning"), file=sys.stderr)
    if report.findings:
        print(counted(len(report.findings), "finding"), file=sys.stderr)


def _of_helper(name: str, what: str) -> Problem:
    return Problem(GROUP, 0, 0, f"helper {name} {what}", severity=WARNING)
