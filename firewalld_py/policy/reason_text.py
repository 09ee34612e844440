"""What each reason means, in a sentence for people: why a packet is INVALID, or was dropped."""

from __future__ import annotations

from typing import Final

from firewalld_py.packet.reasons import REASON_NAMES

SENTENCES: Final[dict[str, str]] = {
    "not_ip": "it is neither IPv4 nor IPv6",
    "ip_too_short": "it is shorter than its IP header",
    "ip_header_length": "the length of its IP header cannot be",
    "ip_total_length": "it is shorter than its IP header says",
    "fragment": "it is a fragment, and the whole datagram is not known",
    "fragment_incomplete": "it waits for the other fragments of its datagram",
    "fragment_duplicate": "the same fragment was there already",
    "fragment_overlap": "it overlaps another fragment",
    "fragment_length": "its length or place cannot be that of a fragment",
    "fragment_marks": "the fragments of its datagram have different marks",
    "fragment_no_room": "too many fragments are waiting",
    "ipv6_extension": "an IPv6 extension header is damaged",
    "ipv6_no_next_header": "nothing follows its IPv6 headers",
    "transport_too_short": "the header of its protocol is cut",
    "tcp_data_offset": "the length of its TCP header cannot be",
    "tcp_flags": "no TCP packet has such a combination of flags",
    "udp_length": "the length in its UDP header cannot be",
    "udplite_coverage": "the coverage in its UDP-Lite header cannot be",
    "udplite_no_checksum": "it lacks the checksum that UDP-Lite demands",
    "checksum": "its checksum is wrong",
    "icmp_type": "there is no such ICMP type",
    "icmp_wrong_family": "ICMP and ICMPv6 belong to one IP version each",
    "gre_payload": "it is PPTP's GRE, but does not carry PPP",
    "tcp_not_a_start": "it cannot begin a connection, and it belongs to none that is known",
    "tcp_not_picked_up": "it is in the middle of a connection that is not known, and "
    "tcp_loose is off",
    "tcp_state": "its flags do not fit what its connection has come to",
    "tcp_above_window": "its sequence numbers are above what the receiver allows",
    "tcp_ack_of_unseen_data": "it acknowledges what was never sent",
    "tcp_stale_rst": "it is a reset with a number that is too old",
    "icmp_not_a_start": "it answers a question that nobody asked",
    "icmp_error_quote": "what it quotes is no packet that can be read",
    "icmp_error_unrelated": "it is an error about a connection that is not known",
    "icmp_error_address": "it does not go to the sender of what it quotes",
    "icmpv6_redirect_source": "redirects come from link-local addresses only",
    "sctp_chunks": "its SCTP chunks cannot stand together",
    "sctp_not_a_start": "it cannot begin an association, and it belongs to none that is known",
    "sctp_state": "its chunks do not fit what its association has come to",
    "sctp_verification_tag": "its verification tag is wrong",
    "table_full": "the table of connections is full",
    "connection_ended": "its connection was ended, by a ban, and this packet cannot begin another",
    "helper_command": "its connection's helper cannot read the command in it",
    "expectation_refused": "what it leads to cannot be expected",
    "internal_error": "judging it failed: see the log",
}


def reason_text(reason: int) -> str:
    """`tcp_above_window: its sequence numbers are …`; the word stands in logs and counters, too."""
    name = REASON_NAMES[reason]
    sentence = SENTENCES.get(name, "")
    return f"{name}: {sentence}" if sentence else name
