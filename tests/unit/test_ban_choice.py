"""Which set a ban goes into, and what is said where it would stop nothing, or not all."""

from __future__ import annotations

from typing import Any

import pytest

from firewalld_py.conntrack.connection import ESTABLISHED, RELATED
from firewalld_py.rules.build import Plan
from firewalld_py.service.ban_choice import DECLARATION, RULES, ChoiceError, choose, warnings
from tests.plans import a_set, plan, rule

ANSWERS = rule("accept", ("state", ESTABLISHED | RELATED), name="answers")


def asks(name: str, of: str = "src", verdict: str = "drop", **more: Any) -> Plan:
    return rule(verdict, ("set", [name, [of]]), name=f"{of} {name}", **more)


def sets(*names: str, **others: tuple[str, ...]) -> dict[str, Plan]:
    """Sets of addresses, and `others` of another type."""
    return {
        **{name: a_set() for name in names},
        **{name: a_set(type_=words) for name, words in others.items()},
    }


def test_the_set_called_banned_is_it_whatever_else_there_is() -> None:
    there = sets("blocked", "banned", ports=("port",))
    assert choose(plan([asks("blocked")], sets=there), None) == "banned"


def test_else_it_is_the_only_one_that_a_dropping_rule_asks_for() -> None:
    there = sets("friends", "blocked", ports=("port",))
    rules = [asks("friends", verdict="accept"), asks("ports", "dport"), asks("blocked")]
    assert choose(plan(rules, sets=there), None) == "blocked"
    by_reject = [asks("friends", verdict="accept"), asks("blocked", verdict="reject")]
    assert choose(plan(input_=by_reject, sets=there), None) == "blocked"
    assert choose(plan(prerouting=[asks("blocked")], sets=there), None) == "blocked"


def test_a_chain_that_drops_is_as_good_as_a_rule() -> None:
    chains = {
        "filter/pass": [rule("accept")],
        "filter/far": [rule("goto", chain="near"), rule("jump", chain="far")],
        "filter/near": [rule("continue"), rule("drop")],
    }
    there = sets("friends", "blocked")
    leads = [
        asks("friends", verdict="jump", chain="pass"),
        asks("blocked", verdict="jump", chain="far"),
    ]
    assert choose(plan(leads, sets=there, chains=chains), None) == "blocked"


def test_so_is_a_rule_that_accepts_what_is_not_in_the_set() -> None:
    inverted = rule("accept", ("!set", ["blocked", ["src"]]))
    refused = rule("drop", ("!set", ["friends", ["src"]]))
    assert (
        choose(plan([refused, inverted], "drop", sets=sets("friends", "blocked")), None)
        == "blocked"
    )


def test_of_two_none_is_guessed() -> None:
    with pytest.raises(ChoiceError, match="--set: blocked, bad"):
        choose(plan([asks("blocked"), asks("bad")], sets=sets("blocked", "bad")), None)


def test_the_one_that_is_named_is_it_if_it_can_be() -> None:
    there = plan(
        [asks("blocked")], sets=sets("blocked", "other", ports=("port",), nets=("network",))
    )
    assert choose(there, "other") == "other"
    assert choose(there, "nets") == "nets"
    with pytest.raises(ChoiceError, match="there is no set bloked; did you mean blocked"):
        choose(there, "bloked")
    with pytest.raises(ChoiceError, match="no set zzz; there are: blocked, other, ports, nets"):
        choose(there, "zzz")
    with pytest.raises(ChoiceError, match="ports holds no addresses or networks, but port"):
        choose(there, "ports")


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (plan(), "the rules have no set of addresses"),
        (plan(sets=sets(ports=("port",))), "the rules have no set of addresses"),
        (plan(sets=sets("friends")), "there are: friends; name one with --set"),
    ],
)
def test_where_there_is_none_it_says_what_to_write(there: Plan, why: str) -> None:
    with pytest.raises(ChoiceError, match=why) as refusal:
        choose(there, None)
    for line in (DECLARATION, *RULES):
        assert f"\n  {line}" in str(refusal.value)


def test_a_set_that_nothing_drops_is_warned_of() -> None:
    (warning,) = warnings(plan([asks("friends")], sets=sets("friends", "banned")), "banned")
    assert "no rule drops what is in set banned" in warning
    assert RULES[0] in warning
    assert warnings(plan([asks("banned")], sets=sets("banned")), "banned") == []


def test_a_rule_behind_the_answers_is_warned_of_where_none_asks_for_the_destination() -> None:
    there = sets("banned")
    assert warnings(plan([asks("banned"), ANSWERS], sets=there), "banned") == []
    (warning,) = warnings(plan([ANSWERS, asks("banned")], sets=there), "banned")
    assert warning.startswith(
        "rule src banned (rules.yaml:1) stands behind rule answers (rules.yaml:1): "
    )
    both = [ANSWERS, asks("banned"), asks("banned", "dst")]
    assert warnings(plan(both, sets=there), "banned") == []
    elsewhere = plan([ANSWERS, asks("banned")], input_=[asks("banned", "dst")], sets=there)
    assert len(warnings(elsewhere, "banned")) == 1
