"""Runs every test, the core's interpreted and compiled; `make test` calls it.

Arguments are pytest's, for both passes: `make test ARGS='-k udp'`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.project import ROOT

# What runs the whole daemon is run once, as it is installed: compiled.
WHOLE_DAEMON: Final = ("tests/live", "tests/lab", "tests/boot")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one pass. `status` is pytest's exit status."""

    title: str
    status: int
    passed: int
    failed: int
    skipped: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def good(self) -> bool:
        """Whether nothing failed; that a selection matched no test in this pass is no failure."""
        return self.status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def run_pass(title: str, options: list[str], environment: dict[str, str]) -> Outcome:
    """Run pytest once in a process of its own and read what it left about its outcome."""
    print(f"\n==> tests, {title}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "outcome.json")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options],
            check=False,
            cwd=ROOT,
            env={**environment, "FIREWALLD_PY_TEST_OUTCOME": str(path)},
        )
        found = json.loads(path.read_text()) if path.exists() else {}
    return Outcome(
        title=title,
        status=done.returncode,
        passed=found.get("passed", 0),
        failed=found.get("failed", 0),
        skipped=tuple((name, why) for name, why in found.get("skipped", ())),
        seconds=time.monotonic() - started,
    )


def close(outcomes: list[Outcome]) -> int:
    """Say plainly what passed where and what was left out; the exit status of the whole run."""
    print("\n==> closing")
    left_out: dict[str, list[str]] = {}
    for outcome in outcomes:
        verdict = "good" if outcome.good else f"NOT GOOD (pytest ended with {outcome.status})"
        print(
            f"{outcome.title}: {outcome.passed} passed, {outcome.failed} failed, "
            f"{len(outcome.skipped)} left out, {outcome.seconds:.0f} s: {verdict}"
        )
        for name, why in outcome.skipped:
            left_out.setdefault(why, []).append(name)
    for why, names in left_out.items():
        print(f"left out because {why}:")
        for name in sorted(set(names)):
            print(f"    {name}")
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    print(f"{passed} passed, {failed} failed, {sum(len(o.skipped) for o in outcomes)} skipped")
    ran = any(outcome.status == pytest.ExitCode.OK for outcome in outcomes)
    if passed + failed == 0:
        print("no test was run at all", file=sys.stderr)
    return 0 if ran and all(outcome.good for outcome in outcomes) else 1


def main() -> int:
    """Both passes, the second also when the first failed: one run shows all that is wrong."""
    compiled = {k: v for k, v in os.environ.items() if k != "FIREWALLD_PY_PURE"}
    interpreted = {**compiled, "FIREWALLD_PY_PURE": "1"}
    # Not --ignore: that gives way to a path among the arguments.
    without_daemon = [f"--deselect={directory}" for directory in WHOLE_DAEMON]
    arguments = sys.argv[1:]
    return close(
        [
            run_pass("core interpreted", [*without_daemon, *arguments], interpreted),
            run_pass("core compiled, and the daemon live", arguments, compiled),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
