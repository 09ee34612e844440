"""The core alone, without a queue: nanoseconds per Firewall.handle, as one process measures it.

`python -m bench.core` prints JSON; with FIREWALLD_PY_PURE=1 it runs the interpreted core. `measure`
lets compiled and interpreted processes take turns.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from typing import Final

from bench import packets
from bench.policies import rules
from bench.rounds import Samples
from firewalld_py import compiled
from firewalld_py.conntrack.connection import ESTABLISHED
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.protocols import TCP_ACK
from firewalld_py.pipeline import Firewall
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import parse_rules
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.paths import SELDOM
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.verdicts import ACCEPT

CONNECTIONS: Final = 10000
RULE_COUNTS: Final = (10, 100, 1000, 10000)
REMEMBERED: Final = "remembered"  # the rules' answer is, where connections are long
FIRST_TIME: Final = 20  # packets by which the time for one is guessed
PASSES: Final = 3
TIMEOUT_S: Final = 120.0


def build(before: int, *, remembers: bool = False) -> Ruleset:
    """The rule set of `policies.rules`, made the way the daemon makes it.

    Unless it `remembers`, its rules are asked about each packet, also of a long connection.
    """
    policy, problems = parse_rules(rules(before), "bench")
    if policy is None:
        raise ValueError(problems)
    ruleset = build_ruleset(compile_policy(policy, Config()))
    ruleset.interfaces.set_names(packets.INTERFACES)
    for chain in ruleset.chains():
        chain.remembers = chain.remembers and remembers
    return ruleset


def walk_paths(firewall: Firewall, traffic: list[packets.Queued]) -> None:
    """Send packets until each connection has the path of its own."""
    for _ in range(2 * (SELDOM + 1)):
        for data, meta in traffic:
            firewall.handle(data, meta, 2.0)


def established(kind: str, count: int) -> tuple[Firewall, list[packets.Queued]]:
    """A firewall that tracks `count` connections, and one more packet of each, ESTABLISHED."""
    firewall = Firewall(build(0), Conntrack(Settings()))
    traffic = []
    opening = packets.udp_opening if kind == "udp" else packets.tcp_opening
    for number in range(count):
        for data, meta in opening(number):
            assert firewall.handle(data, meta, 1.0).verdict == ACCEPT
        if kind == "udp":
            traffic.append(packets.udp(number, False))
        else:
            traffic.append(packets.tcp(number, number % 2 == 1, TCP_ACK, *_next(number)))
    for data, meta in traffic:
        decision = firewall.handle(data, meta, 1.0)
        assert (decision.verdict, decision.info.state) == (ACCEPT, ESTABLISHED)
    return firewall, traffic


def _next(number: int) -> tuple[int, int]:
    """Sequence and acknowledgement number after the opening; odd ones are the server's."""
    return (5001, 1001) if number % 2 else (1001, 5001)


def nanoseconds(firewall: Firewall, traffic: list[packets.Queued], seconds: float) -> float:
    """The fastest of some passes over as many packets as `seconds` allow."""
    guess = _one_pass(firewall, traffic[:FIRST_TIME])
    count = max(FIRST_TIME, int(seconds / PASSES / (guess * 1e-9)))
    chosen = list(itertools.islice(itertools.cycle(traffic), count))
    return min(_one_pass(firewall, chosen) for _ in range(PASSES))


def _one_pass(firewall: Firewall, chosen: list[packets.Queued]) -> float:
    """CPU time per packet, so that other processes take no part."""
    handle = firewall.handle
    started = time.process_time_ns()
    for data, meta in chosen:
        handle(data, meta, 2.0)
    return (time.process_time_ns() - started) / len(chosen)


def measure(rounds: int, seconds: float) -> Samples:
    """Nanoseconds per packet, by "compiled tcp 100" and the like, a sample for each round."""
    samples: Samples = {}
    for number in range(rounds):
        for pure in (("", "1"), ("1", ""))[number % 2]:
            for name, value in _ask(pure, seconds).items():
                samples.setdefault(name, []).append(value)
    return samples


def _ask(pure: str, seconds: float) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.core", "--seconds", str(seconds)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "FIREWALLD_PY_PURE": pure},
        timeout=TIMEOUT_S,
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Measure in this process and print the figures by name."""
    parser = argparse.ArgumentParser(prog="python -m bench.core")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each figure")
    arguments = parser.parse_args()
    word = "compiled" if compiled() else "interpreted"
    figures: dict[str, float] = {}
    # 10 000 rules are a question for the product, which is compiled.
    counts = RULE_COUNTS if word == "compiled" else RULE_COUNTS[:-1]
    rulesets = {count: build(count) for count in counts}
    remembering = build(RULE_COUNTS[0], remembers=True)
    for kind in ("tcp", "udp"):
        firewall, traffic = established(kind, CONNECTIONS)
        for count, ruleset in rulesets.items():
            firewall.ruleset = ruleset
            figures[f"{word} {kind} {count}"] = nanoseconds(firewall, traffic, arguments.seconds)
        firewall.ruleset = remembering
        walk_paths(firewall, traffic)
        name = f"{word} {kind} {RULE_COUNTS[0]} {REMEMBERED}"
        figures[name] = nanoseconds(firewall, traffic, arguments.seconds)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
