"""A program that logs to a journal of its own, run in a private mount namespace by test_journal.py.

/run is covered by an empty file system there, and a datagram socket stands where journald's would,
so that libsystemd's own client sends to it. Prints one JSON object about what arrived. The first
argument names the scenario.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from firewalld_py.service.journal import JOURNAL_SOCKET, Log
from firewalld_py.service.messages import LogEvent

PATIENCE_S: Final = 20.0
FLOOD: Final = 20_000


def fields_of(datagram: bytes) -> dict[str, str]:
    """The journal's native protocol: KEY=value, or KEY, a 64-bit length and the value."""
    fields = {}
    while datagram:
        key, _, rest = datagram.partition(b"\n")
        if b"=" in key:
            name, _, value = key.partition(b"=")
            datagram = rest
        else:
            size = int.from_bytes(rest[:8], "little")
            name, value, datagram = key, rest[8 : 8 + size], rest[8 + size + 1 :]
        fields[name.decode()] = value.decode()
    return fields


class Receiver:
    """The socket at journald's place."""

    def __init__(self) -> None:
        """Bind it."""
        Path(JOURNAL_SOCKET).parent.mkdir(parents=True, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(JOURNAL_SOCKET)
        self.socket.settimeout(PATIENCE_S)

    def one(self) -> dict[str, str]:
        """The next entry."""
        return fields_of(self.socket.recv(1 << 16))

    def until(self, what: str) -> list[dict[str, str]]:
        """Entries up to the first with these words in its message."""
        entries = [self.one()]
        while what not in entries[-1]["MESSAGE"]:
            entries.append(self.one())
        return entries


def event(number: int = 0) -> LogEvent:
    """A dropped UDP packet."""
    head = bytes.fromhex("4500001c000100004011000001020304050607080035003600080000")
    return LogEvent(
        time=1700000000.5, action="drop", table="filter", chain="forward", rule="junk",
        file="/etc/firewalld-py/rules.yaml", line=20, prefix="junk ", level=5, state="INVALID",
        direction="original", reason="udp_length", in_index=2, out_index=3, mark=number, length=28,
        head=head, suppressed=0,
    )  # fmt: skip


def plain(receiver: Receiver) -> dict[str, Any]:
    """One packet and one message of the daemon with a line break in it."""
    log = Log("journal")
    log.packet(event(7), {2: "lan0", 3: "wan0"}.__getitem__)
    packet = receiver.one()
    log.error("two\nlines", event="reload_failed", FW_FILE="rules.yaml")
    daemon = receiver.one()
    log.close()
    return {"packet": packet, "daemon": daemon, "written": log.written, "lost": log.lost}


def stuck(receiver: Receiver) -> dict[str, Any]:
    """A flood while nobody reads: the caller and other threads go on, the rest is counted."""
    log = Log("journal", entries=100)
    ticks = [time.monotonic()]
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.005):
            ticks.append(time.monotonic())

    ticker = threading.Thread(target=tick)
    ticker.start()
    began = time.monotonic()
    for number in range(FLOOD):
        log.packet(event(number), str)
    took = time.monotonic() - began
    while log.lost == 0 and time.monotonic() - began < PATIENCE_S:
        time.sleep(0.01)
    stop.set()
    ticker.join()
    lost_before = log.lost
    arrived = receiver.until("lost")
    log.close()
    gaps = [later - sooner for sooner, later in itertools.pairwise(ticks)]
    return {
        "put_s": took,
        "longest_pause_s": max(gaps),
        "lost": lost_before,
        "packets": len(arrived) - 1,
        "last": arrived[-1],
    }


def race(receiver: Receiver) -> dict[str, Any]:
    """Other programs fill the journal's queue all the time, so that found room is often gone."""
    log = Log("journal", entries=50)
    log.info("first")
    receiver.one()
    rival = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    rival.setblocking(False)
    rival.connect(JOURNAL_SOCKET)
    stop = threading.Event()

    def fill() -> None:
        while not stop.is_set():
            try:
                rival.send(b"MESSAGE=rival\n")
            except BlockingIOError:
                continue

    filler = threading.Thread(target=fill)
    filler.start()
    for message in (f"message {number}" for number in range(40)):
        log.info(message)
    ours = [entry["MESSAGE"] for entry in receiver.until("message 39")]
    stop.set()
    filler.join()
    log.close()
    return {"ours": [message for message in ours if message != "rival"], "rivals": len(ours)}


def stuck_close(receiver: Receiver) -> dict[str, Any]:
    """Closing while the journal reads nothing ends within its bound."""
    log = Log("journal", entries=1000)
    for number in range(1000):
        log.packet(event(number), str)
    began = time.monotonic()
    log.close(timeout_s=0.5)
    took = time.monotonic() - began
    return {"close_s": took, "first": receiver.one()["MESSAGE"]}


def gone(receiver: Receiver) -> dict[str, Any]:
    """No journal at all: the words go to stderr instead."""
    receiver.socket.close()
    Path(JOURNAL_SOCKET).unlink()
    log = Log("journal")
    log.warning("nobody there")
    log.close()
    return {"written": log.written}


SCENARIOS: Final = {
    "plain": plain,
    "stuck": stuck,
    "race": race,
    "stuck_close": stuck_close,
    "gone": gone,
}

if __name__ == "__main__":
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    json.dump(SCENARIOS[sys.argv[1]](Receiver()), sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # a writer that is still stuck must not keep the program alive
