"""Whatever stands below `tests:` is refused with a place or run; neither raises."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import ICMP_TYPE, OK, TCP_FLAGS
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.packet_octets import Talk
from firewalld_py.policy.packet_words import described
from firewalld_py.policy.trial import run_tests

# What fits a key is frequent, so that much of it is right; anything else comes, too.
ANYTHING = st.one_of(
    st.text(max_size=8), st.integers(), st.none(), st.booleans(), st.lists(st.text(max_size=3))
)
VALUES: dict[str, list[object]] = {
    "in": ["lan0", "lo", "ppp*"],
    "out": ["wan0", "lan0"],
    "src": ["10.1.0.5", "fd00::5", "10.1.0.0/24", "$lan"],
    "dst": ["10.1.0.6", "fd00::6"],
    "proto": ["tcp", "udp", "sctp", "udplite", "dccp", "gre", "esp", "ah", 0, 44, 59, 60, "255"],
    "sport": [0, 80, 65535, "1-2"],
    "dport": [0, 53, 80, "ssh", 65536],
    "flags": ["syn", "syn+ack", ["fin", "ack"], "none", "sny"],
    "icmp": ["ping", 3, "3/1", 255, "redirect/host"],
    "icmpv6": ["ping", "1/4", 133, 255],
    "payload": ["hello", "0x00", "0xf", "\udcff", "\ud800"],
    "length": [20, 28, 40, 1500, 65535],
    "ttl": [0, 64, 255, 256],
    "dscp": [0, 46, 64],
    "mark": [1, "0x1/0x1", "0xffffffff"],
}
COMMON = {
    "payload": st.sampled_from(["hello", "0x00", "0x8000880b"]),
    "length": st.sampled_from([100, 1500, 65535]),
    "ttl": st.sampled_from([0, 64, 255]),
    "dscp": st.sampled_from([0, 46, 63]),
    "mark": st.sampled_from([1, "0xffffffff"]),
}
PORTS = {"sport": st.sampled_from([0, 80, 65535]), "dport": st.sampled_from([0, 53, "ssh"])}
FLAGS = ["syn", "syn+ack", ["fin", "ack"], "none", "rst", "all"]
NO_PORTS = st.sampled_from(["gre", "esp", "ah", "igmp", 0, 44, 59, 60, 255])
WITH_PORTS = st.sampled_from(["udp", "sctp", "udplite", "dccp", "tcp"])
ENDS4 = {"src": st.just("10.1.0.5"), "dst": st.just("10.1.0.6")}
ENDS6 = {"src": st.just("fd00::5"), "dst": st.just("fd00::6")}
RIGHT = st.one_of(
    [
        st.fixed_dictionaries({**ends, **more}, optional=COMMON)
        for ends, icmp in ((ENDS4, "icmp"), (ENDS6, "icmpv6"))
        for more in (
            {"proto": NO_PORTS},
            {"proto": WITH_PORTS, **PORTS},
            {"flags": st.sampled_from(FLAGS), **PORTS},
            {icmp: st.sampled_from(["ping", 3, "3/1", 255])},
        )
    ]
)
WRONG = st.dictionaries(
    st.sampled_from(sorted(VALUES)), st.sampled_from([v for vs in VALUES.values() for v in vs])
)
PACKETS = RIGHT | RIGHT | RIGHT | WRONG | ANYTHING
SMALL = st.dictionaries(st.sampled_from(["flags", "payload", "icmp", "src", "sport"]), ANYTHING)
ERRORS = st.sampled_from([{"icmp": 3}, {"icmpv6": "1/4", "src": "fd00::9"}]) | SMALL
EXPECTED = {
    "expect": st.sampled_from(["accept", "drop", "reject"]),
}
OF_STEP = {
    "state": st.sampled_from(["new", ["invalid", "related"]]),
    "wait": st.sampled_from(["5m", 0]),
    "chain": st.sampled_from(["input", "forward", "output"]),
}
FIRST = st.fixed_dictionaries({**EXPECTED, "packet": PACKETS}, optional=OF_STEP)
NEXT = st.one_of(
    FIRST,
    st.fixed_dictionaries({**EXPECTED, "answer": st.none() | SMALL}, optional=OF_STEP),
    st.fixed_dictionaries({**EXPECTED, "error": ERRORS}, optional=OF_STEP),
)
TESTS = st.one_of(
    FIRST.map(lambda step: {**step, "name": "one"}),
    st.tuples(FIRST, st.lists(NEXT, max_size=3)).map(
        lambda steps: {"name": "several", "steps": [steps[0], *steps[1]]}
    ),
    ANYTHING,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TESTS, max_size=3))
def test_any_tests_are_refused_or_run(tests: list[object]) -> None:
    text = yaml.safe_dump({"version": 1, "tests": tests})
    policy, problems = parse_rules(text, "t")
    assert (policy is None) == bool(problems)
    assert all(problem.line and problem.message and problem.shown() for problem in problems)
    if policy is not None:
        assert len(run_tests(policy, Config())) == len(tests)


def _word(value: object) -> object:
    return "+".join(value) if isinstance(value, list) else value


@settings(max_examples=300, deadline=None)
@given(RIGHT | WRONG)
def test_what_is_said_of_a_packet_is_in_its_octets(said: dict[str, object]) -> None:
    words, problems = described([f"{key}={_word(value)}" for key, value in said.items()])
    if words is None:
        assert problems
        return
    packet = parse(Talk().octets(words), PacketMeta())
    assert (packet.src, packet.dst, packet.version) == (words.src, words.dst, words.version)
    # Extension headers and protocols without octets behind them lead on to what is not there.
    if packet.fault in (OK, ICMP_TYPE, TCP_FLAGS) and packet.protocol == words.protocol:
        assert not packet.has_ports or (packet.sport, packet.dport) == (words.sport, words.dport)
        assert (packet.tcp_flags, packet.icmp_type) == (words.flags, words.icmp_type)
        assert not words.length or packet.length == words.length
