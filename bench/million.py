"""A million connections: what each costs in memory, and what finding one costs against a thousand.

`python -m bench.million 1000000` prints JSON; its memory comes from where the worker's does.
Packets of connections chosen by chance come one after the other: of a thousand that talk while all
others are idle, which shows what the table costs; and of the whole million, the worst case, in
which no cache of the machine holds what a packet needs.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench import packets
from bench.core import build
from bench.memory import resident
from bench.rounds import Samples, take_turns
from firewalld_py.conntrack.connection import ESTABLISHED
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import flow_key
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.parse import parse
from firewalld_py.packet.protocols import TCP_ACK
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.verdicts import ACCEPT
from firewalld_py.service.worker_process import ALLOCATOR

MANY: Final = 1_000_000
FEW: Final = 1_000
ASKED: Final = 20_000  # packets of a pass
PASSES: Final = 5
NOW: Final = 1.0
TIMEOUT_S: Final = 300.0
OF_FEW: Final = "table of 1 000"
FEW_OF_MANY: Final = "1 000 talk, table of 1 000 000"
ALL_OF_MANY: Final = "all talk, table of 1 000 000"


@dataclass(frozen=True, slots=True)
class Figures:
    """Octets per connection; nanoseconds a packet by what is asked of whom, a sample each pass.

    What: "handle", a packet's whole way, or "find", the lookup alone. Of whom: OF_FEW, a table of a
    thousand; FEW_OF_MANY, a thousand of a million; ALL_OF_MANY.
    """

    octets: float
    nanoseconds: Samples


def opened(connections: int) -> Firewall:
    """A firewall that tracks so many TCP connections, all established."""
    firewall = Firewall(build(0), Conntrack(Settings(maximum=connections)))
    for number in range(connections):
        for data, meta in packets.tcp_opening(number):
            assert firewall.handle(data, meta, NOW).verdict == ACCEPT
    assert firewall.conntrack.table.size == connections
    return firewall


def questions(connections: int, talking: int) -> list[packets.Queued]:
    """ASKED more packets, of `talking` connections that were drawn from all."""
    chance = random.Random(connections)
    talkers = chance.sample(range(connections), talking)
    return [packets.tcp(chance.choice(talkers), False, TCP_ACK, 1001, 5001) for _ in range(ASKED)]


def handling(firewall: Firewall, asked: Sequence[packets.Queued]) -> float:
    """CPU time of Firewall.handle, in nanoseconds per packet."""
    handle = firewall.handle
    started = time.process_time_ns()
    for data, meta in asked:
        handle(data, meta, NOW)
    return (time.process_time_ns() - started) / len(asked)


def finding(firewall: Firewall, asked: Sequence[packets.Queued]) -> float:
    """CPU time of the lookup alone, in nanoseconds; the keys are new ones, as those of packets."""
    keys = [flow_key(parse(data, meta)) for data, meta in asked]
    find = firewall.conntrack.table.find
    started = time.process_time_ns()
    for key in keys:
        find(key, NOW)
    return (time.process_time_ns() - started) / len(keys)


def figures(connections: int) -> Figures:
    """All of it, in this process."""
    few = opened(FEW)
    before = resident()
    many = opened(connections)
    octets = (resident() - before) / connections
    contestants: dict[str, Callable[[], float]] = {}
    for whom, firewall, count, talking in (
        (OF_FEW, few, FEW, FEW),
        (FEW_OF_MANY, many, connections, FEW),
        (ALL_OF_MANY, many, connections, connections),
    ):
        asked = questions(count, talking)
        decision = firewall.handle(*asked[0], NOW)
        assert (decision.verdict, decision.info.state) == (ACCEPT, ESTABLISHED)
        contestants[f"handle, {whom}"] = partial(handling, firewall, asked)
        contestants[f"find, {whom}"] = partial(finding, firewall, asked)
    return Figures(octets, take_turns(contestants, PASSES))


def measure(connections: int = MANY) -> Figures:
    """The figures of the compiled core, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.million", str(connections)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "FIREWALLD_PY_PURE": ""},
        timeout=TIMEOUT_S,
    )
    answer = json.loads(done.stdout)
    return Figures(answer["octets"], answer["nanoseconds"])


def main() -> None:
    """Measure in this process and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.million")
    parser.add_argument("connections", type=int, nargs="?", default=MANY)
    if not os.environ.keys() >= ALLOCATOR.keys():
        again = [sys.executable, "-m", "bench.million", *sys.argv[1:]]
        os.execve(sys.executable, again, {**ALLOCATOR, **os.environ})
    gc.disable()  # as the worker does
    found = figures(parser.parse_args().connections)
    print(json.dumps({"octets": found.octets, "nanoseconds": found.nanoseconds}))


if __name__ == "__main__":
    main()
