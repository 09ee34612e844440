"""This machine as rules would see it, with interfaces by other numbers than the kernel's."""

from __future__ import annotations

import os

import pytest

from firewalld_py.service.machine_here import OTHERS, machine_here
from tests.lab.netns import Namespace

pytestmark = pytest.mark.needs("root", "netns")


def test_routes_and_networks_are_by_the_numbers_that_are_asked_for() -> None:
    # Named as the lab names its hosts: what a crashed run leaves behind is removed with theirs.
    namespace = Namespace(f"fwlab-{os.getpid()}-996-gateway")
    try:
        for name, address in (("lan0", "10.1.0.1/24"), ("wan0", "10.2.0.1/24")):
            namespace.ip_batch(
                [
                    f"link add {name} type bridge",
                    f"link set {name} up",
                    f"address add {address} brd + dev {name}",
                ]
            )
        with namespace.entered():
            machine = machine_here({"lan0": 77, "lo": 1})
        assert machine.broadcasts[77] == {bytes((10, 1, 0, 255))}
        assert machine.routes is not None
        assert machine.routes.find(bytes((10, 1, 0, 5))).interfaces == [77]
        (other,) = machine.routes.find(bytes((10, 2, 0, 5))).interfaces
        assert other > OTHERS
        assert machine.routes.find(bytes((127, 0, 0, 1))).interfaces == [1]
    finally:
        namespace.remove()
