"""Which rules a replay's packets met, and which never."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.packet import Packet, Raw

from firewalld_py.cli.main import main
from firewalld_py.cli.replay_coverage import (
    NEVER_SHOWN,
    ChainCount,
    RuleCount,
    coverage,
    write_coverage,
    write_never_met,
)
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.protocols import HOOK_FORWARD
from tests import wire
from tests.plans import firewall, plan, rule
from tests.unit.test_replay import write_capture

RULES = """version: 1
filter:
  input:
    rules:
      - {name: ssh, proto: tcp, dport: 22, action: accept}
  forward:
    policy: drop
    rules:
      - {name: answers, state: established, action: accept}
      - {name: web, proto: tcp, dport: 80, action: {jump: web}}
      - {name: counted, proto: udp, action: log}
      - {name: telnet, proto: tcp, dport: 23, action: {goto: old}}
  chains:
    web:
      - {name: inside, src: 10.1.0.0/24, action: accept}
      - {name: outside, action: drop}
    old:
      - {name: refused, action: drop}
    lonely:
      - {name: nobody, action: drop}
"""
OUT: dict[str, Any] = {"src": "10.1.0.5", "dst": "203.0.113.9"}
PACKETS: list[Packet] = [
    IP(**OUT) / TCP(sport=1, dport=80, flags="S"),
    IP(**OUT) / TCP(sport=2, dport=80, flags="S"),
    IP(**OUT) / UDP(sport=2, dport=9),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    write_capture(tmp_path / "a.pcap", PACKETS)
    missing = str(tmp_path / "no" / "firewalld-py.yaml")
    monkeypatch.setattr("firewalld_py.cli.replay.DEFAULT_CONFIG", missing)
    monkeypatch.setattr("firewalld_py.cli.main.DEFAULT_CONFIG", missing)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replay(*words: str) -> int:
    return main(["replay", "--rules", "rules.yaml", *words, "a.pcap"])


def test_all_chains_that_packets_come_to_are_covered(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay() == 0
    out = capsys.readouterr().out
    assert out[out.index("never met") :] == (
        "never met: 4 of 7 rules\n"
        "  filter/forward\n"
        "    rules.yaml:9  answers\n"
        "    rules.yaml:12  telnet\n"
        "  filter/web\n"
        "    rules.yaml:16  outside\n"
        "  filter/old\n"
        "    rules.yaml:18  refused\n"
        "not asked here (see --chain): filter/input, filter/lonely\n"
    )


def test_each_rule_with_its_packets_and_octets(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay("--coverage") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[:14] == [
        "filter/forward",
        "packets octets rule",
        "0 0 rules.yaml:9 answers (never met)",
        "2 80 rules.yaml:10 web",
        "1 28 rules.yaml:11 counted",
        "0 0 rules.yaml:12 telnet (never met)",
        "1 (policy drop)",
        "",
        "filter/web",
        "packets octets rule",
        "2 80 rules.yaml:15 inside",
        "0 0 rules.yaml:16 outside (never met)",
        "",
        "filter/old",
    ]


def test_json_tells_all_chains_in_one_object(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay("--coverage", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rules"], told["never_met"]) == (7, 4)
    chains = {chain["chain"]: chain for chain in told["chains"]}
    assert [name for name, chain in chains.items() if not chain["asked"]] == [
        "raw/output", "filter/input", "filter/output", "filter/lonely",
    ]  # fmt: skip
    assert chains["filter/web"]["policy"] is None
    assert chains["filter/forward"]["policy_packets"] == 1
    assert chains["filter/web"]["rules"][0] == {
        "name": "inside", "file": "rules.yaml", "line": 15, "packets": 2, "octets": 80,
    }  # fmt: skip


def test_a_datagram_in_fragments_counts_once(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = IP(**OUT, id=7) / UDP(sport=1, dport=9) / Raw(bytes(3000))
    write_capture(here / "a.pcap", fragment(whole, 1000))  # type: ignore[no-untyped-call]
    assert replay("--coverage", "--json") == 0
    chains = json.loads(capsys.readouterr().out)["chains"]
    (forward,) = (chain for chain in chains if chain["chain"] == "filter/forward")
    assert forward["rules"][2]["packets"] == 1


def test_a_damaged_capture_is_covered_as_far_as_it_goes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = here / "a.pcap"
    path.write_bytes(path.read_bytes()[:-5])
    assert replay("--coverage") == 1
    assert "1 (policy drop)" not in " ".join(capsys.readouterr().out.split())


def test_chains_that_rules_lead_to_are_asked() -> None:
    a_plan = plan(
        [rule("jump", chain="a")],
        chains={"filter/a": [rule("goto", chain="b")], "filter/b": [], "filter/c": []},
    )
    judge = firewall(a_plan)
    judge.handle(wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp()), PacketMeta(), 1.0)
    found = coverage(judge.ruleset, judge.chains(HOOK_FORWARD))
    asked = {count.chain: count.asked for count in found}
    assert [name for name, is_asked in asked.items() if is_asked] == [
        "raw/prerouting", "filter/forward", "filter/a", "filter/b",
    ]  # fmt: skip
    assert [rule.packets for count in found for rule in count.rules] == [1, 1]


def test_of_very_many_rules_only_some_are_listed() -> None:
    rules = tuple(RuleCount(f"r{number}", "r.yaml", number, 0, 0) for number in range(1, 100))
    out = StringIO()
    write_never_met([ChainCount("filter/forward", True, "drop", 0, rules)], out)
    lines = out.getvalue().splitlines()
    assert len(lines) == NEVER_SHOWN + 3
    assert lines[-1].strip() == f"and {99 - NEVER_SHOWN} more, which --coverage lists"
    write_coverage([ChainCount("filter/forward", True, "drop", 0, rules)], out)
    assert "r99  (never met)" in out.getvalue()
