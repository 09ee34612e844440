"""The map of PPTP's calls: whose call a GRE packet is."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.flow import flow_key, reply_key
from firewalld_py.conntrack.gre_map import NO_CALLS, UNKNOWN, GreMap, Mapped
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from tests import wire
from tests.pptp import gre

CLIENTS, SERVERS = b"\0\x64", b"\0\xc8"  # 100 and 200
TO_SERVER: Final = wire.CLIENT4 + wire.SERVER4 + SERVERS
TO_CLIENT: Final = wire.SERVER4 + wire.CLIENT4 + CLIENTS


def key_of(data: bytes, calls: GreMap) -> bytes:
    return flow_key(parse(data, PacketMeta()), calls)


def mapped() -> GreMap:
    """A map that knows of one call."""
    calls = GreMap()
    calls.add(Mapped(TO_SERVER, CLIENTS))
    calls.add(Mapped(TO_CLIENT, SERVERS))
    return calls


def test_of_a_call_that_nobody_has_told_the_source_is_not_known() -> None:
    assert GreMap().source_id(TO_SERVER) == UNKNOWN
    assert key_of(gre(200), NO_CALLS)[8:12] == UNKNOWN + SERVERS


def test_both_directions_of_a_call_are_one_flow() -> None:
    calls = mapped()
    key = key_of(gre(200), calls)
    assert key[8:12] == CLIENTS + SERVERS
    assert key_of(gre(100, answers=True), calls) == reply_key(key)


def test_another_call_id_or_another_host_is_another_flow() -> None:
    calls = mapped()
    assert key_of(gre(201), calls)[8:10] == UNKNOWN
    assert key_of(gre(200, answers=True), calls)[8:10] == UNKNOWN
    assert calls.source_id(wire.ROUTER4 + wire.SERVER4 + SERVERS) == UNKNOWN


@pytest.mark.parametrize("version", [0, 2, 7])
def test_other_versions_have_no_calls_even_where_the_call_id_is_0(version: int) -> None:
    calls = GreMap()
    calls.add(Mapped(wire.CLIENT4 + wire.SERVER4 + b"\0\0", CLIENTS))
    assert key_of(gre(0), calls)[8:12] == CLIENTS + b"\0\0"
    assert key_of(gre(0, version=version), calls)[8:12] == bytes(4)


def test_of_several_who_speak_of_one_flow_the_first_counts_until_it_goes() -> None:
    calls = GreMap()
    first, second = Mapped(TO_SERVER, b"\0\1"), Mapped(TO_SERVER, b"\0\2")
    calls.add(first)
    calls.add(second)
    assert calls.source_id(TO_SERVER) == b"\0\1"
    calls.remove(first)
    assert calls.source_id(TO_SERVER) == b"\0\2"
    calls.remove(second)
    assert (calls.source_id(TO_SERVER), calls.size()) == (UNKNOWN, 0)
