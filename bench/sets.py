"""Sets of many networks: what a packet costs that is looked up in one, and how long they load.

`python -m bench.sets` prints JSON, of a process of its own: the compiled core's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any, Final

from bench import packets
from bench.core import CONNECTIONS, established, nanoseconds
from bench.rounds import Samples
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import load_rules
from firewalld_py.rules.build import RulesetBuilder, plan_rules
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.service.messages import SetPart, decode, encode
from firewalld_py.service.set_messages import declarations, set_parts

FEW: Final = 10
MANY: Final = 100_000
TIMEOUT_S: Final = 120.0
ADDRESSES: Final = 10_000  # looked up one by one
RULES: Final = """version: 1
sets: {blocked: {type: network, file: blocked.txt}}
filter:
  forward:
    policy: drop
    rules:
      - {name: blocked, src: $blocked, action: drop}
      - {name: through, in: lan0, out: wan0, action: accept}
      - {name: back, in: wan0, out: lan0, action: accept}
"""


def networks(count: int, family: int) -> list[str]:
    """Networks of many lengths, as block lists have them, far from the bench's own addresses."""
    rng = Random(count)
    found: dict[str, None] = {}
    while len(found) < count:
        if family == 4:
            length = rng.choice((16, 19, 20, 21, 22, 23, 24, 24, 24, 24, 28, 32, 32, 32))
            number = rng.randrange(0x30000000, 0xC0000000) >> (32 - length) << (32 - length)
            octets = ".".join(str(octet) for octet in number.to_bytes(4, "big"))
            found[f"{octets}/{length}"] = None
        else:
            length = rng.choice((32, 40, 44, 48, 48, 48, 56, 64, 128))
            number = rng.getrandbits(125) | 2 << 124
            digits = f"{number >> (128 - length) << (128 - length):032x}"
            found[":".join(digits[at : at + 4] for at in range(0, 32, 4)) + f"/{length}"] = None
    return list(found)


def loaded(count: int, family: int) -> tuple[Ruleset, dict[str, float]]:
    """The rule set with so many networks, the way the daemon makes it, and how long that took.

    The parts are built as a worker builds them: each between two batches of packets. All times are
    of the CPU.
    """
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "blocked.txt").write_text("\n".join(networks(count, family)))
        path = Path(directory, "rules.yaml")
        path.write_text(RULES)
        started = time.process_time()
        policy = load_rules(path)
        took["read and checked"] = time.process_time() - started
    started = time.process_time()
    plan = compile_policy(policy, Config())
    took["compiled"] = time.process_time() - started
    started = time.process_time()
    messages = [encode(part) for part in set_parts(1, plan)]
    took["sent"] = time.process_time() - started
    longest, before = 0.0, time.process_time()
    builder = RulesetBuilder(plan["interfaces"], {"forward": "drop"})
    builder.declare_sets(declarations(plan))
    for message in messages:
        started = time.process_time()
        part = decode(message)
        assert isinstance(part, SetPart)
        builder.put_elements(part.name, part.size, part.records)
        longest = max(longest, time.process_time() - started)
    for chain, rule in plan_rules(plan):
        builder.add(chain, rule)
    started = time.process_time()
    ruleset = builder.finish()
    took["longest part"] = max(longest, time.process_time() - started)
    took["built in the worker"] = time.process_time() - before
    ruleset.interfaces.set_names(packets.INTERFACES)
    for made in ruleset.chains():
        made.remembers = False  # so that every packet is looked up
    return ruleset, took


def lookups(ruleset: Ruleset, family: int) -> float:
    """Nanoseconds for one address, of addresses all over."""
    rng = Random(1)
    octets = 4 if family == 4 else 16
    asked = [rng.randbytes(octets) for _ in range(ADDRESSES)]
    if family == 6:
        asked = [bytes((0x20 | address[0] & 0x1F,)) + address[1:] for address in asked]
    is_met = ruleset.sets["blocked"].is_met
    best = float("inf")
    for _ in range(5):
        started = time.process_time_ns()
        for address in asked:
            is_met(address, 0.0, 40)
        best = min(best, (time.process_time_ns() - started) / len(asked))
    return best


def octets(ruleset: Ruleset) -> int:
    """The memory that its networks take."""
    blocked = ruleset.sets["blocked"]
    return sum(
        sys.getsizeof(part)
        for of in (blocked.networks_v4, blocked.networks_v6)
        for part in (of.firsts, of.lengths, of.parents, of.index)
    )


def figures(seconds: float) -> dict[str, float]:
    """All of it, by name."""
    found: dict[str, float] = {}
    firewall, traffic = established("udp", CONNECTIONS)
    for family in (4, 6):
        for count in (FEW, MANY):
            ruleset, took = loaded(count, family)
            name = f"{count} networks of IPv{family}"
            found[f"lookup, {name}"] = lookups(ruleset, family)
            if count == MANY:
                found[f"memory of a network of IPv{family}"] = octets(ruleset) / count
                found |= {f"{what}, {name}": spent * 1000 for what, spent in took.items()}
            if family == 4:
                firewall.ruleset = ruleset
                found[f"packet, {name}"] = nanoseconds(firewall, traffic, seconds)
    return found


def measure(rounds: int, seconds: float) -> Samples:
    """The figures, a sample for each round, each of a fresh process."""
    samples: Samples = {}
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-m", "bench.sets", "--seconds", str(seconds)],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "FIREWALLD_PY_PURE": ""},
            timeout=TIMEOUT_S,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        for name, value in answer.items():
            samples.setdefault(name, []).append(float(value))
    return samples


def main() -> None:
    """Measure in this process and print the figures by name."""
    parser = argparse.ArgumentParser(prog="python -m bench.sets")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each figure")
    print(json.dumps(figures(parser.parse_args().seconds)))


if __name__ == "__main__":
    main()
