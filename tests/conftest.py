"""What all tests share: the `needs` marker, the check of the compiled core, the closing lines."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import firewalld_py
from tests.machine import missing
from tests.project import STAMPS, load_setup

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

CI: Final = os.environ.get("CI", "").lower() in ("true", "1")
# Where `python -m tests` wants the outcome written, for its own closing lines.
OUTCOME: Final = os.environ.get("FIREWALLD_PY_TEST_OUTCOME", "")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse to test a compiled core that is older than its sources."""
    config.addinivalue_line(
        "markers", "needs(*what): what of the machine a test needs; see tests/machine.py"
    )
    if not firewalld_py.compiled():
        return
    stamp = STAMPS / "core"
    built = stamp.read_text().strip() if stamp.exists() else "nothing that is known"
    if built != load_setup().fingerprint():
        raise pytest.UsageError(
            "the compiled core is not made from the sources as they stand: "
            "run `make setup-core`, or set FIREWALLD_PY_PURE=1 to test them interpreted"
        )


def pytest_report_header() -> str:
    """Say which core is tested."""
    return f"core: {'compiled' if firewalld_py.compiled() else 'interpreted'}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose needs are not met, before its fixtures are made; in CI, fail it."""
    for marker in item.iter_markers("needs"):
        for need in marker.args:
            why = missing(need)
            if why is not None and CI:
                pytest.fail(f"not run, and with CI=true that is a failure: {why}", pytrace=False)
            if why is not None:
                pytest.skip(why)


def _skips(reporter: TerminalReporter) -> list[tuple[str, str]]:
    """The skipped tests by name, each with the reason in words."""
    skips = []
    for report in reporter.stats.get("skipped", []):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skips.append((report.nodeid, why.removeprefix("Skipped: ")))
    return skips


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Leave the outcome for `python -m tests`, or say here in words what was left out."""
    skips = _skips(terminalreporter)
    stats = terminalreporter.stats
    if OUTCOME:
        outcome = {
            "passed": len(stats.get("passed", [])),
            "failed": len(stats.get("failed", [])) + len(stats.get("error", [])),
            "skipped": skips,
        }
        Path(OUTCOME).write_text(json.dumps(outcome))
        return
    for name, why in skips:
        terminalreporter.write_line(f"left out: {name}: {why}")
