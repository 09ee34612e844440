"""What texts mean in a field, and what is said about those that mean nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from firewalld_py.policy import packet_values, values
from firewalld_py.policy.addresses import AddressRange, address_range, merged
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.lists import ports_merged
from firewalld_py.policy.names import ICMP, ICMPV6

icmp = packet_values.icmp_type(ICMP)
icmpv6 = packet_values.icmp_type(ICMPV6)
seconds = values.duration(1, 10**6)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("10.1.0.5", "0a010005", "0a010005"),
        ("10.1.0.0/24", "0a010000", "0a0100ff"),
        ("0.0.0.0/0", "00000000", "ffffffff"),
        ("10.1.0.5/32", "0a010005", "0a010005"),
        ("10.1.0.5-10.1.0.9", "0a010005", "0a010009"),
        ("10.1.0.5 - 10.1.0.9", "0a010005", "0a010009"),
        ("10.1.0.5-10.1.0.5", "0a010005", "0a010005"),
        ("::1", "0" * 31 + "1", "0" * 31 + "1"),
        ("fd00:1::/64", "fd000001" + "0" * 24, "fd000001" + "0" * 8 + "f" * 16),
        ("::/0", "0" * 32, "f" * 32),
        ("fd00::1-fd00::f", "fd00" + "0" * 27 + "1", "fd00" + "0" * 27 + "f"),
        ("::ffff:10.0.0.1", "0" * 20 + "ffff0a000001", "0" * 20 + "ffff0a000001"),
    ],
)
def test_an_address_text_is_a_range(text: str, low: str, high: str) -> None:
    family = 4 if len(low) == 8 else 6
    assert address_range(text) == AddressRange(family, int(low, 16), int(high, 16))


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ("10.1.0.5/24", "is no network: bits are set beyond its prefix", "10.1.0.0/24"),
        ("fd00::5/64", "(for the one host write fd00::5)", "fd00::/64"),
        ("10.1.0.0/255.255.255.0", "expected a prefix length after the '/'", "10.1.0.0/24"),
        ("10.1.0.0/0.0.0.255", "expected a prefix length after the '/'", "10.1.0.0/24"),
        ("10.1.0.0/", "expected a prefix length after the '/'", ""),
        ("10.1.0.0/x", "expected a prefix length after the '/'", ""),
        ("10.1.0.0/33", "expected a prefix length from 0 to 32", ""),
        ("10.1.0.0/024", "expected a prefix length from 0 to 32", ""),
        ("fd00::/129", "expected a prefix length from 0 to 128", ""),
        ("10.1.0.0/24/8", "expected a prefix length after the '/'", ""),
        ("10.1.0.300", "expected an address", ""),
        ("10.1.0", "expected an address", ""),
        ("", "expected an address", ""),
        ("010.1.0.3", "expected an address", "10.1.0.3"),
        ("\u0660.1.0.3", "expected an address", ""),
        ("010.1.0.3-10.1.0.9", "expected an address", "10.1.0.3-10.1.0.9"),
        ("example.org", "(names are never resolved)", ""),
        ("00:11:22:33:44:55", "found the hardware address", ""),
        ("fe80::1%eth0", "has a zone; match the interface with in: or out:", "fe80::1"),
        ("10.0.0.9-10.0.0.1", "is upside down", "10.0.0.1-10.0.0.9"),
        ("10.0.0.1-9", "a range needs two whole addresses", "10.0.0.1-10.0.0.9"),
        ("10.0.0.1-fd00::1", "mixes IPv4 and IPv6", ""),
        ("10.0.0.1-", "expected an address", ""),
        ("10.0.0.1,10.0.0.2", "expected an address", "[10.0.0.1, 10.0.0.2]"),
        ("!10.0.0.1", "to negate, put the key under not:", ""),
    ],
)
def test_what_is_no_address(text: str, message: str, suggestion: str) -> None:
    with pytest.raises(Fault) as caught:
        address_range(text)
    assert message in caught.value.message
    assert caught.value.suggestion == suggestion


def test_adjacent_and_overlapping_ranges_become_one() -> None:
    texts = ["10.0.1.0/24", "10.0.0.0/24", "10.0.1.5", "::5", "::6-::9", "10.0.3.0/24"]
    assert merged(address_range(text) for text in texts) == (
        address_range("10.0.0.0/23"),
        address_range("10.0.3.0/24"),
        address_range("::5-::9"),
    )


def test_the_last_ipv4_and_the_first_ipv6_address_do_not_touch() -> None:
    ranges = (address_range("255.255.255.255"), address_range("::"))
    assert merged(ranges) == ranges


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("0", (0, 0)),
        ("65535", (65535, 65535)),
        ("22:80", (22, 80)),
        ("22-80", (22, 80)),
        ("22 - 80", (22, 80)),
        ("80-80", (80, 80)),
    ],
)
def test_a_port_text_is_a_range(text: str, ports: tuple[int, int]) -> None:
    assert packet_values.port_range(text) == ports


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ("65536", "ports go from 0 to 65535", ""),
        ("1-65536", "ports go from 0 to 65535", ""),
        ("999999999999999999999", "expected a port", ""),
        ("80-22", "is upside down", "22-80"),
        ("80:22", "is upside down", "22:80"),
        ("022", "expected a port", "22"),
        ("22-", "expected a port", ""),
        (":80", "expected a port", ""),
        ("-22", "expected a port", ""),
        ("2\u0662", "expected a port", ""),
        ("1_0", "", ""),
        ("22,80", "expected a port", "[22, 80]"),
        ("!22", "to negate, put the key under not:", ""),
        ("", "expected a port", ""),
    ],
)
def test_what_is_no_port(text: str, message: str, suggestion: str) -> None:
    with pytest.raises(Fault) as caught:
        packet_values.port_range(text)
    assert message in caught.value.message
    assert caught.value.suggestion == suggestion


def test_service_names_are_those_of_the_system() -> None:
    if Path("/etc/services").exists():
        port = socket.getservbyname("http")
        assert packet_values.port_range("http") == (port, port)
        assert packet_values.port_range("http:8080") == (port, 8080)
        with pytest.raises(Fault) as caught:
            packet_values.port_range("htpp")
        assert caught.value.suggestion == "http"
    else:
        with pytest.raises(Fault, match="this system has no /etc/services"):
            packet_values.port_range("http")


def test_ports_side_by_side_become_one_range() -> None:
    assert ports_merged([(80, 80), (22, 79), (443, 443), (30, 40)]) == ((22, 80), (443, 443))


@pytest.mark.parametrize(
    ("text", "number"), [("tcp", 6), ("icmpv6", 58), ("ospf", 89), ("0", 0), ("255", 255)]
)
def test_protocols(text: str, number: int) -> None:
    assert packet_values.protocol(text) == number


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [("tcpp", "tcp"), ("TCP", "tcp"), ("256", ""), ("06", ""), ("tcp,udp", "[tcp, udp]")],
)
def test_what_is_no_protocol(text: str, suggestion: str) -> None:
    with pytest.raises(Fault, match="expected a protocol by name") as caught:
        packet_values.protocol(text)
    assert caught.value.suggestion == suggestion


@pytest.mark.parametrize("text", ["eth0", "ppp*", "br-lan", "a.b@c", "0", "fifteen-letters"])
def test_interfaces(text: str) -> None:
    assert packet_values.interface(text) == text


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("ppp+", "ppp*"),
        ("+", None),
        ("*", ""),
        ("e*h0", ""),
        ("eth0:1", ""),
        ("eth0/1", ""),
        ("sixteen-letters-", ""),
        ("", ""),
        (".", ""),
        ("..", ""),
        ("eth 0", ""),
        ("!eth0", ""),
        ("eth0'", ""),
        ("eth0,eth1", "[eth0, eth1]"),
    ],
)
def test_what_is_no_interface(text: str, suggestion: str | None) -> None:
    if suggestion is None:  # a name that the kernel allows
        assert packet_values.interface(text) == text
        return
    with pytest.raises(Fault) as caught:
        packet_values.interface(text)
    assert caught.value.suggestion == suggestion


@pytest.mark.parametrize(
    ("convert", "text", "value"),
    [
        (icmp, "echo-request", (1, 8, 0, 255)),
        (icmp, "8", (1, 8, 0, 255)),
        (icmp, "3/4", (1, 3, 4, 4)),
        (icmp, "destination-unreachable/port", (1, 3, 3, 3)),
        (icmp, "destination-unreachable/13", (1, 3, 13, 13)),
        (icmp, "port-unreachable", (1, 3, 3, 3)),
        (icmp, "ttl-exceeded", (1, 11, 0, 255)),
        (icmpv6, "echo-request", (58, 128, 0, 255)),
        (icmpv6, "packet-too-big", (58, 2, 0, 255)),
        (icmpv6, "destination-unreachable/port", (58, 1, 4, 4)),
        (icmpv6, "neighbor-solicitation", (58, 135, 0, 255)),
    ],
)
def test_icmp_types(
    convert: Callable[[str], object], text: str, value: tuple[int, int, int, int]
) -> None:
    assert convert(text) == value


@pytest.mark.parametrize(
    ("convert", "text", "message", "suggestion"),
    [
        (icmp, "echo-reqest", "expected an ICMP type", "echo-request"),
        (icmpv6, "echo-reqest", "expected an ICMPv6 type", "echo-request"),
        (icmp, "packet-too-big", "which is one of icmpv6", ""),
        (icmpv6, "source-quench", "which is one of icmp", ""),
        (icmp, "256", "expected an ICMP type", ""),
        (icmp, "08", "expected an ICMP type", ""),
        (icmp, "3/256", "expected a code from 0 to 255 or one of net, host", ""),
        (icmp, "8/x", "expected a code from 0 to 255 after the '/'", ""),
        (icmp, "3/prt", "expected a code from 0 to 255", "3/port"),
        (icmp, "3/", "expected a code from 0 to 255", ""),
        (icmp, "", "expected an ICMP type", ""),
    ],
)
def test_what_is_no_icmp_type(
    convert: Callable[[str], object], text: str, message: str, suggestion: str
) -> None:
    with pytest.raises(Fault) as caught:
        convert(text)
    assert message in caught.value.message
    assert caught.value.suggestion == suggestion


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SYN,RST,ACK,FIN SYN", (0x17, 0x02)),
        ("all none", (0x3F, 0)),
        ("ALL FIN,PSH,URG", (0x3F, 0x29)),
        ("ece,cwr ece", (0xC0, 0x40)),
    ],
)
def test_tcp_flags_in_the_words_of_iptables(text: str, value: tuple[int, int]) -> None:
    assert packet_values.tcp_flags(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SYN", "or iptables' words"),
        ("SYN ACK FIN", "or iptables' words"),
        ("SYN SYN,ACK", "never matches: ack must be set but is not in the mask"),
        ("SYN,AKC SYN", "expected a TCP flag"),
        ("SYN, SYN", "expected a TCP flag"),
    ],
)
def test_what_are_no_tcp_flags(text: str, message: str) -> None:
    with pytest.raises(Fault, match=message):
        packet_values.tcp_flags(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", (5, 0xFFFFFFFF)),
        ("0x1/0xff", (1, 0xFF)),
        ("0xFFFFFFFF", (0xFFFFFFFF, 0xFFFFFFFF)),
        ("0/0", (0, 0)),
    ],
)
def test_marks(text: str, value: tuple[int, int]) -> None:
    assert packet_values.mark(text) == value


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ("0x5/0x3", "has bits outside of its mask", "0x1/0x3"),
        ("0x100000000", "a mark has 32 bits", ""),
        ("0x", "expected a mark", ""),
        ("ff", "expected a mark", ""),
        ("1/", "expected a mark", ""),
        ("-1", "expected a mark", ""),
        ("01", "expected a mark", ""),
    ],
)
def test_what_is_no_mark(text: str, message: str, suggestion: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        packet_values.mark(text)
    assert caught.value.suggestion == suggestion


@pytest.mark.parametrize(
    ("text", "per_second"),
    [
        ("10/second", 10.0),
        ("10/s", 10.0),
        ("30/minute", 0.5),
        ("36/hour", 0.01),
        ("1 / min", 1 / 60),
    ],
)
def test_rates(text: str, per_second: float) -> None:
    assert values.rate(text) == pytest.approx(per_second)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("10", "10/second"),
        ("10/secnd", "10/second"),
        ("10/fortnight", ""),
        ("0/second", ""),
        ("-1/second", ""),
        ("1.5/second", ""),
        ("/second", ""),
        ("", ""),
    ],
)
def test_what_is_no_rate(text: str, suggestion: str) -> None:
    with pytest.raises(Fault, match="expected a rate as NUMBER/UNIT") as caught:
        values.rate(text)
    assert caught.value.suggestion == suggestion


@pytest.mark.parametrize(
    ("text", "value"), [("30", 30), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("5d", 432000)]
)
def test_durations(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "m", "5 m", "1m1h", "5w", "0", "0s", "-1", "1.5", "99d", "05"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(Fault, match="expected a time"):
        seconds(text)


@pytest.mark.parametrize("text", ["true", "True", "on", "yes", "ON"])
def test_yes(text: str) -> None:
    assert values.truth(text) is True


@pytest.mark.parametrize("text", ["false", "off", "no", "FALSE"])
def test_no(text: str) -> None:
    assert values.truth(text) is False


@pytest.mark.parametrize(("text", "suggestion"), [("ture", "true"), ("flase", "false"), ("1", "")])
def test_neither_yes_nor_no(text: str, suggestion: str) -> None:
    with pytest.raises(Fault, match="expected true or false") as caught:
        values.truth(text)
    assert caught.value.suggestion == suggestion


@pytest.mark.parametrize(("text", "number"), [("emerg", 0), ("warn", 4), ("warning", 4), ("7", 7)])
def test_levels(text: str, number: int) -> None:
    assert values.level(text) == number


def test_what_is_no_level() -> None:
    with pytest.raises(Fault, match="expected a syslog level") as caught:
        values.level("notic")
    assert caught.value.suggestion == "notice"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty one"),
        ("  ", "found an empty one"),
        ("a\nb", "expected one line of printable characters"),
        ("abcdef", "expected at most 5 characters, found 6"),
    ],
)
def test_what_is_no_plain_text(text: str, message: str) -> None:
    with pytest.raises(Fault, match=message):
        values.plain_text(5)(text)
