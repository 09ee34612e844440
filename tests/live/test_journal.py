"""Logging through libsystemd's client to a socket at journald's place (journald_stand_in.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs("root", "unshare")

REPOSITORY = Path(__file__).resolve().parents[2]


def play(scenario: str) -> tuple[dict[str, Any], str]:
    """Run one scenario in a mount namespace of its own; its result and its stderr."""
    program = (sys.executable, "-m", "tests.live.journald_stand_in", scenario)
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", *program],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_a_packet_arrives_with_message_and_fields() -> None:
    result, _ = play("plain")
    packet = result["packet"]
    assert packet["MESSAGE"] == (
        "junk IN=lan0 OUT=wan0 MAC= SRC=1.2.3.4 DST=5.6.7.8 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=1 "
        'PROTO=UDP SPT=53 DPT=54 LEN=8 MARK=0x7 [drop filter/forward "junk" rules.yaml:20 '
        "state=INVALID reason=udp_length]"
    )
    assert packet["PRIORITY"] == "5"
    assert packet["SYSLOG_IDENTIFIER"] == "firewalld-py"
    assert {name: value for name, value in packet.items() if name.startswith("FW_")} == {
        "FW_ACTION": "drop",
        "FW_TABLE": "filter",
        "FW_CHAIN": "forward",
        "FW_RULE": "junk",
        "FW_RULE_FILE": "/etc/firewalld-py/rules.yaml",
        "FW_RULE_LINE": "20",
        "FW_STATE": "INVALID",
        "FW_DIRECTION": "original",
        "FW_REASON": "udp_length",
        "FW_IN": "lan0",
        "FW_OUT": "wan0",
        "FW_SRC": "1.2.3.4",
        "FW_DST": "5.6.7.8",
        "FW_PROTO": "UDP",
        "FW_SPT": "53",
        "FW_DPT": "54",
        "FW_LEN": "28",
        "FW_MARK": "0x7",
    }


def test_a_message_of_the_daemon_keeps_its_lines_and_names_its_kind() -> None:
    result, _ = play("plain")
    assert result["daemon"]["MESSAGE"] == "two\nlines"
    assert result["daemon"]["PRIORITY"] == "3"
    assert result["daemon"]["MESSAGE_ID"] != result["packet"]["MESSAGE_ID"]
    assert (result["written"], result["lost"]) == (2, 0)


def test_a_journal_that_reads_nothing_stops_no_thread_and_the_loss_is_counted() -> None:
    result, _ = play("stuck")
    assert result["longest_pause_s"] < 1.0
    assert result["lost"] > 0
    assert result["packets"] + result["lost"] == 20_000
    assert result["last"]["FW_LOST"] == str(result["lost"])
    assert f"{result['lost']} log lines lost" in result["last"]["MESSAGE"]


def test_room_that_another_program_takes_first_blocks_nothing() -> None:
    result, _ = play("race")
    assert result["ours"] == [f"message {number}" for number in range(40)]


def test_closing_is_bounded_while_the_journal_reads_nothing() -> None:
    result, _ = play("stuck_close")
    assert result["close_s"] < 2.0
    assert result["first"].startswith("junk IN=2 OUT=3 ")


def test_without_a_journal_the_words_go_to_stderr() -> None:
    result, stderr = play("gone")
    assert "warning: nobody there" in stderr
    assert result["written"] == 1
