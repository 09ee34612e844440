"""The numbers of the wire are those of the C library and of scapy."""

from __future__ import annotations

import socket

import pytest
from scapy.layers.inet import TCP, icmptypes
from scapy.layers.inet6 import icmp6types

from firewalld_py.packet import protocols


@pytest.mark.parametrize(
    "name",
    ["HOPOPTS", "ICMP", "TCP", "UDP", "ROUTING", "FRAGMENT", "GRE", "AH", "ICMPV6", "NONE",
     "DSTOPTS", "SCTP", "UDPLITE"],
)  # fmt: skip
def test_ip_protocol_numbers_are_the_c_librarys(name: str) -> None:
    assert getattr(protocols, f"IPPROTO_{name}") == getattr(socket, f"IPPROTO_{name}")


@pytest.mark.parametrize("name", ["FIN", "SYN", "RST", "PSH", "ACK", "URG"])
def test_tcp_flags_are_those_of_the_letters(name: str) -> None:
    assert getattr(protocols, f"TCP_{name}") == int(TCP(flags=name[0]).flags)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (protocols.ICMP_ECHOREPLY, "echo-reply"),
        (protocols.ICMP_DEST_UNREACH, "dest-unreach"),
        (protocols.ICMP_SOURCE_QUENCH, "source-quench"),
        (protocols.ICMP_REDIRECT, "redirect"),
        (protocols.ICMP_ECHO, "echo-request"),
        (protocols.ICMP_TIME_EXCEEDED, "time-exceeded"),
        (protocols.ICMP_PARAMETERPROB, "parameter-problem"),
        (protocols.ICMP_TIMESTAMP, "timestamp-request"),
        (protocols.ICMP_TIMESTAMPREPLY, "timestamp-reply"),
        (protocols.ICMP_INFO_REQUEST, "information-request"),
        (protocols.ICMP_INFO_REPLY, "information-response"),
        (protocols.ICMP_ADDRESS, "address-mask-request"),
        (protocols.ICMP_ADDRESSREPLY, "address-mask-reply"),
    ],
)
def test_icmp_types_have_their_names(number: int, name: str) -> None:
    assert icmptypes[number] == name


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (protocols.ICMPV6_ECHO_REQUEST, "Echo Request"),
        (protocols.ICMPV6_ECHO_REPLY, "Echo Reply"),
        (protocols.NDISC_REDIRECT, "Redirect Message"),
        (protocols.ICMPV6_NI_QUERY, "ICMP Node Information Query"),
        (protocols.ICMPV6_NI_REPLY, "ICMP Node Information Response"),
    ],
)
def test_icmpv6_types_have_their_names(number: int, name: str) -> None:
    assert icmp6types[number] == name
