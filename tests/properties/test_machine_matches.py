"""Conditions that ask the machine, on any octets: none raises, none is met with its inverse."""

from __future__ import annotations

import random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import ESTABLISHED, NEW
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.build_machine_matches import MACHINE_BUILDERS
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.routes import Route, RouteTable
from tests.properties.samples import corpus, mutated
from tests.properties.test_classifier import an_info

_NIGHT: Final = [0, 1 << 40, 79200, 21600, 0x15, 0xFFFFFFFE, True, 3600, [[1000, 7200]]]
VALUES: Final[dict[str, tuple[Any, ...]]] = {
    "source_mac": (["020000000001"], ["020000000001", "020000000002"]),
    "packet_type": ([1], [2, 4]),
    "time": (_NIGHT, [500, 2000, 0, 86399, 0x7F, 0x80FFFFFE, False, 0, []]),
    "src_type": (4, 2, 42),
    "dst_type": (4, 32, 1 | 8),
    "reverse_path": ([0, 0], [1, 0], [0, 1], [1, 1]),
}


def test_every_kind_is_here() -> None:
    assert set(VALUES) == set(MACHINE_BUILDERS)


def a_machine(chance: random.Random) -> Machine:
    machine = Machine()
    machine.wall_offset = chance.choice((0.0, -5.0, 1e9, 1.7e9 + chance.random() * 1e7))
    machine.broadcasts = {1: frozenset([bytes((10, 1, 0, 255))])}
    if chance.random() < 0.7:
        machine.routes = RouteTable()
        for _ in range(chance.randrange(6)):
            length = chance.choice((0, 8, 24, 32))
            for version, network in ((4, 0x0A010005), (6, 0xFD000001 << 96)):
                width = 32 if version == 4 else 128
                address = network >> (width - length) << (width - length)
                route = Route(chance.randrange(1, 10), chance.randrange(3), [chance.randrange(3)])
                machine.routes.add(version, chance.randrange(3), address, length, route)
    return machine


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_nothing_raises_and_nothing_is_met_with_its_inverse(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(5):
        machine = a_machine(chance)
        data = mutated(chance.choice(corpus()), chance)
        meta = PacketMeta(2, chance.randrange(-1, 3), chance.randrange(-1, 3))
        meta.source_mac = chance.choice((b"", b"\2\0\0\0\0\1", b"\2\0\0\0\0\3"))
        meta.arrived = chance.random() * 10
        packet = parse(data[: chance.randrange(len(data) + 1)], meta, chance.random() < 0.5)
        info = an_info(chance.choice((NEW, ESTABLISHED)), 0, 0)
        for kind, values in VALUES.items():
            value = chance.choice(values)
            plain, inverse = (
                MACHINE_BUILDERS[kind](inverted, value, machine) for inverted in (False, True)
            )
            answers = plain.matches(packet, info, 0), inverse.matches(packet, info, 0)
            assert answers != (True, True), kind
            assert (plain.matches(packet, info, 0), inverse.matches(packet, info, 0)) == answers
