"""Elements of sets: what texts mean, and how octets are written."""

from __future__ import annotations

import pytest

from firewalld_py.policy.errors import Fault
from firewalld_py.policy.set_elements import MAX_PRODUCT, element_text, prefixes, read_elements
from firewalld_py.rules.set_elements import kinds_of, mask_of

PAIR = ("address", "port")


@pytest.mark.parametrize(
    ("words", "text", "again"),
    [
        (("address",), "192.0.2.1", ["192.0.2.1"]),
        (("network",), "192.0.2.0/24", ["192.0.2.0/24"]),
        (("address",), "192.0.2.1/32", ["192.0.2.1"]),
        (("address",), "0.0.0.0/0", ["0.0.0.0/0"]),
        (("address",), "fd00:0::1", ["fd00::1"]),
        (("address",), "FD00::/64", ["fd00::/64"]),
        (("address",), "10.1.0.5-10.1.0.9", ["10.1.0.5", "10.1.0.6/31", "10.1.0.8/31"]),
        (("address",), "fd00::1 - fd00::3", ["fd00::1", "fd00::2/127"]),
        (("port",), "53", ["53"]),
        (("port",), "ssh", ["22"]),
        (("port",), "1024-65535", ["1024-2047", "2048-4095", "4096-8191", "8192-16383",
                                   "16384-32767", "32768-65535"]),
        (("port",), "22:23", ["22-23"]),
        (("port",), "tcp:53", ["tcp:53"]),
        (("port",), "udp:domain", ["udp:53"]),
        (("port",), "sctp:80-81", ["sctp:80-81"]),
        (("port",), "icmp:echo-request", ["icmp:echo-request"]),
        (("port",), "icmp:3/4", ["icmp:destination-unreachable/4"]),
        (("port",), "icmpv6:200", ["icmpv6:200"]),
        (("port",), "gre:0", ["gre:0"]),
        (("interface",), "eth0", ["eth0"]),
        (("interface",), "ppp*", ["ppp*"]),
        (("mac",), "00:16:3E:5a:00:01", ["00:16:3e:5a:00:01"]),
        (PAIR, "192.0.2.1,tcp:53", ["192.0.2.1,tcp:53"]),
        (PAIR, "192.0.2.1, 53", ["192.0.2.1,53"]),
        (PAIR, "fd00::/64,ssh", ["fd00::/64,22"]),
        (PAIR, "192.0.2.1-192.0.2.2,80-82",
         ["192.0.2.1,80-81", "192.0.2.1,82", "192.0.2.2,80-81", "192.0.2.2,82"]),
        (("address", "address", "interface"), "10.0.0.0/8,192.0.2.1,lan0",
         ["10.0.0.0/8,192.0.2.1,lan0"]),
        (("mac", "address"), "00:16:3e:5a:00:01,10.0.0.1", ["00:16:3e:5a:00:01,10.0.0.1"]),
    ],
)  # fmt: skip
def test_what_is_read_is_written_again(words: tuple[str, ...], text: str, again: list[str]) -> None:
    elements = read_elements(words, text)
    assert [element_text(words, *element) for element in elements] == again
    for packed, lengths in elements:
        mask = mask_of(kinds_of(list(words)), len(packed), lengths)
        assert int.from_bytes(packed, "big") & ~mask == 0
    for other in again:
        assert set(read_elements(words, other)) <= set(elements)


@pytest.mark.parametrize(
    ("words", "text", "message", "meant"),
    [
        (("address",), "192.0.2.300", "expected an address", ""),
        (("address",), "192.0.2.1/24", "'192.0.2.1/24' is no network", "192.0.2.0/24"),
        (("address",), "192.0.2.0/33", "expected a prefix length", ""),
        (("address",), "010.0.0.1", "expected an address", "10.0.0.1"),
        (("address",), "fe80::1%eth0", "'fe80::1%eth0' has a zone", "fe80::1"),
        (("address",), "example.org", "expected an address", ""),
        (("port",), "53/tcp", "expected a port", "tcp:53"),
        (("port",), "udp/53", "expected a port", "udp:53"),
        (("port",), "tpc:53", "expected a port", "tcp:53"),
        (("port",), "tcp:70000", "ports go from 0", ""),
        (("port",), "esp:5", "esp has no ports", "esp:0"),
        (("port",), "icmp:ecko-request", "expected an ICMP type", "echo-request"),
        (("port",), "192.0.2.1", "expected a port", ""),
        (("interface",), "ppp+", "expected an interface", "ppp*"),
        (("mac",), "0016.3e5a.0001", "expected an Ethernet", "00:16:3e:5a:00:01"),
        (PAIR, "192.0.2.1", "expected 2 parts as in 192.0.2.1,tcp:53", ""),
        (PAIR, "192.0.2.1,tcp,53", "expected 2 parts", ""),
        (("address", "address"), "10.0.0.1,fd00::1", "'10.0.0.1,fd00::1' mixes", ""),
    ],
)  # fmt: skip
def test_what_is_no_element_is_told(
    words: tuple[str, ...], text: str, message: str, meant: str
) -> None:
    with pytest.raises(Fault) as told:
        read_elements(words, text)
    assert told.value.message.startswith(message)
    assert told.value.suggestion == meant


def test_one_text_is_a_bounded_number_of_elements() -> None:
    network = "10.0.0.1-10.255.255.254"  # 46 of them
    assert len(read_elements(PAIR, f"{network},1-30")) == 46 * 8 < MAX_PRODUCT
    with pytest.raises(Fault, match="would be 1380 elements"):
        read_elements(PAIR, f"{network},1-65534")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 255, [(0, 0)]),
        (5, 5, [(5, 8)]),
        (4, 6, [(4, 7), (6, 8)]),
        (1, 4, [(1, 8), (2, 7), (4, 8)]),
    ],
)
def test_a_range_is_a_few_networks(low: int, high: int, expected: list[tuple[int, int]]) -> None:
    found = prefixes(low, high, 8)
    assert found == expected
    covered = [n for first, length in found for n in range(first, first + (1 << (8 - length)))]
    assert covered == list(range(low, high + 1))
