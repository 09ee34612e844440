"""Numbers and the names that administrators know them by.

Sources: IANA registries of protocol numbers, ICMP and ICMPv6 parameters; the names are those of
iptables and nftables where they have one.
"""

from __future__ import annotations

from typing import Final

ICMP: Final = 1
TCP: Final = 6
ICMPV6: Final = 58

PROTOCOLS: Final[dict[str, int]] = {
    "icmp": 1,
    "igmp": 2,
    "ipip": 4,
    "tcp": 6,
    "egp": 8,
    "udp": 17,
    "dccp": 33,
    "ipv6": 41,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "eigrp": 88,
    "ospf": 89,
    "pim": 103,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
}
PORT_PROTOCOLS: Final = frozenset((6, 17, 33, 132, 136))  # tcp udp dccp sctp udplite

STATES: Final[dict[str, int]] = {
    "new": 1,
    "established": 2,
    "related": 4,
    "invalid": 8,
    "untracked": 16,
}
ALL_STATES: Final = 31

TCP_FLAGS: Final[dict[str, int]] = {
    "fin": 0x01,
    "syn": 0x02,
    "rst": 0x04,
    "psh": 0x08,
    "ack": 0x10,
    "urg": 0x20,
    "ece": 0x40,
    "cwr": 0x80,
    "all": 0x3F,  # as iptables: without ECE and CWR
    "none": 0,
}
SYN_MASK: Final = 0x17  # SYN, RST, ACK, FIN: iptables --syn

LEVELS: Final[dict[str, int]] = {
    "emerg": 0,
    "alert": 1,
    "crit": 2,
    "err": 3,
    "error": 3,
    "warning": 4,
    "warn": 4,
    "notice": 5,
    "info": 6,
    "debug": 7,
}

REJECTS: Final = (
    "port-unreachable",
    "host-unreachable",
    "admin-prohibited",
    "no-route",
    "tcp-reset",
    "icmp-net-unreachable",
    "icmp-host-unreachable",
    "icmp-proto-unreachable",
    "icmp-port-unreachable",
    "icmp-net-prohibited",
    "icmp-host-prohibited",
    "icmp-admin-prohibited",
    "icmp6-no-route",
    "icmp6-adm-prohibited",
    "icmp6-addr-unreachable",
    "icmp6-port-unreachable",
)
HELPER_NAME: Final = "[A-Za-z0-9][A-Za-z0-9._-]{0,14}"  # as NF_CT_HELPER_NAME_LEN has it
DEFAULT_REJECT: Final = "port-unreachable"

# Per protocol: name of the type -> its number.
ICMP_TYPES: Final[dict[int, dict[str, int]]] = {
    ICMP: {
        "echo-reply": 0,
        "pong": 0,
        "destination-unreachable": 3,
        "source-quench": 4,
        "redirect": 5,
        "echo-request": 8,
        "ping": 8,
        "router-advertisement": 9,
        "router-solicitation": 10,
        "time-exceeded": 11,
        "ttl-exceeded": 11,
        "parameter-problem": 12,
        "timestamp-request": 13,
        "timestamp-reply": 14,
        "info-request": 15,
        "info-reply": 16,
        "address-mask-request": 17,
        "address-mask-reply": 18,
    },
    ICMPV6: {
        "destination-unreachable": 1,
        "packet-too-big": 2,
        "time-exceeded": 3,
        "ttl-exceeded": 3,
        "parameter-problem": 4,
        "echo-request": 128,
        "ping": 128,
        "echo-reply": 129,
        "pong": 129,
        "mld-listener-query": 130,
        "mld-listener-report": 131,
        "mld-listener-done": 132,
        "mld-listener-reduction": 132,
        "router-solicitation": 133,
        "router-advertisement": 134,
        "neighbour-solicitation": 135,
        "neighbor-solicitation": 135,
        "nd-neighbor-solicit": 135,
        "neighbour-advertisement": 136,
        "neighbor-advertisement": 136,
        "nd-neighbor-advert": 136,
        "nd-router-solicit": 133,
        "nd-router-advert": 134,
        "redirect": 137,
        "router-renumbering": 138,
        "ind-neighbor-solicit": 141,
        "ind-neighbor-advert": 142,
        "mld2-listener-report": 143,
    },
}

# Per protocol and type: name of the code after the slash (redirect/host) -> number.
ICMP_CODES: Final[dict[tuple[int, int], dict[str, int]]] = {
    (ICMP, 3): {
        "net": 0,
        "host": 1,
        "protocol": 2,
        "port": 3,
        "fragmentation-needed": 4,
        "source-route-failed": 5,
        "net-unknown": 6,
        "host-unknown": 7,
        "net-prohibited": 9,
        "host-prohibited": 10,
        "tos-net": 11,
        "tos-host": 12,
        "admin-prohibited": 13,
        "host-precedence-violation": 14,
        "precedence-cutoff": 15,
    },
    (ICMP, 5): {"net": 0, "host": 1, "tos-net": 2, "tos-host": 3},
    (ICMP, 11): {"transit": 0, "reassembly": 1},
    (ICMP, 12): {"ip-header-bad": 0, "required-option-missing": 1},
    (ICMPV6, 1): {
        "no-route": 0,
        "admin-prohibited": 1,
        "beyond-scope": 2,
        "address": 3,
        "port": 4,
        "failed-policy": 5,
        "reject-route": 6,
    },
    (ICMPV6, 3): {"transit": 0, "reassembly": 1},
    (ICMPV6, 4): {"bad-header": 0, "unknown-header-type": 1, "unknown-option": 2},
}

# iptables' names that stand for a type and a code at once.
ICMP_PAIRS: Final[dict[int, dict[str, tuple[int, int]]]] = {
    ICMP: {
        "network-unreachable": (3, 0),
        "host-unreachable": (3, 1),
        "protocol-unreachable": (3, 2),
        "port-unreachable": (3, 3),
        "fragmentation-needed": (3, 4),
        "source-route-failed": (3, 5),
        "network-unknown": (3, 6),
        "host-unknown": (3, 7),
        "network-prohibited": (3, 9),
        "host-prohibited": (3, 10),
        "communication-prohibited": (3, 13),
        "network-redirect": (5, 0),
        "host-redirect": (5, 1),
        "ttl-zero-during-transit": (11, 0),
        "ttl-zero-during-reassembly": (11, 1),
        "ip-header-bad": (12, 0),
        "required-option-missing": (12, 1),
    },
    ICMPV6: {
        "no-route": (1, 0),
        "communication-prohibited": (1, 1),
        "beyond-scope": (1, 2),
        "address-unreachable": (1, 3),
        "port-unreachable": (1, 4),
        "failed-policy": (1, 5),
        "reject-route": (1, 6),
        "ttl-zero-during-transit": (3, 0),
        "ttl-zero-during-reassembly": (3, 1),
        "bad-header": (4, 0),
        "unknown-header-type": (4, 1),
        "unknown-option": (4, 2),
    },
}
