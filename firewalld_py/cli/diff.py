"""The verb `diff`: what changes between two rule sets, as rules and as behaviour."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from firewalld_py.cli.daemon import answered
from firewalld_py.cli.diff_capture import CaptureDiff
from firewalld_py.cli.diff_text import Found, print_json, print_text
from firewalld_py.cli.exits import FAILURE, OK, USAGE
from firewalld_py.cli.replay import HOOKS, config_of
from firewalld_py.cli.replay_routes import RouteError, Routes
from firewalld_py.policy.behaviour_diff import SideBySide
from firewalld_py.policy.compile import Plan, compile_policy
from firewalld_py.policy.errors import PolicyErrors, Problem
from firewalld_py.policy.load import read_rules
from firewalld_py.policy.plan_words import PlanConditions, policy_of_plan
from firewalld_py.policy.rule_diff import Version, changes, same_plans
from firewalld_py.policy.rule_pairs import pair_rules
from firewalld_py.policy.written import WrittenConditions
from firewalld_py.rules.build import plan_rules
from firewalld_py.service.plugins import load_helpers, with_plugins

if TYPE_CHECKING:
    from firewalld_py.conntrack.helpers.base import Helper
    from firewalld_py.policy.config import Config

TIMEOUT_S: Final = 30.0
DIFFERENT: Final = FAILURE  # as diff(1)


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `diff` to the command's parser."""
    diff = subparsers.add_parser(
        "diff",
        help="what changes between two rule sets",
        description="Show what is written differently in two rule files, and examples of packets "
        "that fare differently; with --capture also the packets of a capture whose verdict "
        "changes. Exit code 0 if the rules are the same, 1 if they differ, 5 if one is broken.",
    )
    diff.add_argument("rules", metavar="OLD NEW", nargs="*", help="two rule files")
    diff.add_argument(
        "--running",
        action="store_true",
        help="instead of OLD: the rules in force, as the daemon has them (NEW: default the "
        "configured rules, which is what a reload would put in force)",
    )
    diff.add_argument("--capture", metavar="FILE", help="also judge this capture by both")
    diff.add_argument(
        "--chain",
        choices=sorted(HOOKS),
        default="forward",
        help="the filter chain that judges the capture (default: forward)",
    )
    diff.add_argument(
        "--route",
        action="append",
        default=[],
        metavar="PREFIX=INTERFACE",
        help="for the capture: addresses behind an interface, as 10.1.0.0/24=lan0",
    )
    diff.add_argument("--all", action="store_true", help="show all that is found, not some of it")
    diff.add_argument("--json", action="store_true", help="as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Compare; 0 the same, 1 different. Raises PolicyErrors."""
    wanted = (0, 1) if args.running else (2,)
    if len(args.rules) not in wanted:
        usage = "NEW at most" if args.running else "two rule files, OLD and NEW, or --running"
        print(f"firewalld-py: diff wants {usage}", file=sys.stderr)
        return USAGE
    try:
        routes = Routes(args.route)
    except RouteError as error:
        print(f"firewalld-py: {error}", file=sys.stderr)
        return USAGE
    config = config_of(args)
    helpers = load_helpers(
        lambda name, what: print(f"firewalld-py: helper {name} {what}", file=sys.stderr)
    )
    versions = _versions(args, config, helpers)
    if isinstance(versions, int):
        return versions
    old, new = versions
    pairs = pair_rules(old.policy, new.policy)
    same = same_plans(old.plan, new.plan)
    found = Found(same, changes(old, new, pairs))
    code = OK if same else DIFFERENT
    if not same:
        beside = SideBySide(old, new, pairs, config, helpers)
        found.names = {index: name for name, index in beside.interfaces.indexes.items()}
        found.behaviour = beside.compare()
        if args.capture:
            found.capture = CaptureDiff(config, versions, args.chain, routes, pairs)
            if not found.capture.read(args.capture, everything=args.all or args.json):
                code = FAILURE
    if args.json:
        print_json(found, sys.stdout)
    else:
        print_text(found, sys.stdout, everything=args.all)
    return code


def _versions(
    args: argparse.Namespace, config: Config, helpers: list[Helper]
) -> tuple[Version, Version] | int:
    """Both rule sets, or the exit code if the daemon does not tell its own."""
    if not args.running:
        old, new = _read(args.rules, config, helpers)
        return old, new
    answer = answered(args, {"verb": "plan"}, TIMEOUT_S)
    if isinstance(answer, int):
        return answer
    (new,) = _read(args.rules or [config.rules], config, helpers)
    for _chain, rule in plan_rules(answer["plan"]):
        rule["file"] = f"in force: {rule['file']}"
    # Both as compiled: of the rules in force nothing else is known.
    return _of_plan(answer["plan"]), _of_plan(new.plan)


def _of_plan(plan: Plan) -> Version:
    return Version(policy_of_plan(plan, ""), plan, PlanConditions())


def _read(files: list[str], config: Config, helpers: list[Helper]) -> list[Version]:
    """Rule files; PolicyErrors with what is wrong in any of them."""
    versions: list[Version] = []
    problems: list[Problem] = []
    for file in files:
        policy, found = read_rules(file, with_plugins(helpers))
        problems += found
        if policy is not None:
            plan = compile_policy(policy, config)
            versions.append(Version(policy, plan, WrittenConditions()))
    if problems:
        raise PolicyErrors(problems)
    return versions
