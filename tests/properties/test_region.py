"""A region has the packets that meet its rule's conditions, and no others; whatever the packet."""

from __future__ import annotations

import random
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import CtInfo
from firewalld_py.packet.packet import Packet, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.reasons import TRANSPORT_TOO_SHORT
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.load import parse_rules
from firewalld_py.policy.ranges import within
from firewalld_py.policy.region import ICMPV6_TYPES, NONE, V6, Region, region_of
from firewalld_py.policy.witness_candidates import interfaces_of
from firewalld_py.rules.build import build_ruleset
from tests.properties.samples import corpus, mutated

CONDITIONS: Final = {
    "state": ["new", "[established, related]", "[new, invalid]", "untracked"],
    "family": ["ipv4", "ipv6"],
    "in": ["lan0", "[wan*, lan0]", "wan1"],
    "out": ["wan*", "lan0"],
    "src": ["10.1.0.5", "[10.1.0.0/24, 'fd00::/8']", "'fd00:1::5'", "10.1.0.4-203.0.113.8"],
    "dst": ["203.0.113.9", "[0.0.0.0/1, 'fd00:2::/64']", "10.1.0.5"],
    "proto": ["tcp", "udp", "[tcp, udp]", "icmp", "icmpv6", "[sctp, 47]"],
    "sport": ["4000", "[1-3999, 4001-65535]"],
    "dport": ["[53, 80]", "0-1023", "4000"],
    "icmp": ["echo-request", "[3/3, 11]", "[echo-request, echo-reply]"],
    "icmpv6": ["echo-request", "[1, 2/0]"],
    "flags": ["syn"],
    "tcp_flags": ["{mask: [syn, ack], value: [syn, ack]}", "{mask: all, value: ack}"],
    "length": ["0-40", "[20-59, 100-65535]"],
    "ttl": ["64", "[0-63, 65-255]"],
    "dscp": ["0", "ef"],
}


def numbers_of(packet: Packet, state: int) -> list[int]:
    """The packet's number in each field of a region."""
    has_ip = len(packet.src) > 0
    meta = packet.meta
    tcp = packet.protocol == 6 and packet.header_length > 0
    icmp = packet.protocol in (1, 58) and packet.fault != TRANSPORT_TOO_SHORT
    number = packet.icmp_type << 8 | packet.icmp_code
    shift = V6 if len(packet.src) == 16 else 0
    first = packet.data[0] & 0x0F if packet.data else 0
    return [
        state,
        packet.version,
        packet.protocol,
        meta.in_index - 1,
        meta.out_index - 1,
        packet.sport if packet.has_ports else NONE,
        packet.dport if packet.has_ports else NONE,
        int.from_bytes(packet.src, "big") + shift if has_ip else NONE,
        int.from_bytes(packet.dst, "big") + shift if has_ip else NONE,
        (ICMPV6_TYPES if packet.protocol == 58 else 0) + number if icmp else NONE,
        packet.tcp_flags if tcp else NONE,
        packet.length if has_ip else NONE,
        (packet.data[8] if packet.version == 4 else packet.data[7]) if has_ip else NONE,
        (packet.data[1] if packet.version == 4 else first << 4 | packet.data[1] >> 4)
        if has_ip
        else NONE,
    ]


def has(region: Region, numbers: list[int]) -> bool:
    return region.fields is not None and all(
        within(ranges, number) for ranges, number in zip(region.fields, numbers, strict=True)
    )


def rule_text(chance: random.Random) -> str:
    keys = chance.sample(sorted(CONDITIONS), chance.randrange(1, 4))
    said = [(key, chance.choice(CONDITIONS[key])) for key in keys]
    negated = [pair for pair in said if chance.random() < 0.3]
    plain = [f"{key}: {value}" for key, value in said if (key, value) not in negated]
    below = ", ".join(f"{key}: {value}" for key, value in negated)
    return "{" + ", ".join([*plain, *([f"not: {{{below}}}"] if below else []), "action: log}"])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_a_region_has_what_meets_the_conditions(seed: int) -> None:
    chance = random.Random(seed)
    texts = [rule_text(chance) for _ in range(2)]
    text = f"version: 1\nfilter: {{forward: {{rules: [{', '.join(texts)}]}}}}"
    policy, _ = parse_rules(text, "rules.yaml")
    if policy is None:
        return
    ruleset = build_ruleset(compile_policy(policy, Config()))
    interfaces = interfaces_of([policy])
    ruleset.interfaces.set_names({index: name for name, index in interfaces.indexes.items()})
    one, other = [region_of(rule.matches, interfaces) for rule in policy.chains[0].rules]
    both, rest = one.also(other), one.less(other)
    indexes = range(1, len(interfaces.names) + 1)
    for data in corpus():
        octets = mutated(data, chance)
        meta = PacketMeta(2, chance.choice(indexes), chance.choice(indexes))
        packet, state = parse(octets, meta), chance.randrange(5)
        met = [rule.is_met(packet, CtInfo(1 << state), 0) for rule in ruleset.filter_forward.rules]
        numbers = numbers_of(packet, state)
        assert [has(one, numbers), has(other, numbers)] == met
        assert has(both, numbers) == all(met)
        assert [has(piece, numbers) for piece in rest].count(True) == (met == [True, False])
        assert not (one.apart(other) and all(met))
