"""`firewalld-py diff`: rules and behaviour of two files side by side, and of a capture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Packet

from firewalld_py.cli.diff_capture import SHOWN
from firewalld_py.cli.exits import BAD_CONFIGURATION, FAILURE, NOT_RUNNING, OK, USAGE
from firewalld_py.cli.main import main
from tests.unit.test_replay import write_capture

OLD = """version: 1
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: [established, related], action: accept}
      - {name: telnet, proto: tcp, dport: 23, action: {reject: tcp-reset}}
      - {name: web, in: lan0, proto: tcp, dport: 80, action: accept}
"""
NEW = OLD.replace("dport: 80", "dport: [80, 443]").replace("{reject: tcp-reset}", "drop")
OUT: dict[str, Any] = {"src": "10.1.0.5", "dst": "203.0.113.9"}
BACK: dict[str, Any] = {"src": "203.0.113.9", "dst": "10.1.0.5"}
PACKETS: list[Packet] = [
    IP(**OUT) / TCP(sport=1, dport=443, flags="S", seq=1),
    IP(**BACK) / TCP(sport=443, dport=1, flags="SA", seq=7, ack=2),
    IP(**OUT) / TCP(sport=2, dport=23, flags="S"),
    IP(**OUT) / UDP(sport=2, dport=9),
    IP(**OUT) / TCP(sport=3, dport=80, flags="S"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "old.yaml").write_text(OLD)
    (tmp_path / "new.yaml").write_text(NEW)
    missing = str(tmp_path / "no" / "firewalld-py.yaml")
    monkeypatch.setattr("firewalld_py.cli.replay.DEFAULT_CONFIG", missing)
    monkeypatch.setattr("firewalld_py.cli.main.DEFAULT_CONFIG", missing)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def diff(*words: str) -> int:
    return main(["diff", *words])


def text(capsys: pytest.CaptureFixture[str], *words: str, code: int = FAILURE) -> str:
    assert diff("old.yaml", "new.yaml", *words) == code
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = FAILURE) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(text(capsys, "--json", *words, code=code))
    return shown


def test_rules_and_examples_are_shown(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = text(capsys)
    assert "changed rule 'web' of filter/forward  old.yaml:8 -> new.yaml:8" in out
    assert "    dport 80 -> 80, 443\n" in out
    assert "    action reject with tcp-reset -> drop\n" in out
    words = " ".join(out.split())
    assert "443, 40 octets in lan0" in words
    assert (
        "old drop by the policy of filter/forward: no rule decided "
        "new accept by rule 'web', new.yaml:8"
    ) in words
    assert (
        "old reject with tcp-reset by rule 'telnet', old.yaml:7 "
        "new drop by rule 'telnet', new.yaml:7"
    ) in words


def test_the_same_rules_are_said_to_be_the_same(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "new.yaml").write_text(f"# moved down\n{OLD}".replace("dport: 80", "dport: http"))
    assert text(capsys, code=OK) == (
        "the same rules: both compile to the same, so every packet fares alike\n"
    )
    shown = told(capsys, code=OK)
    assert shown == {"same": True, "rules": [], "behaviour": None, "capture": None}


def test_where_no_difference_is_found_that_is_all_that_is_said(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rule behind one that drops everything cannot be met."""
    old = OLD + "      - {name: rest, action: drop}\n"
    (here / "old.yaml").write_text(old)
    (here / "new.yaml").write_text(old + "      - {name: late, proto: udp, action: accept}\n")
    out = text(capsys)
    assert "added rule 'late' of filter/forward  new.yaml:10" in out
    assert "no difference found among " in out
    assert "there may be some all the same" in " ".join(out.split())


def test_json_tells_both(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = told(capsys)
    assert not shown["same"]
    assert [(one["name"], one["kinds"]) for one in shown["rules"]] == [
        ("telnet", ["changed"]),
        ("web", ["changed"]),
    ]
    behaviour = shown["behaviour"]
    assert behaviour["complete"]
    differences = behaviour["differences"]
    assert behaviour["tried"] > behaviour["differing"] >= len(differences) == 2
    assert sum(one["count"] for one in differences) == behaviour["differing"]
    verdicts = {(one["old"]["verdict"], one["new"]["verdict"]) for one in differences}
    assert verdicts == {("reject with tcp-reset", "drop"), ("drop", "accept")}
    web = next(one for one in differences if one["new"]["verdict"] == "accept")
    assert (web["old"]["rule"], web["new"]["rule"], web["new"]["line"]) == (None, "web", 8)
    assert web["way"].startswith("in lan0")


def test_what_an_exchange_comes_to_is_shown(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "new.yaml").write_text(OLD.replace("[established, related]", "related"))
    shown = told(capsys)["behaviour"]["differences"]
    answers = [one for one in shown if one["old"]["rule"] == "answers"]
    assert answers
    assert all(one["old"]["state"] == "established" for one in answers)
    assert all(one["after"] for one in answers)
    assert "after    tcp " in text(capsys)


def test_marks_that_change_are_a_difference(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marked = OLD.replace("dport: 80, action: accept", "dport: 80, action: [{connmark: 5}, accept]")
    (here / "new.yaml").write_text(marked)
    behaviour = told(capsys)["behaviour"]
    assert not any(one["changes_verdict"] for one in behaviour["differences"])
    assert {one["new"]["connmark"] for one in behaviour["differences"]} == {5}
    assert "the same verdict, but otherwise:" in text(capsys)


SETS = """version: 1
sets:
  blocked: {type: address, elements: [192.0.2.1, 198.51.100.0/24]}
  services: {type: [address, port], elements: ["10.1.0.5,tcp:443"]}
filter:
  forward:
    policy: drop
    rules:
      - {name: bad, src: $blocked, action: drop}
      - {name: good, set: {name: services, of: [dst, dport]}, action: accept}
      - {name: rest, in: lan0, action: [{add: {set: blocked, of: src}}, accept]}
"""


def test_elements_of_sets_that_come_and_go(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each packet is the first: what one of them adds to a set stops no other."""
    (here / "old.yaml").write_text(SETS)
    more = SETS.replace('443"', '443", "10.1.0.6,tcp:80"')
    (here / "new.yaml").write_text(more.replace("100.0/24", "100.0/25, 203.0.113.77"))
    shown = told(capsys)
    assert [(one["what"], one["name"], one["details"]) for one in shown["rules"]] == [
        ("set", "blocked",
         ["added: 198.51.100.0/25, 203.0.113.77", "removed: 198.51.100.0/24"]),
        ("set", "services", ["added: 10.1.0.6,tcp:80"]),
    ]  # fmt: skip
    rules = {(one["old"]["rule"], one["new"]["rule"]): one["packet"]
             for one in shown["behaviour"]["differences"]}  # fmt: skip
    assert set(rules) == {("rest", "bad"), ("bad", "rest"), ("rest", "good")}
    assert " 203.0.113.77:" in rules["rest", "bad"]
    assert "> 10.1.0.6:80" in rules["rest", "good"]


def test_what_rules_count_begins_anew_with_each_packet(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limited = OLD.replace("dport: 80,", "dport: 80, limit: 1/day,")
    (here / "old.yaml").write_text(limited)
    (here / "new.yaml").write_text(limited.replace("1/day", "2/day"))
    out = text(capsys)
    assert "limit 1/day -> 2/day" in out
    assert "no difference found among" in out


def test_packets_of_a_capture_whose_verdict_changes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capture(here / "a.pcap", PACKETS)
    out = text(capsys, "--capture", "a.pcap")
    assert "capture: the verdict changes of 3 of 5 packets" in out
    lines = out[out.index("capture:") :].splitlines()
    assert "      1  tcp syn 10.1.0.5:1 > 203.0.113.9:443, 40 octets" in lines
    assert "         old  new: drop by the policy of filter/forward: no rule decided" in lines
    assert "         new  established: accept by rule 'answers', new.yaml:6" in lines
    capture = told(capsys, "--capture", "a.pcap")["capture"]
    assert (capture["packets"], capture["changed"], capture["same_verdict_otherwise"]) == (5, 3, 0)
    assert [one["n"] for one in capture["shown"]] == [1, 2, 3]


def test_a_long_list_is_bounded_unless_all_is_wanted(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packets: list[Packet] = [
        IP(**OUT) / TCP(sport=port, dport=443, flags="S") for port in range(1, 51)
    ]
    write_capture(here / "a.pcap", packets)
    out = text(capsys, "--capture", "a.pcap")
    assert f"and {50 - SHOWN} more packets, which --all shows" in out
    assert text(capsys, "--capture", "a.pcap", "--all").count(":443, 40 octets") >= 50


def test_a_damaged_capture_is_a_failure_after_what_could_be_read(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capture(here / "a.pcap", PACKETS)
    path = here / "a.pcap"
    path.write_bytes(path.read_bytes()[:-5])
    assert diff("old.yaml", "new.yaml", "--capture", "a.pcap") == FAILURE
    out, err = capsys.readouterr()
    assert "capture: the verdict changes of 3 of 4 packets" in out
    assert "damaged" in err


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["old.yaml"], USAGE, "two rule files, OLD and NEW, or --running"),
        (["old.yaml", "new.yaml", "x.yaml"], USAGE, "two rule files"),
        (["--running", "a", "b"], USAGE, "NEW at most"),
        (["old.yaml", "no.yaml"], BAD_CONFIGURATION, "no.yaml: cannot be read"),
        (["old.yaml", "new.yaml", "--route", "x"], USAGE, "PREFIX=INTERFACE is wanted"),
    ],
)
def test_what_is_wrong_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, why: str
) -> None:
    assert diff(*words) == code
    assert why in capsys.readouterr().err


def test_what_is_broken_on_both_sides_is_said_at_once(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("old.yaml", "new.yaml"):
        (here / name).write_text("version: 2\n")
    assert diff("old.yaml", "new.yaml") == BAD_CONFIGURATION
    err = capsys.readouterr().err
    assert "old.yaml:1:10" in err
    assert "new.yaml:1:10" in err


def test_the_rules_in_force_are_the_daemons(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "c.yaml").write_text("rules: old.yaml\ncontrol: {socket: ./none.sock}\n")
    assert main(["--config", "c.yaml", "diff", "--running"]) == NOT_RUNNING
    assert "no daemon answers" in capsys.readouterr().err
