"""The verb `set`: what sets hold now, and changes that need no reload."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final

from firewalld_py.cli.counted import counted
from firewalld_py.cli.daemon import answered
from firewalld_py.cli.exits import FAILURE, OK
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.values import duration

TIMEOUT_S: Final = 60.0
LONGEST_S: Final = 3650 * 86400  # as in rules
UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `set` and what follows it to the command's parser."""
    parser = subparsers.add_parser("set", help="elements of sets, changed without a reload")
    verbs = parser.add_subparsers(dest="set_verb", required=True, metavar="VERB")
    listed = verbs.add_parser(
        "list",
        help="the sets, or what one of them holds",
        description="Show the sets, a line each; of a NAME its elements, how long each is there, "
        "and the packets that met it where the set counts.",
    )
    listed.add_argument("set", nargs="?", metavar="NAME")
    for verb, text in (
        ("add", "add elements; one that is there already stays at least as long"),
        ("remove", "remove elements that were added at run time"),
        ("test", "whether an element is in a set; exit code 1 if not"),
        ("flush", "remove all that was added at run time"),
    ):
        one = verbs.add_parser(verb, help=text, description=f"{text[0].upper()}{text[1:]}.")
        one.add_argument("set", metavar="NAME")
        if verb != "flush":
            one.add_argument("elements", nargs="+", metavar="ELEMENT")
        if verb == "add":
            add_lifetime(one)
    for one in verbs.choices.values():
        one.add_argument("--json", action="store_true", help="as JSON")


def add_lifetime(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for",
        dest="seconds",
        type=lifetime,
        metavar="TIME",
        help="how long, such as 10m or 1h30m, 0 for ever; else as the set says",
    )


def lifetime(text: str) -> int:
    """Seconds, from an argument such as 10m; 0 for ever."""
    try:
        return duration(0, LONGEST_S)(text)
    except Fault as fault:
        raise argparse.ArgumentTypeError(fault.message) from fault


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb says; returns the exit code."""
    request = {"verb": "set", "action": arguments.set_verb, "set": arguments.set}
    request["elements"] = getattr(arguments, "elements", None)
    request["seconds"] = getattr(arguments, "seconds", None)
    answer = answered(arguments, request, TIMEOUT_S)
    if isinstance(answer, int):
        return answer
    code = exit_code(answer, arguments.set_verb)
    if arguments.json:
        print(json.dumps(answer))
        return code
    if arguments.set_verb == "list":
        _show(answer)
    elif arguments.set_verb == "flush":
        print(f"{counted(answer['removed'], 'element')} removed from set {answer['set']}")
    else:
        for entry in answer["elements"]:
            print(outcome_line(answer["set"], entry))
    warn(answer)
    return code


def warn(answer: dict[str, Any]) -> None:
    """What the daemon has to say beside its answer."""
    for warning in answer.get("warnings", ()):
        print(f"warning: {warning}", file=sys.stderr)


def exit_code(answer: dict[str, Any], verb: str) -> int:
    """FAILURE if something is not as it was wanted."""
    outcomes = {entry["outcome"] for entry in answer.get("elements", ()) if "outcome" in entry}
    if outcomes & {"full", "not in"}:
        return FAILURE
    # What is removed is to be in the set no more; the rule file, or a network, may hold it there.
    holds = any(entry.get("by") for entry in answer.get("elements", ()))
    return FAILURE if verb == "remove" and holds else OK


def outcome_line(name: str, entry: dict[str, Any]) -> str:
    """What came of one element, for reading."""
    element, by = entry["element"], entry["by"]
    stays = "the rule file has it" if entry["from"] == "rules" else _left(entry)
    if by not in (None, element):
        of_file = entry["from"] == "rules"
        stays = f"by {by}, {'which the rule file has' if of_file else _left(entry)}"
    texts = {
        "added": f"{element} added to set {name}, {_left(entry)}",
        "extended": f"{element} stays longer in set {name}: {_left(entry)}",
        "kept": f"{element} was in set {name} already: {stays}",
        "full": f"{element} not added: set {name} is full",
        "removed": f"{element} removed from set {name}",
        "not there": f"{element} was not in set {name}",
        "static": f"{element} not removed: the rule file has it in set {name}",
        "in": f"{element} is in set {name}: {stays}",
        "not in": f"{element} is not in set {name}",
    }
    text = texts[entry["outcome"]]
    if by is not None and entry["outcome"] in ("removed", "not there"):
        text += f", but it stays in it: {stays}"
    return text


def _left(entry: dict[str, Any]) -> str:
    return time_text(entry["seconds"])


def time_text(seconds: float | None) -> str:
    """`for 1h 30m`, in the two largest units; `for ever`."""
    if seconds is None:
        return "for ever"
    left = max(round(seconds), 1)
    parts: list[str] = []
    for size, unit in UNITS:
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size}{unit}")
            left %= size
        elif parts:
            break
    return f"for {' '.join(parts)}"


def _show(answer: dict[str, Any]) -> None:
    if "sets" in answer:
        for entry in answer["sets"]:
            print(_set_line(entry))
        return
    for entry in answer["elements"]:
        print(_element_line(entry))
    if len(answer["elements"]) < answer["total"]:
        print(f"{answer['total'] - len(answer['elements'])} more are not shown", file=sys.stderr)


def _set_line(entry: dict[str, Any]) -> str:
    words = [entry["set"], "+".join(entry["type"]), counted(entry["total"], "element")]
    if entry["lifetime"]:
        words.append(time_text(entry["lifetime"]))
    if entry["persist"]:
        words.append("persist")
    return "  ".join(words)


def _element_line(entry: dict[str, Any]) -> str:
    words = [entry["element"], "in the rule file" if entry["from"] == "rules" else _left(entry)]
    if entry["packets"]:
        words.append(f"{counted(entry['packets'], 'packet')}, {entry['octets']} octets")
    return "  ".join(words)
