"""A plan in words: explain says the same of it as of the file that it was made from."""

from __future__ import annotations

import pytest

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Firewall
from firewalld_py.policy.action_text import action_text
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.explain import Explainer, Tried
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.plan_words import PlanConditions, plan_digest, policy_of_plan
from firewalld_py.rules.build import Plan, build_ruleset
from tests import wire


def plan_of(rules: str, more: str = "") -> Plan:
    text = f"version: 1\nfilter: {{forward: {{policy: drop, rules: [{rules}]}}{more}}}\n"
    policy, problems = parse_rules(text, "r.yaml")
    assert policy is not None, problems
    return compile_policy(policy, Config())


def tried(plan: Plan) -> tuple[Tried, ...]:
    """What is said of the rules for a packet of UDP."""
    firewall = Firewall(build_ruleset(plan), Conntrack(Settings()))
    policy = policy_of_plan(plan, "r.yaml")
    explainer = Explainer(firewall, policy, plan, {}, PlanConditions())
    packet = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp())
    return explainer.handle(packet, PacketMeta(), 1.0).tried


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("state: [established, related]", "state established, related"),
        ("src: [192.0.2.0/24, 198.51.100.1, 198.51.100.5-198.51.100.9]",
         "src 192.0.2.0/24, 198.51.100.1, 198.51.100.5-198.51.100.9"),
        ("dst: 'fd00::/8'", "dst fd00::/8"),
        ("not: {src: 10.1.0.0/24}", "not src 10.1.0.0/24"),
        ("proto: [tcp, 47]", "proto tcp, gre"),
        ("proto: udp, sport: [1, 5-9]", "sport 1, 5-9"),
        ("family: ipv6", "family ipv6"),
        ("mark: 0x1/0x3", "mark 0x1/0x3"),
        ("direction: reply", "direction reply"),
        ("status: assured", "status assured"),
        ("ttl: 1-5", "ttl 1-5"),
        ("label: [5, 9]", "label 5, 9"),
        ("in: lan*, not: {in: lan0}", "in lan*"),
        ("proto: udp, dport: [1, 3, 5, 7, 9, 11, 13, 15]", "dport 1, 3, 5, 7, 9, 11 and 2 more"),
    ],
)  # fmt: skip
def test_conditions(condition: str, said: str) -> None:
    plan = plan_of(f"{{{condition}, action: accept}}")
    words = [PlanConditions().text("", match)
             for match in policy_of_plan(plan, "r").chains[3].rules[0].matches]  # fmt: skip
    assert said in words


@pytest.mark.parametrize(
    ("rule", "kind", "said"),
    [
        ("flags: syn", "tcp_flags", ["fin+syn+rst+ack/syn"]),
        ("icmp: [ping, 3/4]", "icmp", ["echo-request", "destination-unreachable/4"]),
        ("length: 100-200", "length", ["100-200"]),
        ("quota: 1048576", "quota", ["1048576"]),
    ],
)
def test_conditions_that_imply_others(rule: str, kind: str, said: list[str]) -> None:
    plan = plan_of(f"{{{rule}, action: accept}}")
    matches = policy_of_plan(plan, "r").chains[3].rules[0].matches
    assert [PlanConditions().items("r", match) for match in matches if match.kind == kind] == [said]


def test_actions_and_places_are_those_of_the_plan() -> None:
    rules = (
        "{name: a, action: [{mark: 1/3}, {connmark: 2}, {label: [1, 2]}, log]}, "
        "{name: b, proto: tcp, action: drop}, {name: c, action: {jump: web}}, "
        "{name: d, action: {reject: admin-prohibited}}"
    )
    plan = plan_of(rules, ", chains: {web: [{name: e, src: 192.0.2.1, action: accept}]}")
    assert [(one.name, one.action or one.condition) for one in tried(plan)] == [
        ("a", "mark 0x1/0x3, connmark 0x2, label 1, 2, log"),
        ("b", "proto tcp"),
        ("c", "jump web"),
        ("e", "src 192.0.2.1"),
        ("d", "reject with admin-prohibited"),
    ]
    assert {one.file for one in tried(plan)} == {"r.yaml"}


def test_sets_are_named_with_what_of_the_packet_is_looked_up() -> None:
    text = (
        "version: 1\nsets: {bad: {type: address}, web: {type: [address, port]}}\n"
        "filter:\n  forward:\n    rules:\n      - {src: $bad, action: drop}\n"
        "      - {set: {name: web, of: [dst, dport]}, action: [{add: {set: bad, of: src}}, drop]}\n"
    )
    read, problems = parse_rules(text, "r.yaml")
    assert read is not None, problems
    chain = policy_of_plan(compile_policy(read, Config()), "r").chains[3]
    said = [PlanConditions().text("r", rule.matches[0]) for rule in chain.rules]
    assert said == ["set $bad by src", "set $web by dst, dport"]
    assert [rule.matches[0].value for rule in chain.rules] == [
        ("bad", "src"),
        ("web", "dst", "dport"),
    ]
    assert action_text(chain.rules[1].action).endswith(", drop")


def test_the_digest_tells_plans_apart() -> None:
    one, same = plan_of("{action: accept}"), plan_of("{action: accept}")
    assert plan_digest(one) == plan_digest(same)
    assert plan_digest(one) != plan_digest(plan_of("{action: drop}"))
