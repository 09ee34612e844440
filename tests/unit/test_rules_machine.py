"""What is known of the machine is told once, to all rule sets that it has."""

from __future__ import annotations

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.matches_link import BROADCAST
from tests import wire
from tests.plans import plan, rule


def test_a_rule_set_knows_the_machine_as_it_is_when_a_packet_comes() -> None:
    machine = Machine()
    refusing = plan([rule("drop", ("packet_type", [BROADCAST]))])
    firewall = Firewall(build_ruleset(refusing, machine), Conntrack(Settings()))
    data = wire.ip(wire.CLIENT4, b"\x0a\x02\0\xff", wire.UDP, wire.udp())

    def verdict() -> str:
        return firewall.handle(data, PacketMeta(in_index=4), 1.0).verdict_name()

    assert verdict() == "accept"
    machine.broadcasts = {4: frozenset([b"\x0a\x02\0\xff"])}
    assert verdict() == "drop"
    firewall.ruleset = build_ruleset(refusing, machine)
    assert verdict() == "drop"
