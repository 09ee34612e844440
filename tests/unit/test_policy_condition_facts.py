"""What explain says of conditions on other headers, on connections and on counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from firewalld_py.policy.condition_facts import FACTS
from firewalld_py.policy.counted_text import COUNTED
from firewalld_py.policy.matches import MATCHES
from firewalld_py.policy.packet_octets import meta_of
from firewalld_py.policy.packet_words import described, guessed_chain
from firewalld_py.rules.matches_routes import AddressTypeMatch, ReversePathMatch
from firewalld_py.rules.routes import RouteTable
from tests.unit.test_policy_explain import World, path, tried

__all__ = ["path"]

ENDS = "src=192.0.2.1 dst=10.1.0.5"


def test_every_fact_is_of_a_key() -> None:
    assert set(FACTS) <= set(MATCHES.by_name)


@pytest.mark.parametrize(
    ("rule", "line", "said"),
    [
        ("ttl: 0-5", "icmp=ping", "ttl 0-5: the packet has 64"),
        ("length: 1000-", "icmp=ping", "length 1000-: the packet has 28"),
        ("dscp: ef", "icmp=ping", "dscp ef: the packet has 0"),
        ("tos: 0x10", "icmp=ping", "tos 0x10: the packet has 0x00"),
        ("mss: 1460", "icmp=ping", "mss (which says the protocol): the packet is icmp"),
        ("proto: [tcp, udp], contains: x", "icmp=ping", "proto tcp, udp: the packet is icmp"),
        ("contains: x", "icmp=ping", "contains x: the packet is icmp"),
        ("ipv6_header: hop", "icmp=ping", "ipv6_header hop: the packet is IPv4"),
        ("fragment: true", "icmp=ping", "fragment true: the packet came whole"),
        ("not: {fragment: no}", "icmp=ping", "not fragment no: the packet came whole"),
        ("reverse_path: strict", "icmp=ping", "reverse_path strict: no routes are known"),
        ("not: {src_type: local}", "icmp=ping", "not src_type local: no routes are known"),
        (
            "source_mac: 02-00-00-00-00-0A",
            "icmp=ping source_mac=02:00:00:00:00:0b",
            "source_mac 02-00-00-00-00-0A: the packet has 02:00:00:00:00:0b",
        ),
        (
            "not: {source_mac: 02:00:00:00:00:0a}",
            "icmp=ping",
            "not source_mac 02:00:00:00:00:0a: the packet has no Ethernet source",
        ),
        (
            "packet_type: multicast",
            "icmp=ping",
            "packet_type multicast: the packet is unicast by its destination",
        ),
        (
            "direction: reply",
            "icmp=ping",
            "direction reply: the packet goes in original direction",
        ),
        ("status: assured", "icmp=3", "status assured: the packet has no connection"),
        ("status: assured", "icmp=ping", "status assured: its connection is none of these"),
        ("helper: ftp", "icmp=ping", "helper ftp: no helper expected its connection"),
        ("age: 1h-", "icmp=ping", "age 1h-: its connection is 0 s old"),
        ("expires: 1h-", "icmp=ping", "expires 1h-: its connection has 30 s left"),
        (
            "packets: {reply: 1-}",
            "icmp=ping",
            "packets {reply: 1-}: its connection has 1 original and 0 reply packets",
        ),
        (
            "octets: 5000-",
            "icmp=ping",
            "octets 5000-: its connection has 28 original and 0 reply octets",
        ),
        ("original_src: '::1'", "icmp=ping", "original_src ::1: its connection has 192.0.2.1"),
        ("reply_src: 10.0.0.1", "icmp=ping", "reply_src 10.0.0.1: its connection has 10.1.0.5"),
        (
            "original_dport: 22",
            "icmp=ping",
            "original_dport 22: its connection is icmp and has no ports",
        ),
        ("original_dport: 22", "proto=udp dport=9", "original_dport 22: its connection has 9"),
        ("reply_dport: 22", "proto=udp dport=9 sport=5", "reply_dport 22: its connection has 5"),
        ("connection_proto: tcp", "icmp=ping", "connection_proto tcp: its connection is icmp"),
        ("not: {limit: 1/s}", "icmp=ping", f"not limit 1/s: {COUNTED}"),
        ("quota: 5", "icmp=ping", f"quota 5: {COUNTED}"),
    ],
)  # fmt: skip
def test_what_the_packet_has_instead(rule: str, line: str, said: str, path: Path) -> None:
    assert tried(f"{{{rule}, action: accept}}", f"{line} {ENDS}", path) == said


@pytest.mark.parametrize(
    "condition", ["every: 3", "not: {every: 3}", "limit: 1/hour", "not: {limit: 1/hour}",
                  "limit: {rate: 1/hour, per: src, over: true}", "quota: 60", "not: {quota: 60}",
                  "probability: 50%"]
)  # fmt: skip
def test_explaining_a_packet_counts_it_once(condition: str, path: Path) -> None:
    text = f"""version: 1
filter:
  forward:
    policy: drop
    rules:
      - {{{condition}, action: accept}}
"""
    explained, plain = World(path, text), World(path, text)
    for _ in range(12):
        (one,) = explained.explain(f"icmp=ping {ENDS}").tried
        words, _ = described(f"icmp=ping {ENDS}".split())
        assert words is not None
        plain.now += 0.001
        meta = meta_of(words, guessed_chain(words), plain.indexes)
        decision = plain.firewall.handle(plain.talk.octets(words), meta, plain.now)
        assert one.met == (decision.rule is not None)


@pytest.mark.parametrize(
    ("rule", "source", "said"),
    [
        (
            "reverse_path: strict", "10.1.0.5",
            "the packet came by wan0, an answer goes by lan0",
        ),
        ("reverse_path: loose", "10.1.0.1", "of its source, it is this machine's own"),
        ("reverse_path: loose", "198.51.100.1", "of its source, no route leads there"),
        ("reverse_path: loose", "10.9.0.1", "of its source, the route goes to no host"),
        ("src_type: local", "10.1.0.5", "the address is unicast"),
        ("src_type: local", "10.9.0.1", "the address is unicast, blackhole"),
        ("not: {src_type: local}", "10.1.0.1", "the address is local"),
    ],
)  # fmt: skip
def test_where_routes_lead_is_said(rule: str, source: str, said: str, path: Path) -> None:
    text = f"version: 1\nfilter: {{forward: {{rules: [{{{rule}, action: accept}}]}}}}\n"
    world = World(path, text)
    routes = RouteTable()
    for row in (
        [4, 0, 0x0A010001, 32, 2, 0, 1],
        [4, 1, 0x0A010000, 24, 1, 0, 1],
        [4, 1, 0x0A090000, 16, 6, 0],
    ):
        routes.add_row(row)
    (match,) = world.firewall.ruleset.filter_forward.rules[0].matches
    assert isinstance(match, AddressTypeMatch | ReversePathMatch)
    match.machine.routes = routes
    (one,) = world.explain(f"in=wan0 src={source} dst=192.0.2.1 icmp=ping").tried
    assert one.found == said
