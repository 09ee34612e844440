"""The log's thread, its bound, and what stands on stderr."""

from __future__ import annotations

import os
import re
import threading
import time
from typing import TYPE_CHECKING

import pytest

from firewalld_py.service.journal import Log, StderrTarget, leads_to_journal
from firewalld_py.service.logline import MESSAGE_IDS, Entry
from tests.live.journald_stand_in import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOON = 1700000000.25


class Held:
    """A target that writes only when it is let."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.reached = threading.Event()
        self.entries: list[Entry] = []

    def write(self, entry: Entry, giving_up: Callable[[], bool]) -> None:
        self.reached.set()
        while not self.open.wait(0.05):
            if giving_up():
                return
        self.entries.append(entry)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_a_full_queue_never_blocks_and_says_what_was_lost() -> None:
    target = Held()
    log = Log(writer=target, entries=10, now=lambda: NOON)
    log.info("first")
    assert target.reached.wait(10)
    for number in range(25):
        log.info(str(number))
    assert log.lost == 15
    target.open.set()
    log.close()
    assert [entry.message for entry in target.entries] == [
        "first",
        *map(str, range(10)),
        "15 log lines lost: the log could not be written as fast as they came",
    ]
    assert target.entries[-1].fields["FW_LOST"] == "15"


def test_closing_writes_what_waits() -> None:
    target = Held()
    target.open.set()
    log = Log(writer=target)
    for number in range(1000):
        log.info(str(number))
    log.close()
    assert [entry.message for entry in target.entries] == [str(number) for number in range(1000)]


def test_closing_a_stuck_log_ends_within_its_bound() -> None:
    target = Held()
    log = Log(writer=target, entries=5)
    for _ in range(20):
        log.info("never written")
    began = time.monotonic()
    log.close(timeout_s=0.2)
    assert time.monotonic() - began < 5
    assert target.entries == []


def test_a_suppressed_count_comes_as_an_entry_of_its_own_before_the_packet() -> None:
    target = Held()
    target.open.set()
    log = Log(writer=target)
    from dataclasses import replace

    log.packet(replace(event(), suppressed=3), lambda index: f"eth{index}")
    log.close()
    first, second = target.entries
    assert first.message == (
        'suppressed 3 log lines of rule "junk" (filter/forward): over its limit'
    )
    assert first.fields["MESSAGE_ID"] == MESSAGE_IDS["suppressed"]
    assert first.fields["FW_SUPPRESSED"] == "3"
    assert second.message.startswith("junk IN=eth2 OUT=eth3 ")


def test_lines_on_stderr_carry_time_and_grave_levels(pipe: tuple[int, int]) -> None:
    target = StderrTarget(pipe[1])
    log = Log(writer=target, now=lambda: NOON)
    log.info("started")
    log.error("broken\nat line 3", event="reload_failed")
    log.packet(event(), str)
    log.close()
    lines = os.read(pipe[0], 1 << 16).decode().splitlines()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\."
    assert re.fullmatch(stamp + "250 started", lines[0])
    assert re.fullmatch(stamp + "250 error: broken", lines[1])
    assert lines[2] == "    at line 3"
    assert re.fullmatch(stamp + r"500 junk IN=2 OUT=3 .*\]", lines[3])


def test_a_stream_into_the_journal_gets_levels_instead(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = os.fstat(pipe[1])
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
    assert leads_to_journal(pipe[1])
    log = Log(writer=StderrTarget(pipe[1]))
    log.warning("one\ntwo")
    log.close()
    assert os.read(pipe[0], 1 << 16) == b"<4>one\n<4>two\n"


@pytest.mark.parametrize("value", ["", "1", "x:y", "0:0"])
def test_another_stream_is_not_taken_for_the_journal(
    pipe: tuple[int, int], value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", value)
    assert not leads_to_journal(pipe[1])


def test_a_stderr_that_is_gone_costs_the_line_and_nothing_else() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = Log(writer=StderrTarget(writer))
    log.info("nobody reads this")
    log.close()
    os.close(writer)
    assert (log.written, log.lost) == (0, 1)


def test_fields_of_the_daemon_are_text_in_upper_case() -> None:
    target = Held()
    target.open.set()
    log = Log(writer=target)
    log.notice("reloaded", event="reloaded", fw_rules=12, FW_FILE="")
    log.close()
    assert target.entries[0].fields == {
        "SYSLOG_IDENTIFIER": "firewalld-py",
        "MESSAGE_ID": MESSAGE_IDS["reloaded"],
        "FW_RULES": "12",
    }
