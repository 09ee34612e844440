"""From a plan to a rule set, as it crosses the pipe: through JSON, all at once or bit by bit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firewalld_py.rules.build import (
    CHAINS,
    Plan,
    PlanError,
    RulesetBuilder,
    build_ruleset,
    plan_rules,
)
from firewalld_py.rules.matches import (
    AddressMatch,
    ConnmarkMatch,
    FamilyMatch,
    IcmpMatch,
    InterfaceMatch,
    LabelMatch,
    MarkMatch,
    PortMatch,
    ProtocolMatch,
    StateMatch,
    TcpFlagsMatch,
    ZoneMatch,
)
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.targets import ConnmarkTarget, LabelTarget, MarkTarget
from firewalld_py.rules.verdicts import REJECT, VERDICT_NAMES
from tests.plans import log, plan, rule, template

EVERY_MATCH: list[tuple[str, Any]] = [
    ("state", 6),
    ("in", 1),
    ("!out", 2),
    ("family", 6),
    ("src", [["0a010000", "0a0100ff"], ["fd" + "0" * 30, "fd" + "f" * 30]]),
    ("!dst", [["cb007109", "cb007109"]]),
    ("proto", [6, 17]),
    ("sport", [[1024, 65535]]),
    ("!dport", [[22, 22], [80, 443]]),
    ("icmp", [[1, 8, 0, 255], [58, 128, 0, 0]]),
    ("tcp_flags", [[0x17, 0x02]]),
    ("mark", [[1, 255]]),
    ("connmark", [[1, 255]]),
    ("!label", [0, 127]),
    ("zone", [5, 6]),
]


def built(a_plan: dict[str, Any]) -> Ruleset:
    """The rule set of a plan after it was JSON, as in life."""
    return build_ruleset(json.loads(json.dumps(a_plan)))


def test_every_kind_of_match_is_built() -> None:
    (made,) = built(plan([rule("accept", *EVERY_MATCH)])).filter_forward.rules
    assert [(type(match), match.inverted) for match in made.matches] == [
        (StateMatch, False),
        (InterfaceMatch, False),
        (InterfaceMatch, True),
        (FamilyMatch, False),
        (AddressMatch, False),
        (AddressMatch, True),
        (ProtocolMatch, False),
        (PortMatch, False),
        (PortMatch, True),
        (IcmpMatch, False),
        (TcpFlagsMatch, False),
        (MarkMatch, False),
        (ConnmarkMatch, False),
        (LabelMatch, True),
        (ZoneMatch, False),
    ]
    ports = made.matches[8]
    assert isinstance(ports, PortMatch)
    assert (ports.ranges, ports.destination) == ([(22, 22), (80, 443)], True)
    source = made.matches[4]
    assert isinstance(source, AddressMatch)
    assert (len(source.lows_v4), len(source.lows_v6), source.destination) == (1, 1, False)


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
