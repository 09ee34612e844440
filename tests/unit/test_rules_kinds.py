"""Kinds of packet, and the rules that each may meet."""

from __future__ import annotations

from firewalld_py.conntrack.connection import ESTABLISHED, NEW, CtInfo
from firewalld_py.packet.packet import UNKNOWN_INTERFACE, PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.rules.changes import Changes
from firewalld_py.rules.fields import CROWD
from firewalld_py.rules.kinds import KINDS_REMEMBERED, Kinds
from firewalld_py.rules.matches import (
    FamilyMatch,
    InterfaceMatch,
    Interfaces,
    MarkMatch,
    Match,
    ProtocolMatch,
    StateMatch,
)
from tests import wire

UDP = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp())


def kinds_of(*matches: Match) -> Kinds:
    """Each of the rules 0, 1, … is at home here with its condition."""
    kinds = Kinds()
    for number, match in enumerate(matches):
        assert kinds.ask(match, 1 << number) is not None
        kinds.homed |= 1 << number
    return kinds


def found(kinds: Kinds, count: int, state: int = NEW, **meta: int) -> list[int]:
    packet = parse(UDP, PacketMeta(**meta))  # type: ignore[arg-type]
    return kinds.find(packet, CtInfo(state), (1 << count) - 1).homed


def test_state_protocol_and_family_are_asked_inverted_or_not() -> None:
    udp, tcp = frozenset([wire.UDP]), frozenset([wire.TCP])
    kinds = kinds_of(
        StateMatch(False, NEW),
        StateMatch(True, NEW),
        ProtocolMatch(False, udp),
        ProtocolMatch(True, udp),
        ProtocolMatch(True, tcp),
        FamilyMatch(False, 4),
        FamilyMatch(True, 4),
    )
    assert found(kinds, 7) == [0, 2, 4, 5]
    assert found(kinds, 7, ESTABLISHED) == [1, 2, 4, 5]


def test_rules_that_ask_for_nothing_of_the_kind_stay() -> None:
    kinds = kinds_of(StateMatch(False, ESTABLISHED))
    packet = parse(UDP, PacketMeta())
    assert kinds.find(packet, CtInfo(NEW), 0b111).bits == 0b110
    assert kinds.ask(MarkMatch(False, [(1, 1)]), 1) is None


def test_the_same_condition_is_kept_once() -> None:
    kinds = kinds_of(*[StateMatch(False, NEW) for _ in range(5)], StateMatch(True, NEW))
    assert [entry.bits for entry in kinds.asked] == [0b11111, 0b100000]


def test_interfaces_are_followed_when_they_change() -> None:
    interfaces = Interfaces(["lan*"], Changes())
    kinds = kinds_of(
        InterfaceMatch(False, 1, interfaces, False),
        InterfaceMatch(True, 1, interfaces, False),
        InterfaceMatch(False, 1, interfaces, True),
    )
    interfaces.set_names({2: "lan0", 3: "wan0"})
    assert found(kinds, 3, in_index=2, out_index=3) == [0]
    assert found(kinds, 3, in_index=3, out_index=2) == [1, 2]
    interfaces.set_names({2: "wan0", 3: "lan0"})
    assert found(kinds, 3, in_index=2, out_index=3) == [1, 2]
    assert found(kinds, 3, in_index=UNKNOWN_INTERFACE, out_index=UNKNOWN_INTERFACE) == [0, 1, 2]


def test_more_rules_than_a_crowd_are_not_listed() -> None:
    kinds = kinds_of(*[StateMatch(False, NEW)] * (CROWD + 1))
    made = kinds.find(parse(UDP, PacketMeta()), CtInfo(NEW), (1 << 40) - 1)
    assert made.crowded
    assert made.bits == (1 << 40) - 1


def test_what_is_remembered_is_bounded() -> None:
    kinds = kinds_of(InterfaceMatch(False, 1, Interfaces(["lan*"], Changes()), False))
    for number in range(KINDS_REMEMBERED + 1):
        found(kinds, 1, in_index=number)
    assert len(kinds.of_kind) == 1
