"""The list of helpers that rules may name."""

from __future__ import annotations

from firewalld_py.conntrack.helpers import registry
from firewalld_py.conntrack.helpers.ftp import FtpHelper
from firewalld_py.conntrack.helpers.parameters import PARAMETER_DEFAULTS
from tests import wire


def test_every_helper_is_found_by_its_own_name() -> None:
    helpers = registry.make_helpers(PARAMETER_DEFAULTS)
    assert all(name == helper.name for name, helper in helpers.items())
    assert {name: helper.readable for name, helper in helpers.items()} == registry.READABLE


def test_every_helper_reads_something_and_has_a_policy_with_bounds() -> None:
    for helper in registry.make_helpers(PARAMETER_DEFAULTS).values():
        assert helper.readable <= {(4, wire.TCP), (4, wire.UDP), (6, wire.TCP), (6, wire.UDP)}
        assert all(policy.maximum > 0 and policy.timeout_s > 0 for policy in helper.policies)


def test_by_default_no_helper_leads_to_third_parties() -> None:
    helpers = registry.make_helpers(PARAMETER_DEFAULTS)
    assert not [name for name, helper in helpers.items() if helper.third_parties]


def test_parameters_reach_their_helpers() -> None:
    loose = registry.make_helpers({**PARAMETER_DEFAULTS, "ftp_loose": 1})["ftp"]
    assert isinstance(loose, FtpHelper)
    assert loose.third_parties
    sip = registry.make_helpers({**PARAMETER_DEFAULTS, "sip_direct_media": 0})["sip"]
    assert sip.third_parties
