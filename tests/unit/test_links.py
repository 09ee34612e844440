"""Interfaces and addresses that come and go, in a namespace of their own."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

import pytest

from firewalld_py.service.addresses import InterfaceNetwork
from firewalld_py.service.links import LinkWatch
from tests.lab.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns")

EVENT_TIMEOUT_S = 5.0


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    # Named as the lab names its hosts: what a crashed run leaves behind is removed with theirs.
    made = Namespace(f"fwlab-{os.getpid()}-999-gateway")
    yield made
    made.remove()


@pytest.fixture
def watch(namespace: Namespace) -> Iterator[LinkWatch]:
    with namespace.entered():
        made = LinkWatch()
        yield made
        made.close()


def readable(watch: LinkWatch, timeout_s: float = EVENT_TIMEOUT_S) -> bool:
    return bool(select.select([watch], [], [], timeout_s)[0])


def test_interfaces_are_known_from_the_start(watch: LinkWatch) -> None:
    assert watch.links.names == {1: "lo"}
    assert (watch.name(1), watch.name(0), watch.name(77)) == ("lo", "", "#77")
    assert not readable(watch, 0.0)


def test_an_interface_that_comes_is_renamed_and_goes(
    namespace: Namespace, watch: LinkWatch
) -> None:
    namespace.ip_batch(["link add lan0 index 7 type veth peer name peer0 index 8"])
    assert readable(watch)
    assert watch.refresh()
    assert (watch.links.names, watch.name(7)) == ({1: "lo", 7: "lan0", 8: "peer0"}, "lan0")

    namespace.ip_batch(["link set lan0 name wan0"])
    assert readable(watch)
    assert watch.refresh()
    assert watch.name(7) == "wan0"

    namespace.ip_batch(["link delete wan0"])
    assert readable(watch)
    assert watch.refresh()
    assert watch.links.names == {1: "lo"}


def test_a_change_that_changes_no_name_is_none(namespace: Namespace, watch: LinkWatch) -> None:
    namespace.ip_batch(["link set lo mtu 1400"])
    assert readable(watch)
    assert not watch.refresh()
    assert not readable(watch, 0.0)  # and all that was said of it is read


def test_more_events_than_the_socket_holds_are_no_harm(
    namespace: Namespace, watch: LinkWatch
) -> None:
    namespace.ip_batch([f"link add a{n} type veth peer name b{n}" for n in range(100)])
    namespace.ip_batch([f"link set lo mtu {1300 + number}" for number in range(600)])
    assert watch.refresh()
    assert len(watch.links.names) == 201
    watch.refresh()
    assert not readable(watch, 0.0)


def test_an_address_that_comes_and_goes_is_a_change(namespace: Namespace, watch: LinkWatch) -> None:
    namespace.ip_batch(["link add lan0 index 7 type veth peer name peer0"])
    assert watch.refresh()
    namespace.ip_batch(["address add 10.1.0.1/24 broadcast + dev lan0"])
    assert readable(watch)
    assert watch.refresh()
    assert watch.links.networks == [InterfaceNetwork(7, 24, 0x0A0100FF)]

    namespace.ip_batch(["address delete 10.1.0.1/24 dev lan0"])
    assert readable(watch)
    assert watch.refresh()
    assert watch.links.networks == []
