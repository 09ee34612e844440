"""The ports of control connections, and the helpers that read them."""

from __future__ import annotations

from firewalld_py.conntrack.helpers.control_ports import CHILDREN_ONLY, CONTROL_PORTS
from firewalld_py.conntrack.helpers.registry import READABLE


def test_a_port_of_a_helper_that_there_is_can_be_read_by_it() -> None:
    for control in CONTROL_PORTS:
        if control.helper in READABLE:
            assert control.protocol in {protocol for _, protocol in READABLE[control.helper]}


def test_every_helper_has_its_port_but_that_whose_port_is_told() -> None:
    ports = {control.helper for control in CONTROL_PORTS}
    assert set(READABLE) <= ports | CHILDREN_ONLY
    assert not ports & CHILDREN_ONLY


def test_no_port_stands_there_twice() -> None:
    ports = [(control.protocol, control.port) for control in CONTROL_PORTS]
    assert len(set(ports)) == len(ports)


def test_only_answers_to_broadcasts_are_for_this_machine_alone() -> None:
    local = {control.helper for control in CONTROL_PORTS if control.local}
    assert local == {"netbios-ns", "snmp"}
