"""The daemon looks after its hook: flushed, it comes back; removed by hand, it stays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.daemon import Daemon
from tests.lab.netns import LabError, run_command
from tests.lab.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

RULES = "version: 1\nfilter:\n  forward: {policy: drop}\n"
GONE = "no hook is installed"
CHECK_TIMEOUT_S = 15.0  # the daemon looks every five seconds


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def test_a_flushed_hook_is_back_within_seconds_and_the_log_says_so(world: World) -> None:
    with Daemon(world.gateway, RULES) as daemon:
        mark = daemon.log.mark()
        run_command(["ip", "netns", "exec", world.gateway.name, "nft", "flush", "ruleset"])
        daemon.log.wait_line(
            lambda line: "the hook was gone" in line, after=mark, timeout=CHECK_TIMEOUT_S
        )
        assert GONE not in daemon.command("hook", "show").stdout


def test_an_administrator_who_removes_it_is_obeyed_until_she_puts_it_back(world: World) -> None:
    with Daemon(world.gateway, RULES) as daemon:
        assert daemon.command("hook", "remove").returncode == 0
        assert GONE in daemon.command("hook", "show").stdout
        assert not daemon.status()["hook_wanted"]
        assert daemon.command("hook", "install").returncode == 0
        assert GONE not in daemon.command("hook", "show").stdout
        assert daemon.status()["hook_wanted"]


def test_a_second_daemon_does_not_take_the_hook_from_the_first(world: World) -> None:
    with Daemon(world.gateway, RULES):
        second = Daemon(world.gateway, RULES, {"queue": {"number": 7}})
        with pytest.raises(LabError, match="another daemon's queue"):
            second.start()
        second.close()
