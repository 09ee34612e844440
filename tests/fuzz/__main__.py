"""`python -m tests.fuzz --seconds 60`, as `make fuzz` calls it: atheris over the interpreted core.

What it finds interesting is kept in build/fuzz/corpus for the next time; an input that breaks the
core is left in build/fuzz, and `python -m tests.fuzz FILE` plays it again.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.project import ROOT

WANTED: Final = "atheris>=3.0,<4"
CORPUS: Final = ROOT / "tests/fuzz/corpus"
FOUND: Final = ROOT / "build/fuzz"
LONGEST_INPUT: Final = 8192


def install() -> None:
    """Put atheris beside the other tools; it is large, and nothing else needs it."""
    if importlib.util.find_spec("atheris") is not None:
        return
    print(f"fuzz: installing {WANTED} into {sys.prefix}", file=sys.stderr)
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    if subprocess.run([*pip, WANTED], check=False).returncode:
        sys.exit("fuzz: pip could not install atheris (its words are above)")
    importlib.invalidate_caches()


def fuzz(seconds: int) -> None:
    """Fuzz until the time is over or something breaks; libFuzzer ends the process itself."""
    (FOUND / "corpus").mkdir(parents=True, exist_ok=True)
    atheris = importlib.import_module("atheris")
    # First, so that its finder of sources comes behind that of atheris, which asks those behind it.
    importlib.import_module("firewalld_py")
    with atheris.instrument_imports(include=["firewalld_py"]):
        play = importlib.import_module("tests.fuzz.play").play
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", "-timeout=10"]
    options += [f"-artifact_prefix={FOUND}/", "-print_final_stats=1"]
    directories = [str(FOUND / "corpus"), str(CORPUS)]
    atheris.Setup([sys.argv[0], *options, *directories], play)
    atheris.Fuzz()


def again(path: Path) -> None:
    """Play one input, and tell what was said of each packet."""
    play = importlib.import_module("tests.fuzz.play")
    data = path.read_bytes()
    for step in play.steps(data):
        print(f"+{step.after_s}s hook {step.hook}{' cut' * step.truncated} {step.data.hex()}")
    for number, decision in enumerate(play.play(data), 1):
        said = f"{decision.info.state} {decision.verdict_name()} {decision.reason_name()}"
        print(f"{number}: {said}")


def main() -> None:
    """Coverage is seen of interpreted code alone: begin anew without the compiled core."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("input", nargs="?", type=Path, help="play this file instead")
    arguments = parser.parse_args()
    if os.environ.get("FIREWALLD_PY_PURE") != "1":
        os.environ["FIREWALLD_PY_PURE"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "tests.fuzz", *sys.argv[1:]])
    if arguments.input:
        again(arguments.input)
        return
    install()
    fuzz(arguments.seconds)


if __name__ == "__main__":
    main()
