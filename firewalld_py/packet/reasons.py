"""Why a packet was judged as it was: one number and one word for each cause.

The word is the same in the log (FW_REASON), the counters, the command and the tests. Faults of a
packet and of its place in a connection make it INVALID; the last group says what decided.
"""

from __future__ import annotations

from typing import Final

OK: Final = 0

# Faults of the packet itself (packet/parse.py).
NOT_IP: Final = 1
IP_TOO_SHORT: Final = 2
IP_HEADER_LENGTH: Final = 3
IP_TOTAL_LENGTH: Final = 4
FRAGMENT: Final = 5
IPV6_EXTENSION: Final = 6
IPV6_NO_NEXT_HEADER: Final = 7
TRANSPORT_TOO_SHORT: Final = 8
TCP_DATA_OFFSET: Final = 9
TCP_FLAGS: Final = 10
UDP_LENGTH: Final = 11
UDPLITE_COVERAGE: Final = 12
UDPLITE_NO_CHECKSUM: Final = 13
CHECKSUM: Final = 14
ICMP_TYPE: Final = 15
ICMP_WRONG_FAMILY: Final = 16
GRE_PAYLOAD: Final = 17

# Faults of its place in a connection (conntrack/).
TCP_NOT_A_START: Final = 18
TCP_NOT_PICKED_UP: Final = 19
TCP_STATE: Final = 20
TCP_ABOVE_WINDOW: Final = 21
TCP_ACK_OF_UNSEEN_DATA: Final = 22
TCP_STALE_RST: Final = 23
ICMP_NOT_A_START: Final = 24
ICMP_ERROR_QUOTE: Final = 25
ICMP_ERROR_UNRELATED: Final = 26
ICMP_ERROR_ADDRESS: Final = 27
ICMPV6_REDIRECT_SOURCE: Final = 28
SCTP_CHUNKS: Final = 29
SCTP_NOT_A_START: Final = 30
SCTP_STATE: Final = 31
SCTP_VERIFICATION_TAG: Final = 32
TABLE_FULL: Final = 33

# What decided (pipeline.py, service/).
RULE: Final = 34
POLICY: Final = 35
INTERNAL_ERROR: Final = 36

REASON_NAMES: Final[tuple[str, ...]] = (
    "ok",
    "not_ip",
    "ip_too_short",
    "ip_header_length",
    "ip_total_length",
    "fragment",
    "ipv6_extension",
    "ipv6_no_next_header",
    "transport_too_short",
    "tcp_data_offset",
    "tcp_flags",
    "udp_length",
    "udplite_coverage",
    "udplite_no_checksum",
    "checksum",
    "icmp_type",
    "icmp_wrong_family",
    "gre_payload",
    "tcp_not_a_start",
    "tcp_not_picked_up",
    "tcp_state",
    "tcp_above_window",
    "tcp_ack_of_unseen_data",
    "tcp_stale_rst",
    "icmp_not_a_start",
    "icmp_error_quote",
    "icmp_error_unrelated",
    "icmp_error_address",
    "icmpv6_redirect_source",
    "sctp_chunks",
    "sctp_not_a_start",
    "sctp_state",
    "sctp_verification_tag",
    "table_full",
    "rule",
    "policy",
    "internal_error",
)
