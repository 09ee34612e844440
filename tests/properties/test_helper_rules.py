"""What `check` says of rules that give helpers is true of every packet they are asked about."""

from __future__ import annotations

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import OK
from firewalld_py.pipeline import BEFORE_TRACKING
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.coverage import covers
from firewalld_py.policy.helper_checks import check_raw_chain
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.model import Policy
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.verdicts import ACCEPT, CONTINUE
from tests import wire
from tests.unit.policy_texts import FILE, in_chain

INTERFACES: Final = {1: "lan0", 2: "lan1", 3: "wan0"}


def packets() -> list[Packet]:
    """First packets between two hosts, of both protocols, over both families, from anywhere."""
    made = []
    for version in (4, 6):
        ends = (wire.CLIENT4, wire.SERVER4) if version == 4 else (wire.CLIENT6, wire.SERVER6)
        for dport in (20, 21, 22, 80):
            for flags in ("S", "SA", "A"):
                segment = wire.tcp(flags, 1, 0, sport=40000, dport=dport)
                made.append(wire.ip(*ends, wire.TCP, segment))
            made.append(wire.ip(*ends, wire.UDP, wire.udp(b"", sport=40000, dport=dport)))
    found = [
        parse(data, PacketMeta(in_index=index)) for data in made for index in sorted(INTERFACES)
    ]
    assert all(packet.fault == OK for packet in found)
    return found


PACKETS: Final = packets()

CONDITIONS: Final = {
    "proto": ["tcp", "udp", "[tcp, udp]"],
    "dport": ["21", "20-21", "[20, 22]", "0-65535", "[21, 80]", "1-100"],
    "sport": ["40000", "1024-65535"],
    "family": ["ipv4", "ipv6"],
    "src": ["10.1.0.0/24", "10.1.0.5", "192.0.2.1", '["fd00:1::/64", 10.0.0.0/8]', '"::/0"'],
    "in": ["lan0", "lan*", "[lan0, wan0]", "wan*"],
    "tcp_flags": ["syn/syn", "[syn/syn, ack/ack]", "ack/ack"],
}


def conditions(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from(CONDITIONS[name]).map(lambda value: f"{name}: {value}")


MATCHES: Final = st.lists(st.sampled_from(sorted(CONDITIONS)), unique=True, max_size=3).flatmap(
    lambda names: st.tuples(*(conditions(name) for name in names))
)
NEGATED: Final = st.one_of(
    st.just(""), st.sampled_from(sorted(CONDITIONS)).flatmap(conditions).map("not: {{{}}}".format)
)
RULES: Final = st.tuples(
    MATCHES,
    NEGATED,
    st.sampled_from(["notrack", "drop", "accept", "{mark: 1}", "{zone: 1}"]),
)


def text_of(parts: tuple[tuple[str, ...], str, str]) -> str:
    matches, negated, action = parts
    return "{" + ", ".join([*matches, *filter(None, [negated]), f"action: {action}"]) + "}"


def built(policy: Policy) -> Ruleset:
    ruleset = build_ruleset(compile_policy(policy, Config()))
    ruleset.interfaces.set_names(INTERFACES)
    return ruleset


@settings(max_examples=300, deadline=None)
@given(st.tuples(RULES, RULES))
def test_where_one_rule_covers_another_no_packet_meets_that_one_alone(
    parts: tuple[tuple[tuple[str, ...], str, str], ...],
) -> None:
    policy, _ = parse_rules(in_chain("raw/prerouting", *map(text_of, parts)), FILE)
    if policy is None:
        return
    outer, inner = policy.chains[0].rules
    if not covers(outer.matches, inner.matches):
        return
    first, second = built(policy).raw_prerouting.rules
    for packet in PACKETS:
        if second.is_met(packet, BEFORE_TRACKING, 0):
            assert first.is_met(packet, BEFORE_TRACKING, 0)


@settings(max_examples=300, deadline=None)
@given(st.lists(RULES, max_size=3), st.lists(RULES, max_size=2), MATCHES)
def test_a_helper_that_is_said_to_be_taken_away_is_never_given(
    before: list[tuple[tuple[str, ...], str, str]],
    after: list[tuple[tuple[str, ...], str, str]],
    matches: tuple[str, ...],
) -> None:
    own = [match for match in matches if not match.startswith("proto")]
    helper = "{" + ", ".join(["proto: tcp", *own, "action: {helper: ftp}"]) + "}"
    texts = [*map(text_of, before), helper, *map(text_of, after)]
    text = in_chain("raw/prerouting", *texts)
    policy, problems = parse_rules(text, FILE)
    said = [problem for problem in problems if problem.message.startswith("helper: raw/")]
    if policy is not None:
        assert not list(check_raw_chain(policy.chains[0].rules))
        return
    if not said or len(said) < len(problems):
        return
    # The same rules, but with a zone in the place of the helper, which nothing is said about.
    policy, _ = parse_rules(text.replace("{helper: ftp}", "{zone: 9}"), FILE)
    assert policy is not None
    chain = built(policy).raw_prerouting
    for packet in PACKETS:
        outcome = chain.evaluate(packet, BEFORE_TRACKING, 0, 0.0)
        given_it = chain.rules[len(before)].hits
        assert not given_it or outcome.verdict not in (ACCEPT, CONTINUE)
        chain.rules[len(before)].hits = 0
