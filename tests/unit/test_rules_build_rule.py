"""From a plan's rule to a rule, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firewalld_py.rules.build import RulesetBuilder, build_ruleset
from firewalld_py.rules.build_rule import PlanError, verdict_of
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.targets import ConnmarkTarget, LabelTarget, MarkTarget
from firewalld_py.rules.verdicts import REJECT, VERDICT_NAMES
from tests.plans import log, plan, rule, template


def built(a_plan: dict[str, Any]) -> Ruleset:
    """The rule set of a plan after it was JSON, as in life."""
    return build_ruleset(json.loads(json.dumps(a_plan)))


def test_everything_else_of_a_rule_is_built() -> None:
    a_rule = rule(
        "reject",
        name="no telnet",
        log=log("telnet ", rate=5.0, burst=7, level=3),
        targets=[("mark", [1, 255]), ("connmark", [2, 0xFF00]), ("label", [0, 127])],
        template=template(5, "ftp", {"udp_timeout": 7}),
        reject={"with": "tcp-reset", "rate": 2.0, "burst": 3},
    )
    (made,) = built(plan(input_=[a_rule])).filter_input.rules
    assert (made.name, made.file, made.line) == ("no telnet", "rules.yaml", 1)
    assert made.verdict == REJECT
    assert made.targets is not None
    mark, connmark, label = made.targets
    assert isinstance(mark, MarkTarget)
    assert (mark.value, mark.mask) == (1, 255)
    assert isinstance(connmark, ConnmarkTarget)
    assert (connmark.value, connmark.mask) == (2, 0xFF00)
    assert isinstance(label, LabelTarget)
    assert label.labels == 1 | 1 << 127
    assert made.template is not None
    assert (made.template.zone, made.template.helper) == (5, "ftp")
    assert made.template.timeouts is not None
    assert made.template.timeouts.udp == 7.0
    assert made.log is not None
    assert (made.log.prefix, made.log.level, made.log.bucket.rate) == ("telnet ", 3, 5.0)
    assert made.reject_bucket is not None
    assert (made.reject_with, made.reject_bucket.rate) == ("tcp-reset", 2.0)
    assert made.reject_bucket.burst == 3


@pytest.mark.parametrize(
    "broken",
    [
        {},
        rule("accept", ("colour", 1)),
        rule("explode"),
        rule("accept", ("src", [["xx", "yy"]])),
        rule("accept", ("src", 7)),
        rule("accept", ("dport", [22])),
        rule("accept", ("dport", [["a", "b"]])),
        rule("accept", ("icmp", [[1, 8]])),
        rule("accept", ("state", "new")),
        rule("accept", targets=[("mark", [1])]),
        rule("accept", targets=[("colour", [1, 1])]),
        rule("accept", targets=[("label", 7)]),
        rule("accept", log={"prefix": ""}),
        rule("reject", reject=None),
        rule("reject", reject={"with": "tcp-reset"}),
        rule("accept") | {"match": [["state"]]},
        rule("accept") | {"match": None},
        rule("accept") | {"line": "first"},
    ],
)
def test_a_rule_that_no_compiler_makes_is_a_plan_error_that_shows_it(
    broken: dict[str, Any],
) -> None:
    with pytest.raises(PlanError):
        RulesetBuilder([], {}).add("filter/forward", broken)


@pytest.mark.parametrize("broken", [None, 7, "accept", ["accept"]])
def test_a_rule_that_is_no_mapping_is_a_plan_error(broken: Any) -> None:
    with pytest.raises(PlanError):
        RulesetBuilder([], {}).add("filter/forward", broken)


def test_verdicts_are_found_by_name() -> None:
    assert [verdict_of(name) for name in VERDICT_NAMES] == list(range(len(VERDICT_NAMES)))
    with pytest.raises(PlanError, match="shrug"):
        verdict_of("shrug")
