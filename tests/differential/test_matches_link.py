"""Conditions on links: iptables' and ours say the same of the same frames."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from firewalld_py.rules.machine import Machine
from firewalld_py.service.addresses import read_networks
from tests import wire
from tests.differential.link_world import (
    BROADCAST_MAC,
    INTERFACES,
    LinkJudges,
    LinkWorld,
    Sent,
)
from tests.differential.matching import Matched, Pair, both, negated

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

FRAMES: Final = 300
MACS: Final = tuple(bytes.fromhex(f"0200000000{number:02x}") for number in range(1, 5))
ADDRESSES: Final = (
    *("address add 10.1.0.1/24 brd + dev lan0", "address add 10.2.0.1/28 brd + dev lan0"),
    *("address add 198.51.100.1/25 brd 198.51.100.77 dev wan0", "address add fd00::1/64 dev lan0"),
)
HOSTS: Final = ("10.1.0.5", "10.2.0.5", "198.51.100.9", "203.0.113.255", "240.0.0.1", "fd00::5")
# Where hosts address a frame to all or to a group; how they do it follows from the address.
BROADCASTS: Final = {
    "lan0": ("10.1.0.255", "10.2.0.15", "255.255.255.255"),
    "wan0": ("198.51.100.77", "255.255.255.255"),
    "dmz0": ("255.255.255.255",),
}
GROUPS: Final = ("224.0.0.1", "239.255.255.250", "ff02::1", "ff3e::5")


@pytest.fixture(scope="module")
def world() -> Iterator[LinkWorld]:
    with LinkWorld(ADDRESSES) as built:
        yield built


def _pairs() -> list[Pair]:
    pairs = [
        *(
            both(f"-m mac --mac-source {mac.hex(':')}", f"source_mac: {mac.hex(':')}")
            for mac in MACS
        ),
        *(
            both(f"-m pkttype --pkt-type {kind}", f"packet_type: {kind}")
            for kind in ("unicast", "broadcast", "multicast")
        ),
    ]
    return [*pairs, *map(negated, pairs)]


def _frame(rng: Random) -> Sent:
    """A packet in a frame, addressed as its destination asks for."""
    interface = rng.choice(INTERFACES)
    sender = rng.choice((*MACS, b"", MACS[0][:5] + b"\xff"))
    kind = rng.random()
    if kind < 0.4:
        dst, to = rng.choice(HOSTS), b""
    elif kind < 0.7:
        dst, to = rng.choice(BROADCASTS[interface]), BROADCAST_MAC
    else:
        dst = rng.choice(GROUPS)
        octets = ip_address(dst).packed
        to = b"\x33\x33" + octets[12:]
        if len(octets) == 4:
            to = b"\x01\x00\x5e" + bytes((octets[1] & 0x7F,)) + octets[2:]
    target = ip_address(dst).packed
    src = wire.CLIENT4 if len(target) == 4 else wire.CLIENT6
    return Sent(interface, wire.ip(src, target, wire.UDP, wire.udp(b"hi")), to, sender)


def test_conditions_on_links_are_met_as_iptables_has_it(world: LinkWorld) -> None:
    machine = Machine()
    with world.gateway.entered():
        for index, _length, broadcast in read_networks():
            before = machine.broadcasts.get(index, frozenset())
            machine.broadcasts[index] = before | {broadcast.to_bytes(4, "big")}
    matched = Matched()
    rng = Random(6)
    with LinkJudges(world, _pairs(), machine) as judges:
        for _ in range(FRAMES):
            judges.compare(_frame(rng), matched)
        never = [pair.ours for n, pair in enumerate(judges.pairs) if n not in matched.met]
    assert not matched.wrong, "\n".join(matched.wrong[:10])
    assert not never, "pairs that no frame met"
