"""Programs whose helpers matter: the kernel with its helpers and we with ours judge them alike.

After each packet state, direction and all that is expected must be the same; and a capture must
really hold what it is about.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from tests import wire
from tests.differential.captures import ADDRESSES, SCENES, Scene
from tests.differential.expecting import HelperKernel, disagreement
from tests.differential.tap import Tap, without_offloads
from tests.differential.test_captures import LINKS
from tests.lab.world import SERVER4, SERVER6, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROTOCOLS: Final = {"tcp": wire.TCP, "udp": wire.UDP}
HEADERS: Final = {wire.TCP: 20, wire.UDP: 8}
MLD_QUERY: Final = 130  # and behind it the other messages of multicast and neighbour discovery


class Flow(NamedTuple):
    """What all packets of a connection have in common; `source` opened it."""

    source: str
    sport: int
    destination: str
    dport: int
    protocol: int


def _runs() -> Iterator[object]:
    for scene in SCENES:
        marks = pytest.mark.needs(*scene.needs)
        for family in scene.families:
            yield pytest.param(scene, family, id=f"{scene.name} (IPv{family})", marks=marks)


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as built:
        for host, interface in LINKS:
            without_offloads(getattr(built, host), interface)
        yield built


def captured(world: World, scene: Scene, family: int, directory: Path) -> list[bytes]:
    """The packets of a scene as they passed between client and gateway.

    Without what neighbours tell each other, which no gateway forwards.
    """
    with Tap(world.gateway, "lan0") as tap:
        scene.act(world, family, directory)
        packets = tap.until_fence(world.client, SERVER6 if family == 6 else SERVER4)
    return [data for data in packets if not _of_the_link(data)]


def _of_the_link(data: bytes) -> bool:
    packet = parse(data, PacketMeta())
    return packet.protocol == wire.ICMPV6 and packet.icmp_type >= MLD_QUERY


@pytest.mark.needs("root", "netns", "conntrack")
@pytest.mark.parametrize(("scene", "family"), [*_runs()])
def test_the_kernel_and_we_judge_a_scene_alike(
    kernel: HelperKernel, world: World, scene: Scene, family: int, tmp_path: Path
) -> None:
    packets = captured(world, scene, family, tmp_path)
    assert not (text := disagreement(kernel, packets)), text
    opened = _opened(kernel, packets)
    for expected in scene.expected:
        flows = [flow for flow in opened if flow.protocol == PROTOCOLS[expected.protocol]]
        assert {flow.source for flow in flows} == {ADDRESSES[expected.opener][family == 6]}
        assert len(flows) == expected.number
        assert sum(_carried(packets, flow) for flow in flows) >= expected.octets
    assert len(opened) == sum(expected.number for expected in scene.expected)


def _opened(kernel: HelperKernel, packets: Sequence[bytes]) -> set[Flow]:
    """The connections whose first packet the kernel says to be RELATED."""
    kernel.flush()
    steps = [kernel.step(data) for data in packets]
    related = {
        _flow(data)
        for data, step in zip(packets, steps, strict=True)
        if step.answer is not None and step.answer.state == "RELATED"
    }
    # ICMP errors are RELATED, too.
    return {flow for flow in related if flow.protocol in PROTOCOLS.values()}


def _flow(data: bytes) -> Flow:
    packet = parse(data, PacketMeta())
    source, destination = (str(ipaddress.ip_address(end)) for end in (packet.src, packet.dst))
    return Flow(source, packet.sport, destination, packet.dport, packet.protocol)


def _carried(packets: Sequence[bytes], flow: Flow) -> int:
    """The octets of payload that went either way."""
    back = Flow(flow.destination, flow.dport, flow.source, flow.sport, flow.protocol)
    carried = 0
    for data in packets:
        packet = parse(data, PacketMeta())
        if packet.protocol == flow.protocol and _flow(data) in (flow, back):
            header = packet.header_length if packet.protocol == wire.TCP else HEADERS[wire.UDP]
            carried += packet.length - packet.transport - header
    return carried
