"""What it takes to put ten thousand rules in force: time and memory of each side of the pipe.

`python -m bench.large_rules read` and `... build` print JSON, each from a process of its own: the
supervisor reads the file and compiles it to a plan, a worker builds the rule set from that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench.policies import rules
from bench.rounds import Samples
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import load_rules
from firewalld_py.rules.build import build_ruleset, plan_rules

RULES: Final = 10_000
TIMEOUT_S: Final = 120.0
PARTS: Final = ("read", "build")


def read(path: Path) -> dict[str, Any]:
    """The plan of a rule file."""
    return compile_policy(load_rules(path), Config())


def measure(rounds: int) -> Samples:
    """Milliseconds of CPU time and peak memory of each part, a sample for each round."""
    samples: Samples = {}
    with tempfile.TemporaryDirectory() as name:
        rule_file, plan_file = Path(name, "rules.yaml"), Path(name, "plan.json")
        rule_file.write_text(rules(RULES))
        plan_file.write_text(json.dumps(read(rule_file)))
        for _ in range(rounds):
            for part, file in zip(PARTS, (rule_file, plan_file), strict=True):
                for what, value in _ask(part, file).items():
                    samples.setdefault(what, []).append(value)
    return samples


def _ask(part: str, file: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.large_rules", part, str(file)],
        check=True,
        stdout=subprocess.PIPE,
        timeout=TIMEOUT_S,
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def _peak_mb() -> float:
    """Of this process alone: getrusage() also tells of the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) / 1024


def main() -> None:
    """Do one part in this process and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.large_rules")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    started = time.process_time()
    if arguments.part == "read":
        assert len(plan_rules(read(arguments.file))) > RULES
    else:
        ruleset = build_ruleset(json.loads(arguments.file.read_text()))
        assert len(ruleset.filter_forward.rules) > RULES
    took = time.process_time() - started
    words = {"read": "read, checked and compiled", "build": "built in the worker"}[arguments.part]
    print(
        json.dumps({f"{words}, ms": took * 1000, f"{words}, peak of the process, MB": _peak_mb()})
    )


if __name__ == "__main__":
    main()
