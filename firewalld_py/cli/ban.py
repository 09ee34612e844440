"""The verbs `ban` and `unban`: addresses and networks out at once, and in again."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import json
import sys
from typing import Any

from firewalld_py.cli.counted import counted
from firewalld_py.cli.daemon import answered
from firewalld_py.cli.exits import FAILURE, OK, USAGE
from firewalld_py.cli.lockout import Network, objections, ssh_client
from firewalld_py.cli.sets import (
    TIMEOUT_S,
    add_lifetime,
    exit_code,
    outcome_line,
    time_text,
    warn,
)


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `ban` and `unban` to the command's parser."""
    ban = subparsers.add_parser(
        "ban",
        help="put addresses into the set that is dropped, and end their connections",
        description="Put addresses or networks into a set that rules drop, and end all connections "
        "from and to them at once. The set is the one called `banned`, else the only one that a "
        "dropping rule asks for. A second ban extends the first and never shortens it.",
    )
    ban.add_argument("addresses", nargs="+", metavar="ADDRESS", help="or a network")
    add_lifetime(ban)
    ban.add_argument(
        "--force", action="store_true", help="also your own ssh session, or this machine"
    )
    unban = subparsers.add_parser("unban", help="take addresses out of that set again")
    unban.add_argument("addresses", nargs="*", metavar="ADDRESS", help="as it was banned")
    unban.add_argument("--all", action="store_true", help="all that was added at run time")
    for parser in (ban, unban):
        parser.add_argument("--set", metavar="NAME", help="another set than the usual one")
        parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Ban or unban; returns the exit code."""
    return _ban(arguments) if arguments.verb == "ban" else _unban(arguments)


def _ban(arguments: argparse.Namespace) -> int:
    if not arguments.force and (reasons := _objections(arguments.addresses)):
        for reason in reasons:
            print(f"firewalld-py: not banned: {reason} (--force does it)", file=sys.stderr)
        return FAILURE
    answer = answered(
        arguments,
        {
            "verb": "ban",
            "set": arguments.set,
            "elements": arguments.addresses,
            "seconds": arguments.seconds,
        },
        TIMEOUT_S,
    )
    if isinstance(answer, int):
        return answer
    if arguments.json:
        print(json.dumps(answer))
    else:
        for entry in answer["elements"]:
            print(ban_line(answer["set"], entry))
        print(f"{counted(answer['ended'], 'connection')} ended")
    warn(answer)
    return exit_code(answer, "ban")


def _objections(texts: list[str]) -> list[str]:
    """Why these had better not be banned; what is no address the daemon will say."""
    from firewalld_py.service.addresses import read_addresses  # noqa: PLC0415

    networks: list[Network] = []
    for text in texts:
        with contextlib.suppress(ValueError):
            networks.append(ipaddress.ip_network(text))
    own: set[bytes] = set()
    with contextlib.suppress(OSError):
        own = read_addresses()
    return objections(networks, ssh_client(), own)


def _unban(arguments: argparse.Namespace) -> int:
    if arguments.all == bool(arguments.addresses):
        print("firewalld-py unban: name addresses, or --all", file=sys.stderr)
        return USAGE
    request = {"verb": "unban", "set": arguments.set, "elements": arguments.addresses}
    answer = answered(arguments, {**request, "all": arguments.all}, TIMEOUT_S)
    if isinstance(answer, int):
        return answer
    if arguments.json:
        print(json.dumps(answer))
    elif arguments.all:
        print(f"{counted(answer['removed'], 'element')} removed from set {answer['set']}")
    else:
        for entry in answer["elements"]:
            print(outcome_line(answer["set"], entry))
    warn(answer)
    return OK if arguments.all else exit_code(answer, "remove")


def ban_line(name: str, entry: dict[str, Any]) -> str:
    """What became of one ban, for reading."""
    element, left = entry["element"], time_text(entry["seconds"])
    if entry["outcome"] == "added":
        return f"{element} banned {left} (set {name})"
    if entry["outcome"] == "extended":
        return f"{element} was banned and stays so longer: {left} (set {name})"
    if entry["outcome"] == "kept" and entry["from"] == "run time":
        return f"{element} was banned already: {left} (set {name})"
    return outcome_line(name, entry)
