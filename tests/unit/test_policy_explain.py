"""`firewalld-py explain`: what it says of states, of conditions, and how it looks."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.utils import wrpcap

from firewalld_py.cli.explain_text import print_text, verdict_text
from firewalld_py.cli.main import main
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.reasons import REASON_NAMES, TABLE_FULL
from firewalld_py.pipeline import Firewall
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.explain import Explainer, Explanation
from firewalld_py.policy.load import load_rules
from firewalld_py.policy.packet_octets import Talk, interface_indexes, meta_of
from firewalld_py.policy.packet_words import described, guessed_chain
from firewalld_py.policy.reason_text import SENTENCES
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.verdicts import DROP

SYN = "in=lan0 src=10.1.0.5 dst=203.0.113.9 proto=tcp dport=80"
BACK = "in=wan0 src=203.0.113.9 dst=10.1.0.5 proto=tcp sport=80 dport=40000"
RULES = """version: 1
define: {lan: [10.1.0.0/24, "fd00:1::/64"]}
filter:
  forward:
    policy: drop
    rules:
      - {name: answers, state: [established, related], action: accept}
      - {name: no telnet, proto: tcp, dport: 23, action: {reject: tcp-reset}}
      - {name: lan out, in: lan0, src: $lan, state: new, action: accept}
"""


class World:
    """Rules with a state table, asked packet by packet."""

    def __init__(self, path: Path, text: str) -> None:
        path.write_text(text)
        policy = load_rules(path)
        plan = compile_policy(policy, Config())
        self.firewall = Firewall(build_ruleset(plan), Conntrack(Settings()))
        self.indexes = {"lan0": 1, "wan0": 2}
        names = {index: name for name, index in self.indexes.items()}
        self.firewall.ruleset.interfaces.set_names(names)
        self.explainer = Explainer(self.firewall, policy, plan, names)
        self.talk, self.now = Talk(), 1.0

    def explain(self, line: str) -> Explanation:
        words, problems = described(line.split())
        assert words is not None, problems
        self.now += 0.001
        meta = meta_of(words, guessed_chain(words), self.indexes)
        return self.explainer.handle(self.talk.octets(words), meta, self.now)

    def why(self, line: str) -> str:
        explained = self.explain(line)
        return f"{explained.state}: {explained.why}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.yaml"


def tried(rule: str, line: str, path: Path) -> str:
    """What is said of one rule of filter/forward."""
    text = f"version: 1\ndefine: {{lan: [10.1.0.0/24]}}\nfilter: {{forward: {{rules: [{rule}]}}}}\n"
    (one,) = World(path, text).explain(line).tried
    return one.action if one.met else f"{one.condition}: {one.found}"


@pytest.mark.parametrize(
    ("rule", "line", "said"),
    [
        ("dport: [80, 443]", "dport=22 flags=syn", "dport 80, 443: the packet has 22"),
        ("dport: 22", "icmp=ping", "dport 22: the packet is icmp and has no ports"),
        ("src: $lan", "proto=udp dport=9", "src $lan: the packet has 192.0.2.1"),
        ("not: {dst: 10.1.0.5}", "icmp=ping", "not dst 10.1.0.5: the packet has 10.1.0.5"),
        ("in: lan*", "in=wan0 icmp=ping", "in lan*: the packet came by wan0"),
        ("out: lan0", "in=lan0 out=wan0 icmp=ping", "out lan0: the packet leaves by wan0"),
        ("proto: [udp, 47]", "flags=syn dport=1", "proto udp, 47: the packet is tcp"),
        ("family: ipv6", "icmp=ping", "family ipv6: the packet is IPv4"),
        ("flags: syn", "flags=syn+ack dport=1", "flags syn: the packet has syn+ack"),
        ("flags: syn", "proto=udp dport=1", "flags (which says the protocol): the packet is udp"),
        ("icmp: [3/4, pong]", "icmp=ping", "icmp 3/4, pong: the packet has echo-request"),
        ("icmp: ping", "icmp=3/1", "icmp ping: the packet has destination-unreachable/1"),
        ("mark: 0x1/0x3", "icmp=ping mark=0x6", "mark 0x1/0x3: the packet has 0x6"),
        ("connmark: 1", "icmp=ping", "connmark 1: its connection has 0x0"),
        ("label: 7", "icmp=3", "label 7: the packet has no connection"),
        ("zone: 4", "icmp=ping", "zone 4: its connection is in 0"),
        ("state: invalid", "icmp=ping", "state invalid: the packet is new"),
        ("ttl: 1", "icmp=ping", "ttl 1: the packet has 64"),
        ("dscp: ef", "icmp=ping dscp=8", "dscp ef: the packet has 8"),
        ("tos: 0x10/0xff", "icmp=ping dscp=8", "tos 0x10/0xff: the packet has 0x20"),
        ("length: 1000-2000", "icmp=ping length=500", "length 1000-2000: the packet has 500"),
        ("direction: reply", "icmp=ping", "direction reply: the packet goes in original direction"),
        ("helper: ftp", "icmp=ping", "helper ftp: no helper expected its connection"),
        ("packets: 5-9", "icmp=ping",
         "packets 5-9: its connection has 1 original and 0 reply packets"),
        ("age: 10s-1h", "icmp=ping", "age 10s-1h: its connection is 0 s old"),
        ("status: confirmed", "icmp=ping", "status confirmed: its connection is none of these"),
        ("sport: [1, 3, 5, 7, 9, 11]", "dport=1 flags=syn",
         "sport 1, 3, 5, 7 and 2 more: the packet has 40000"),
    ],
)  # fmt: skip
def test_the_first_condition_that_fails_in_the_words_of_the_file(
    rule: str, line: str, said: str, path: Path
) -> None:
    ends = "src=192.0.2.1 dst=10.1.0.5"
    assert tried(f"{{{rule}, action: accept}}", f"{line} {ends}", path) == said


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("accept", "accept"),
        ("[{mark: 1}, {connmark: 2/3}, {label: [1, 2]}, log, drop]",
         "mark 0x1, connmark 0x2/0x3, label 1, 2, log, drop"),
        ("reject", "reject with port-unreachable"),
        ("log", "log"),
    ],
)  # fmt: skip
def test_what_a_met_rule_does(action: str, said: str, path: Path) -> None:
    assert tried(f"{{action: {action}}}", SYN, path) == said


def test_why_a_packet_has_its_state(path: Path) -> None:
    world = World(path, RULES)
    flow = "tcp 10.1.0.5:40000 > 203.0.113.9:80"
    assert world.why(SYN) == f"NEW: it is the first of {flow}"
    assert world.why(SYN) == f"NEW: no answer was seen yet in {flow}"
    answer = world.why(f"{BACK} flags=syn+ack")
    assert answer == f"ESTABLISHED: it answers {flow} (reply direction)"
    assert world.why(f"{SYN} flags=ack") == (
        f"ESTABLISHED: it belongs to {flow}, which was answered (original direction)"
    )
    stray = world.why("in=wan0 src=192.0.2.1 dst=10.1.0.5 flags=syn+ack dport=1")
    assert stray == (
        "INVALID: tcp_not_a_start: it cannot begin a connection, and it belongs to none that is "
        "known"
    )
    neighbour = world.why("src=fe80::1 dst=ff02::1 icmpv6=neighbour-solicitation")
    assert neighbour.startswith("UNTRACKED: of its kind nothing is ever tracked")


def test_raw_rules_and_errors_say_why(path: Path) -> None:
    raw = (
        "version: 1\nraw: {prerouting: [{name: dns, proto: udp, dport: 53, action: notrack},"
        " {name: bad, src: 192.0.2.1, action: drop}]}\n"
    )
    world = World(path, raw)
    assert world.why("src=10.1.0.5 dst=10.1.0.6 proto=udp dport=53") == (
        "UNTRACKED: raw rule 'dns' says notrack"
    )
    spoofed = world.explain("src=192.0.2.1 dst=10.1.0.6 icmp=ping")
    assert (spoofed.state, spoofed.why) == ("none", "a raw rule dropped it before tracking")
    assert [one.name for one in spoofed.tried] == ["dns", "bad"]
    world.explain("src=10.1.0.5 dst=10.1.0.6 proto=udp dport=9")
    error, problems = described(["src=192.0.2.7", "dst=10.1.0.5", "icmp=ttl-exceeded"])
    assert error is not None, problems
    explained = world.explainer.handle(world.talk.error(error), PacketMeta(), 1.5)
    assert explained.why == "it is an ICMP error about udp 10.1.0.5:40000 > 10.1.0.6:9"


def test_marks_are_told_as_they_were_when_the_rule_was_asked(path: Path) -> None:
    text = """version: 1
filter:
  forward:
    rules:
      - {name: early, connmark: 1, action: log}
      - {name: set, not: {connmark: 1}, action: {connmark: 1}}
      - {name: late, connmark: 1, action: log}
"""
    world = World(path, text)
    first = {one.name: one for one in world.explain(SYN).tried}
    assert [first[name].met for name in ("early", "set", "late")] == [False, True, True]
    assert first["early"].found == "its connection has 0x0"
    second = world.explain(SYN)
    assert [one.met for one in second.tried] == [True, False, True]
    connection = second.decision.info.connection
    assert connection is not None
    assert connection.mark == 1


@pytest.mark.parametrize("data", [b"", b"E", b"\x60", b"\x45" + bytes(9), b"\x60" + bytes(6)])
def test_what_is_hardly_a_packet_is_explained_too(data: bytes, path: Path) -> None:
    keys = ("ttl: 1", "dscp: 1", "tos: 1", "dport: 9", "src: 10.0.0.1", "proto: tcp", "icmp: 8")
    rules = ", ".join(f"{{{key}, action: drop}}" for key in (*keys, "in: lan0", "length: 9"))
    world = World(path, f"version: 1\nfilter: {{forward: {{rules: [{rules}]}}}}\n")
    explained = world.explainer.handle(data, PacketMeta(in_index=2), 1.0)
    assert explained.state == "INVALID"
    print_text(explained, {}, [], StringIO())
    assert [one.met for one in explained.tried][:-1] == [False] * (len(keys) + 1)


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(REASON_NAMES) - {"ok", "rule", "policy"}


def explain(*words: str) -> int:
    return main(["explain", *words])


def test_the_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(RULES)
    assert explain(*SYN.split(), "--rules", str(path)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "packet   tcp syn 10.1.0.5:40000 > 203.0.113.9:80, 40 octets",
        "         in lan0, judged in filter/forward",
        "         out is not told: every `out:` counts as met",
        "state    NEW: it is the first of tcp 10.1.0.5:40000 > 203.0.113.9:80",
        "",
        "filter/forward",
        "  -    7  answers    state established, related: the packet is new",
        "  -    8  no telnet  dport 23: the packet has 80",
        "  *    9  lan out    accept",
        "",
        *_wrapped(f"verdict  accept by rule 'lan out', {path}:9"),
    ]
    assert explain(*BACK.split(), "out=lan0", "flags=fin", "--rules", str(path)) == 0
    out = capsys.readouterr().out
    assert "verdict  drop by the policy of filter/forward: no rule decided\n" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def _wrapped(line: str) -> list[str]:
    """The verdict's line where the path is short enough, else as it is broken."""
    if len(line) <= 80:
        return [line]
    head, _, tail = line.rpartition(" ")
    return [head, f"         {tail}"]


def test_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(RULES)
    assert explain(*SYN.split(), "--chain", "input", "--json", "--rules", str(path)) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["chain"], shown["verdict"], shown["state"]) == ("filter/input", "accept", "NEW")
    assert shown["tried"] == []
    assert explain(*SYN.split(), "--json", "--rules", str(path)) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["rule"], shown["file"], shown["line"]) == ("lan out", str(path), 9)
    assert shown["tried"][0]["condition"] == "state established, related"


def test_a_packet_that_cannot_be(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(RULES)
    assert explain("src=10.1.0.5", "dts=10.1.0.6", "--rules", str(path)) == 2
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "packet:1:14: unknown key 'dts' in a packet; did you mean 'dst'?"
    assert err[1:3] == ["    src=10.1.0.5 dts=10.1.0.6", "                 ^"]
    assert explain(*SYN.split(), "--chain", "output", "--rules", str(path)) == 2
    assert "the chain is output" in capsys.readouterr().err


def test_a_packet_of_a_capture(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text(RULES)
    capture = str(tmp_path / "c.pcap")
    ends, back = IP(src="10.1.0.5", dst="203.0.113.9"), IP(src="203.0.113.9", dst="10.1.0.5")
    packets = [
        ends / TCP(sport=4, dport=80, flags="S", seq=1),
        back / TCP(sport=80, dport=4, flags="SA", seq=9, ack=2),
        ends / UDP(sport=5, dport=53),
    ]
    for number, packet in enumerate(packets):
        packet.time = 1000.0 + number
    wrpcap(capture, packets)
    arguments = ("--capture", capture, "--route", "10.1.0.0/24=lan0", "--rules", str(path))
    assert explain(*arguments, "2") == 0
    out = capsys.readouterr().out
    assert "state    ESTABLISHED: it answers tcp 10.1.0.5:4 > 203.0.113.9:80 (reply" in out
    assert "  *    7  answers    accept\n" not in out  # one rule only: its own width
    assert "  *    7  answers  accept\n" in out
    assert explain(*arguments, "4") == 1
    assert "has 3 packets, no number 4" in capsys.readouterr().err
    assert explain(*arguments, "x") == 2


def test_a_packet_that_the_rules_accept_may_be_dropped_all_the_same(path: Path) -> None:
    decision = World(path, RULES).explain(SYN).decision
    assert verdict_text(decision) == f"accept by rule 'lan out', {path}:9"
    decision.verdict, decision.reason = DROP, TABLE_FULL
    text = verdict_text(decision)
    assert text.startswith("drop: table_full: the table of connections is full; rule 'lan out', ")
    assert text.endswith(":9, would accept it")


def test_fragments_are_judged_with_the_last_of_them(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text(RULES)
    capture = str(tmp_path / "f.pcap")
    datagram = IP(src="10.1.0.5", dst="203.0.113.9", id=7) / UDP(sport=5, dport=53) / (b"x" * 600)
    wrpcap(capture, fragment(datagram, 400))  # type: ignore[no-untyped-call]
    arguments = ("--capture", capture, "--route", "10.1.0.0/24=lan0", "--rules", str(path))
    assert explain(*arguments, "1") == 0
    out = capsys.readouterr().out
    assert "verdict  none yet: fragment_incomplete: it waits for the other fragments" in out
    assert "filter/forward\n" not in out.split("\n\n", 1)[1]
    assert explain(*arguments, "2") == 0
    assert "verdict  accept by rule 'lan out'" in capsys.readouterr().out


def test_colours_are_for_terminals(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    explained = World(path, RULES).explain(SYN)
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_text(explained, {}, [], shown := Terminal())
    assert "\033[32mverdict  accept by rule" in shown.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    print_text(explained, {}, [], plain := Terminal())
    assert "\033" not in plain.getvalue()


def test_indexes_are_those_of_the_packets() -> None:
    words, _ = described(SYN.split())
    assert words is not None
    assert interface_indexes([words]) == {"lan0": 2}


def test_rules_of_chains_are_told_where_they_are_tried(path: Path) -> None:
    world = World(
        path,
        """version: 1
filter:
  forward:
    policy: drop
    rules:
      - {name: once, action: [{mark: 1}, {jump: seen}]}
      - {name: web, proto: tcp, action: {jump: web}}
      - {name: again, action: [{mark: 2}, {jump: seen}]}
      - {name: never, action: {goto: web}}
  chains:
    web:
      - {name: telnet, dport: 23, action: drop}
      - {name: enough, action: return}
    seen:
      - {name: marked, mark: 2, action: accept}
""",
    )
    explained = world.explain(SYN)
    assert [(one.chain, one.name, one.met, one.action) for one in explained.tried] == [
        ("filter/forward", "once", True, "mark 0x1, jump seen"),
        ("filter/seen", "marked", False, ""),
        ("filter/forward", "web", True, "jump web"),
        ("filter/web", "telnet", False, ""),
        ("filter/web", "enough", True, "return"),
        ("filter/forward", "again", True, "mark 0x2, jump seen"),
        ("filter/seen", "marked", True, "accept"),
    ]
    assert explained.decision.rule_chain.name == "seen"


def test_a_condition_that_counts_is_asked_once_in_a_chain_that_several_rules_lead_to(
    path: Path,
) -> None:
    world = World(
        path,
        """version: 1
filter:
  forward:
    rules:
      - {name: never, dport: 1, proto: tcp, action: {jump: a}}
      - {name: always, action: {jump: a}}
  chains:
    a:
      - {name: second, every: 2, action: drop}
""",
    )
    assert [world.explain(SYN).decision.verdict_name() for _ in range(4)] == [
        *("drop", "accept", "drop", "accept"),
    ]
