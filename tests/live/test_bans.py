"""Bans: what is banned stops at once, for as long as it was to, whatever happens to the daemon."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from firewalld_py.cli.exits import FAILURE, OK, USAGE
from tests.lab.daemon import Daemon
from tests.lab.netns import LabError
from tests.lab.servers import MEGABYTE, Download, http_server
from tests.lab.traffic import ping, tcp_connect
from tests.lab.world import CLIENT4, FAR4, GATEWAY_WAN4, SERVER4, SERVER6, World

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

SETS: Final = """
version: 1
sets:
  banned: {type: address, persist: true, counters: true}
  trapped: {type: address, lifetime: 1h}
"""
LONG_TRAP: Final = "{add: {set: trapped, of: src}}"  # for as long as the set says
TRAP: Final = "{add: {set: trapped, of: src, for: 2s}}"
RULES: Final = f"""{SETS}
filter:
  forward:
    policy: drop
    rules:
      - {{name: banned, src: $banned, action: drop}}
      - {{name: to banned, dst: $banned, action: drop}}
      - {{name: trapped, src: $trapped, action: drop}}
      - {{name: answers, state: [established, related], action: accept}}
      - {{name: long trap, proto: tcp, dport: 24, action: [{LONG_TRAP}, drop]}}
      - {{name: trap, proto: tcp, dport: 23, action: [{TRAP}, drop]}}
      - {{name: lan out, in: lan0, state: new, action: accept}}
"""
# Answers pass before anybody looks at the set, and only the source is looked up in it.
ANSWERS_FIRST: Final = f"""{SETS}
filter:
  forward:
    policy: drop
    rules:
      - {{name: answers, state: [established, related], action: accept}}
      - {{name: banned, src: $banned, action: drop}}
      - {{name: lan out, in: lan0, state: new, action: accept}}
"""
QUICK_S: Final = 0.3  # for an answer that would be here in a millisecond
AWAITED_S: Final = 10.0


@pytest.fixture
def bans(daemon: Daemon) -> Iterator[Daemon]:
    """The daemon, without bans afterwards and with the module's rules."""
    yield daemon
    if daemon.rules_path.read_text() != RULES:
        daemon.write_rules(RULES)
        daemon.hangup()
    for name in ("banned", "trapped"):
        assert daemon.command("set", "flush", name).returncode == OK


def said(daemon: Daemon, *words: str) -> list[str]:
    """The lines of a command that has to succeed."""
    done = daemon.command(*words)
    assert done.returncode == OK, done.stdout
    return str(done.stdout).splitlines()


def answer(daemon: Daemon, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("\n".join(said(daemon, *words, "--json")))
    return found


def reaches(world: World, address: str) -> bool:
    return ping(world.client, address, timeout=QUICK_S)


def await_reached(world: World, address: str) -> float:
    """Ask again and again; how long it took until there was an answer."""
    began = time.monotonic()
    while not reaches(world, address):
        if time.monotonic() > began + AWAITED_S:
            raise LabError(f"{address} does not answer")
    return time.monotonic() - began


def stalls(download: Download) -> bool:
    """Read what is under way; whether there is no end to come."""
    try:
        download.finish()
    except TimeoutError:
        return True
    return False


def test_a_ban_stops_what_runs_at_once_and_others_go_on(bans: Daemon, world: World) -> None:
    with http_server(world.server, SERVER4), http_server(world.far, FAR4):
        banned = Download(world.client, SERVER4, 40 * MEGABYTE, patience=2.0)
        other = Download(world.client, FAR4, 40 * MEGABYTE)
        banned.read(MEGABYTE)
        other.read(MEGABYTE)
        assert reaches(world, SERVER4)
        assert said(bans, "ban", SERVER4) == [
            f"{SERVER4} banned for ever (set banned)",
            "2 connections ended",  # the download, and the ping
        ]
        assert not reaches(world, SERVER4)
        assert stalls(banned)
        assert banned.received < banned.octets
        assert reaches(world, FAR4)
        assert reaches(world, SERVER6)
        assert other.finish()
        assert tcp_connect(world.client, SERVER4, 80, timeout=QUICK_S) == "timed out"
        assert said(bans, "unban", SERVER4) == [f"{SERVER4} removed from set banned"]
        assert said(bans, "unban", SERVER4) == [f"{SERVER4} was not in set banned"]
        assert reaches(world, SERVER4)
        assert tcp_connect(world.client, SERVER4, 80) == "connected"


def test_where_answers_pass_first_an_established_connection_stops_all_the_same(
    bans: Daemon, world: World
) -> None:
    bans.write_rules(ANSWERS_FIRST)
    bans.hangup()
    with http_server(world.server, SERVER4):
        download = Download(world.client, SERVER4, 40 * MEGABYTE, patience=2.0)
        download.read(MEGABYTE)
        lines = said(bans, "ban", SERVER4)
        # The client goes on acknowledging, and `lan out` accepts what opens a connection: without
        # memory of the end the next acknowledgement would, and its answers would pass again.
        assert stalls(download)
        counters = bans.status()["workers"][0]["counters"]
        assert counters["connection_ended"] > 0
        (warning,) = (line for line in lines if line.startswith("warning: "))
        assert "rule banned" in warning
        assert "stands behind rule answers" in warning


def test_an_element_holds_for_connections_that_stand_and_they_go_on_when_it_is_gone(
    bans: Daemon, world: World
) -> None:
    with http_server(world.server, SERVER4):
        stopped = Download(world.client, SERVER4, 40 * MEGABYTE, patience=2.0)
        paused = Download(world.client, SERVER4, 20 * MEGABYTE)
        stopped.read(MEGABYTE)
        paused.read(MEGABYTE)
        said(bans, "set", "add", "banned", SERVER4)
        assert stalls(stopped)
        assert said(bans, "set", "remove", "banned", SERVER4) == [
            f"{SERVER4} removed from set banned"
        ]
        assert paused.finish()


def test_a_network_is_banned_and_others_are_not(bans: Daemon, world: World) -> None:
    said(bans, "ban", "198.51.100.0/24", "2001:db8::/32")
    assert not reaches(world, FAR4)
    assert reaches(world, SERVER4)
    assert said(bans, "set", "test", "banned", FAR4) == [
        f"{FAR4} is in set banned: by 198.51.100.0/24, for ever"
    ]
    assert bans.command("set", "test", "banned", SERVER4).returncode == FAILURE
    listed = answer(bans, "set", "list", "banned")["elements"]
    packets = {entry["element"]: entry["packets"] for entry in listed}
    assert packets == {"198.51.100.0/24": 1, "2001:db8::/32": 0}
    assert said(bans, "unban", "--all") == ["2 elements removed from set banned"]
    assert reaches(world, FAR4)


def test_a_second_ban_extends_the_first_and_never_shortens_it(bans: Daemon) -> None:
    assert answer(bans, "ban", SERVER4, "--for", "5m")["elements"][0]["outcome"] == "added"
    shorter = answer(bans, "ban", SERVER4, "--for", "10s")["elements"][0]
    assert shorter["outcome"] == "kept"
    assert shorter["seconds"] > 200
    longer = answer(bans, "ban", SERVER4, "--for", "1h")["elements"][0]
    assert (longer["outcome"], longer["seconds"]) == ("extended", 3600)


def test_when_its_time_is_over_traffic_passes_again(bans: Daemon, world: World) -> None:
    began = time.monotonic()
    said(bans, "ban", SERVER4, "--for", "4s")
    assert not reaches(world, SERVER4)
    await_reached(world, SERVER4)
    assert 3.9 < time.monotonic() - began < 10


def test_who_walks_into_a_trap_is_banned_by_the_rules_for_a_while(
    bans: Daemon, world: World
) -> None:
    assert reaches(world, SERVER4)
    began = time.monotonic()
    assert tcp_connect(world.client, SERVER4, 23, timeout=QUICK_S) == "timed out"
    assert not reaches(world, SERVER4)
    await_reached(world, SERVER4)
    assert 1.9 < time.monotonic() - began < 5


def test_what_rules_added_is_listed_and_can_be_removed(bans: Daemon, world: World) -> None:
    assert tcp_connect(world.client, SERVER4, 24, timeout=QUICK_S) == "timed out"
    assert not reaches(world, SERVER4)
    (entry,) = answer(bans, "set", "list", "trapped")["elements"]
    assert (entry["element"], entry["from"]) == (CLIENT4, "run time")
    assert 3500 < entry["seconds"] <= 3600
    assert said(bans, "unban", CLIENT4, "--set", "trapped") == [
        f"{CLIENT4} removed from set trapped"
    ]
    assert reaches(world, SERVER4)


def test_a_reload_keeps_bans(bans: Daemon, world: World) -> None:
    said(bans, "ban", SERVER4, "--for", "10m")
    assert "rules reloaded" in bans.hangup()
    assert not reaches(world, SERVER4)
    (entry,) = answer(bans, "set", "list", "banned")["elements"]
    assert 500 < entry["seconds"] <= 600


def test_ten_thousand_elements_are_listed(bans: Daemon) -> None:
    addresses = [f"10.9.{number // 256}.{number % 256}" for number in range(10_000)]
    added = answer(bans, "set", "add", "banned", *addresses, "--for", "1h")
    assert {entry["outcome"] for entry in added["elements"]} == {"added"}
    listed = answer(bans, "set", "list", "banned")
    assert {entry["element"] for entry in listed["elements"]} == set(addresses)
    assert listed["total"] == 10_000
    assert said(bans, "set", "list")[0] == "banned  address  10000 elements  persist"


def test_what_makes_no_sense_is_refused_and_nobody_is_banned(bans: Daemon, world: World) -> None:
    for words, meant in (
        (("ban", "example.org"), "names are never resolved"),
        (("ban", "203.0.113.9/24"), "did you mean 203.0.113.0/24?"),
        (("ban", SERVER4, "--set", "bannd"), "did you mean banned?"),
        (("ban", SERVER4, "--for", "soon"), "expected a time"),
        (("set", "remove", "bannd", SERVER4), "did you mean banned?"),
    ):
        done = bans.command(*words)
        assert (done.returncode, meant in done.stdout) == (USAGE, True), done.stdout
    done = bans.command("ban", GATEWAY_WAN4)
    assert done.returncode == FAILURE
    assert "is this machine itself (--force does it)" in done.stdout
    assert answer(bans, "set", "list", "banned")["elements"] == []
    assert reaches(world, SERVER4)


def test_bans_outlive_the_worker_the_daemon_and_a_restart() -> None:
    with World() as world, Daemon(world.gateway, RULES) as daemon:
        said(daemon, "ban", SERVER4, "--for", "1h")
        said(daemon, "ban", "2001:db8::/32")
        assert tcp_connect(world.client, SERVER4, 23, timeout=QUICK_S) == "timed out"  # to banned
        mark = daemon.log.mark()
        os.kill(daemon.worker_pid(), signal.SIGKILL)
        daemon.log.wait_line(lambda line: line.endswith("judges"), after=mark)
        assert not reaches(world, SERVER4)
        assert reaches(world, FAR4)
        said(daemon, "ban", FAR4, "--for", "2s")
        daemon.kill()
        daemon.start()
        assert not reaches(world, SERVER4)
        await_reached(world, FAR4)
        assert daemon.stop() == OK
        (daemon.directory / "state" / "sets.json").read_text()
        daemon.start()
        assert not reaches(world, SERVER4)
        assert reaches(world, FAR4)
        listed = answer(daemon, "set", "list", "banned")["elements"]
        seconds = {entry["element"]: entry["seconds"] for entry in listed}
        assert seconds.keys() == {SERVER4, "2001:db8::/32"}
        assert 3000 < seconds[SERVER4] < 3600
        daemon.stop()
        (daemon.directory / "state" / "sets.json").write_text("{damaged")
        mark = daemon.log.mark()
        daemon.start()
        daemon.log.wait_line(lambda line: "put aside" in line, after=mark)
        assert reaches(world, SERVER4)


def test_bans_by_rules_outlive_a_worker_and_a_restart() -> None:
    rules = RULES.replace("lifetime: 1h", "persist: true").replace("for: 2s", "for: 1h")
    with World() as world, Daemon(world.gateway, rules) as daemon:
        assert tcp_connect(world.client, SERVER4, 23, timeout=QUICK_S) == "timed out"
        assert not reaches(world, FAR4)
        mark = daemon.log.mark()
        os.kill(daemon.worker_pid(), signal.SIGKILL)
        daemon.log.wait_line(lambda line: line.endswith("judges"), after=mark)
        assert not reaches(world, FAR4)
        assert daemon.stop() == OK
        daemon.start()
        assert not reaches(world, FAR4)
        said(daemon, "set", "remove", "trapped", CLIENT4)
        assert reaches(world, FAR4)
