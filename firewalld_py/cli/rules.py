"""The verb `rules counters`: what the rules in force have counted by name."""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

from firewalld_py.cli.daemon import answered
from firewalld_py.cli.exits import OK

TIMEOUT_S: Final = 10.0


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `rules` and what follows it to the command's parser."""
    rules = subparsers.add_parser("rules", help="what the rules in force have counted")
    verbs = rules.add_subparsers(dest="rules_verb", required=True, metavar="VERB")
    counters = verbs.add_parser(
        "counters",
        help="the named counters",
        description="Show the counters to which rules add (action: {count: NAME}), a line each: "
        "packets, octets with their IP headers, name. They go on through reloads as long as a rule "
        "names them, and begin anew when the daemon or its worker does.",
    )
    counters.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Show the counters; returns the exit code."""
    answer = answered(arguments, {"verb": "counters"}, TIMEOUT_S)
    if isinstance(answer, int):
        return answer
    if arguments.json:
        print(json.dumps(answer))
        return OK
    for line in counter_lines(answer["counters"]):
        print(line)
    return OK


def counter_lines(counters: dict[str, Any]) -> list[str]:
    """The counters for reading, in the order of their names, numbers below each other."""
    rows = [(str(of["packets"]), str(of["octets"]), name) for name, of in sorted(counters.items())]
    packets, octets = (max((len(row[at]) for row in rows), default=0) for at in (0, 1))
    return [f"{row[0]:>{packets}} packets  {row[1]:>{octets}} octets  {row[2]}" for row in rows]
