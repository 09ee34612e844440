"""What one connection costs in memory, all in: the growth of a process that tracks many."""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench import packets
from bench.core import build
from bench.rounds import Samples
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.verdicts import ACCEPT
from firewalld_py.service.worker_process import ALLOCATOR

TIMEOUT_S: Final = 120.0


def octets_each(kind: str, connections: int) -> float:
    """Resident octets per connection after `connections` were opened and answered."""
    firewall = Firewall(build(0), Conntrack(Settings(maximum=connections)))
    opening = packets.udp_opening if kind == "udp" else packets.tcp_opening
    gc.collect()
    before = resident()
    for number in range(connections):
        for data, meta in opening(number):
            assert firewall.handle(data, meta, 1.0).verdict == ACCEPT
    gc.collect()
    assert firewall.conntrack.table.size == connections
    return (resident() - before) / connections


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(connections: int) -> Samples:
    """Octets per connection, by protocol; each in a fresh process of the compiled core."""
    samples: Samples = {}
    for kind in ("tcp", "udp"):
        done = subprocess.run(
            [sys.executable, "-m", "bench.memory", kind, str(connections)],
            check=True,
            stdout=subprocess.PIPE,
            env={**ALLOCATOR, **os.environ, "FIREWALLD_PY_PURE": ""},
            timeout=TIMEOUT_S,
        )
        samples[kind] = [float(json.loads(done.stdout))]
    return samples


def main() -> None:
    """Measure in this process and print the figure."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory")
    parser.add_argument("kind", choices=("tcp", "udp"))
    parser.add_argument("connections", type=int)
    arguments = parser.parse_args()
    print(json.dumps(octets_each(arguments.kind, arguments.connections)))


if __name__ == "__main__":
    main()
