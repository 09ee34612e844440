"""`explain --connection`: a connection that the daemon tracks, and what becomes of its packets.

The daemon is asked for the connection and for the rules in force; what its next packet in each
direction would meet is judged here, by the same engine, on a copy of it.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from firewalld_py.cli.daemon import ask_daemon
from firewalld_py.cli.exits import FAILURE, OK, USAGE
from firewalld_py.cli.explain_text import Page, explanation_entry, print_text
from firewalld_py.cli.explain_ways import Ways
from firewalld_py.conntrack.connection import (
    CONFIRMED,
    DIRECTION_NAMES,
    ORIGINAL,
    REPLY,
    Connection,
)
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.snapshot import load_with_masters
from firewalld_py.conntrack.tracker import make_settings
from firewalld_py.pipeline import Firewall
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config, load_config
from firewalld_py.policy.connection_text import (
    connection_entry,
    connection_line,
    connection_lines,
)
from firewalld_py.policy.connection_words import Meant, meant, next_packet
from firewalld_py.policy.errors import PolicyErrors
from firewalld_py.policy.explain import Explainer, Explanation
from firewalld_py.policy.fresh_rules import keeps_something
from firewalld_py.policy.load import load_rules
from firewalld_py.policy.packet_octets import Talk, meta_of
from firewalld_py.policy.plan_words import PlanConditions, plan_digest, policy_of_plan
from firewalld_py.policy.set_elements import read_elements
from firewalld_py.policy.trial import START
from firewalld_py.policy.written import Conditions, WrittenConditions
from firewalld_py.rules.build import build_ruleset, plan_sets
from firewalld_py.service.plugins import load_helpers, with_plugins

if TYPE_CHECKING:
    import argparse

    from firewalld_py.policy.compile import Plan
    from firewalld_py.policy.model import Policy

TIMEOUT_S: Final = 30.0
MAX_SHOWN: Final = 20  # connections, where several are meant
BY_ROUTES: Final = "interfaces that are not told (in=lan0 out=wan0) are those that routes name now"
STARTS_ANEW: Final = (
    "what rules remember (limits, quotas, …) begins anew here, but for the elements of sets"
)


# An element that was added to a set at run time, and for how many seconds it stays (0: for ever).
Added = tuple[bytes, bytes, float]


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules that judge, with how to show them; `note` says if the file is another by now.

    `elements` are what sets have beside the elements of the file.
    """

    policy: Policy
    plan: Plan
    written: Conditions
    generation: int
    note: str
    elements: dict[str, list[Added]] = field(default_factory=dict)


def explain_connection(args: argparse.Namespace) -> int:
    """Explain the one that is meant; FAILURE if there is none, or if there are several."""
    said, problems = meant(" ".join(args.words).split())
    for problem in problems:
        print(problem.shown(), file=sys.stderr)
    if said is None:
        return USAGE
    request = {"verb": "connections", "wanted": said.wanted.as_text(), "at_most": MAX_SHOWN}
    answer = _asked(args, request)
    if answer["ok"] and not answer["total"]:
        # Perhaps it was described by what answers.
        said.wanted.directions = (REPLY,)
        answer = _asked(args, {**request, "wanted": said.wanted.as_text()})
    if not answer["ok"]:
        return _failed(answer)
    connections = [load_with_masters(rows, START) for rows in answer["connections"]]
    if len(connections) != 1:
        return _show_several(args, connections, answer["total"])
    config = load_config(str(args.config))
    in_force = _in_force(args, config, answer)
    if isinstance(in_force, int):
        return in_force
    _explain(args, config, in_force, answer["connections"][0], said)
    return OK


def _asked(args: argparse.Namespace, request: dict[str, Any]) -> dict[str, Any]:
    """The daemon's answer; one that is not ok where there is none."""
    answer = ask_daemon(args, request, TIMEOUT_S)
    return {"ok": False, "code": answer} if isinstance(answer, int) else answer


def _failed(answer: dict[str, Any]) -> int:
    if "code" in answer:
        return int(answer["code"])  # what is wrong was said
    print(f"firewalld-py: {answer['error']}", file=sys.stderr)
    return FAILURE


def _show_several(args: argparse.Namespace, connections: list[Connection], total: int) -> int:
    """What is meant cannot be told: none, or these."""
    if args.json:
        entries = [connection_entry(connection, START) for connection in connections]
        print(json.dumps({"connections": entries, "total": total}, indent=2, ensure_ascii=False))
        return FAILURE
    if not connections:
        print("firewalld-py: no such connection is tracked", file=sys.stderr)
        return FAILURE
    for connection in connections:
        print(connection_line(connection, START))
    more = f", of which {len(connections)} are shown" if total > len(connections) else ""
    print(f"firewalld-py: {total} connections fit{more}: say more of one", file=sys.stderr)
    return FAILURE


def _in_force(args: argparse.Namespace, config: Config, answer: dict[str, Any]) -> InForce | int:
    """The rules by which the daemon judges: those of the file, or if it is another, as compiled."""
    why = "says something else by now"
    try:
        policy = load_rules(config.rules, with_plugins(load_helpers(lambda _name, _what: None)))
        plan = compile_policy(policy, config)
        if plan_digest(plan) == answer["plan_digest"]:
            elements = _elements(args, plan)
            return InForce(policy, plan, WrittenConditions(), answer["generation"], "", elements)
    except PolicyErrors:
        why = "is broken by now"
    told = _asked(args, {"verb": "plan"})
    if not told["ok"]:
        return _failed(told)
    note = f"{config.rules} {why}: this is by the rules in force, lines are as they were then"
    plan = told["plan"]
    policy, elements = policy_of_plan(plan, config.rules), _elements(args, plan)
    return InForce(policy, plan, PlanConditions(), told["generation"], note, elements)


def _elements(args: argparse.Namespace, plan: Plan) -> dict[str, list[Added]]:
    """What was added to sets at run time: bans, for instance."""
    found: dict[str, list[Added]] = {}
    for name in plan_sets(plan):
        told = _asked(args, {"verb": "set", "action": "list", "set": name})
        if not told["ok"]:
            continue  # it went with a reload at this very moment
        found[name] = [
            (packed, lengths, entry["seconds"] or 0.0)
            for entry in told["elements"]
            if entry["from"] != "rules"
            for packed, lengths in read_elements(told["type"], entry["element"])
        ]
        if told["total"] > len(told["elements"]):
            print(
                f"firewalld-py: set {name} has {told['total']} elements, of which "
                f"{len(told['elements'])} are known here",
                file=sys.stderr,
            )
    return found


def _explain(
    args: argparse.Namespace, config: Config, in_force: InForce, rows: list[Any], said: Meant
) -> None:
    """The connection, then each direction."""
    connection = load_with_masters(rows, START)
    connection.status |= CONFIRMED
    ways = Ways()
    explained = {
        DIRECTION_NAMES[direction]: _next(args, config, in_force, rows, direction, said, ways)
        for direction in (ORIGINAL, REPLY)
    }
    if args.json:
        shown: dict[str, Any] = {
            "connection": connection_entry(connection, START),
            "generation": in_force.generation,
            "file_differs": bool(in_force.note),
        }
        for name, one in explained.items():
            shown[name] = None if one is None else explanation_entry(one.explanation)
        print(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    page = Page(sys.stdout)
    first, *others = connection_lines(connection, START)
    page.labelled("tracked", first)
    for line in others:
        page.labelled("", line)
    page.labelled("rules", f"generation {in_force.generation}, {config.rules}")
    if in_force.note:
        page.labelled("NOTE", in_force.note)
    if not (said.in_interface and said.out_interface):
        page.labelled("", BY_ROUTES)
    if keeps_something(in_force.plan):
        page.labelled("", STARTS_ANEW)
    for name, one in explained.items():
        page.line()
        page.line(f"what may come next in {name} direction", "=== ", "    ")
        if one is None:
            page.line("nobody can make up a packet of such a connection", "    ", "    ")
        else:
            print_text(one.explanation, one.names, one.unsaid, sys.stdout)


@dataclass(frozen=True, slots=True)
class _Next:
    """What becomes of the next packet of a direction."""

    explanation: Explanation
    names: dict[int, str]
    unsaid: list[str]


def _next(
    args: argparse.Namespace,
    config: Config,
    in_force: InForce,
    rows: list[Any],
    direction: int,
    said: Meant,
    ways: Ways,
) -> _Next | None:
    """Judge a packet that may come next, on a copy of the connection and of the rules."""
    connection, talk = load_with_masters(rows, START), Talk()
    words = next_packet(connection, direction, said, talk)
    if words is None:
        return None
    chain = ways.chain(words, args.chain, direction)
    words = ways.known(words, chain)
    indexes = ways.indexes(words)
    names = {index: name for name, index in indexes.items()}
    ways.machine.wall_offset = time.time() - START
    ruleset = build_ruleset(in_force.plan, ways.machine)
    ruleset.interfaces.set_names(names)
    for name, elements in in_force.elements.items():
        the_set = ruleset.sets[name]
        for packed, lengths, seconds in elements:
            the_set.add(packed, lengths, the_set.until(START, seconds), START)
    helpers = load_helpers(lambda _name, _what: None)
    conntrack = Conntrack(make_settings(config.conntrack.numbers()), more_helpers=helpers)
    conntrack.table.insert(connection, START)
    firewall = Firewall(ruleset, conntrack)
    explainer = Explainer(firewall, in_force.policy, in_force.plan, names, in_force.written)
    explanation = explainer.handle(talk.octets(words), meta_of(words, chain, indexes), START)
    known = {"input": ("in",), "output": ("out",)}.get(chain, ("in", "out"))
    told = {"in": words.in_interface, "out": words.out_interface}
    return _Next(explanation, names, [name for name in known if not told[name]])
