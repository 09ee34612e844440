"""Compiled and interpreted, the core says the same of the same packets, to the last counter.

Both are asked in processes of their own; in the interpreted pass of the tests they are the same
core, and in the compiled one they are not.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from typing import Any, Final

import firewalld_py
from firewalld_py.conntrack.connection import Tally
from firewalld_py.packet.packet import PacketMeta
from tests.plans import firewall, plan, rule
from tests.project import ROOT
from tests.properties.samples import SEED, corpus, mutated

PACKETS: Final = 20_000
# Rules that remember, and what they do with it.
LIST: Final = ["seen", 24, 64, 20, 3]
COUNTED: Final[list[tuple[str, Any]]] = [
    ("connections", [True, 3, False, 24, 64, "src"]),
    ("connections", [False, 2, True, 32, 128, "dst"]),
    ("!recent", [LIST, False, 60, 3, True, False, False, True]),
    ("recent", [LIST, True, 0, 1, False, False, True, False]),
]
MEMORY: Final[list[tuple[str, Any]]] = [
    *(("count", "met"), ("recent_set", [LIST, False]), ("connmark", [1, 0])),
    *(("connmark_save", [0xF0, 0xFF]), ("mark", [0x10, 0]), ("connmark_restore", [1, 0xF])),
]


def trace() -> list[list[Any]]:
    """What this process's core says of a random trace: one row for each packet."""
    chance = random.Random(SEED)
    real = corpus()
    judge = firewall(
        plan(
            [
                rule("continue", ("proto", [6]), targets=[("mark", [3, 0xFF])]),
                rule("reject", ("state", 8), ("dport", [[0, 65535]])),
                rule("drop", ("state", 8)),
                *(rule("continue", condition, targets=MEMORY) for condition in COUNTED),
                rule("accept", ("mark", [[3, 0xFF]])),
            ]
        )
    )
    rows: list[list[Any]] = []
    now = 1000.0
    for _ in range(PACKETS):
        now += chance.choice([0.0, 0.0, 0.1, 0.1, 3.0, 31.0])
        data = chance.choice(real)
        if chance.random() < 0.3:
            data = mutated(data, chance)
        decision = judge.handle(data, PacketMeta(chance.randrange(1, 4)), now)
        info, connection = decision.info, decision.info.connection
        rows.append(
            [
                decision.verdict,
                decision.reason,
                decision.mark,
                decision.reject_with,
                info.state,
                info.direction,
                info.reason,
                connection and [connection.status, connection.deadline],
            ]
        )
        judge.conntrack.expire(now, 3)
    memory = judge.ruleset.memory
    rows.append([judge.conntrack.table.size, [r.hits for r in judge.ruleset.filter_forward.rules]])
    rows[-1] += [memory.counters["met"].octets, len(memory.recent["seen"].entries)]
    rows[-1] += [sorted(map(_size, one.of_key.values())) for one in memory.tallies.values()]
    return rows


def _size(tally: Tally) -> int:
    return tally.connections


def trace_of(pure: str) -> dict[str, Any]:
    """The trace in a process of its own, with FIREWALLD_PY_PURE set to `pure`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.properties.test_two_cores"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "FIREWALLD_PY_PURE": pure},
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_both_cores_say_the_same_of_a_random_trace() -> None:
    interpreted = trace_of("1")
    assert not interpreted["compiled"]
    ours = trace_of("1" if firewalld_py.PURE else "")
    assert ours["compiled"] == firewalld_py.compiled()
    assert len(ours["rows"]) == PACKETS + 1
    for number, (one, other) in enumerate(zip(ours["rows"], interpreted["rows"], strict=True)):
        assert one == other, f"packet {number}"
    # The trace is worth the name: all states (0 is that of a fragment), and many reasons.
    assert {row[4] for row in ours["rows"][:-1]} == {0, 1, 2, 4, 8, 16}
    assert len({row[6] for row in ours["rows"][:-1]}) > 15


if __name__ == "__main__":
    print(json.dumps({"compiled": firewalld_py.compiled(), "rows": trace()}))
