"""A table of iptables' matches and their options, and of the options of its targets."""

from __future__ import annotations

from typing import Final, NamedTuple

from firewalld_py.imports import ipset_file
from firewalld_py.imports import iptables_connection as connection
from firewalld_py.imports import iptables_counting as counting
from firewalld_py.imports import iptables_machine as machine
from firewalld_py.imports import iptables_memory as memory
from firewalld_py.imports import iptables_options as options
from firewalld_py.imports import iptables_payload as payload
from firewalld_py.imports.iptables_options import MatchReader, Reader

# What would do for matches that the language does not have.
ADVICE: Final = {
    "owner": "ours sees packets, not who sends them",
    "physdev": "match the bridge itself with in: or out:",
    "bpf": "write it by hand with the conditions that there are",
}


class Option(NamedTuple):
    """How many words follow an option, and what it does to the rule."""

    words: int
    read: Reader


class Whole(NamedTuple):
    """A match whose options are read together; `options` tells how many words follow each."""

    options: dict[str, int]
    read: MatchReader


def _whole(read: MatchReader, **words: int) -> Whole:
    """`limit_burst=1` is --limit-burst with one word."""
    return Whole({f"--{name.replace('_', '-')}": count for name, count in words.items()}, read)


_PORTS: Final = {
    **dict.fromkeys(("--sport", "--source-port"), Option(1, options.ports("sport"))),
    **dict.fromkeys(("--dport", "--destination-port"), Option(1, options.ports("dport"))),
}
# Options of a log line that say more in it, and nothing about packets.
LOG_ONLY: Final = (
    *("--log-tcp-sequence", "--log-tcp-options", "--log-ip-options", "--log-uid"),
    *("--log-macdecode", "--nflog-group", "--nflog-range", "--nflog-size"),
    "--nflog-threshold",
)
# The options that need no match before them.
BASIC: Final[dict[str, Option]] = {
    **dict.fromkeys(("-p", "--protocol", "--proto"), Option(1, options.protocol)),
    **dict.fromkeys(("-i", "--in-interface"), Option(1, options.interface("in"))),
    **dict.fromkeys(("-o", "--out-interface"), Option(1, options.interface("out"))),
    **dict.fromkeys(("-s", "--source", "--src"), Option(1, options.address("src"))),
    **dict.fromkeys(("-d", "--destination", "--dst"), Option(1, options.address("dst"))),
    **dict.fromkeys(("-f", "--fragment"), Option(0, machine.fragment)),
}
# Those of each match.
MATCHES: Final[dict[str, dict[str, Option] | Whole]] = {
    "tcp": {
        **_PORTS,
        "--syn": Option(0, options.syn),
        "--tcp-flags": Option(2, options.tcp_flags),
        "--tcp-option": Option(1, options.tcp_option),
    },
    "udp": _PORTS,
    "udplite": _PORTS,
    "sctp": _PORTS,
    "dccp": _PORTS,
    "multiport": {
        **dict.fromkeys(("--sports", "--source-ports"), Option(1, options.ports("sport"))),
        **dict.fromkeys(("--dports", "--destination-ports"), Option(1, options.ports("dport"))),
        "--ports": Option(1, options.either_port),
    },
    "iprange": {
        "--src-range": Option(1, options.address_range("src")),
        "--dst-range": Option(1, options.address_range("dst")),
    },
    "icmp": {"--icmp-type": Option(1, options.icmp)},
    "icmp6": {"--icmpv6-type": Option(1, options.icmp)},
    "state": {"--state": Option(1, options.state)},
    "conntrack": Whole(connection.OPTIONS, connection.conntrack),
    "connbytes": _whole(connection.connbytes, connbytes=1, connbytes_mode=1, connbytes_dir=1),
    "helper": _whole(connection.helper, helper=1),
    "length": {"--length": Option(1, options.length)},
    "ttl": {f"--ttl-{how}": Option(1, options.hops(how)) for how in ("eq", "lt", "gt")},
    "hl": {f"--hl-{how}": Option(1, options.hops(how)) for how in ("eq", "lt", "gt")},
    "dscp": dict.fromkeys(("--dscp", "--dscp-class"), Option(1, options.dscp)),
    "tos": {"--tos": Option(1, options.tos)},
    "mark": {"--mark": Option(1, options.mark("mark"))},
    "connmark": {"--mark": Option(1, options.mark("connmark"))},
    "connlabel": {"--label": Option(1, options.label)},
    "comment": {"--comment": Option(1, options.comment)},
    "set": {"--match-set": Option(2, ipset_file.match_set)},
    "mac": {"--mac-source": Option(1, options.source_mac)},
    "pkttype": {"--pkt-type": Option(1, options.packet_type)},
    "time": Whole(machine.TIME, machine.match_time),
    "addrtype": Whole(machine.ADDRTYPE, machine.address_type),
    "rpfilter": Whole(machine.RPFILTER, machine.reverse_path),
    "tcpmss": {"--mss": Option(1, options.mss)},
    "ipv6header": _whole(options.ipv6_header, header=1, soft=0),
    "string": _whole(payload.string, string=1, hex_string=1, algo=1, to=1, icase=0, **{"from": 1}),
    "u32": _whole(payload.u32, u32=1),
    "limit": _whole(options.limit, limit=1, limit_burst=1),
    "hashlimit": Whole(
        {
            **{f"--hashlimit-{word}": 1 for word in ("upto", "above", "burst", "mode", "name")},
            **{f"--hashlimit-{word}": 1 for word in ("srcmask", "dstmask", "rate-interval")},
            **{f"--hashlimit-htable-{word}": 1 for word in ("size", "max", "expire", "gcinterval")},
            "--hashlimit-rate-match": 0,
        },
        counting.hashlimit,
    ),
    "connlimit": _whole(
        memory.connlimit,
        connlimit_upto=1,
        connlimit_above=1,
        connlimit_mask=1,
        connlimit_saddr=0,
        connlimit_daddr=0,
    ),
    "recent": Whole(memory.RECENT_OPTIONS, memory.recent),
    "nfacct": _whole(memory.nfacct, nfacct_name=1),
    "quota": _whole(counting.quota, quota=1),
    "statistic": _whole(counting.statistic, mode=1, probability=1, every=1, packet=1),
}
# What each target has of its own; others have nothing that we know.
_MARKS: Final = ("--set-mark", "--set-xmark", "--and-mark", "--or-mark", "--xor-mark")
_COPIES: Final = ("--save-mark", "--restore-mark", "--mask", "--nfmask", "--ctmask")
TARGET_OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "REJECT": ("--reject-with",),
    "LOG": ("--log-prefix", "--log-level", *LOG_ONLY),
    "NFLOG": ("--nflog-prefix", *LOG_ONLY),
    "MARK": _MARKS,
    "CONNMARK": (*_MARKS, *_COPIES),
    "SET": ("--add-set", "--del-set", "--exist", "--timeout"),
    "CT": ("--notrack", "--helper", "--zone", "--timeout", "--ctevents", "--expevents"),
}
TARGET_ADVICE: Final = {
    "MARK": "bits of a mark can be set to a value: {mark: VALUE/MASK}",
    "CONNMARK": "bits of a mark can be set to a value: {connmark: VALUE/MASK}",
    "NFQUEUE": "packets come to us by our own hook: leave this rule in iptables or drop it",
    "MASQUERADE": "translation of addresses stays in iptables",
    "TCPMSS": "packets are not changed: leave this rule in iptables, in its table mangle",
}
