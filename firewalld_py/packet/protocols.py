"""Numbers that stand on the wire, under their usual names.

Sources: IANA protocol numbers; RFC 791, 8200, 9293, 792, 4443; the kernel's include/uapi headers.
"""

from __future__ import annotations

from typing import Final

# Netfilter hooks as NFQUEUE reports them (include/uapi/linux/netfilter.h).
HOOK_PREROUTING: Final = 0
HOOK_INPUT: Final = 1
HOOK_FORWARD: Final = 2
HOOK_OUTPUT: Final = 3

# IP protocol and IPv6 next-header numbers.
IPPROTO_HOPOPTS: Final = 0
IPPROTO_ICMP: Final = 1
IPPROTO_TCP: Final = 6
IPPROTO_UDP: Final = 17
IPPROTO_DCCP: Final = 33
IPPROTO_ROUTING: Final = 43
IPPROTO_FRAGMENT: Final = 44
IPPROTO_GRE: Final = 47
IPPROTO_AH: Final = 51
IPPROTO_ICMPV6: Final = 58
IPPROTO_NONE: Final = 59
IPPROTO_DSTOPTS: Final = 60
IPPROTO_SCTP: Final = 132
IPPROTO_UDPLITE: Final = 136

# IPv6 extension headers that lead on to another header (RFC 8200 section 4). Mobility (135) and HIP
# (139) are protocols of their own to Linux.
EXTENSION_HEADERS: Final[frozenset[int]] = frozenset(
    {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_AH, IPPROTO_DSTOPTS}
)

# Header lengths in octets.
IPV4_MIN: Final = 20
IPV6_HEADER: Final = 40
FRAGMENT_HEADER: Final = 8
TCP_MIN: Final = 20
UDP_HEADER: Final = 8
ICMP_HEADER: Final = 8
SCTP_HEADER: Final = 12

# GRE, and its version 1 as PPTP has it (RFC 2784, 2637).
GRE_VERSION: Final = 0x07  # of the second octet
GRE_VERSION_PPTP: Final = 1
GRE_PROTOCOL_PPP: Final = 0x880B
GRE_PPTP_HEADER: Final = 8  # up to and with the call id

# TCP flags, the low octet of the flag word.
TCP_FIN: Final = 0x01
TCP_SYN: Final = 0x02
TCP_RST: Final = 0x04
TCP_PSH: Final = 0x08
TCP_ACK: Final = 0x10
TCP_URG: Final = 0x20

# TCP options.
TCPOPT_EOL: Final = 0
TCPOPT_NOP: Final = 1
TCPOPT_WINDOW: Final = 3
TCPOPT_SACK_PERMITTED: Final = 4
TCPOPT_SACK: Final = 5
TCP_MAX_WSCALE: Final = 14  # RFC 7323 section 2.3

# ICMP types that open or answer a query.
ICMP_ECHOREPLY: Final = 0
ICMP_DEST_UNREACH: Final = 3
ICMP_SOURCE_QUENCH: Final = 4
ICMP_REDIRECT: Final = 5
ICMP_ECHO: Final = 8
ICMP_TIME_EXCEEDED: Final = 11
ICMP_PARAMETERPROB: Final = 12
ICMP_TIMESTAMP: Final = 13
ICMP_TIMESTAMPREPLY: Final = 14
ICMP_INFO_REQUEST: Final = 15
ICMP_INFO_REPLY: Final = 16
ICMP_ADDRESS: Final = 17
ICMP_ADDRESSREPLY: Final = 18
NR_ICMP_TYPES: Final = 18  # the highest one that Linux knows

ICMPV6_INFORMATIONAL: Final = 128  # RFC 4443 section 2.1: errors have types below
ICMPV6_ECHO_REQUEST: Final = 128
ICMPV6_ECHO_REPLY: Final = 129
NDISC_REDIRECT: Final = 137
ICMPV6_NI_QUERY: Final = 139
ICMPV6_NI_REPLY: Final = 140
