"""A whole rule set: its chains, and what it asks of whoever runs it."""

from __future__ import annotations

from firewalld_py.rules.build import build_ruleset
from firewalld_py.rules.ruleset import Ruleset
from tests.plans import plan, rule, template

TO_53 = ("dport", [[53, 53]])


def test_a_rule_set_says_whether_it_assigns_helpers() -> None:
    helper = rule("continue", TO_53, template=template(helper="ftp"))
    zone = rule("continue", TO_53, template=template(zone=1))
    assert build_ruleset(plan(prerouting=[zone, helper])).assigns_helpers()
    assert build_ruleset(plan(raw_output=[helper])).assigns_helpers()
    assert not build_ruleset(plan(prerouting=[zone])).assigns_helpers()
    assert not build_ruleset(plan(prerouting=[rule("notrack")])).assigns_helpers()


def test_a_rule_set_says_whether_it_reads_payload() -> None:
    for match in (("payload", [0, "00"]), ("!contains", [0, 9, ["00"]])):
        reading = rule("drop", TO_53, match)
        assert build_ruleset(plan([rule("accept"), reading])).reads_payload()
        assert build_ruleset(plan(raw_output=[reading])).reads_payload()
    assert not build_ruleset(plan([rule("drop", TO_53)])).reads_payload()


def test_all_chains_of_a_rule_set_are_listed_raw_first() -> None:
    ruleset = build_ruleset(plan())
    assert isinstance(ruleset, Ruleset)
    names = [(chain.table, chain.name) for chain in ruleset.chains()]
    assert names == [
        ("raw", "prerouting"),
        ("raw", "output"),
        ("filter", "input"),
        ("filter", "forward"),
        ("filter", "output"),
    ]


def test_a_rule_set_that_judges_no_longer_is_freed_in_steps() -> None:
    ruleset = build_ruleset(plan([rule("drop", TO_53)] * 30, chains={"filter/a": [rule("drop")]}))
    steps = 1
    while not ruleset.release(10):
        steps += 1
    assert 4 <= steps <= 12
    assert not any(chain.rules for chain in ruleset.chains())
