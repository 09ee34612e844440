"""Which broadcast address is which network's."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.networks import Network, Networks

BROADCAST: Final = bytes((10, 1, 0, 255))


@pytest.mark.parametrize(
    ("prefix_length", "netmask"),
    [(0, (0, 0, 0, 0)), (1, (128, 0, 0, 0)), (20, (255, 255, 240, 0)), (32, (255,) * 4)],
)
def test_a_netmask_has_as_many_bits_as_the_prefix(
    prefix_length: int, netmask: tuple[int, ...]
) -> None:
    assert Network(BROADCAST, prefix_length).netmask == bytes(netmask)


def test_a_broadcast_address_is_one_of_an_interface() -> None:
    networks = Networks()
    networks.replace({2: [Network(bytes(4), 8), Network(BROADCAST, 24)], 3: []})
    assert networks.netmask(2, BROADCAST) == bytes((255, 255, 255, 0))
    assert networks.netmask(2, bytes((10, 1, 0, 254))) == b""
    assert networks.netmask(3, BROADCAST) == b""
    assert networks.netmask(-1, BROADCAST) == b""


def test_of_two_networks_with_one_broadcast_address_the_first_counts() -> None:
    networks = Networks()
    networks.replace({2: [Network(BROADCAST, 24), Network(BROADCAST, 16)]})
    assert networks.netmask(2, BROADCAST) == bytes((255, 255, 255, 0))


def test_what_was_told_before_is_forgotten() -> None:
    networks = Networks()
    networks.replace({2: [Network(BROADCAST, 24)]})
    networks.replace({3: [Network(BROADCAST, 24)]})
    assert networks.netmask(2, BROADCAST) == b""
    assert networks.netmask(3, BROADCAST) == bytes((255, 255, 255, 0))
