"""`tests:` of a rule file: packets, and what is to happen to them. Read here; run by trial.py.

A test is one packet or, as `steps:`, an exchange in which each packet may be the answer to the one
before it or an ICMP error about it. Files beside the rule file, in tests.d, may hold more of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from firewalld_py.policy import values
from firewalld_py.policy.errors import Fault, Problem, Problems, TooManyProblems
from firewalld_py.policy.keys import Key, Parser, Reading, Reported, Table, each, one
from firewalld_py.policy.names import ICMP, ICMPV6, STATES
from firewalld_py.policy.nodes import Mapping, Node, Scalar, Sequence, found, is_null, read_tree
from firewalld_py.policy.packet_keys import ANSWER, PACKET
from firewalld_py.policy.packet_words import (
    PacketWords,
    chain_fault,
    guessed_chain,
    read_answer,
    read_packet,
)
from firewalld_py.policy.shapes import Choice, Keys, OneOrMore, Rows, reads

MAX_TESTS: Final = 10_000  # of one file
MAXSTEPS: Final = 1000  # of one test
MAX_FILES: Final = 1000  # in tests.d
MAX_WAIT_S: Final = 366 * 86400
VERDICTS: Final = ("accept", "drop", "reject")
CHAINS: Final = ("input", "forward", "output")
DIRECTORY: Final = "tests.d"


@dataclass(frozen=True, slots=True)
class Step:
    """One packet of a test and what is expected: `verdict`, and states and rule unless empty.

    `is_error` tells that it is an ICMP error about the packet before; `wait_s` passes before it.
    """

    packet: PacketWords
    is_error: bool
    chain: str
    verdict: str
    states: tuple[str, ...]
    rule: str
    wait_s: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class RuleTest:
    """A named test with its place; every one begins with an empty state table."""

    name: str
    file: str
    line: int
    column: int
    steps: tuple[Step, ...]


def _node(node: Node, reading: Reading) -> Node:  # noqa: ARG001
    """The node itself: its meaning depends on the packet before it."""
    return node


@reads(OneOrMore(Choice(tuple(STATES), any_case=True)))
def _states(node: Node, reading: Reading) -> tuple[str, ...]:
    convert = values.word(STATES)
    return tuple(each(node, reading, lambda text: convert(text.lower()), "a connection state"))


def _word(words: tuple[str, ...], also: dict[str, str]) -> Parser:
    plain = values.word(words)

    @reads(Choice(words))
    def convert(text: str) -> str:
        if text in also:
            raise values.unexpected(f"one of {', '.join(words)}", text, also[text])
        return plain(text)

    return one(convert, f"one of {', '.join(words)}")


_OF_STEP: Final = (
    Key(
        "packet",
        _node,
        "the keys of a packet",
        "the packet that is sent",
        also=("packets", "send"),
        table=PACKET,
    ),
    Key(
        "expect",
        _word(VERDICTS, {"allow": "accept", "pass": "accept", "deny": "drop", "block": "drop"}),
        ", ".join(VERDICTS),
        "what is to happen to it",
        also=("verdict", "action", "result"),
    ),
    Key(
        "state",
        _states,
        f"one or a list of {', '.join(STATES)}",
        "the state that tracking is to find; without it any",
        also=("ctstate", "ct_state"),
    ),
    Key(
        "rule",
        one(values.plain_text(100), "a rule's name"),
        "a rule's name, or policy",
        "the rule that is to decide, or that none does; without it any",
        also=("by", "decided_by"),
    ),
    Key(
        "chain",
        _word(CHAINS, {"INPUT": "input", "FORWARD": "forward", "OUTPUT": "output"}),
        ", ".join(CHAINS),
        "the filter chain that judges it; without it output for what has out and no in, input for "
        "what comes in by lo, else forward; an answer goes back the way of the packet before",
        also=("hook",),
    ),
)
STEP: Final = Table(
    "a step of a test",
    (
        *_OF_STEP,
        Key(
            "answer",
            _node,
            "the keys of a packet",
            "sends the packet before with its ends swapped, but for what stands here",
            also=("reply",),
            table=ANSWER,
        ),
        Key(
            "error",
            _node,
            "the keys of a packet",
            "sends an ICMP error about the packet before to its sender; icmp or icmpv6 is its "
            "type, src who sends it (else whom the packet was for)",
            also=("icmp_error",),
            table=ANSWER,
        ),
        Key(
            "wait",
            one(values.duration(0, MAX_WAIT_S), values.DURATION),
            values.DURATION,
            "the time that passes before the packet is sent",
            0,
            also=("after", "sleep"),
        ),
    ),
)
TEST: Final = Table(
    "a test",
    (
        Key(
            "name",
            one(values.plain_text(100), "a name"),
            "a text of at most 100 characters",
            "what is to be true, in a few words",
            required="say in a few words what is to be true",
        ),
        *_OF_STEP,
        Key(
            "steps",
            _node,
            "a list of steps",
            "the packets of an exchange, in place of packet",
            read_as=Rows(Keys(STEP, one_of=("packet expect", "answer expect", "error expect"))),
        ),
    ),
)
SHAPE: Final = Rows(Keys(TEST, one_of=("packet expect", "steps")))
TESTS_FILE: Final = Table(
    "a file of tests", (Key("tests", _node, "a list of tests", "tests of the rules"),)
)


def read_tests(node: Node, reading: Reading) -> tuple[RuleTest, ...]:
    """The tests below `tests:`; what is wrong with them is noted."""
    if is_null(node):
        return ()
    if not isinstance(node, Sequence):
        reading.fault(node, f"tests: expected a list of tests, found {found(node)}")
        return ()
    if len(node.items) > MAX_TESTS:
        reading.fault(node, f"more than {MAX_TESTS} tests in one file")
    read: list[RuleTest] = []
    for number, item in enumerate(node.items[:MAX_TESTS], 1):
        reading.rule = f"tests/{number}"
        with suppress(Reported):
            try:
                read.append(_test(item, reading))
            except Fault as fault:
                reading.fault(item, fault.message, fault.suggestion)
    reading.rule = ""
    return tuple(read)


def _test(node: Node, reading: Reading) -> RuleTest:
    before = len(reading.problems.found)
    top = TEST.read(node, reading)
    assert isinstance(node, Mapping)
    name = cast("str", top.get("name", ""))
    if name:
        reading.rule = f"{reading.rule} ({name})"
    steps: list[Step] = []
    if "steps" in node.entries:
        others = [key for key in node.entries if key not in ("name", "steps")]
        if others:
            key = node.entries[others[0]][0]
            reading.fault(key, f"{others[0]}: with steps, it stands in each of them")
        steps = _steps(cast("Node", top["steps"]), reading)
    elif TEST.has(node, "steps"):
        raise Reported
    elif step := _step(top, node, reading, None):
        steps = [step]
    if len(reading.problems.found) > before:
        raise Reported
    return RuleTest(name, reading.problems.file, node.line, node.column, tuple(steps))


def _steps(node: Node, reading: Reading) -> list[Step]:
    if not isinstance(node, Sequence) or not node.items:
        raise Fault(f"steps: expected a list of steps, found {found(node)}")
    if len(node.items) > MAXSTEPS:
        raise Fault(f"more than {MAXSTEPS} steps in one test")
    steps: list[Step] = []
    for item in node.items:
        step = None
        try:
            step = _step(STEP.read(item, reading), item, reading, steps[-1] if steps else None)
        except Fault as fault:
            reading.fault(item, fault.message, fault.suggestion)
        if step is None:
            raise Reported  # the next ones may be answers to it
        steps.append(step)
    return steps


def _step(
    read: dict[str, object], node: Node, reading: Reading, before: Step | None
) -> Step | None:
    """One packet with what is expected; None when something is wrong, which is noted then."""
    assert isinstance(node, Mapping)
    if not STEP.has(node, "expect"):
        reading.fault(node, f"expect is missing: {', '.join(VERDICTS)}")
    kinds = [key for key in ("packet", "answer", "error") if key in node.entries]
    if not kinds and STEP.has(node, "packet", "answer", "error"):
        return None
    if len(kinds) != 1:
        what = "a packet" if before is None else "packet, answer or error"
        reading.fault(node, f"expected {what}, found {' and '.join(kinds) or 'none'}")
        return None
    kind = kinds[0]
    at = node.entries[kind][1]
    try:
        packet = _packet(kind, at, reading, before)
    except Fault as fault:
        reading.fault(at, f"{kind}: {fault.message}", fault.suggestion)
        return None
    except Reported:
        return None
    chain = cast("str", read.get("chain", "")) or _chain(kind, packet, before)
    if message := chain_fault(packet, chain) or _missing_interface(packet, chain):
        reading.fault(at, message)
    if "expect" not in read:
        return None
    return Step(
        packet,
        kind == "error",
        chain,
        cast("str", read["expect"]),
        cast("tuple[str, ...]", read.get("state", ())),
        cast("str", read.get("rule", "")),
        cast("int", read.get("wait", 0)),
        node.line,
        node.column,
    )


def _packet(kind: str, node: Node, reading: Reading, before: Step | None) -> PacketWords:
    if kind == "packet":
        return read_packet(node, reading)
    if before is None:
        raise Fault("there is no packet before this one")
    if before.is_error:
        raise Fault(
            "the packet before is an ICMP error, to which there is neither answer nor error"
        )
    if is_null(node):
        node = Mapping(node.line, node.column)
    return (read_answer if kind == "answer" else _read_error)(node, reading, before.packet)


def _read_error(node: Node, reading: Reading, before: PacketWords) -> PacketWords:
    """An ICMP error goes to the sender of the packet that it is about."""
    key = "icmp" if before.version == 4 else "icmpv6"
    for_unknown_keys = len(reading.problems.found)
    ANSWER.read(node, reading)
    if len(reading.problems.found) > for_unknown_keys:
        raise Reported
    assert isinstance(node, Mapping)
    if key not in node.entries:
        raise Fault(f"{key} is missing: which error it is", f"{key}: destination-unreachable")
    for name in ("dst", "proto", "flags", "sport", "dport", "payload", "length"):
        if name in node.entries:
            raise Fault(f"{name} follows from the packet that it is about: leave it out")
    about = replace(
        before, protocol=ICMP if key == "icmp" else ICMPV6, icmp_type=3 if key == "icmp" else 1
    )
    return read_answer(node, reading, about)


def _missing_interface(packet: PacketWords, chain: str) -> str:
    """What is to be said of the interface; unsaid, even a rule for lo would count as met."""
    if chain == "input" and not packet.in_interface:
        return "in is missing: in input it is always known where a packet came in"
    if chain == "output" and not packet.out_interface:
        return "out is missing: in output it is always known where a packet leaves"
    return ""


def _chain(kind: str, packet: PacketWords, before: Step | None) -> str:
    if kind == "packet" or before is None:
        return guessed_chain(packet)
    return {"input": "output", "output": "input"}.get(before.chain, "forward")


def tests_beside(path: str) -> tuple[tuple[RuleTest, ...], list[Problem]]:
    """The tests of all tests.d/*.yaml beside the rule file at `path`, and their problems."""
    tests: list[RuleTest] = []
    problems: list[Problem] = []
    try:
        files = sorted((Path(path).parent / DIRECTORY).glob("*.yaml"))
    except OSError as error:
        return (), [Problem(str(Path(path).parent / DIRECTORY), 0, 0, f"cannot be read: {error}")]
    if len(files) > MAX_FILES:
        files = files[:MAX_FILES]
        problems.append(Problem(str(files[0].parent), 0, 0, f"more than {MAX_FILES} files"))
    for file in files:
        read, found_problems = _tests_of(str(file))
        tests += read
        problems += found_problems
    return tuple(tests), problems


def _tests_of(file: str) -> tuple[Iterable[RuleTest], list[Problem]]:
    problems = Problems(file)
    reading = Reading(problems)
    tests: tuple[RuleTest, ...] = ()
    with suppress(TooManyProblems):
        tree = read_tree(file, problems)
        if tree is not None and not is_null(tree):
            try:
                top = TESTS_FILE.read(tree, reading)
                tests = read_tests(cast("Node", top.get("tests", Scalar("", True, 1, 1))), reading)
            except Fault as fault:
                reading.fault(tree, fault.message, fault.suggestion)
    return tests, problems.ordered()
