"""New rules by SIGHUP and by `firewalld-py reload`: in one step, at no connection's cost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.daemon import Daemon
from tests.lab.servers import MEGABYTE, Download, http_server, tcp_listener
from tests.lab.traffic import tcp_connect
from tests.lab.world import SERVER4, World

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

PORT_81: Final = "      - {name: gate, proto: tcp, dport: 81, action: {reject: tcp-reset}}\n"
RULES: Final = f"""
version: 1
filter:
  forward:
    policy: drop
    rules:
      - {{name: answers, state: [established, related], action: accept}}
{PORT_81}\
      - {{name: lan out, in: lan0, state: new, action: accept}}
"""
WEB_CLOSED: Final = RULES.replace(
    "gate, proto: tcp, dport: 81,", "gate, proto: tcp, dport: 80, state: new,"
)
BROKEN: Final = RULES.replace("dport: 81", "dprot: 81")
BROKEN_LINE: Final = 1 + BROKEN[: BROKEN.index("dprot")].count("\n")


@pytest.fixture
def with_rules(daemon: Daemon, world: World) -> Iterator[Daemon]:
    """The daemon, back under RULES afterwards; ports 80 (web) and 81 listen on the server."""
    with http_server(world.server, SERVER4), tcp_listener(world.server, SERVER4, 81):
        yield daemon
    daemon.write_rules(RULES)
    daemon.hangup()


def test_sighup_in_a_download_changes_new_connections_and_breaks_nothing(
    with_rules: Daemon, world: World
) -> None:
    download = Download(world.client, SERVER4, 200 * MEGABYTE)
    download.read(10 * MEGABYTE)
    generation = with_rules.status()["generation"]
    with_rules.write_rules(WEB_CLOSED)
    reloaded = threading.Event()
    line: list[str] = []

    def reload() -> None:
        line.append(with_rules.hangup())
        reloaded.set()

    signaller = threading.Thread(target=reload)
    signaller.start()
    # The download runs on while the rules change under it, but not to its end.
    while not reloaded.is_set() and download.received < 150 * MEGABYTE:
        download.read(MEGABYTE)
    signaller.join()
    assert "rules reloaded" in line[0]
    assert tcp_connect(world.client, SERVER4, 80) == "refused"
    assert tcp_connect(world.client, SERVER4, 81) == "connected"
    assert download.finish()
    assert with_rules.status()["generation"] > generation


def test_the_service_manager_is_told_of_a_reload_and_how_it_ended(with_rules: Daemon) -> None:
    manager = with_rules.service_manager
    assert manager is not None
    for rules, status in ((RULES, "in force"), (BROKEN, "failed")):
        mark = manager.told.mark()
        with_rules.write_rules(rules)
        with_rules.hangup()
        # The READY=1 of a reload before this one may still be on its way.
        manager.told.wait_line(lambda line: line == "RELOADING=1", mark)
        begun = mark + manager.told.lines(mark).index("RELOADING=1")
        manager.told.wait_line(lambda line: line == "READY=1", begun)
        told = manager.told.lines(begun)
        assert any(line.startswith("MONOTONIC_USEC=") for line in told)
        last_status = [line for line in told if line.startswith("STATUS=")][-1]
        assert status in last_status


def test_a_reload_works_when_the_service_manager_is_gone() -> None:
    with World() as other, Daemon(other.gateway, RULES) as daemon:
        assert daemon.service_manager is not None
        daemon.service_manager.close()
        assert "rules reloaded" in daemon.hangup()
        assert daemon.stop() == 0


def test_a_sighup_with_a_broken_file_changes_nothing_and_says_so(
    with_rules: Daemon, world: World
) -> None:
    before = with_rules.status()
    with_rules.write_rules(BROKEN)
    line = with_rules.hangup()
    assert "reload failed, the old rules stay in force" in line
    assert tcp_connect(world.client, SERVER4, 80) == "connected"
    assert tcp_connect(world.client, SERVER4, 81) == "refused"
    status = with_rules.status()
    assert status["generation"] == before["generation"]
    assert status["workers"][0]["pid"] == before["workers"][0]["pid"]
    assert f"rules.yaml:{BROKEN_LINE}" in status["last_reload_error"]
    assert "dprot" in status["last_reload_error"]
    assert "dprot" in with_rules.command("status").stdout
    # Mended, it is taken, and the complaint is gone.
    with_rules.write_rules(RULES)
    assert "rules reloaded" in with_rules.hangup()
    assert with_rules.status()["last_reload_error"] is None


def test_a_sighup_without_a_rules_file_changes_nothing(with_rules: Daemon, world: World) -> None:
    with_rules.rules_path.unlink()
    assert "reload failed, the old rules stay in force" in with_rules.hangup()
    assert tcp_connect(world.client, SERVER4, 80) == "connected"
    assert "rules.yaml" in with_rules.status()["last_reload_error"]


def test_the_reload_verb_waits_until_the_new_rules_are_in_force(
    with_rules: Daemon, world: World
) -> None:
    for rules, outcome in ((WEB_CLOSED, "refused"), (RULES, "connected")):
        with_rules.write_rules(rules)
        done = with_rules.command("reload")
        assert done.returncode == 0, done.stdout
        assert tcp_connect(world.client, SERVER4, 80) == outcome


def test_the_reload_verb_fails_with_the_errors_of_a_broken_file(with_rules: Daemon) -> None:
    with_rules.write_rules(BROKEN)
    done = with_rules.command("reload")
    assert done.returncode != 0
    assert f"rules.yaml:{BROKEN_LINE}" in done.stdout
    assert "did you mean" in done.stdout.lower()


def test_rules_that_fail_their_own_test_are_not_put_in_force(
    with_rules: Daemon, world: World
) -> None:
    packet = "{in: lan0, src: 10.1.0.5, dst: 203.0.113.9, proto: tcp, dport: 80}"
    test = f"tests: [{{name: web is open, packet: {packet}, expect: accept, state: new}}]\n"
    with_rules.write_rules(WEB_CLOSED + test)
    reload = with_rules.command("reload")
    assert reload.returncode == 5
    assert f"rules.yaml:{WEB_CLOSED.count(chr(10)) + 1}:9: test" in reload.stdout
    assert "test 'web is open': expected accept, state new" in reload.stdout
    assert tcp_connect(world.client, SERVER4, 80) == "connected"
    with_rules.write_rules(RULES + test)
    assert with_rules.command("reload").returncode == 0
