"""Expectations as the control socket tells them, and as `expect list` shows them."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from firewalld_py.cli import daemon as cli_daemon
from firewalld_py.cli import expect
from firewalld_py.cli.exits import FAILURE, NOT_RUNNING, OK
from firewalld_py.cli.main import main
from firewalld_py.conntrack.expectation import INACTIVE, PERMANENT
from firewalld_py.conntrack.flow import flow_key, in_zone
from firewalld_py.service.expectation_text import expectation_entry
from firewalld_py.service.messages import Expected
from tests import wire
from tests.segments import datagram

MASTER: Final = flow_key(datagram(sport=40000, dport=69))
ONE: Final = Expected(
    number=1, protocol=wire.UDP, src=wire.SERVER4, src_mask=b"", sport=-1, dst=wire.CLIENT4,
    dport=40000, kind=0, flags=0, left_s=299.6, helper="tftp", given="", master=MASTER,
)  # fmt: skip


def line(**changed: Any) -> str:
    return expect.expectation_line(expectation_entry(replace(ONE, **changed)))


def test_all_of_it_by_name() -> None:
    assert expectation_entry(ONE) == {
        "protocol": "udp", "src": "203.0.113.9", "sport": None, "dst": "10.1.0.5", "dport": 40000,
        "seconds": 299.6, "helper": "tftp", "class": 0, "given_helper": "", "flags": [],
        "master": {
            "protocol": "udp", "src": "10.1.0.5", "sport": 40000, "dst": "203.0.113.9",
            "dport": 69, "zone": 0,
        },
    }  # fmt: skip


def test_a_line_for_people() -> None:
    assert line() == (
        "udp 203.0.113.9 -> 10.1.0.5:40000  300 s  tftp  "
        "master udp 10.1.0.5:40000 -> 203.0.113.9:69"
    )


@pytest.mark.parametrize(
    ("changed", "beginning"),
    [
        ({"src": b""}, "udp any -> "),
        ({"sport": 161}, "udp 203.0.113.9:161 -> "),
        ({"src": b"", "sport": 0}, "udp any:0 -> "),
        ({"src_mask": bytes((255, 255, 255, 0)), "sport": 161}, "udp 203.0.113.0/24:161 -> "),
        ({"src_mask": bytes((255, 0, 255, 0))}, "udp 203.0.113.0/255.0.255.0 -> "),
        ({"protocol": 253}, "253 203.0.113.9 -> "),
        ({"src": wire.SERVER6, "dst": wire.CLIENT6}, "udp fd00:2::9 -> [fd00:1::5]:40000  300 s"),
    ],
)
def test_sources_of_every_kind(changed: dict[str, Any], beginning: str) -> None:
    assert line(**changed).startswith(beginning)


@pytest.mark.parametrize(
    ("changed", "end"),
    [
        ({"flags": PERMANENT}, ":69  permanent"),
        ({"flags": PERMANENT | INACTIVE}, ":69  permanent  inactive"),
        ({"given": "Q.931"}, ":69  gets helper Q.931"),
        ({"master": in_zone(MASTER, 7)}, ":69  zone 7"),
    ],
)
def test_what_only_some_have_stands_at_the_end(changed: dict[str, Any], end: str) -> None:
    assert line(**changed).endswith(end)


def run(monkeypatch: pytest.MonkeyPatch, answer: object, *, as_json: bool = False) -> int:
    """The verb with a daemon that gives this answer."""
    monkeypatch.setattr(cli_daemon, "ask_daemon", lambda *_: answer)
    return expect.run(argparse.Namespace(expect_verb="list", json=as_json))


def test_the_list_is_a_line_each_and_says_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [expectation_entry(ONE)] * 2
    assert run(monkeypatch, {"ok": True, "expectations": entries, "total": 5}) == OK
    out, err = capsys.readouterr()
    assert out.splitlines() == [line()] * 2
    assert err == "3 more are not shown\n"


def test_as_json_it_is_the_daemons_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {"ok": True, "expectations": [expectation_entry(ONE)], "total": 1}
    assert run(monkeypatch, answer, as_json=True) == OK
    assert json.loads(capsys.readouterr().out) == answer


def test_a_daemon_that_cannot_answer_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, {"ok": False, "error": "there is no worker"}) == FAILURE
    assert capsys.readouterr().err == "firewalld-py: there is no worker\n"
    assert run(monkeypatch, NOT_RUNNING) == NOT_RUNNING


def test_without_a_daemon_there_is_nobody_to_ask(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"control: {{socket: {tmp_path}/control.sock}}\n")
    assert main(["--config", str(config), "expect", "list"]) == NOT_RUNNING
