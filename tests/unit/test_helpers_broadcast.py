"""Broadcasts of this machine, and who may answer them."""

from __future__ import annotations

from typing import Final

import pytest

from firewalld_py.conntrack.connection import ESTABLISHED, NEW, RELATED, Template
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.expectation import PERMANENT, Expectation
from firewalld_py.conntrack.helpers.broadcast import NETBIOS_NS_PORT, BroadcastHelper
from firewalld_py.conntrack.networks import Network
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.parse import parse
from firewalld_py.packet.protocols import HOOK_FORWARD, HOOK_INPUT, HOOK_OUTPUT
from firewalld_py.packet.reasons import OK
from tests import wire

LAN, WAN = 2, 3
LOCAL: Final = bytes((10, 1, 0, 1))
BROADCAST: Final = bytes((10, 1, 0, 255))
EVERYWHERE: Final = bytes((255,) * 4)
HOST: Final = bytes((10, 1, 0, 7))
OTHER: Final = bytes((10, 1, 0, 8))
OUTSIDE: Final = bytes((10, 2, 0, 7))
PORT: Final = 40000


class Machine:
    """Has an address in 10.1.0.0/24; what it sends is given the helper."""

    def __init__(self, helper: str = "netbios-ns") -> None:
        self.conntrack = Conntrack(Settings())
        self.conntrack.networks.replace({LAN: [Network(BROADCAST, 24)]})
        self.template = Template(helper=helper)
        self.now = 0.0

    def asks(
        self,
        dst: bytes = BROADCAST,
        hook: int = HOOK_OUTPUT,
        index: int = LAN,
        dport: int = NETBIOS_NS_PORT,
    ) -> None:
        """`index` is the interface's by which the question leaves, or comes back."""
        indexes = (0, index) if hook == HOOK_OUTPUT else (index, 0)
        self._track(LOCAL, dst, PORT, dport, PacketMeta(hook, *indexes))

    def hears(self, src: bytes, sport: int = NETBIOS_NS_PORT, dport: int = PORT) -> int:
        """The state of an answer, which is let in."""
        return self._track(src, LOCAL, sport, dport, PacketMeta(HOOK_INPUT, LAN))

    def expects(self) -> list[Expectation]:
        return self.conntrack.expectations.all(self.now)

    def lifetime_s(self) -> float:
        """How long the only connection still lives."""
        (connection,) = self.conntrack.table.connections()
        return connection.deadline - self.now

    def _track(self, src: bytes, dst: bytes, sport: int, dport: int, meta: PacketMeta) -> int:
        packet = parse(wire.ip(src, dst, wire.UDP, wire.udp(b"?", sport, dport)), meta)
        info = self.conntrack.inspect(packet, self.now, self.template)
        assert self.conntrack.confirm(info, packet, self.now) == OK
        return info.state


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_every_host_of_the_network_may_answer_and_go_on(machine: Machine) -> None:
    machine.asks()
    assert [machine.hears(HOST), machine.hears(OTHER)] == [RELATED, RELATED]
    machine.asks(HOST)
    assert machine.hears(HOST) == ESTABLISHED
    assert len(machine.expects()) == 1


def test_what_is_expected_is_a_whole_network_at_the_service_s_port(machine: Machine) -> None:
    machine.asks(dport=999)
    (one,) = machine.expects()
    assert (one.src, one.src_mask, one.sport) == (BROADCAST, bytes((255, 255, 255, 0)), 137)
    assert (one.dst, one.dport, one.protocol, one.flags) == (LOCAL, PORT, wire.UDP, PERMANENT)


def test_another_network_port_or_time_is_not_expected(machine: Machine) -> None:
    machine.asks()
    assert machine.hears(OUTSIDE) == NEW
    assert machine.hears(HOST, sport=138) == NEW
    assert machine.hears(HOST, dport=PORT + 1) == NEW
    machine.now = 3.0
    assert machine.hears(OTHER) == NEW


@pytest.mark.parametrize(("helper", "seconds", "port"), [("netbios-ns", 3, 137), ("snmp", 30, 161)])
def test_each_service_has_its_port_and_its_time(helper: str, seconds: int, port: int) -> None:
    machine = Machine(helper)
    machine.asks()
    assert [(one.deadline, one.sport) for one in machine.expects()] == [(seconds, port)]
    assert machine.lifetime_s() == seconds


@pytest.mark.parametrize("dst", [HOST, EVERYWHERE, bytes((10, 2, 0, 255))])
def test_what_goes_elsewhere_is_no_question_to_the_network(machine: Machine, dst: bytes) -> None:
    machine.asks(dst)
    assert machine.expects() == []
    assert machine.lifetime_s() == 30.0


@pytest.mark.parametrize("hook", [HOOK_INPUT, HOOK_FORWARD])
def test_a_question_of_somebody_else_is_none_of_ours(machine: Machine, hook: int) -> None:
    machine.asks(hook=hook)
    assert machine.expects() == []
    assert machine.lifetime_s() == 30.0


def test_the_broadcast_address_of_another_interface_does_not_count(machine: Machine) -> None:
    machine.asks(index=WAN)
    assert machine.expects() == []


def test_a_network_that_is_all_there_is_does_not_count(machine: Machine) -> None:
    machine.conntrack.networks.replace({LAN: [Network(BROADCAST, 0)]})
    machine.asks()
    assert machine.expects() == []


def test_a_question_asked_again_has_its_full_time_again(machine: Machine) -> None:
    machine.asks()
    machine.now = 2.0
    machine.asks()
    assert [one.deadline for one in machine.expects()] == [5.0]
    assert machine.lifetime_s() == 3.0


def test_what_comes_back_to_its_sender_changes_nothing(machine: Machine) -> None:
    machine.asks()
    machine.asks(hook=HOOK_INPUT)
    assert machine.lifetime_s() == 3.0
    machine.asks(hook=HOOK_INPUT, index=WAN)  # this one came by way of the network
    assert machine.lifetime_s() == 30.0


def test_it_reads_udp_over_ipv4_alone() -> None:
    assert BroadcastHelper("snmp", 161, 30).readable == {(4, wire.UDP)}
