"""Where rules are at home, and what a packet finds. (That nothing is missed: tests/properties.)"""

from __future__ import annotations

from firewalld_py.conntrack.connection import NEW, CtInfo
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.build import Plan, build_ruleset
from firewalld_py.rules.chain import WALKED, Chain
from firewalld_py.rules.classifier import MAX_RANGES, Classifier
from tests import wire
from tests.plans import plan, rule

QUESTION = parse(wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(dport=53)), PacketMeta())
CLIENT, SERVER = wire.CLIENT4.hex(), wire.SERVER4.hex()


def chain_of(*rules: Plan) -> Chain:
    return build_ruleset(plan(list(rules))).filter_forward


def classifier_of(*rules: Plan) -> Classifier:
    classifier = Classifier()
    for entry in chain_of(*rules).rules:
        classifier.add(entry.matches)
    return classifier


def candidates(classifier: Classifier) -> list[int] | None:
    return classifier.candidates(QUESTION, CtInfo(NEW))


def test_only_rules_that_may_be_met_are_candidates() -> None:
    classifier = classifier_of(
        rule("drop", ("src", [["0a090909", "0a090909"]])),
        rule("drop", ("dport", [[80, 80]])),
        rule("drop", ("dst", [["cb007100", "cb0071ff"]])),
        rule("drop", ("proto", [6])),
        rule("drop", ("sport", [[40000, 40000]])),
        rule("drop", ("state", NEW)),
        rule("drop"),
    )
    assert candidates(classifier) == [2, 4, 5, 6]


def test_a_rule_lives_with_the_rarest_thing_that_it_asks_for() -> None:
    web = ("dport", [[443, 443]])
    classifier = classifier_of(
        *[rule("accept", ("dst", [[f"cb0072{at:02x}"] * 2]), web) for at in range(200)],
        *[rule("accept", ("src", [["0a000000", "0affffff"]]), ("dport", [[at, at]]))
        for at in range(1000, 1200)],
    )  # fmt: skip
    assert classifier.destinations.homes == 200
    assert classifier.sources.homes < 15
    assert classifier.dports.homes > 185


def test_of_interfaces_without_number_rules_live_with_their_own() -> None:
    rules = [
        rule("accept", ("in", 1 << at), ("proto", [17]), ("dport", [[53, 53]])) for at in range(200)
    ]
    made = build_ruleset(plan(rules, interfaces=[f"vlan{at}" for at in range(200)]))
    made.interfaces.set_names({at + 1: f"vlan{at}" for at in range(200)})
    chain = made.filter_forward
    assert chain.classifier is not None
    packet = parse(QUESTION.data, PacketMeta(in_index=151))
    found = chain.classifier.candidates(packet, CtInfo(NEW))
    assert found is not None
    assert 150 in found
    assert len(found) < 30


def test_where_rules_crowd_their_fields_are_intersected() -> None:
    hosts = [f"0a0100{at:02x}" for at in range(100)]
    servers = [f"cb0071{at:02x}" for at in range(100)]
    rules = [
        rule("accept", ("src", [[one, one]]), ("dst", [[other, other]]), ("dport", [[53, 53]]))
        for one in hosts
        for other in servers
    ]
    classifier = classifier_of(*rules)
    assert candidates(classifier) is None
    octets = classifier.crowd(QUESTION, CtInfo(NEW))
    number = hosts.index(CLIENT) * 100 + servers.index(SERVER)
    assert int.from_bytes(octets, "little") == 1 << number
    chain = chain_of(*rules)
    assert chain.evaluate(QUESTION, CtInfo(NEW), 0, 0.0).rule is chain.rules[number]


def test_the_remembered_is_not_changed_by_what_is_found() -> None:
    classifier = classifier_of(rule("drop"), rule("drop", ("dport", [[53, 53]])))
    assert [candidates(classifier) for _ in range(3)] == [[0, 1]] * 3


def test_a_condition_with_too_many_ranges_is_left_to_the_rule() -> None:
    many = [[at * 2, at * 2] for at in range(MAX_RANGES + 1)]
    classifier = classifier_of(rule("drop", ("dport", many)))
    assert classifier.dports.homes == 0
    assert candidates(classifier) == [0]


def test_a_rule_that_is_added_later_is_found() -> None:
    classifier = classifier_of(rule("continue"))
    assert candidates(classifier) == [0]
    (later,) = chain_of(rule("drop", ("dport", [[53, 53]]))).rules
    classifier.add(later.matches)
    assert candidates(classifier) == [0, 1]


def test_short_chains_are_walked() -> None:
    assert chain_of(*[rule("continue")] * WALKED).classifier is None
    classifier = chain_of(*[rule("continue")] * (WALKED + 1)).classifier
    assert classifier is not None
    assert classifier.count == WALKED + 1


def test_a_chain_is_freed_a_little_at_a_time() -> None:
    rules = [rule("drop", ("dport", [[at, at]])) for at in range(30)]
    chains = {f"filter/{number}": rules for number in range(5)}
    made = build_ruleset(plan(rules, chains=chains))
    turns = 1
    while not made.release(20):
        turns += 1
    assert 18 <= turns <= 24  # 360 rules and ports, and the chains themselves
    assert not any(chain.rules for chain in made.chains())
    assert made.release(20)
