"""The conditions that a rule may have: one Key for each, with the kind of match that it makes."""

from __future__ import annotations

from typing import Final, cast

from firewalld_py.policy import packet_values
from firewalld_py.policy.addresses import EXPECTED as ADDRESS
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.keys import Key, Reading, Reported, Table, each, items_of, one, text_of
from firewalld_py.policy.lists import ADDRESSES, INTERFACES, PORTS, listed, plain_list
from firewalld_py.policy.matches_connection import CONNECTION_KEYS
from firewalld_py.policy.matches_connlimit import CONNLIMIT_KEYS
from firewalld_py.policy.matches_link import LINK_KEYS
from firewalld_py.policy.matches_packet import PACKET_KEYS
from firewalld_py.policy.matches_payload import PAYLOAD_KEYS
from firewalld_py.policy.matches_rate import RATE_KEYS
from firewalld_py.policy.matches_routes import ROUTE_KEYS
from firewalld_py.policy.matches_time import TIME_KEYS
from firewalld_py.policy.model import Match, MatchValue
from firewalld_py.policy.names import ICMP, ICMPV6
from firewalld_py.policy.nodes import Mapping, Node
from firewalld_py.policy.recent import RECENT_KEYS
from firewalld_py.policy.set_uses import SET_KIND, USE_KEY, SetUse, or_set
from firewalld_py.policy.shapes import AnyOf, Keys, OneOrMore, reads, shape_of

# Kind of the match that a key makes, where it is not the key's own name.
KINDS: Final = {"icmpv6": "icmp", "flags": "tcp_flags", "dscp": "tos"}

_STATE: Final = plain_list(packet_values.state, "a connection state")


@reads(shape_of(_STATE))
def _state_bits(node: Node, reading: Reading) -> int:
    bits = 0
    for bit in cast("tuple[int, ...]", _STATE(node, reading)):
        bits |= bit
    return bits


_FLAG_NAMES: Final = "a flag's name or a list of them (syn, ack, all, none)"


@reads(OneOrMore(shape_of(packet_values.tcp_flag)))
def _flag_names(node: Node, reading: Reading) -> int:
    bits = 0
    for bit in each(node, reading, packet_values.tcp_flag, _FLAG_NAMES):
        bits |= bit
    return bits


_FLAGS: Final = Table(
    "tcp_flags",
    (
        Key(
            "mask",
            _flag_names,
            _FLAG_NAMES,
            "the flags that are looked at",
            required="name the flags that are looked at",
        ),
        Key(
            "value",
            _flag_names,
            _FLAG_NAMES,
            "those of them that must be set",
            required="name those of the mask that must be set, or none",
        ),
    ),
)
_FLAGS_FORM: Final = "{mask: [syn, ack], value: [syn]} or iptables' words (SYN,ACK SYN)"


@reads(OneOrMore(AnyOf((Keys(_FLAGS), shape_of(packet_values.tcp_flags)))))
def _tcp_flags(node: Node, reading: Reading) -> tuple[tuple[int, int], ...]:
    pairs: list[tuple[int, int]] = []
    items = items_of(node, _FLAGS_FORM)
    for item in items:
        try:
            if isinstance(item, Mapping):
                bits = cast("dict[str, int]", _FLAGS.read(item, reading))
                if len(bits) == 2:
                    pairs.append(packet_values.checked_flags(bits["mask"], bits["value"]))
            else:
                pairs.append(packet_values.tcp_flags(text_of(item, _FLAGS_FORM)))
        except Fault as fault:
            reading.fault(item, fault.message, fault.suggestion)
    if len(pairs) < len(items):
        raise Reported
    return tuple(pairs)


@reads(shape_of(packet_values.syn))
def _syn(node: Node, reading: Reading) -> object:  # noqa: ARG001
    return (packet_values.syn(text_of(node, "syn")),)


MATCHES: Final = Table(
    "a rule",
    (
        Key(
            "state",
            _state_bits,
            "one or a list of new, established, related, invalid, untracked",
            "the state that connection tracking gave the packet; not in raw, which comes before it",
            also=("ctstate", "ct_state", "conntrack"),
            example="{state: [established, related], action: accept}",
        ),
        Key(
            "family",
            one(packet_values.family, "ipv4 or ipv6"),
            "ipv4 or ipv6",
            "the IP version",
            also=("ip_version", "nfproto"),
            example="{family: ipv6, action: drop}",
        ),
        Key(
            "proto",
            plain_list(packet_values.protocol, packet_values.PROTOCOL),
            f"one or a list of: {packet_values.PROTOCOL}",
            "the protocol that IP carries",
            also=("protocol", "protocols", "l4proto", "p"),
            example="{proto: [tcp, udp], dport: 53, action: accept}",
        ),
        Key(
            "in",
            or_set(listed(INTERFACES), "in"),
            f"one or a list of: {packet_values.INTERFACE}",
            "the interface the packet came by; not in output chains",
            also=("iif", "iifname", "in_interface", "input", "i"),
            example='{in: "ppp*", state: new, action: drop}',
        ),
        Key(
            "out",
            or_set(listed(INTERFACES), "out"),
            f"one or a list of: {packet_values.INTERFACE}",
            "the interface the packet leaves by; not in input and prerouting",
            also=("oif", "oifname", "out_interface", "output", "o"),
            example="{in: lan0, out: wan0, state: new, action: accept}",
        ),
        Key(
            "dport",
            or_set(listed(PORTS), "dport"),
            f"one or a list of: {packet_values.PORT}",
            "the destination port; without proto, of any protocol that has ports",
            also=("destination_port", "dst_port", "dports", "dpt", "port", "ports"),
            example="{proto: tcp, dport: [http, 443, 8000-8080], action: accept}",
        ),
        Key(
            "sport",
            or_set(listed(PORTS), "sport"),
            f"one or a list of: {packet_values.PORT}",
            "the source port; without proto, of any protocol that has ports",
            also=("source_port", "src_port", "sports", "spt"),
            example="{proto: udp, sport: 53, state: untracked, action: accept}",
        ),
        Key(
            "src",
            or_set(listed(ADDRESSES), "src"),
            f"one or a list of: {ADDRESS}",
            "the source address; IPv4 and IPv6 may be mixed",
            also=("source", "saddr", "source_address", "s", "from"),
            example='{src: [10.1.0.0/24, "fd00:1::/64"], state: new, action: accept}',
        ),
        Key(
            "dst",
            or_set(listed(ADDRESSES), "dst"),
            f"one or a list of: {ADDRESS}",
            "the destination address; IPv4 and IPv6 may be mixed",
            also=("destination", "daddr", "dest", "destination_address", "d", "to"),
            example="{dst: 192.0.2.10-192.0.2.19, proto: tcp, dport: 25, action: accept}",
        ),
        Key(
            "icmp",
            plain_list(packet_values.icmp_type(ICMP), "an ICMP type"),
            "one or a list of: a type (echo-request, 8), a type/code (3/4, redirect/host)",
            "the ICMP type; also negated it matches ICMP only",
            also=("icmp_type",),
            example="{icmp: [echo-request, destination-unreachable/port], action: accept}",
        ),
        Key(
            "icmpv6",
            plain_list(packet_values.icmp_type(ICMPV6), "an ICMPv6 type"),
            "one or a list of: a type (echo-request, 128), a type/code (1/4, 1/no-route)",
            "the ICMPv6 type; also negated it matches ICMPv6 only",
            also=("icmpv6_type", "icmp6", "ipv6_icmp"),
            example="{icmpv6: neighbour-solicitation, state: untracked, action: accept}",
        ),
        Key(
            "flags",
            _syn,
            "syn",
            "the first packet of a TCP connection (SYN set; ACK, RST, FIN not); "
            "also negated it matches TCP only",
            also=("syn",),
            example="{flags: syn, dport: 22, action: accept}",
        ),
        Key(
            "tcp_flags",
            _tcp_flags,
            _FLAGS_FORM,
            "TCP flags: of those in the mask exactly those in the value are set; "
            "also negated it matches TCP only",
            also=("tcpflags",),
            example="{tcp_flags: {mask: [syn, fin], value: [syn, fin]}, action: drop}",
        ),
        Key(
            "mark",
            plain_list(packet_values.mark, packet_values.MARK),
            f"one or a list of: {packet_values.MARK}",
            "the packet's mark, its bits outside of the mask left out",
            also=("fwmark", "nfmark"),
            example="{mark: 0x1/0xff, action: accept}",
        ),
        Key(
            "connmark",
            plain_list(packet_values.mark, packet_values.MARK),
            f"one or a list of: {packet_values.MARK}",
            "the mark of the packet's connection; not in raw, which comes before it",
            also=("ctmark", "ct_mark"),
            example="{connmark: 0x10/0xf0, action: accept}",
        ),
        Key(
            "label",
            plain_list(packet_values.label, packet_values.LABEL),
            f"one or a list of: {packet_values.LABEL}",
            "a label of the packet's connection, any of those named; not in raw",
            also=("connlabel", "ctlabel", "ct_label"),
            example="{label: 3, action: accept}",
        ),
        Key(
            "zone",
            plain_list(packet_values.zone, packet_values.ZONE),
            f"one or a list of: {packet_values.ZONE}",
            "the zone that the packet's connection is tracked in; not in raw, which sets it",
            also=("ctzone", "ct_zone"),
            example="{zone: 5, action: drop}",
        ),
        *PACKET_KEYS,
        *LINK_KEYS,
        *TIME_KEYS,
        *ROUTE_KEYS,
        USE_KEY,
        *CONNECTION_KEYS,
        *PAYLOAD_KEYS,
        *CONNLIMIT_KEYS,
        *RECENT_KEYS,
        *RATE_KEYS,
    ),
)
NEGATED: Final = Table("not (which takes conditions only)", MATCHES.keys)


def make_matches(read: dict[str, object], node: Mapping, *, inverted: bool) -> list[Match]:
    """Matches of the keys that were read from the mapping `node`."""
    matches: list[Match] = []
    for name, value in read.items():
        key, _ = node.entries[name]
        if isinstance(value, SetUse):
            kind, asked = SET_KIND, cast("MatchValue", (value.name, *(value.of or (name,))))
        else:
            kind, asked = KINDS.get(name, name), cast("MatchValue", value)
        matches.append(Match(name, kind, inverted, asked, key.line, key.column))
    return matches
