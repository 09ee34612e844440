"""What a helper has to offer. (How the engine works with one: test_engine.py.)"""

from __future__ import annotations

import pytest

from firewalld_py.conntrack import helpers
from firewalld_py.conntrack.helpers.base import HELPERS, Helper
from tests.segments import connection_for, datagram


def test_the_package_shows_the_one_list_of_helpers() -> None:
    assert helpers.HELPERS is HELPERS
    assert all(isinstance(helper, Helper) for helper in HELPERS.values())
    assert all(name == name.lower() for name in HELPERS)


def test_a_helper_without_an_inspection_is_none() -> None:
    packet = datagram()
    with pytest.raises(NotImplementedError):
        Helper().inspect(packet, connection_for(packet), 0, 0.0)
