"""`tests:` of a rule file: how they are read, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from firewalld_py.policy.errors import PolicyErrors
from firewalld_py.policy.load import load_rules, parse_rules
from firewalld_py.policy.packet_words import PacketWords
from firewalld_py.policy.rule_tests import RuleTest
from tests.unit.policy_texts import assert_problems, parsed

ENDS = "src: 10.1.0.5, dst: 203.0.113.9"
SYN = f"{{in: lan0, out: wan0, {ENDS}, proto: tcp, dport: 80}}"


def read(tests: str) -> tuple[RuleTest, ...]:
    return parsed(f"version: 1\ntests:\n{tests}").tests


def packets(tests: str) -> list[PacketWords]:
    (test,) = read(tests)
    return [step.packet for step in test.steps]


def steps(*lines: str) -> str:
    return "- name: t\n  steps:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def test_one_packet() -> None:
    (test,) = read(f"- {{name: web, packet: {SYN}, expect: accept, state: [new], rule: out}}\n")
    (step,) = test.steps
    assert (test.name, test.file, test.line, test.column) == ("web", "rules.yaml", 3, 3)
    assert (step.chain, step.verdict, step.states, step.rule) == (
        "forward", "accept", ("new",), "out"
    )  # fmt: skip


def test_an_answer_is_the_packet_before_with_its_ends_swapped() -> None:
    syn, syn_ack, ack = packets(
        steps(
            f"packet: {SYN}, expect: accept", "answer: , expect: accept", "answer: {}, expect: drop"
        )
    )
    assert (syn_ack.src, syn_ack.dst, syn_ack.sport, syn_ack.dport) == (
        syn.dst, syn.src, 80, 40000
    )  # fmt: skip
    assert (syn_ack.in_interface, syn_ack.out_interface) == ("wan0", "lan0")
    assert (syn.flags, syn_ack.flags, ack.flags) == (0x02, 0x12, 0x10)
    assert ack.src == syn.src


def test_an_answer_may_say_otherwise() -> None:
    udp = f"packet: {{{ENDS}, proto: udp, dport: tftp}}, expect: accept"
    _, answer = packets(steps(udp, "answer: {sport: 2000, payload: data}, expect: accept"))
    assert (answer.sport, answer.dport, answer.payload) == (2000, 40000, b"data")
    ping = f"packet: {{{ENDS}, icmp: ping}}, expect: accept"
    _, answer = packets(steps(ping, "answer: , expect: accept"))
    assert answer.icmp_type == 0
    _, answer = packets(steps(ping, "answer: {icmp: 14}, expect: accept"))
    assert answer.icmp_type == 14


def test_an_error_goes_to_the_sender_of_the_packet_before() -> None:
    syn, error = packets(
        steps(f"packet: {SYN}, expect: accept", "error: {icmp: 3/1, src: 192.0.2.1}, expect: drop")
    )
    assert (error.src, error.dst) == (bytes((192, 0, 2, 1)), syn.src)
    assert (error.protocol, error.icmp_type, error.icmp_code) == (1, 3, 1)
    assert error.in_interface == "wan0"


def test_answers_to_this_machine_go_by_its_own_chains() -> None:
    out = f"packet: {{out: wan0, {ENDS}, proto: udp, dport: 53}}, expect: accept"
    (test,) = read(steps(out, "answer: , expect: accept, wait: 5m"))
    assert [step.chain for step in test.steps] == ["output", "input"]
    assert test.steps[1].wait_s == 300


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("  §x\n", ["tests: expected a list of tests, found 'x'"]),
        (f"- §{{packet: {SYN}, expect: drop}}\n", ["name is missing in a test: say in a few"]),
        (f"- §{{name: a, packet: {SYN}}}\n", ["expect is missing: accept, drop, reject"]),
        (f"- {{name: a, packet: {SYN}, expect: §allow}}\n", ["expect: expected one of"]),
        ("- §{name: a, expect: drop}\n", ["expected a packet, found none"]),
        (
            f"- {{name: a, packet: {SYN}, expect: drop, §stat: new}}\n",
            ["unknown key 'stat' in a test"],
        ),
        (
            f"- {{name: a, packet: {{§prot: tcp, {ENDS}}}, expect: drop}}\n",
            ["unknown key 'prot' in a packet"],
        ),
        (
            f"- {{name: a, packet: §{{{ENDS}}}, expect: drop}}\n",
            ["packet: proto is missing in a packet"],
        ),
        (
            f"- {{name: a, chain: input, packet: §{SYN}, expect: drop}}\n",
            ["out: what is for this machine leaves by no interface"],
        ),
        (
            f"- {{name: a, chain: input, packet: §{{{ENDS}, icmp: ping}}, expect: drop}}\n",
            ["in is missing: in input it is always known where a packet came in"],
        ),
        (
            f"- {{name: a, packet: {SYN}, expect: drop, state: §nwe}}\n",
            ["expected one of new"],
        ),
        (steps("answer: §{}, expect: drop"), ["answer: there is no packet before this one"]),
        (
            steps(f"packet: {SYN}, expect: drop", "error: §{src: 192.0.2.1}, expect: drop"),
            ["error: icmp is missing: which error it is"],
        ),
        (
            steps(
                f"packet: {SYN}, expect: drop",
                "error: {icmp: 3}, expect: drop",
                "answer: §{}, expect: drop",
            ),
            ["answer: the packet before is an ICMP error"],
        ),
        (
            steps(f"packet: {SYN}, expect: drop", "error: {§imcp: 3}, expect: drop"),
            ["unknown key 'imcp' in an answer"],
        ),
        (steps(f"packet: {SYN}, §exepct: drop"), ["unknown key 'exepct' in a step of a test"]),
        (steps(f"§pakcet: {SYN}, expect: drop"), ["unknown key 'pakcet' in a step of a test"]),
        (f"- {{name: a, §step: [{{packet: {SYN}}}]}}\n", ["unknown key 'step' in a test"]),
        ("- {name: a, steps: [§x]}\n", ["expected a step of a test as a mapping, found 'x'"]),
        (
            f"- {{name: a, §expect: drop, steps: [{{packet: {SYN}, expect: drop}}]}}\n",
            ["expect: with steps, it stands in each of them"],
        ),
    ],
)
def test_what_is_wrong_with_a_test(text: str, messages: list[str]) -> None:
    assert_problems(f"version: 1\ntests:\n{text}", *messages)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        (f"- {{name: a, packet: {SYN}, expect: allow}}\n", "accept"),
        (f"- {{name: a, packet: {SYN}, expect: acept}}\n", "accept"),
        (f"- {{name: a, packet: {SYN}, expect: drop, stat: new}}\n", "state"),
        (f"- {{name: a, packet: {SYN}, expect: drop, state: nwe}}\n", "new"),
        (f"- {{name: a, packet: {{prot: tcp, {ENDS}}}, expect: drop}}\n", "proto"),
        (f"- {{name: a, packet: {SYN}, expect: drop, chain: forwrd}}\n", "forward"),
        (f"- {{name: a, packets: {SYN}, expect: drop}}\n", "packet"),
    ],
)
def test_a_near_miss_is_named(text: str, near: str) -> None:
    _, problems = parse_rules(f"version: 1\ntests:\n{text}", "t")
    assert near in [problem.suggestion for problem in problems]


def test_tests_beside_the_rule_file(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"version: 1\ntests: [{{name: own, packet: {SYN}, expect: accept}}]\n")
    beside = tmp_path / "tests.d"
    beside.mkdir()
    (beside / "b.yaml").write_text(f"tests: [{{name: b, packet: {SYN}, expect: accept}}]\n")
    (beside / "a.yaml").write_text(f"tests: [{{name: a, packet: {SYN}, expect: accept}}]\n")
    (beside / "empty.yaml").write_text("")
    (beside / "no-tests.txt").write_text("[")
    tests = load_rules(rules).tests
    assert [test.name for test in tests] == ["own", "a", "b"]
    assert [Path(test.file).name for test in tests] == ["rules.yaml", "a.yaml", "b.yaml"]
    (beside / "b.yaml").write_text("version: 1\ntests: [{name: b}]\n")
    with pytest.raises(PolicyErrors) as caught:
        load_rules(rules)
    assert [problem.message.split(";")[0] for problem in caught.value.problems] == [
        "unknown key 'version' in a file of tests",
        "expect is missing: accept, drop, reject",
        "expected a packet, found none",
    ]
    assert {problem.file for problem in caught.value.problems} == {str(beside / "b.yaml")}
