"""Why a packet was judged as it was: one number and one word for each cause.

The word is the same in the log (FW_REASON), the counters, the command and the tests. Faults of a
packet and of its place in a connection make it INVALID; the last group says what decided.
"""

from __future__ import annotations

from typing import Final

OK: Final = 0

# Faults of the packet itself (packet/parse.py, packet/fragments.py).
NOT_IP: Final = 1
IP_TOO_SHORT: Final = 2
IP_HEADER_LENGTH: Final = 3
IP_TOTAL_LENGTH: Final = 4
FRAGMENT: Final = 5
FRAGMENT_INCOMPLETE: Final = 6
FRAGMENT_DUPLICATE: Final = 7
FRAGMENT_OVERLAP: Final = 8
FRAGMENT_LENGTH: Final = 9
FRAGMENT_MARKS: Final = 10
FRAGMENT_NO_ROOM: Final = 11
IPV6_EXTENSION: Final = 12
IPV6_NO_NEXT_HEADER: Final = 13
TRANSPORT_TOO_SHORT: Final = 14
TCP_DATA_OFFSET: Final = 15
TCP_FLAGS: Final = 16
UDP_LENGTH: Final = 17
UDPLITE_COVERAGE: Final = 18
UDPLITE_NO_CHECKSUM: Final = 19
CHECKSUM: Final = 20
ICMP_TYPE: Final = 21
ICMP_WRONG_FAMILY: Final = 22
GRE_PAYLOAD: Final = 23

# Faults of its place in a connection (conntrack/).
TCP_NOT_A_START: Final = 24
TCP_NOT_PICKED_UP: Final = 25
TCP_STATE: Final = 26
TCP_ABOVE_WINDOW: Final = 27
TCP_ACK_OF_UNSEEN_DATA: Final = 28
TCP_STALE_RST: Final = 29
ICMP_NOT_A_START: Final = 30
ICMP_ERROR_QUOTE: Final = 31
ICMP_ERROR_UNRELATED: Final = 32
ICMP_ERROR_ADDRESS: Final = 33
ICMPV6_REDIRECT_SOURCE: Final = 34
SCTP_CHUNKS: Final = 35
SCTP_NOT_A_START: Final = 36
SCTP_STATE: Final = 37
SCTP_VERIFICATION_TAG: Final = 38
TABLE_FULL: Final = 39
CONNECTION_ENDED: Final = 40

# What a helper has against a packet that tracking and rules let through (conntrack/helpers/).
HELPER_COMMAND: Final = 41  # a command that is cut, or that the helper cannot read
EXPECTATION_REFUSED: Final = 42  # what it leads to cannot be expected: two would expect one packet

# What decided (pipeline.py, service/).
RULE: Final = 43
POLICY: Final = 44
INTERNAL_ERROR: Final = 45

REASON_NAMES: Final[tuple[str, ...]] = (
    "ok",
    "not_ip",
    "ip_too_short",
    "ip_header_length",
    "ip_total_length",
    "fragment",
    "fragment_incomplete",
    "fragment_duplicate",
    "fragment_overlap",
    "fragment_length",
    "fragment_marks",
    "fragment_no_room",
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
    "connection_ended",
    "helper_command",
    "expectation_refused",
    "rule",
    "policy",
    "internal_error",
)
