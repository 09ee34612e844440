"""The verb `expect list`: the connections that helpers have read about and wait for."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final

from firewalld_py.cli.daemon import answered
from firewalld_py.cli.exits import OK

TIMEOUT_S: Final = 10.0


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `expect` and what follows it to the command's parser."""
    expect = subparsers.add_parser("expect", help="connections that helpers expect")
    verbs = expect.add_subparsers(dest="expect_verb", required=True, metavar="VERB")
    listed = verbs.add_parser(
        "list",
        help="what is expected now",
        description="Show what helpers expect now, a line each: protocol, source and destination "
        "of the connection that is to come, how long it is waited for, the helper, and the "
        "connection in which it read about it.",
    )
    listed.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Show what is expected; returns the exit code."""
    answer = answered(arguments, {"verb": "expect"}, TIMEOUT_S)
    if isinstance(answer, int):
        return answer
    if arguments.json:
        print(json.dumps(answer))
        return OK
    found = answer["expectations"]
    for entry in found:
        print(expectation_line(entry))
    if len(found) < answer["total"]:
        print(f"{answer['total'] - len(found)} more are not shown", file=sys.stderr)
    return OK


def expectation_line(entry: dict[str, Any]) -> str:
    """One expectation for reading."""
    master = entry["master"]
    words = [
        _flow(entry),
        f"{entry['seconds']:.0f} s",
        entry["helper"],
        f"master {_flow(master)}",
    ]
    if master["zone"]:
        words.append(f"zone {master['zone']}")
    if entry["given_helper"]:
        words.append(f"gets helper {entry['given_helper']}")
    return "  ".join([*words, *entry["flags"]])


def _flow(of: dict[str, Any]) -> str:
    return f"{of['protocol']} {_end(of['src'], of['sport'])} -> {_end(of['dst'], of['dport'])}"


def _end(address: str | None, port: int | None) -> str:
    """An end of a flow; `any` for any address, no port for any port."""
    text = "any" if address is None else address
    if port is None:
        return text
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"
