"""Matches from a plan's values."""

from __future__ import annotations

from typing import Any, Final

import pytest

from firewalld_py.policy.compile import _ORDER
from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.build_matches import BUILDERS
from firewalld_py.rules.build_rule import PlanError
from tests.plans import plan, rule

VALUES: Final[dict[str, Any]] = {
    "length": [[0, 100]],
    "ttl": [[0, 5]],
    "tos": [[0xB8, 0xFC]],
    "tcp_option": [2],
    "mss": [[0, 535]],
    "ipv6_header": [0, 44],
    "fragment": True,
    "direction": 1,
    "status": 8,
    "helper": ["ftp"],
    "age": [[0, 60]],
    "expires": [[0, 60]],
    "packets": [2, 1, 10],
    "octets": [0, 1, 10],
    "original_src": [["0a000000", "0affffff"]],
    "original_dst": [["0a000000", "0affffff"]],
    "reply_src": [["00" * 16, "ff" * 16]],
    "reply_dst": [],
    "original_sport": [[22, 80]],
    "original_dport": [[22, 80]],
    "reply_sport": [[22, 80]],
    "reply_dport": [[22, 80], [443, 443]],
    "connection_proto": [6, 17],
    "payload": [0, "160301"],
    "contains": [0, 100, ["6162", "63"]],
    "regex": [0, 100, ["5e6162"]],
    "limit": [10.0, 5, 1, 24, 64, False, 1000],
    "quota": 1000,
    "every": 3,
    "probability": [1 << 31, 7],
}


def test_every_kind_has_a_value_here_and_a_place_in_the_order() -> None:
    assert set(BUILDERS) == set(VALUES)
    assert set(BUILDERS) <= set(_ORDER)


@pytest.mark.parametrize("kind", list(BUILDERS))
def test_every_kind_is_built_plain_and_inverted(kind: str) -> None:
    for inverted in (False, True):
        made = BUILDERS[kind](inverted, VALUES[kind])
        assert made.inverted is inverted
        name = f"{'!' if inverted else ''}{kind}"
        build_ruleset(plan([rule("drop", (name, VALUES[kind]))]))


def test_over_is_the_inverse_of_a_limit() -> None:
    for per in (0, 1):
        over = [10.0, 5, per, 32, 128, True, 1000]
        assert BUILDERS["limit"](False, over).inverted
        assert not BUILDERS["limit"](True, over).inverted


@pytest.mark.parametrize("kind", sorted(set(BUILDERS) - {"helper"}))  # any text may be a name
@pytest.mark.parametrize("value", [None, [["x", "y"]], [[1]], [[{}, 1]], {"a": 1}])
def test_what_the_compiler_does_not_make_is_a_plan_error(kind: str, value: object) -> None:
    with pytest.raises(PlanError):
        build_ruleset(plan([rule("drop", (kind, value))]))


@pytest.mark.parametrize("value", [[0, 1460, ["2861"]], [0, 65535, ["612e7b3230307d62"]]])
def test_an_expression_that_is_wrong_or_too_much_work_is_a_plan_error(value: object) -> None:
    with pytest.raises(PlanError):
        build_ruleset(plan([rule("drop", ("regex", value))]))
