"""Whose connections end: the same as by lists of networks, and the same in slices of any size."""

from __future__ import annotations

import ipaddress
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.ending import Ending, Hosts
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import in_zone, reply_key
from firewalld_py.conntrack.tracker import Settings
from tests import wire

# Few bits differ, so that networks of all lengths are hit.
ADDRESSES_V4: Final = st.integers(0, 31).map(
    lambda bits: (0x0A000000 | bits << 3).to_bytes(4, "big")
)
ADDRESSES_V6: Final = st.integers(0, 31).map(
    lambda bits: (0xFD << 120 | bits << 62).to_bytes(16, "big")
)


@st.composite
def networks(draw: st.DrawFn) -> tuple[bytes, int]:
    address = draw(st.one_of(ADDRESSES_V4, ADDRESSES_V6))
    bits = draw(st.integers(0, 8 * len(address)))
    cut = int.from_bytes(address, "big") >> (8 * len(address) - bits) << (8 * len(address) - bits)
    return cut.to_bytes(len(address), "big"), bits


@st.composite
def connections(draw: st.DrawFn) -> tuple[bytes, bytes, int]:
    of = draw(st.sampled_from([ADDRESSES_V4, ADDRESSES_V6]))
    return draw(of), draw(of), draw(st.sampled_from([0, 0, 9]))


def is_in(address: bytes, network: tuple[bytes, int]) -> bool:
    of = ipaddress.ip_network((network[0], network[1]))
    return ipaddress.ip_address(address) in of


@given(st.lists(networks(), max_size=5), st.lists(connections(), max_size=12), st.integers(1, 5000))
def test_those_of_the_networks_end_and_no_others(
    banned: list[tuple[bytes, int]], there: list[tuple[bytes, bytes, int]], looks: int
) -> None:
    conntrack, hosts = Conntrack(Settings()), Hosts()
    for number, (source, destination, zone) in enumerate(there):
        key = source + destination + number.to_bytes(4, "big") + bytes((wire.UDP,))
        one = Connection(wire.UDP, in_zone(key, zone), in_zone(reply_key(key), zone), 0.0)
        one.deadline = 9.0
        assert conntrack.table.insert(one, 0.0)
    for address, bits in banned:
        hosts.add(address, bits)
    ending = Ending(conntrack, hosts)
    while ending.step(looks):
        pass
    ends = [
        any(is_in(address, network) for network in banned for address in (source, destination))
        for source, destination, _zone in there
    ]
    assert ending.ended == sum(ends)
    left = {int.from_bytes(one.original_key[2 * size : 2 * size + 4], "big")
            for one in conntrack.table.connections()
            for size in [len(one.address(0, False))]}  # fmt: skip
    assert left == {number for number, does in enumerate(ends) if not does}
