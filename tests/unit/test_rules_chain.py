"""Chains: the order of rules, what a rule does beside its verdict, counters."""

from __future__ import annotations

from typing import Any

import pytest

from firewalld_py.conntrack.connection import NEW, CtInfo
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.chain import Chain, Outcome
from firewalld_py.rules.verdicts import VERDICT_NAMES
from tests import wire
from tests.plans import log, plan, rule, template

QUESTION = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(bytes(10), dport=53))
TO_53 = ("dport", [[53, 53]])
TO_80 = ("dport", [[80, 80]])


def chain_of(*rules: Plan, policy: str = "accept") -> Chain:
    return build_ruleset(plan(list(rules), policy)).filter_forward


def sent(chain: Chain, now: float = 0.0, mark: int = 0) -> Outcome:
    return chain.evaluate(parse(QUESTION, PacketMeta()), CtInfo(NEW), mark, now)


def test_the_first_rule_that_is_met_decides() -> None:
    chain = chain_of(
        rule("drop", TO_80, name="web"),
        rule("accept", TO_53, name="dns"),
        rule("drop", TO_53, name="too late"),
    )
    outcome = sent(chain)
    assert outcome.rule is chain.rules[1]
    assert VERDICT_NAMES[outcome.verdict] == "accept"
    assert [entry.hits for entry in chain.rules] == [0, 1, 0]
    assert chain.rules[1].hit_octets == len(QUESTION)
    assert chain.policy_hits == 0


def test_a_rule_without_conditions_is_met_by_everything() -> None:
    assert sent(chain_of(rule("drop"))).rule is not None


def test_all_conditions_of_a_rule_must_be_met() -> None:
    chain = chain_of(rule("drop", TO_53, ("proto", [6])), rule("drop", TO_53, ("proto", [17])))
    assert sent(chain).rule is chain.rules[1]


def test_what_no_rule_judges_the_policy_does() -> None:
    for policy in ("accept", "drop"):
        chain = chain_of(rule("accept", TO_80), policy=policy)
        outcome = sent(chain)
        assert (outcome.rule, VERDICT_NAMES[outcome.verdict]) == (None, policy)
        assert chain.policy_hits == 1


def test_a_rule_that_goes_on_is_counted_and_decides_nothing() -> None:
    chain = chain_of(rule("continue", TO_53, log=log("seen ")), rule("drop", TO_53))
    outcome = sent(chain)
    assert outcome.rule is chain.rules[1]
    assert chain.rules[0].hits == 1
    assert outcome.logs is not None
    assert [hit.rule for hit in outcome.logs] == [chain.rules[0]]


def test_a_mark_is_set_within_its_mask_and_later_rules_see_it() -> None:
    chain = chain_of(
        rule("continue", targets=[("mark", [0x10, 0xF0])]),
        rule("continue", ("mark", [[0x1A, 0xFF]]), targets=[("mark", [0x200, 0xF00])]),
        rule("accept", ("mark", [[0x21A, 0xFFF]])),
        policy="drop",
    )
    outcome = sent(chain, mark=0xAAAA_AA0A & 0xFFFF_F00A | 0xF0)
    assert outcome.rule is chain.rules[2]
    assert outcome.mark == 0xAAAA_A21A


def test_a_mark_that_is_set_does_not_meet_a_rule_before_it() -> None:
    marked = ("mark", [[1, 1]])
    chain = chain_of(
        rule("drop", marked), rule("continue", targets=[("mark", [1, 1])]), rule("accept", marked)
    )
    assert sent(chain).rule is chain.rules[2]


def test_a_helper_is_assigned_by_the_last_rule_that_names_one() -> None:
    chain = chain_of(
        rule("continue", TO_53, template=template(helper="ftp")),
        rule("continue", TO_80, template=template(helper="irc")),
        rule("continue", TO_53, template=template(helper="sip")),
    )
    assert sent(chain).template.helper == "sip"
    assert sent(chain_of(rule("accept"))).template.helper == ""


def test_a_log_limit_swallows_lines_and_the_next_line_says_how_many() -> None:
    chain = chain_of(rule("drop", log=log("no ", rate=1.0, burst=2)))

    def line(now: float) -> int | None:
        """How many lines the packet's own says were suppressed; None if it has no line."""
        hits = sent(chain, now).logs
        return None if hits is None else hits[0].suppressed

    assert [line(0.0) for _ in range(5)] == [0, 0, None, None, None]
    assert [line(1.0), line(1.0), line(2.0)] == [3, None, 1]
    assert chain.rules[0].hits == 8  # the limit is one of logging alone


def test_each_rule_has_a_limit_of_its_own() -> None:
    chain = chain_of(
        rule("continue", log=log(rate=1.0, burst=1)), rule("drop", log=log(rate=1.0, burst=2))
    )
    lines = [sent(chain, 0.0).logs for _ in range(3)]
    assert [len(hits or []) for hits in lines] == [2, 1, 0]


# Kind: a value that QUESTION meets, and one that it does not.
EVERY_KIND: dict[str, tuple[Any, Any]] = {
    "state": (NEW, 30),
    "in": (0b01, 0b10),
    "out": (0b10, 0b01),
    "family": (4, 6),
    "src": ([["0a010000", "0a0100ff"]], [["0a010006", "0a0100ff"]]),
    "dst": ([["cb007109", "cb007109"]], [["0a010000", "0a0100ff"]]),
    "proto": ([6, 17], [6, 1]),
    "sport": ([[40000, 40000]], [[0, 39999]]),
    "dport": ([[22, 22], [50, 60]], [[54, 65535]]),
    "mark": ([[0x5, 0xF]], [[0x5, 0xFF]]),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_chain_is_walked_past_rules_that_are_not_met_to_the_one_that_is(kind: str) -> None:
    met, unmet = EVERY_KIND[kind]
    rules = [
        rule("drop", (kind, unmet), name="unmet"),
        rule("drop", ("!" + kind, met), name="inverse of the met"),
        rule("continue", (kind, met), name="met"),
        rule("accept", ("!" + kind, unmet), name="inverse of the unmet"),
        rule("drop", name="too far"),
    ]
    made = build_ruleset(plan(rules, interfaces=["lan*", "wan0"]))
    made.interfaces.set_names({2: "lan7", 3: "wan0"})
    meta = PacketMeta(in_index=2, out_index=3, mark=0xA5)
    outcome = made.filter_forward.evaluate(parse(QUESTION, meta), CtInfo(NEW), meta.mark, 0.0)
    assert outcome.rule is not None
    assert outcome.rule.name == "inverse of the unmet"
    assert [entry.hits for entry in made.filter_forward.rules] == [0, 0, 1, 1, 0]


def test_icmp_types_and_tcp_flags_are_walked_likewise() -> None:
    ping = wire.ip(wire.CLIENT4, wire.SERVER4, wire.ICMP, wire.query(8))
    syn = wire.ip(wire.CLIENT4, wire.SERVER4, wire.TCP, wire.tcp("S"))
    echo, flags = ("icmp", [[1, 8, 0, 255]]), ("tcp_flags", [[0x17, 0x02]])
    chain = chain_of(
        rule("drop", ("!icmp", echo[1])),
        rule("drop", ("!tcp_flags", flags[1])),
        rule("accept", echo),
        rule("accept", flags),
    )
    for data, hits in ((ping, [0, 0, 1, 0]), (syn, [0, 0, 1, 1]), (QUESTION, [0, 0, 1, 1])):
        chain.evaluate(parse(data, PacketMeta()), CtInfo(NEW), 0, 0.0)
        assert [entry.hits for entry in chain.rules] == hits
    assert chain.policy_hits == 1  # UDP can be asked neither
