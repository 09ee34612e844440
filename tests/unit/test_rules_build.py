"""From a plan to a rule set, as it crosses the pipe: through JSON, all at once or bit by bit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firewalld_py.rules.build import (
    CHAINS,
    Plan,
    RulesetBuilder,
    build_ruleset,
    plan_rules,
)
from firewalld_py.rules.build_rule import PlanError
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.verdicts import VERDICT_NAMES
from tests.plans import plan, rule


def built(a_plan: dict[str, Any]) -> Ruleset:
    """The rule set of a plan after it was JSON, as in life."""
    return build_ruleset(json.loads(json.dumps(a_plan)))


def test_rules_find_their_chain_and_chains_their_policy() -> None:
    chains = {
        "raw/prerouting": "prerouting",
        "raw/output": "raw_output",
        "filter/input": "input_",
        "filter/forward": "forward",
        "filter/output": "output",
    }
    for place, argument in chains.items():
        a_plan = plan(**{argument: [rule("accept", name=place)]})  # type: ignore[arg-type]
        assert plan_rules(a_plan) == [(place, rule("accept", name=place))]
        names = {f"{c.table}/{c.name}": [r.name for r in c.rules] for c in built(a_plan).chains()}
        assert names == {f"{t}/{n}": [] for t, n in CHAINS} | {place: [place]}
    policies = [VERDICT_NAMES[chain.policy] for chain in built(plan(policy="drop")).chains()]
    assert policies == ["continue", "continue", "drop", "drop", "drop"]


def test_a_rule_set_can_be_built_a_few_rules_at_a_time() -> None:
    builder = RulesetBuilder(["lan*"], {"forward": "drop"})
    for number in range(3):
        builder.add("filter/forward", rule("accept", ("in", 1), name=str(number)))
    made = builder.finish()
    assert [entry.name for entry in made.filter_forward.rules] == ["0", "1", "2"]
    assert VERDICT_NAMES[made.filter_forward.policy] == "drop"
    assert VERDICT_NAMES[made.filter_input.policy] == "accept"
    assert made.interfaces.patterns == ["lan*"]


def test_a_chain_that_there_is_not_is_a_plan_error() -> None:
    with pytest.raises(PlanError, match="nat/prerouting"):
        RulesetBuilder([], {}).add("nat/prerouting", rule("accept"))
    with pytest.raises(PlanError, match="shrug"):
        RulesetBuilder([], {"input": "shrug"})


def test_user_chains_are_built_and_rules_lead_to_them() -> None:
    made = built(
        plan(
            [rule("jump", chain="a")],
            chains={"filter/a": [rule("goto", chain="b")], "filter/b": [], "raw/a": []},
        )
    )
    (to_a,) = made.filter_forward.rules
    assert to_a.leads_to is not None
    assert (to_a.leads_to.table, to_a.leads_to.name) == ("filter", "a")
    names = [(chain.table, chain.name) for chain in made.chains()]
    assert names[5:] == [("filter", "a"), ("filter", "b"), ("raw", "a")]
    assert [chain.name for chain in built(plan()).chains()[5:]] == []


@pytest.mark.parametrize(
    ("place", "leading"),
    [
        ("filter/forward", rule("jump", chain="b")),
        ("filter/forward", rule("jump", chain="input")),
        ("raw/output", rule("jump", chain="a")),
        ("filter/a", rule("goto")),
    ],
)
def test_a_rule_that_leads_nowhere_is_a_plan_error(place: str, leading: Plan) -> None:
    with pytest.raises(PlanError):
        RulesetBuilder([], {}, ["filter/a"]).add(place, leading)


def test_chains_in_a_circle_are_a_plan_error() -> None:
    builder = RulesetBuilder([], {}, ["filter/a"])
    builder.add("filter/a", rule("jump", chain="a"))
    with pytest.raises(PlanError, match="circle"):
        builder.finish()


@pytest.mark.parametrize("name", ["filter/input", "nat/a", "filter/", "filter"])
def test_what_cannot_be_a_user_chain_is_a_plan_error(name: str) -> None:
    with pytest.raises(PlanError):
        RulesetBuilder([], {}, [name])
