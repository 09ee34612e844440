"""Networks that do not change. (Against a plain list of them: tests/properties/test_sets.py.)"""

from __future__ import annotations

import ipaddress

import pytest

from firewalld_py.rules.set_networks import MANY, REMEMBERED, Networks


def networks(*texts: str, counting: bool = False) -> Networks:
    parsed = [ipaddress.ip_network(text) for text in texts]
    made = Networks(4 if parsed[0].version == 4 else 16, counting)
    for network in parsed:
        made.put(network.network_address.packed, network.prefixlen)
    made.seal()
    return made


def found(of: Networks, address: str) -> str:
    number = of.find(ipaddress.ip_address(address).packed)
    if number < 0:
        return "none"
    return str(ipaddress.ip_network((of.first(number), of.lengths[number])))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.0", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.1.2.4", "10.1.0.0/16"),
        ("10.1.255.255", "10.1.0.0/16"),
        ("10.2.0.0", "10.0.0.0/8"),
        ("10.255.255.255", "10.0.0.0/8"),
        ("11.0.0.0", "none"),
        ("9.255.255.255", "none"),
        ("192.0.2.128", "192.0.2.128/25"),
        ("192.0.2.127", "none"),
        ("255.255.255.255", "255.255.255.255/32"),
    ],
)
def test_the_narrowest_network_is_found(address: str, network: str) -> None:
    of = networks(
        *("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "10.1.2.8/29"),
        *("192.0.2.128/25", "255.255.255.255/32"),
    )
    assert found(of, address) == network


def test_networks_of_ipv6_whose_first_octets_are_the_same() -> None:
    of = networks("fd00::/64", "fd00::1/128", "fd00::100/120", "fd00:0:0:1::/64")
    assert found(of, "fd00::1") == "fd00::1/128"
    assert found(of, "fd00::2") == "fd00::/64"
    assert found(of, "fd00::1ff") == "fd00::100/120"
    assert found(of, "fd00::200") == "fd00::/64"
    assert found(of, "fd00:0:0:2::") == "none"


def test_everything_is_a_network_too() -> None:
    assert found(networks("0.0.0.0/0"), "203.0.113.9") == "0.0.0.0/0"
    assert found(networks("::/0", "fe80::/10"), "ff02::1") == "::/0"


def test_a_network_is_there_only_as_it_was_put() -> None:
    of = networks("10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24")
    for length, number in ((8, 0), (16, 1), (24, 2), (9, -1), (32, -1)):
        assert of.get(bytes((10, 0, 0, 0)), length) == number
    assert of.get(bytes((10, 0, 1, 0)), 24) == -1


@pytest.mark.parametrize(
    "texts",
    [
        ("10.1.0.0/16", "10.0.0.0/16"),
        ("10.0.0.0/16", "10.0.0.0/8"),
        ("10.0.0.0/8", "10.0.0.0/8"),
    ],
)
def test_networks_out_of_order_are_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="order"):
        networks(*texts)


@pytest.mark.parametrize(
    ("first", "length"),
    [(bytes((10, 0, 0, 1)), 8), (bytes(16), 8), (bytes(4), 33), (bytes((10, 0, 0, 128)), 24)],
)
def test_what_is_no_network_is_refused(first: bytes, length: int) -> None:
    with pytest.raises(ValueError, match="no network"):
        Networks(4, False).put(first, length)


def test_counters_are_there_if_wanted() -> None:
    assert networks("10.0.0.0/8", "11.0.0.0/8", counting=True).packets == [0, 0]
    assert networks("10.0.0.0/8").packets == []


def test_many_networks_of_ipv4_are_found_by_their_first_16_bits() -> None:
    of = networks("10.0.0.0/8", *(f"10.{n}.{n}.0/24" for n in range(0, 256, 2)),
                  *(f"172.16.{n}.0/24" for n in range(200)), "255.255.0.0/16")  # fmt: skip
    assert of.count > MANY
    assert len(of.index) == 4 * (2**16 + 1)
    for address, network in (
        ("0.0.0.0", "none"),
        ("9.255.255.255", "none"),
        ("10.4.4.9", "10.4.4.0/24"),
        ("10.4.5.9", "10.0.0.0/8"),
        ("10.5.5.9", "10.0.0.0/8"),
        ("10.255.255.255", "10.0.0.0/8"),
        ("11.0.0.0", "none"),
        ("172.16.0.0", "172.16.0.0/24"),
        ("172.16.199.255", "172.16.199.0/24"),
        ("172.16.200.0", "none"),
        ("172.17.0.0", "none"),
        ("255.254.0.0", "none"),
        ("255.255.255.255", "255.255.0.0/16"),
    ):
        assert found(of, address) == network


@pytest.mark.parametrize("count", [MANY - 1, MANY, MANY + 1, MANY + 2])
def test_each_network_is_found_however_many_there_are(count: int) -> None:
    v4 = networks(*(f"10.{n // 64}.{n % 64 * 4}.0/30" for n in range(count)))
    v6 = networks(*(f"fd00:{n:x}::/32" for n in range(count)))
    for _turn in range(2):
        for number in range(count):
            assert v4.find(bytes((10, number // 64, number % 64 * 4, 3))) == number
            assert v4.find(bytes((10, number // 64, number % 64 * 4 + 1, 0))) == -1
            assert v6.find(bytes((0xFD, 0, number >> 8, number & 0xFF)) + bytes(12)) == number
        assert v6.find(bytes((0xFD, 1)) + bytes(14)) == -1


def test_what_is_remembered_is_bounded() -> None:
    of = networks(*(f"fd00:{n:x}::/32" for n in range(MANY)))
    for number in range(REMEMBERED + 5):
        of.find(bytes((0xFD,)) + number.to_bytes(15, "big"))
    assert len(of.known) == 5
