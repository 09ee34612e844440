"""The networks of interfaces as the kernel tells them, in a namespace of its own."""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING

import pytest

from firewalld_py.service.addresses import InterfaceNetwork, read_addresses, read_networks
from tests.lab.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns")


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    # Named as the lab names its hosts: what a crashed run leaves behind is removed with theirs.
    made = Namespace(f"fwlab-{os.getpid()}-998-gateway")
    made.ip_batch(["link add lan0 index 7 type veth peer name wan0 index 8"])
    yield made
    made.remove()


def networks(namespace: Namespace, *addresses: str) -> list[InterfaceNetwork]:
    """With these addresses."""
    namespace.ip_batch([f"address add {address}" for address in addresses])
    with namespace.entered():
        return read_networks()


def test_where_there_is_no_broadcast_address_there_is_no_network(namespace: Namespace) -> None:
    assert networks(namespace, "10.1.0.1/24 dev lan0", "fd00:1::1/64 dev lan0") == []


def test_networks_are_told_by_interface_in_the_order_of_addresses(namespace: Namespace) -> None:
    assert networks(
        namespace,
        "203.0.113.1/28 broadcast + dev wan0",
        "10.2.0.1/16 broadcast + dev lan0",
        "10.1.0.1/24 broadcast + dev lan0",
    ) == [
        InterfaceNetwork(7, 16, 0x0A02FFFF),
        InterfaceNetwork(7, 24, 0x0A0100FF),
        InterfaceNetwork(8, 28, 0xCB00710F),
    ]


def test_the_broadcast_address_is_what_was_configured(namespace: Namespace) -> None:
    found = networks(namespace, "10.1.0.1/24 broadcast 10.1.0.77 dev lan0")
    assert found == [InterfaceNetwork(7, 24, 0x0A01004D)]


def test_of_a_network_only_the_primary_address_counts(namespace: Namespace) -> None:
    found = networks(
        namespace,
        "10.1.0.1/24 broadcast 10.1.0.77 dev lan0",
        "10.1.0.2/24 broadcast 10.1.0.78 dev lan0",
    )
    assert found == [InterfaceNetwork(7, 24, 0x0A01004D)]


def test_hundreds_of_addresses_come_in_several_answers(namespace: Namespace) -> None:
    found = networks(
        namespace, *(f"10.{net // 256}.{net % 256}.1/24 broadcast + dev lan0" for net in range(900))
    )
    assert len(set(found)) == 900


def test_the_addresses_of_this_machine_are_those_at_its_end_of_each_link(
    namespace: Namespace,
) -> None:
    addresses = ("10.1.0.1/24", "10.9.0.1 peer 10.9.0.2", "fd00:1::1/64")
    namespace.ip_batch([f"address add {address} dev lan0" for address in addresses])
    with namespace.entered():
        own = {str(ipaddress.ip_address(address)) for address in read_addresses()}
    assert {"10.1.0.1", "10.9.0.1", "fd00:1::1"} <= own
    assert "10.9.0.2" not in own
