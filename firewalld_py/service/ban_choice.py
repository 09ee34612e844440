"""Which set a ban goes into, and whether the rules make one of it.

The set that is named, else the one called `banned`, else the only set of addresses which a rule
that drops asks for: where two would do, nobody is guessed to be meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from firewalld_py.conntrack.connection import ESTABLISHED
from firewalld_py.policy.errors import nearest
from firewalld_py.rules.build import Plan, plan_rules, plan_sets, user_chains

USUAL: Final = "banned"
DECLARATION: Final = "banned: {type: address, persist: true}"
RULES: Final = (
    "- {name: banned, src: $banned, action: drop}",
    "- {name: to banned, dst: $banned, action: drop}",
)
_DROPPING: Final = ("drop", "reject")
_LEADING: Final = ("jump", "goto")


class ChoiceError(Exception):
    """There is no such set, or none that is meant without a doubt; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Use:
    """A dropping rule that asks a set for one address of the packet, "src" or "dst".

    `behind` is the rule before it in its chain that lets answers through, or "" if there is none.
    """

    of: str
    chain: str
    place: str
    behind: str


def choose(plan: Plan, wanted: str | None) -> str:
    """The name of the set to ban with. Raises ChoiceError."""
    sets = plan_sets(plan)
    if wanted is not None:
        if wanted not in sets:
            raise ChoiceError(f"there is no set {wanted}{_near(wanted, sets)}")
        if not holds_addresses(sets[wanted]):
            kind = ", ".join(sets[wanted]["type"])
            raise ChoiceError(f"set {wanted} holds no addresses or networks, but {kind}")
        return wanted
    fitting = [name for name, data in sets.items() if holds_addresses(data)]
    dropping = [name for name in fitting if uses(plan, name)]
    if USUAL in fitting:
        return USUAL
    if len(dropping) == 1:
        return str(dropping[0])
    if dropping:
        raise ChoiceError(f"which set? Name one with --set: {', '.join(dropping)}")
    raise ChoiceError(_advice(fitting))


def holds_addresses(data: Plan) -> bool:
    """Whether a set of this declaration holds addresses and networks, and nothing beside."""
    return list(data["type"]) in (["address"], ["network"])


def warnings(plan: Plan, name: str) -> list[str]:
    """Why a ban with this set would stop nothing, or not all, a sentence each."""
    found = uses(plan, name)
    if not found:
        rule = RULES[0].replace("banned", name)
        return [f"no rule drops what is in set {name}, so that nothing is stopped; such as {rule}"]
    behind = [
        use
        for use in found
        if use.behind and {other.of for other in found if other.chain == use.chain} == {"src"}
    ]
    return [
        f"{use.place} stands behind {use.behind}: what others send to a banned address is still "
        "accepted where rules say so, and then the answers are, too; let it stand first"
        for use in behind
    ]


def uses(plan: Plan, name: str) -> list[Use]:
    """The rules that drop what is in the set, in order."""
    found: list[Use] = []
    answering: dict[str, str] = {}  # by chain
    for chain, rule in plan_rules(plan):
        if chain.startswith("filter/") and _lets_answers_through(rule):
            answering.setdefault(chain, _place(rule))
        behind = answering.get(chain, "")
        found += [
            Use(of, chain, _place(rule), behind) for of in _stops_with(plan, chain, rule, name)
        ]
    return found


def _stops_with(plan: Plan, chain: str, rule: Plan, name: str) -> Iterator[str]:
    """What of a packet has to be in the set to be dropped here, or must not be to be accepted."""
    for kind, inverted, value in rule["match"]:
        if kind != "set" or value[0] != name:
            continue
        if rule["verdict"] == "accept" if inverted else _drops(plan, chain, rule):
            yield ",".join(value[1])


def _drops(plan: Plan, chain: str, rule: Plan) -> bool:
    """Whether it drops, or leads to chains in which something is dropped."""
    if rule["verdict"] in _DROPPING:
        return True
    if rule["verdict"] not in _LEADING:
        return False
    seen: set[str] = set()
    waiting = [f"{chain.partition('/')[0]}/{rule['chain']}"]
    while waiting:
        place = waiting.pop()
        if place in seen or place not in user_chains(plan):
            continue
        seen.add(place)
        for inner in plan["chains"][place]:
            if inner["verdict"] in _DROPPING:
                return True
            if inner["verdict"] in _LEADING:
                waiting.append(f"{place.partition('/')[0]}/{inner['chain']}")
    return False


def _lets_answers_through(rule: Plan) -> bool:
    """Whether it accepts what is ESTABLISHED and asks for nothing else."""
    return rule["verdict"] == "accept" and all(
        kind == "state" and not inverted and value & ESTABLISHED
        for kind, inverted, value in rule["match"]
    )


def _place(rule: Plan) -> str:
    return f"rule {rule['name']} ({rule['file']}:{rule['line']})"


def _near(wanted: str, sets: dict[str, Any]) -> str:
    near = nearest(wanted, sets)
    if near:
        return f"; did you mean {near}?"
    return f"; there are: {', '.join(sets)}" if sets else "; the rules have no sets"


def _advice(fitting: list[str]) -> str:
    there = (
        f"no rule drops what is in a set (there are: {', '.join(fitting)}; name one with --set)"
        if fitting
        else "the rules have no set of addresses"
    )
    return (
        f"{there}. To have one for bans, add below `sets:`\n"
        f"  {DECLARATION}\n"
        "and at the top of the filter chains, in front of what accepts answers\n  "
        + "\n  ".join(RULES)
    )
