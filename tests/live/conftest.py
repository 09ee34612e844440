"""A world per module, and in it one daemon with the module's RULES and CONFIG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.daemon import Daemon
from tests.lab.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Client, gateway, server and far host; removed with everything in them after the module."""
    with World() as built:
        yield built


@pytest.fixture(scope="module")
def daemon(world: World, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """The daemon on the gateway with the module's RULES, and its CONFIG if there is one."""
    config = getattr(request.module, "CONFIG", None)
    with Daemon(world.gateway, request.module.RULES, config) as running:
        yield running
