"""The service on a booted gateway: ready, hardened, reloaded, watched, stopped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.project import ROOT

pytestmark = pytest.mark.needs("root", "netns", "nfqueue", "boot", "make", "/usr/bin/python3")

HERE: Final = Path(__file__).resolve().parent
# The machine's own Python: the service sees no home directory, so no Python from there either.
SYSTEM_PYTHON: Final = "/usr/bin/python3"
INSTALL_TIMEOUT_S: Final = 300
BOOT_TIMEOUT_S: Final = 120
RULES: Final = """
version: 1
filter:
  input:
    policy: drop
    rules:
      - {name: answers, state: [established, related], action: accept}
      - {name: web, proto: tcp, dport: 80, state: new, action: accept}
      - {name: no telnet, proto: tcp, dport: 81, log: true, action: {reject: tcp-reset}}
"""
CAP_NET_ADMIN: Final = 1 << 12
CAP_NET_RAW: Final = 1 << 13


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Install into a directory, boot a copy of this machine with it, return what was seen."""
    staged = tmp_path_factory.mktemp("staged")
    subprocess.run(
        ["make", "install", f"DESTDIR={staged}", f"PYTHON={SYSTEM_PYTHON}"],
        check=True,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        timeout=INSTALL_TIMEOUT_S,
    )
    shared = tmp_path_factory.mktemp("shared")
    shutil.copy(HERE / "inside.py", shared)
    (shared / "rules.yaml").write_text(RULES)
    booted = subprocess.run(
        ["unshare", "--mount", str(HERE / "machine.sh"), str(staged), str(shared)],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=BOOT_TIMEOUT_S,
        env={**os.environ, "SYSTEMD_LOG_COLOR": "0"},
    )
    shutil.rmtree(staged)
    result = shared / "seen.json"
    assert result.exists(), f"the machine did not get so far:\n{booted.stdout.decode()}"
    found: dict[str, Any] = json.loads(result.read_text())
    assert "error" not in found, f"{found['error']}\n{found['log']}"
    return found


def test_the_service_says_that_it_is_ready(seen: dict[str, Any]) -> None:
    assert seen["started"]["ActiveState"] == "active", seen["log"]
    assert "3 rules" in seen["started"]["StatusText"]


def test_the_daemon_has_two_capabilities_and_no_more(seen: dict[str, Any]) -> None:
    process = seen["process"]
    assert int(process["CapEff"], 16) == CAP_NET_ADMIN | CAP_NET_RAW
    assert int(process["CapBnd"], 16) == CAP_NET_ADMIN | CAP_NET_RAW
    assert process["NoNewPrivs"] == "1"
    assert process["Uid"].split()[0] != "0"


def test_traffic_is_judged_by_the_rules(seen: dict[str, Any]) -> None:
    assert seen["traffic"] == {"80": "open", "81": "refused", "82": "silence"}, seen["log"]


def test_the_journal_knows_the_rule_that_decided(seen: dict[str, Any]) -> None:
    entry = json.loads(seen["journal"]["output"].splitlines()[0])
    assert entry["FW_RULE"] == "no telnet"
    assert entry["FW_DPT"] == "81"
    assert entry["MESSAGE"].startswith("IN=lan0 OUT= ")


def test_a_reload_of_good_rules_succeeds(seen: dict[str, Any]) -> None:
    assert seen["reload"]["status"] == 0, seen["log"]


def test_a_reload_of_broken_rules_fails_visibly_and_the_service_goes_on(
    seen: dict[str, Any],
) -> None:
    assert seen["broken reload"]["status"] != 0
    assert seen["after broken reload"]["ActiveState"] == "active"
    assert "nonsense" in seen["after broken reload"]["StatusText"]


def test_the_watchdog_replaces_a_daemon_that_stands_still(seen: dict[str, Any]) -> None:
    after = seen["after a standstill"]
    assert (after["NRestarts"], after["ActiveState"]) == ("1", "active"), seen["log"]
    assert seen["traffic after a standstill"] == seen["traffic"]


def test_a_stopped_service_lets_nothing_through_when_closed(seen: dict[str, Any]) -> None:
    assert seen["stop"]["status"] == 0
    assert seen["stopped"]["ActiveState"] == "inactive"
    assert seen["traffic when stopped"] == dict.fromkeys(("80", "81", "82"), "silence")
