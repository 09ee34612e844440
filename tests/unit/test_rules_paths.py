"""What connections remember of their way through a chain, and when it does not count any more."""

from __future__ import annotations

from typing import Any

import pytest

from firewalld_py.conntrack.connection import ESTABLISHED, NEW, ORIGINAL, REPLY, Connection, CtInfo
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules import matches_connection, matches_packet, matches_payload, matches_rate
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.chain import Chain, Outcome
from firewalld_py.rules.changes import Changes
from firewalld_py.rules.matches import Match, SteadyMatch
from firewalld_py.rules.matches_sets import SetMatch
from firewalld_py.rules.paths import KEPT, SELDOM, Path, Paths
from firewalld_py.rules.set_table import FOREVER
from firewalld_py.rules.verdicts import ACCEPT, DROP
from tests import wire
from tests.plans import a_set, log, plan, rule, template
from tests.segments import connection_for, datagram

TO_53 = ("dport", [[53, 53]])
TO_80 = ("dport", [[80, 80]])
QUESTION = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(dport=53))


def a_chain(*rules: Plan, **more: Any) -> Chain:
    return build_ruleset(plan(list(rules), **more)).filter_forward


def an_entry() -> Connection:
    """A connection whose next packets look for a path."""
    entry = connection_for(datagram())
    entry.original_packets = entry.reply_packets = SELDOM
    return entry


def sent(
    chain: Chain, entry: Connection, state: int = ESTABLISHED, in_index: int = 1, mark: int = 0
) -> Outcome:
    packet = parse(QUESTION, PacketMeta(in_index=in_index, out_index=2))
    return chain.evaluate(packet, CtInfo(state, ORIGINAL, entry), mark, 0.0)


def path_of(entry: Connection) -> Path:
    path = entry.path(ORIGINAL)
    assert isinstance(path, Path)
    return path


def test_a_path_is_found_kept_and_taken_and_counts_its_rules() -> None:
    chain = a_chain(
        rule("drop", TO_80),
        rule("continue", TO_53),
        rule("accept", TO_53),
        rule("drop"),
        policy="drop",
    )
    entry = an_entry()
    for number in range(3):
        outcome = sent(chain, entry)
        assert (outcome.rule, outcome.chain) == (chain.rules[2], chain)
        assert [one.hits for one in chain.rules] == [0, number + 1, number + 1, 0]
        assert chain.rules[2].hit_octets == (number + 1) * len(QUESTION)
    assert path_of(entry).met == chain.rules[1:3]
    assert entry.path(REPLY) is None


def test_where_the_policy_decides_that_is_counted() -> None:
    chain = a_chain(rule("drop", TO_80), rule("drop", TO_80))
    entry = an_entry()
    for number in range(3):
        assert sent(chain, entry).rule is None
        assert chain.policy_hits == number + 1
    assert path_of(entry).rule is None


def test_a_path_leads_through_other_chains() -> None:
    rules = build_ruleset(
        plan(
            [rule("drop", TO_80), rule("jump", chain="a"), rule("goto", chain="b"), rule("drop")],
            "drop",
            chains={
                "filter/a": [rule("return", TO_53), rule("drop")],
                "filter/b": [rule("accept", TO_53)],
            },
        )
    )
    chain, (to_a, to_b) = rules.filter_forward, rules.user_chains
    entry = an_entry()
    for _ in range(2):
        outcome = sent(chain, entry)
        assert (outcome.rule, outcome.chain) == (to_b.rules[0], to_b)
    assert path_of(entry).met == [chain.rules[1], to_a.rules[0], chain.rules[2], to_b.rules[0]]
    assert to_a.rules[0].hits == 2


def test_a_short_connection_looks_for_no_path() -> None:
    chain = a_chain(rule("drop", TO_80), rule("accept"))
    entry = connection_for(datagram())
    for number in range(SELDOM):
        entry.original_packets = number
        sent(chain, entry)
        assert entry.path(ORIGINAL) is None


def test_only_established_packets_have_paths() -> None:
    chain = a_chain(rule("drop", TO_80), rule("accept"))
    entry = an_entry()
    sent(chain, entry, NEW)
    assert entry.path(ORIGINAL) is None


@pytest.mark.parametrize(
    "unsteady",
    [
        rule("accept", ("mark", [[0, 1]])),
        rule("accept", TO_53, ("length", [[1, 65535]])),
        rule("accept", TO_53, ("every", 2)),
        rule("continue", TO_53, log=log("x")),
        rule("continue", targets=[("mark", [1, 1])]),
        rule("continue", template=template(zone=1)),
    ],
)
def test_what_depends_on_more_or_does_something_is_asked_each_time(unsteady: Plan) -> None:
    chain = a_chain(rule("drop", TO_80), unsteady, rule("accept"))
    entry = an_entry()
    sent(chain, entry)
    assert entry.path(ORIGINAL) is None


def test_a_rule_that_is_never_met_may_ask_for_anything() -> None:
    chain = a_chain(rule("drop", TO_80, ("mark", [[0, 1]]), log=log("x")), rule("accept"))
    entry = an_entry()
    sent(chain, entry)
    assert path_of(entry).rule is chain.rules[1]


def test_another_interface_another_chain_or_a_change_and_the_rules_are_asked_again() -> None:
    ruleset = build_ruleset(plan([rule("drop", ("in", 1)), rule("accept")], interfaces=["lan*"]))
    ruleset.interfaces.set_names({1: "wan0", 3: "lan3"})
    chain = ruleset.filter_forward
    entry = an_entry()
    assert [sent(chain, entry, in_index=index).rule for index in (1, 1, 3, 1)] == [
        chain.rules[number] for number in (1, 1, 0, 1)
    ]
    assert path_of(entry).rule is chain.rules[1]
    ruleset.interfaces.set_names({1: "lan0"})
    assert sent(chain, entry).rule is chain.rules[0]
    other = a_chain(rule("drop", TO_80), rule("drop"))
    assert sent(other, entry).rule is other.rules[1]


def test_a_chain_that_lets_answers_through_first_remembers_nothing() -> None:
    answers = ("state", ESTABLISHED)
    assert not a_chain(rule("accept", answers), rule("drop")).remembers
    assert not a_chain(rule("drop", ("!state", NEW)), rule("drop")).remembers
    assert a_chain(rule("continue", answers), rule("drop")).remembers
    assert a_chain(rule("accept", answers, TO_53), rule("drop")).remembers
    assert a_chain(rule("accept", ("state", NEW)), rule("drop")).remembers
    assert not a_chain(rule("drop", TO_53)).remembers


def test_connections_share_paths_up_to_a_bound() -> None:
    chain = a_chain(rule("drop", TO_80), rule("accept"))
    one, other = an_entry(), an_entry()
    sent(chain, one)
    sent(chain, other)
    assert one.path(ORIGINAL) is other.path(ORIGINAL)
    paths = Paths()
    for number in range(KEPT + 1):
        paths.shared(Path(chain, 0, number, 0))
    assert len(paths.known) == 1


def test_paths_of_other_times_or_rules_are_not_alike() -> None:
    chain = a_chain(rule("drop", TO_80), rule("accept"))
    path, later, longer = Path(chain, 0, 1, 2), Path(chain, 1, 1, 2), Path(chain, 0, 1, 2)
    longer.met.append(chain.rules[0])
    assert path.is_like(Path(chain, 0, 1, 2))
    assert not path.is_like(later)
    assert not path.is_like(longer)
    other = Path(chain, 0, 1, 2)
    other.met.append(chain.rules[1])
    assert not longer.is_like(other)


def test_a_path_that_asked_a_set_counts_until_the_set_changes() -> None:
    rules = [rule("drop", ("set", ["bad", ["src"]])), rule("accept")]
    ruleset = build_ruleset(plan(rules, sets={"bad": a_set()}))
    chain, bad, entry = ruleset.filter_forward, ruleset.sets["bad"], an_entry()
    assert sent(chain, entry).verdict == ACCEPT
    assert path_of(entry).met == chain.rules[1:]
    bad.add(wire.CLIENT4, b"\x20", FOREVER, 0.0)
    assert sent(chain, entry).verdict == DROP
    assert path_of(entry).met == chain.rules[:1]
    bad.remove(wire.CLIENT4, b"\x20", 0.0)
    assert sent(chain, entry).verdict == ACCEPT


def test_where_an_answer_of_a_set_ends_by_itself_there_is_no_path() -> None:
    rules = [rule("drop", ("set", ["bad", ["src"]])), rule("accept")]
    ruleset = build_ruleset(plan(rules, sets={"bad": a_set()}))
    entry = an_entry()
    ruleset.sets["bad"].add(wire.CLIENT4, b"\x20", 10.0, 0.0)
    assert sent(ruleset.filter_forward, entry).verdict == DROP
    assert entry.path(ORIGINAL) is None


def test_a_chain_that_judges_no_longer_lets_go_of_its_paths() -> None:
    chain = a_chain(rule("drop", TO_80), rule("accept"))
    sent(chain, an_entry())
    assert chain.paths.known
    chain.release(100)
    assert not chain.paths.known


def kinds_below(kind: type[Match]) -> set[type[Match]]:
    return {kind}.union(*(kinds_below(one) for one in kind.__subclasses__()))


def test_these_conditions_and_no_others_are_the_same_for_all_packets_of_a_connection() -> None:
    modules = (matches_connection, matches_packet, matches_payload, matches_rate)
    assert all(module.Match for module in modules)  # so that all kinds are known here
    assert {kind.__name__ for kind in kinds_below(SteadyMatch)} == {
        "SteadyMatch",
        *("StateMatch", "FamilyMatch", "InterfaceMatch", "AddressMatch", "ProtocolMatch"),
        *("PortMatch", "ZoneMatch", "DirectionMatch", "ConnectionAddressMatch"),
        *("ConnectionPortMatch", "ConnectionProtocolMatch"),
    }
    # Of sets it depends on what they hold: see the tests of paths that asked a set.
    for kind in kinds_below(Match) - kinds_below(SteadyMatch) - {SetMatch}:
        assert kind.is_steady is Match.is_steady, kind


def test_changes_are_those_of_the_whole_rule_set() -> None:
    ruleset = build_ruleset(plan([rule("drop")], interfaces=["lan*"], chains={"filter/a": []}))
    changes = ruleset.filter_forward.changes
    assert isinstance(changes, Changes)
    assert all(chain.changes is changes for chain in ruleset.chains())
    assert ruleset.interfaces.changes is changes
