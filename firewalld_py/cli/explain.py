"""The verb `explain`: what is done with a packet, and which rule decides it.

The packet is one in words, as the first that is seen, or one of a capture, after all before it.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from firewalld_py.cli.exits import FAILURE, OK, USAGE
from firewalld_py.cli.explain_connection import explain_connection
from firewalld_py.cli.explain_text import print_json, print_text
from firewalld_py.cli.replay import HOOKS, Replay, config_of
from firewalld_py.cli.replay_routes import RouteError, Routes
from firewalld_py.policy.explain import Explainer, Explanation
from firewalld_py.policy.packet_octets import Talk, interface_indexes, meta_of
from firewalld_py.policy.packet_words import PacketWords, chain_fault, described, guessed_chain
from firewalld_py.policy.trial import START

if TYPE_CHECKING:
    from firewalld_py.service.capture import Capture, Frame


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `explain` to the command's parser."""
    explain = subparsers.add_parser(
        "explain",
        help="what is done with a packet, and why",
        description="Show what the rules do with a packet: its state and why, every rule that is "
        "tried with the first condition that fails, the verdict, and the line that decides. The "
        "packet is said in words, as in=wan0 src=203.0.113.9 dst=10.1.0.5 proto=tcp dport=22 "
        "flags=syn, or is number N of a capture, judged after all that stand before it. With "
        "--connection the daemon is asked for a connection that it tracks, and what may come next "
        "in each of its directions is explained.",
    )
    explain.add_argument(
        "words",
        metavar="KEY=VALUE",
        nargs="*",
        help="the packet; with --capture its number N; with --connection what is known of one",
    )
    explain.add_argument("--rules", metavar="RULES", help="default: those of the configuration")
    explain.add_argument("--capture", metavar="FILE", help='a capture; "-" for standard input')
    explain.add_argument(
        "--connection",
        action="store_true",
        help="a live connection, as --connection proto=tcp src=10.1.0.5 dport=443; parts may be "
        "left out, and addresses and ports may be ranges",
    )
    explain.add_argument(
        "--chain",
        choices=sorted(HOOKS),
        help="the filter chain that judges (default: output for what has out and no in, "
        "else forward)",
    )
    explain.add_argument(
        "--route",
        action="append",
        default=[],
        metavar="PREFIX=INTERFACE",
        help="addresses behind an interface, as 10.1.0.0/24=lan0, or of this machine, as "
        "10.1.0.1=local",
    )
    explain.add_argument("--json", action="store_true", help="as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Explain a packet; 0, also if it is dropped. Raises PolicyErrors."""
    if args.connection:
        if args.rules or args.capture or args.route:
            print(
                "firewalld-py: --connection is explained by the rules in force, without --rules, "
                "--capture and --route",
                file=sys.stderr,
            )
            return USAGE
        return explain_connection(args)
    if args.capture is not None:
        return _explain_captured(args)
    if not args.words:
        print("firewalld-py: a packet is wanted, as proto=tcp src=10.1.0.5 …", file=sys.stderr)
        return USAGE
    words, problems = described(args.words)
    for problem in problems:
        print(problem.shown(), file=sys.stderr)
    if words is None:
        return USAGE
    chain = args.chain or guessed_chain(words)
    if message := chain_fault(words, chain):
        print(f"firewalld-py: {message}", file=sys.stderr)
        return USAGE
    try:
        routes = Routes(args.route)
    except RouteError as error:
        print(f"firewalld-py: {error}", file=sys.stderr)
        return USAGE
    names = routes.names_with(interface_indexes([words]))
    indexes = {name: index for index, name in names.items()}
    replay = Replay(config_of(args), args.rules, chain, routes)
    replay.ruleset.interfaces.set_names(names)
    replay.machine.wall_offset = (time.time() if words.time is None else words.time) - START
    explainer = Explainer(replay.firewall, replay.policy, replay.plan, names)
    meta = meta_of(words, chain, indexes)
    _print(args, explainer.handle(Talk().octets(words), meta, START), names, _unsaid(words, chain))
    return OK


def _unsaid(words: PacketWords, chain: str) -> list[str]:
    """Which interfaces nobody spoke of although the chain knows them."""
    said = {"in": words.in_interface, "out": words.out_interface}
    known = {"input": ("in",), "output": ("out",)}.get(chain, ("in", "out"))
    return [name for name in known if not said[name]]


def _print(
    args: argparse.Namespace, explained: Explanation, names: dict[int, str], unsaid: list[str]
) -> None:
    if args.json:
        print_json(explained, sys.stdout)
    else:
        print_text(explained, names, unsaid, sys.stdout)


def _explain_captured(args: argparse.Namespace) -> int:
    from firewalld_py.service.capture import Capture, CaptureError  # noqa: PLC0415 - imports scapy

    number = args.words[0] if len(args.words) == 1 else ""
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        print(
            "firewalld-py: with --capture, the number of one packet is wanted, from 1",
            file=sys.stderr,
        )
        return USAGE
    try:
        routes = Routes(args.route)
    except RouteError as error:
        print(f"firewalld-py: {error}", file=sys.stderr)
        return USAGE
    replay = Replay(config_of(args), args.rules, args.chain or "forward", routes)
    try:
        with Capture(args.capture) as capture:
            return _explain_number(args, replay, capture, int(number), routes)
    except CaptureError as error:
        print(f"firewalld-py: {error}", file=sys.stderr)
        return FAILURE


def _explain_number(
    args: argparse.Namespace, replay: Replay, capture: Capture, wanted: int, routes: Routes
) -> int:
    """Judge what stands before packet `wanted`, and explain that."""
    count = 0
    for frame in capture:
        count += 1
        if count == wanted:
            return _explain_frame(args, replay, frame, wanted, routes)
        replay.judge(frame, count)
    print(f"firewalld-py: {args.capture} has {count} packets, no number {wanted}", file=sys.stderr)
    return FAILURE


def _explain_frame(
    args: argparse.Namespace, replay: Replay, frame: Frame, number: int, routes: Routes
) -> int:
    if frame.data is None:
        print(f"firewalld-py: packet {number} is no IP packet: no rule sees it", file=sys.stderr)
        return FAILURE
    explainer = Explainer(replay.firewall, replay.policy, replay.plan, routes.names)
    meta = replay.meta(frame, number)
    explained = explainer.handle(frame.data, meta, frame.time)
    known = {"in": meta.in_index, "out": meta.out_index}
    _print(args, explained, routes.names, [name for name, index in known.items() if index < 0])
    return OK
