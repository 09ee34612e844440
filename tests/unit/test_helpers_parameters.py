"""The helpers' parameters and where they are set."""

from __future__ import annotations

from firewalld_py.conntrack.helpers.parameters import PARAMETER_DEFAULTS
from firewalld_py.conntrack.timeouts import TIMEOUT_DEFAULTS
from firewalld_py.policy.config import Config


def test_every_parameter_can_be_configured_and_has_its_default_there() -> None:
    numbers = Config().conntrack.numbers()
    assert {name: numbers[name] for name in PARAMETER_DEFAULTS} == PARAMETER_DEFAULTS


def test_no_parameter_has_the_name_of_a_timeout() -> None:
    assert not PARAMETER_DEFAULTS.keys() & TIMEOUT_DEFAULTS.keys()
