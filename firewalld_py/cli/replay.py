"""The verb `replay`: judge a capture offline, with the engine that judges live traffic.

The clock is the capture's. Nothing of this machine is touched or asked for.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from firewalld_py.cli.exits import FAILURE, OK, USAGE
from firewalld_py.cli.replay_coverage import (
    ChainCount,
    coverage,
    write_coverage,
    write_coverage_json,
    write_never_met,
)
from firewalld_py.cli.replay_routes import RouteError, Routes
from firewalld_py.cli.replay_text import Line, Summary
from firewalld_py.conntrack.connection import DIRECTION_NAMES, STATE_NAMES
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import make_settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.protocols import HOOK_FORWARD, HOOK_INPUT, HOOK_OUTPUT
from firewalld_py.packet.reasons import NOT_IP, REASON_NAMES
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.policy.compile import Plan, compile_policy
from firewalld_py.policy.config import DEFAULT_CONFIG, Config, load_config
from firewalld_py.policy.load import load_rules
from firewalld_py.policy.matches_routes import asks_for_routes
from firewalld_py.rules.build import build_ruleset, plan_rules
from firewalld_py.rules.machine import Machine
from firewalld_py.service.plugins import load_helpers, with_plugins

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from firewalld_py.policy.model import Policy
    from firewalld_py.service.capture import Frame

HOOKS: Final = {"input": HOOK_INPUT, "forward": HOOK_FORWARD, "output": HOOK_OUTPUT}
SWEEP_EVERY: Final = 256  # packets; then dead connections are swept out, as the worker does it
SWEEP_LOOKS: Final = 1024


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `replay` to the command's parser."""
    replay = subparsers.add_parser(
        "replay",
        help="judge a capture offline with the live engine",
        description="Judge every packet of a capture (pcap or pcapng, also gzipped) by a rule set, "
        "with the clock taken from the capture. A capture does not tell on which interfaces a "
        "packet came and went: unless --route does, every `in:` and `out:` counts as met.",
    )
    replay.add_argument("capture", metavar="CAPTURE", help='the file; "-" for standard input')
    replay.add_argument("--rules", metavar="RULES", help="default: those of the configuration")
    # No default here: one given before the verb shall not be overwritten.
    replay.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="the daemon's configuration, for its connection tracking settings",
    )
    replay.add_argument(
        "--chain",
        choices=sorted(HOOKS),
        default="forward",
        help="the filter chain that judges (default: forward)",
    )
    replay.add_argument(
        "--route",
        action="append",
        default=[],
        metavar="PREFIX=INTERFACE",
        help="addresses behind an interface, as 10.1.0.0/24=lan0, or of this machine, as "
        "10.1.0.1=local; may be repeated, the longest prefix wins",
    )
    replay.add_argument(
        "--coverage",
        action="store_true",
        help="not the packets, but each rule with the number of packets that met it",
    )
    replay.add_argument(
        "--json",
        action="store_true",
        help="one JSON object for each packet; with --coverage, one for all rules",
    )


def run(args: argparse.Namespace) -> int:
    """Judge the capture; 0, or 1 if it could not be read to its end. Raises PolicyErrors."""
    from firewalld_py.service.capture import Capture, CaptureError  # noqa: PLC0415 - imports scapy

    try:
        routes = Routes(args.route)
    except RouteError as error:
        print(f"firewalld-py: {error}", file=sys.stderr)
        return USAGE
    replay = Replay(config_of(args), args.rules, args.chain, routes)
    try:
        with Capture(args.capture) as capture:
            replay.tell_about_interfaces()
            if args.coverage:
                return _show_coverage(replay, capture, args.json)
            show = _show_json if args.json else _show_text
            return show(replay, capture)
    except CaptureError as error:
        print(f"firewalld-py: {error}", file=sys.stderr)
        return FAILURE


def config_of(args: argparse.Namespace) -> Config:
    """The configuration; built-in defaults where there is none and none was asked for."""
    path = str(args.config)
    if path == DEFAULT_CONFIG and not Path(path).exists():
        return Config()
    return load_config(path)


@dataclass(slots=True)
class _Judged:
    frame: Frame
    decision: Decision | None


class Replay:
    """A firewall whose packets, clock and interfaces come from a capture."""

    def __init__(
        self,
        config: Config,
        rules: str | None,
        chain: str,
        routes: Routes,
        known: tuple[Policy, Plan] | None = None,
    ) -> None:
        """`rules` is the rules file, None for the configuration's. Raises PolicyErrors.

        `known` is a policy with its plan, where these are there already.
        """
        helpers = load_helpers(_tell_of_helper)
        if known is None:
            policy = load_rules(rules or config.rules, with_plugins(helpers))
            known = policy, compile_policy(policy, config)
        self.policy, self.plan = known
        self.machine = Machine()  # a capture's clock is the wall clock
        self.machine.routes = routes.table()
        self.ruleset = build_ruleset(self.plan, self.machine)
        self.ruleset.interfaces.set_names(routes.names)
        settings = make_settings(config.conntrack.numbers())
        self.firewall = Firewall(self.ruleset, Conntrack(settings, more_helpers=helpers))
        self._hook = HOOKS[chain]
        self._routes = routes
        self._until_sweep = SWEEP_EVERY

    def tell_about_interfaces(self) -> None:
        """Say it, if rules ask for interfaces that nobody named."""
        if self.machine.routes is None and asks_for_routes(plan_rules(self.plan)):
            print(
                "firewalld-py: note: no routes are known: src_type, dst_type and reverse_path "
                "cannot be asked; tell them with --route 10.1.0.0/24=lan0 and 10.1.0.1/32=local",
                file=sys.stderr,
            )
        if self.ruleset.interfaces.patterns and not self._routes.names:
            print(
                "firewalld-py: note: a capture has no interfaces: every `in:` and `out:` counts "
                "as met; tell with --route 10.1.0.0/24=lan0 which addresses are behind which",
                file=sys.stderr,
            )

    def coverage(self) -> list[ChainCount]:
        """How many packets met each rule so far."""
        return coverage(self.ruleset, self.firewall.chains(self._hook))

    def judged(self, capture: Iterable[Frame]) -> Iterator[tuple[Frame, Decision | None]]:
        """Each frame with the decision about it, in the file's order.

        A fragment has that of its datagram, and so is shown, with all behind it, when that is whole
        or given up.
        """
        waiting: deque[_Judged] = deque()
        held: dict[int, _Judged] = {}
        for number, frame in enumerate(capture):
            decision = self.judge(frame, number)
            judged = _Judged(frame, decision)
            waiting.append(judged)
            if decision is not None and decision.held:
                held[number] = judged
            elif decision is not None and decision.released is not None:
                for token in decision.released:
                    held.pop(token).decision = decision
            if held:
                for token in self.firewall.dropped_fragments(frame.time):
                    held.pop(token, None)
            while waiting and not (held and waiting[0] is next(iter(held.values()))):
                done = waiting.popleft()
                yield done.frame, done.decision
        for done in waiting:
            yield done.frame, done.decision

    def judge(self, frame: Frame, token: int = 0) -> Decision | None:
        """The decision about one frame; None for what is no IP packet."""
        if frame.data is None:
            return None
        meta = self.meta(frame, token)
        decision = self.firewall.handle(frame.data, meta, frame.time)
        self._until_sweep -= 1
        if self._until_sweep == 0:
            self._until_sweep = SWEEP_EVERY
            self.firewall.conntrack.expire(frame.time, SWEEP_LOOKS)
        return decision

    def meta(self, frame: Frame, token: int) -> PacketMeta:
        """What the queue would say. In INPUT nothing goes out, in OUTPUT nothing comes in: 0."""
        in_index, out_index = self._routes.interfaces(frame.data or b"")
        if self._hook == HOOK_INPUT:
            out_index = 0
        elif self._hook == HOOK_OUTPUT:
            in_index = 0
        mac = b"" if self._hook == HOOK_OUTPUT else frame.source_mac
        return PacketMeta(self._hook, in_index, out_index, 0, frame.truncated, token, mac)


def _tell_of_helper(name: str, what: str) -> None:
    print(f"firewalld-py: helper {name} {what}", file=sys.stderr)


def _show_json(replay: Replay, capture: Iterable[Frame]) -> int:
    """One line for each packet of the file, in the file's order."""
    write, encode = sys.stdout.write, json.JSONEncoder(ensure_ascii=False).encode
    for number, (frame, decision) in enumerate(replay.judged(capture), 1):
        write(encode(entry(number, frame.time, decision)) + "\n")
    return OK


def entry(number: int, time: float, decision: Decision | None) -> dict[str, object]:
    """What --json says of one packet."""
    if decision is None:
        return {
            "n": number, "time": time, "state": None, "direction": None, "verdict": None,
            "rule": None, "reason": REASON_NAMES[NOT_IP],
        }  # fmt: skip
    state = STATE_NAMES.get(decision.info.state)  # none: a raw rule dropped it before tracking
    return {
        "n": number,
        "time": time,
        "state": state,
        "direction": None if state is None else DIRECTION_NAMES[decision.info.direction],
        "verdict": decision.verdict_name(),
        "rule": None if decision.rule is None else decision.rule.name,
        "reason": decision.reason_name(),
    }


def _show_text(replay: Replay, capture: Iterable[Frame]) -> int:
    """A table for people, and a summary; the summary also if the file breaks off."""
    summary, line = Summary(), Line(sys.stdout)
    try:
        for frame, decision in replay.judged(capture):
            summary.count(frame, decision)
            line.write(frame, decision)
    finally:
        summary.write(sys.stdout)
        write_never_met(replay.coverage(), sys.stdout)
    return OK


def _show_coverage(replay: Replay, capture: Iterable[Frame], as_json: bool) -> int:
    """Each rule with its counts; also if the file breaks off."""
    write = write_coverage_json if as_json else write_coverage
    try:
        for _ in replay.judged(capture):
            pass
    finally:
        write(replay.coverage(), sys.stdout)
    return OK
