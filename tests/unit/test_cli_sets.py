"""`firewalld-py set`, `ban` and `unban`: what they ask, what they print and how they exit."""

from __future__ import annotations

import argparse
import ipaddress
import json
from typing import Any, Final

import pytest

from firewalld_py.cli import ban
from firewalld_py.cli import daemon as cli_daemon
from firewalld_py.cli.exits import FAILURE, NOT_RUNNING, OK, USAGE
from firewalld_py.cli.main import build_parser, main

Entry = dict[str, Any]


class Said:
    """What a verb asked, printed and returned."""

    def __init__(self, code: int, asked: list[Entry], out: str, err: str) -> None:
        self.code = code
        self.asked = asked
        self.out = out
        self.err = err


class Cli:
    """The verbs, with a daemon that gives `answer`, and nobody's ssh session."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(ban, "ssh_client", lambda: None)

    def __call__(self, *words: str, answer: Any) -> Said:
        asked: list[Entry] = []

        def daemon(_arguments: argparse.Namespace, request: Entry, _timeout: float) -> Any:
            asked.append(request)
            return answer

        self._monkeypatch.setattr(cli_daemon, "ask_daemon", daemon)
        code = main(list(words))
        out, err = self._capsys.readouterr()
        return Said(code, asked, out, err)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(monkeypatch, capsys)


def entry(outcome: str, seconds: float | None = None, by: str | None = None, **more: Any) -> Entry:
    from_ = "run time" if by else None
    return {"element": "192.0.2.1", "outcome": outcome, "seconds": seconds, "by": by,
            "from": from_, **more}  # fmt: skip


def answered(*entries: Entry, **more: Any) -> Entry:
    return {"ok": True, "set": "banned", "elements": list(entries), "warnings": [], **more}


ITSELF: Final = "192.0.2.1"
AROUND: Final = "192.0.2.0/24"
HOLDS: Final = "which the rule file has"
OF_FILE: Final = {"from": "rules"}


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (entry("added", 3600.0, ITSELF), "192.0.2.1 banned for 1h (set banned)"),
        (entry("added", None, ITSELF), "192.0.2.1 banned for ever (set banned)"),
        (
            entry("extended", 90061.0, ITSELF),
            "192.0.2.1 was banned and stays so longer: for 1d 1h (set banned)",
        ),
        (entry("kept", 59.7, ITSELF), "192.0.2.1 was banned already: for 1m (set banned)"),
        (
            entry("kept", None, ITSELF, **OF_FILE),
            "192.0.2.1 was in set banned already: the rule file has it",
        ),
    ],
)
def test_a_ban_is_a_line_and_the_connections_that_it_ended(
    cli: Cli, found: Entry, line: str
) -> None:
    said = cli("ban", ITSELF, answer=answered(found, ended=1))
    assert said.code == OK
    assert said.out.splitlines() == [line, "1 connection ended"]
    assert said.err == ""
    assert said.asked == [{"verb": "ban", "set": None, "elements": [ITSELF], "seconds": None}]


def test_a_ban_takes_several_for_a_time_into_a_set(cli: Cli) -> None:
    answer = answered(entry("added", 600.0, ITSELF), ended=12, warnings=["it does nothing"])
    words = ("ban", ITSELF, AROUND, "--for", "1h30m", "--set", "bad", "--json", "--force")
    said = cli(*words, answer=answer)
    assert said.asked == [
        {"verb": "ban", "set": "bad", "elements": [ITSELF, AROUND], "seconds": 5400}
    ]
    assert json.loads(said.out) == answer
    assert said.err == "warning: it does nothing\n"


def test_a_ban_may_be_for_ever_whatever_the_set_says(cli: Cli) -> None:
    said = cli("ban", ITSELF, "--for", "0", answer=answered(ended=0))
    assert said.asked[0]["seconds"] == 0


def test_a_set_that_is_full_is_a_failure(cli: Cli) -> None:
    said = cli("ban", ITSELF, answer=answered(entry("full"), ended=0))
    assert said.code == FAILURE
    assert said.out.startswith("192.0.2.1 not added: set banned is full\n")


def test_ones_own_session_is_banned_by_force_only(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ban, "ssh_client", lambda: ipaddress.ip_address(ITSELF))
    answer = answered(entry("added", None, AROUND), ended=1)
    said = cli("ban", AROUND, answer=answer)
    assert (said.code, said.asked, said.out) == (FAILURE, [], "")
    assert "your ssh session comes from 192.0.2.0/24 (192.0.2.1) (--force does it)" in said.err
    assert cli("ban", AROUND, "--force", answer=answer).code == OK
    assert cli("ban", "203.0.113.1", answer=answer).code == OK


def test_this_machine_is_banned_by_force_only(cli: Cli) -> None:
    said = cli("ban", "127.0.0.1", answer=answered())
    assert said.code == FAILURE
    assert "127.0.0.1 is this machine itself (--force does it)" in said.err


@pytest.mark.parametrize(
    ("words", "found", "line", "code"),
    [
        (("unban",), entry("removed"), "192.0.2.1 removed from set banned", OK),
        (("unban",), entry("not there"), "192.0.2.1 was not in set banned", OK),
        (
            ("unban",),
            entry("removed", 60.0, AROUND),
            "192.0.2.1 removed from set banned, but it stays in it: by 192.0.2.0/24, for 1m",
            FAILURE,
        ),
        (
            ("unban",),
            entry("not there", None, AROUND, **OF_FILE),
            f"{ITSELF} was not in set banned, but it stays in it: by {AROUND}, {HOLDS}",
            FAILURE,
        ),
        (
            ("unban",),
            entry("static", None, ITSELF, **OF_FILE),
            "192.0.2.1 not removed: the rule file has it in set banned",
            FAILURE,
        ),
        (("set", "remove", "banned"), entry("not there"), "192.0.2.1 was not in set banned", OK),
        (
            ("set", "add", "banned"),
            entry("added", 2.0, ITSELF),
            "192.0.2.1 added to set banned, for 2s",
            OK,
        ),
        (
            ("set", "add", "banned"),
            entry("kept", None, ITSELF),
            "192.0.2.1 was in set banned already: for ever",
            OK,
        ),
        (
            ("set", "add", "banned"),
            entry("extended", 60.0, ITSELF),
            "192.0.2.1 stays longer in set banned: for 1m",
            OK,
        ),
        (
            ("set", "test", "banned"),
            entry("in", 35.0, AROUND),
            "192.0.2.1 is in set banned: by 192.0.2.0/24, for 35s",
            OK,
        ),
        (("set", "test", "banned"), entry("not in"), "192.0.2.1 is not in set banned", FAILURE),
    ],
)
def test_what_became_of_an_element(
    cli: Cli, words: tuple[str, ...], found: Entry, line: str, code: int
) -> None:
    said = cli(*words, ITSELF, answer=answered(found))
    assert said.out.splitlines() == [line]
    assert said.code == code
    assert said.asked[0]["elements"] == [ITSELF]


def test_an_unban_of_all_says_how_many(cli: Cli) -> None:
    said = cli("unban", "--all", answer={"ok": True, "set": "banned", "removed": 3})
    assert said.out == "3 elements removed from set banned\n"
    assert said.asked[0]["all"] is True
    for words in (("unban",), ("unban", "--all", ITSELF)):
        wrong = cli(*words, answer=None)
        assert (wrong.code, wrong.asked) == (USAGE, [])


def test_the_sets_are_a_line_each(cli: Cli) -> None:
    there = [
        {"set": "banned", "type": ["address"], "lifetime": 600.0, "persist": True, "total": 1},
        {"set": "pairs", "type": ["mac", "port"], "lifetime": None, "persist": False, "total": 2},
    ]
    said = cli("set", "list", answer={"ok": True, "sets": there})
    assert said.out.splitlines() == [
        "banned  address  1 element  for 10m  persist",
        "pairs  mac+port  2 elements",
    ]


def test_the_elements_of_a_set_are_a_line_each(cli: Cli) -> None:
    there = [
        {"element": ITSELF, "seconds": 35.2, "from": "run time", "packets": 12, "octets": 720},
        {"element": AROUND, "seconds": None, "from": "rules", "packets": 0, "octets": 0},
    ]
    answer = {"ok": True, "set": "banned", "elements": there, "total": 5}
    said = cli("set", "list", "banned", answer=answer)
    assert said.out.splitlines() == [
        "192.0.2.1  for 35s  12 packets, 720 octets",
        "192.0.2.0/24  in the rule file",
    ]
    assert said.err == "3 more are not shown\n"
    assert said.asked[0]["set"] == "banned"


def test_a_flush_says_how_many(cli: Cli) -> None:
    said = cli("set", "flush", "banned", answer={"ok": True, "set": "banned", "removed": 1})
    assert (said.code, said.out) == (OK, "1 element removed from set banned\n")


def test_what_the_daemon_refuses_is_an_error_in_its_words(cli: Cli) -> None:
    said = cli("ban", "example.org", answer={"ok": False, "usage": True, "error": "no address"})
    assert (said.code, said.err) == (USAGE, "firewalld-py: no address\n")
    said = cli("set", "list", answer={"ok": False, "error": "the worker has ended"})
    assert (said.code, said.err) == (FAILURE, "firewalld-py: the worker has ended\n")
    assert cli("set", "list", answer=NOT_RUNNING).code == NOT_RUNNING


@pytest.mark.parametrize("time", ["", "soon", "-5", "9999d"])
def test_a_time_that_is_none_is_wrong_usage(time: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args(["ban", ITSELF, f"--for={time}"])
    assert end.value.code == USAGE
    assert "--for" in capsys.readouterr().err
