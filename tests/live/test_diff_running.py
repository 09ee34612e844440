"""`firewalld-py diff --running`: what a reload would change, before it does."""

from __future__ import annotations

import json
from typing import Final

import pytest

from firewalld_py.cli.exits import FAILURE, OK
from tests.lab.daemon import Daemon

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES: Final = """
version: 1
define: {lan: [10.1.0.0/24, "fd00:1::/64"]}
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: established, action: accept}
      - {name: web, in: lan0, src: $lan, proto: tcp, dport: 80, state: new, action: accept}
"""


def test_the_file_is_compared_with_what_is_in_force(daemon: Daemon) -> None:
    same = daemon.command("diff", "--running")
    assert same.returncode == OK, same.stdout
    assert same.stdout.startswith("the same rules")
    daemon.write_rules(RULES.replace("dport: 80", "dport: [80, 443]"))
    done = daemon.command("diff", "--running", "--json")
    assert done.returncode == FAILURE
    told = json.loads(done.stdout)
    (rule,) = told["rules"]
    assert rule["details"] == ["dport 80 -> 80, 443"]
    assert rule["old"] == f"in force: {daemon.rules_path}:9"
    verdicts = {
        (one["old"]["verdict"], one["new"]["verdict"]) for one in told["behaviour"]["differences"]
    }
    assert verdicts == {("drop", "accept")}
    assert daemon.command("reload").returncode == OK
    assert daemon.command("diff", "--running").returncode == OK
    # any other file will do, too
    other = daemon.directory / "other.yaml"
    other.write_text(RULES)
    assert "dport 80, 443 -> 80" in daemon.command("diff", "--running", str(other)).stdout
