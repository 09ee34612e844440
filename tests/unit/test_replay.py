"""`firewalld-py replay`: what it prints, how it exits, and that big captures are no burden."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, UDPerror
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from firewalld_py.cli.main import main

RULES = """
version: 1
define:
  lan: [10.1.0.0/24, "fd00:1::/64"]
raw:
  prerouting:
    - {name: dns, proto: udp, dport: 53, action: notrack}
    - {name: bogon, src: 240.0.0.0/4, action: drop}
filter:
  input: {policy: drop}
  forward:
    policy: drop
    rules:
      - {name: answers, state: [established, related], action: accept}
      - {name: junk, state: invalid, action: drop}
      - {name: dns, state: untracked, proto: udp, dport: 53, action: accept}
      - {name: no telnet, proto: tcp, dport: 23, action: {reject: tcp-reset}}
      - {name: lan out, in: lan0, out: wan0, src: $lan, state: new, action: accept}
"""
CLIENT, SERVER = "10.1.0.5", "203.0.113.9"
OUT: dict[str, Any] = {"src": CLIENT, "dst": SERVER}
BACK: dict[str, Any] = {"src": SERVER, "dst": CLIENT}
PING = IP(**OUT) / ICMP(type=8, id=7, seq=1)
EXCHANGE: list[Packet] = [
    IP(**OUT) / TCP(sport=40000, dport=80, flags="S", seq=100),
    IP(**BACK) / TCP(sport=80, dport=40000, flags="SA", seq=500, ack=101),
    IP(**OUT) / TCP(sport=40000, dport=80, flags="A", seq=101, ack=501),
    ARP(psrc=CLIENT, pdst="10.1.0.1"),
    IP(**OUT) / UDP(sport=5000, dport=53) / Raw(b"query"),
    IP(**OUT) / TCP(sport=40001, dport=23, flags="S"),
    IP(**OUT) / UDP(sport=5001, dport=33434),
    IP(src="198.51.100.1", dst=CLIENT)
    / ICMP(type=11)
    / IPerror(**OUT)
    / UDPerror(sport=5001, dport=33434),
    IP(**BACK) / TCP(sport=80, dport=40009, flags="SA", seq=9, ack=9),
    IP(src="198.51.100.7", dst=CLIENT) / UDP(sport=9, dport=9),
    IP(src="240.0.0.1", dst=CLIENT) / UDP(sport=9, dport=9),
]
# number: state, direction, verdict, rule, reason
EXPECTED: list[tuple[Any, ...]] = [
    ("NEW", "original", "accept", "lan out", "rule"),
    ("ESTABLISHED", "reply", "accept", "answers", "rule"),
    ("ESTABLISHED", "original", "accept", "answers", "rule"),
    (None, None, None, None, "not_ip"),
    ("UNTRACKED", "original", "accept", "dns", "rule"),
    ("NEW", "original", "reject", "no telnet", "rule"),
    ("NEW", "original", "accept", "lan out", "rule"),
    ("RELATED", "reply", "accept", "answers", "rule"),
    ("INVALID", "original", "drop", "junk", "rule"),
    ("NEW", "original", "drop", None, "policy"),
    (None, None, "drop", "bogon", "rule"),
]


def write_capture(path: Path, packets: list[Packet], start: float = 1700000000.0) -> None:
    """One packet every tenth of a second."""
    framed = []
    for number, packet in enumerate(packets):
        frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet
        frame.time = start + number / 10
        framed.append(frame)
    wrpcap(str(path), framed)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with rules.yaml and a.pcap, and no configuration on this machine."""
    (tmp_path / "rules.yaml").write_text(RULES)
    write_capture(tmp_path / "a.pcap", EXCHANGE)
    missing = str(tmp_path / "no" / "firewalld-py.yaml")
    monkeypatch.setattr("firewalld_py.cli.replay.DEFAULT_CONFIG", missing)
    monkeypatch.setattr("firewalld_py.cli.main.DEFAULT_CONFIG", missing)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replay(*words: str) -> int:
    return main(["replay", "--rules", "rules.yaml", *words])


def judged(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert replay("--json", *words, "a.pcap") == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_has_a_line_for_every_packet_of_the_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = judged(capsys)
    assert [line["n"] for line in lines] == list(range(1, 12))
    assert [line["time"] for line in lines] == pytest.approx(
        [1700000000 + number / 10 for number in range(11)]
    )
    columns = ("state", "direction", "verdict", "rule", "reason")
    assert [tuple(line[column] for column in columns) for line in lines] == EXPECTED
    assert all(list(line) == ["n", "time", *columns] for line in lines)


def test_people_get_a_table_and_a_summary(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay("a.pcap") == 0
    out = capsys.readouterr().out.splitlines()
    words = [" ".join(line.split()) for line in out]
    assert words[0] == "n time from > to what state direction verdict rule"
    assert words[1] == (
        "1 0.000000 10.1.0.5:40000 > 203.0.113.9:80 tcp S NEW original accept lan out"
    )
    assert words[4] == "4 0.300000 - not IP - - - -"
    assert out[9].endswith("junk [tcp_not_a_start]")
    assert out[10].endswith("(forward policy)")
    assert [line.index("10.1.0.5") for line in (out[1], out[3])] == [out[0].index("from")] * 2
    closing = "\n".join(out[13:])
    assert "11 packets in 1.000 s; 1 not IP" in closing
    assert "verdicts: 6 accept, 3 drop, 1 reject" in closing
    assert "        3  filter/forward answers" in closing
    assert "        1  filter/forward (policy)" in closing
    assert "        1  raw/prerouting bogon" in closing


def test_rules_that_no_packet_met_are_named_with_their_places(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capture(here / "b.pcap", [PING])
    assert replay("b.pcap") == 0
    assert capsys.readouterr().out.splitlines()[-9:] == [
        "never met: 6 of 7 rules",
        "  raw/prerouting",
        "    rules.yaml:7  dns",
        "    rules.yaml:8  bogon",
        "  filter/forward",
        "    rules.yaml:14  answers",
        "    rules.yaml:15  junk",
        "    rules.yaml:16  dns",
        "    rules.yaml:17  no telnet",
    ]


def test_the_note_about_interfaces_comes_once_and_only_if_rules_ask_for_them(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay("a.pcap") == 0
    assert capsys.readouterr().err.count("a capture has no interfaces") == 1
    (here / "rules.yaml").write_text("version: 1\n")
    assert replay("a.pcap") == 0
    assert capsys.readouterr().err == ""


def test_routes_tell_the_interfaces(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = ("--route", "10.1.0.0/24=lan0", "--route", "0.0.0.0/0=wan0")
    assert judged(capsys, *there)[0]["rule"] == "lan out"
    elsewhere = ("--route", "10.1.0.0/24=lan1", "--route", "0.0.0.0/0=wan0")
    assert judged(capsys, *elsewhere)[0]["rule"] is None
    assert judged(capsys, "--route", "192.0.2.0/24=lan1")[0]["rule"] == "lan out"


def test_the_chain_can_be_chosen(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {line["verdict"] for line in judged(capsys, "--chain", "input")} == {"drop", None}
    output = judged(capsys, "--chain", "output")
    assert output[4]["state"] == "NEW"  # raw prerouting, which would say notrack, is not met
    assert output[10]["verdict"] == "accept"


def test_the_clock_is_the_captures(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reply is ESTABLISHED within the timeout of 30 s, and NEW beyond it."""
    back = IP(**BACK) / UDP(sport=9, dport=9)
    for pause, state in ((29, "ESTABLISHED"), (31, "NEW")):
        late = Ether() / back
        first = Ether() / IP(**OUT) / UDP(sport=9, dport=9)
        first.time, late.time = 1000.0, 1000.0 + pause
        wrpcap(str(here / "a.pcap"), [first, late])
        assert judged(capsys)[1]["state"] == state


def test_the_configuration_sets_connection_tracking(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capture(here / "a.pcap", [IP(**OUT) / TCP(sport=1, dport=80, flags="A")])
    (here / "strict.yaml").write_text("rules: rules.yaml\nconntrack: {tcp_loose: false}\n")
    assert judged(capsys)[0]["state"] == "NEW"
    assert judged(capsys, "--config", "strict.yaml")[0]["state"] == "INVALID"
    assert main(["--config", "strict.yaml", "replay", "--json", "a.pcap"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "INVALID"


def test_a_packet_cut_by_the_capture_is_judged_by_its_headers(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = bytes(Ether() / IP(**OUT) / TCP(sport=1, dport=80, flags="S") / Raw(bytes(1000)))
    header = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 68, 1)
    record = struct.pack("<IIII", 1, 0, 68, len(whole)) + whole[:68]
    (here / "a.pcap").write_bytes(header + record)
    assert judged(capsys)[0]["state"] == "NEW"
    assert replay("a.pcap") == 0
    assert "1 packets in 0.000 s, 1 of them cut by the capture; 0 not IP" in capsys.readouterr().out


def test_padding_behind_a_datagram_does_not_count(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    datagram = IPv6(src="fd00:1::5", dst="fd00:2::9") / UDP(sport=1, dport=2)
    write_capture(here / "a.pcap", [Raw(bytes(datagram) + bytes(30))])
    frame = bytes(Ether(type=0x86DD) / datagram) + bytes(30)
    record = struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame
    header = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    (here / "a.pcap").write_bytes(header + record)
    assert judged(capsys)[0]["state"] == "NEW"


def test_a_damaged_capture_is_judged_as_far_as_it_goes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = here / "a.pcap"
    path.write_bytes(path.read_bytes()[:-5])
    assert replay("--json", "a.pcap") == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 10
    assert "firewalld-py: a.pcap: damaged: it ends in the middle of a record" in err
    assert replay("a.pcap") == 1
    assert "10 packets in " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["nothing.pcap"], 1, "nothing.pcap: No such file or directory"),
        (["rules.yaml"], 1, "rules.yaml: no capture that can be read: it is neither pcap nor"),
        (["--rules", "no.yaml", "a.pcap"], 5, "no.yaml"),
        (["--config", "no.yaml", "a.pcap"], 5, "no.yaml"),
        (["--route", "lan0", "a.pcap"], 2, "--route lan0: PREFIX=INTERFACE is wanted"),
    ],
)
def test_what_is_wrong_is_said_and_shown_by_the_exit_code(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, why: str
) -> None:
    assert replay("--json", *words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert why in err


def test_a_reader_that_has_seen_enough_is_no_error(here: Path) -> None:
    many = [packet for _ in range(500) for packet in EXCHANGE]
    write_capture(here / "many.pcap", many)
    program = [sys.executable, "-m", "firewalld_py.cli.main", "replay", "--json"]
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [*program, "--rules", "rules.yaml", "many.pcap"],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline().startswith(b'{"n": 1,')
        running.stdout.close()
        error = running.stderr.read()
        assert running.wait(60) == 0
        assert b"Traceback" not in error


def big_capture(path: Path, packets: int) -> None:
    """Connections of three packets, a new one every millisecond."""
    frame = bytearray(bytes(Ether() / IP(**OUT) / TCP(sport=0, dport=80, flags="S")))
    with path.open("wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(packets):
            moment, port = divmod(number // 3, 1000)
            struct.pack_into(">HH", frame, 34, (number // 3) % 60000, 80)
            file.write(struct.pack("<IIII", moment * 200, port, len(frame), len(frame)) + frame)


def peak_and_seconds(path: Path) -> tuple[int, float]:
    """Peak memory in kB, and processor time, of a replay of `path`."""
    # VmHWM, because ru_maxrss of a child begins with the peak of its parent.
    program = (
        "import re, sys, time; from firewalld_py.cli.main import main; "
        "main(['replay', '--rules', 'rules.yaml', '--json', sys.argv[1]]); "
        "peak = re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]; "
        "print(peak, time.process_time(), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    kilobytes, seconds = done.stderr.splitlines()[-1].split()
    return int(kilobytes), float(seconds)


def test_a_big_capture_is_judged_fast_and_in_the_memory_of_a_small_one(here: Path) -> None:
    big_capture(here / "small.pcap", 30_000)
    big_capture(here / "big.pcap", 150_000)
    small_kb, small_s = peak_and_seconds(here / "small.pcap")
    big_kb, big_s = peak_and_seconds(here / "big.pcap")
    assert big_kb < small_kb * 1.1 + 2000
    assert 120_000 / (big_s - small_s) > 20_000
