"""Rules that give connections a helper: whether it can read them, and whether it ever will."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from firewalld_py.conntrack.helpers.base import Readable
from firewalld_py.conntrack.helpers.control_ports import CHILDREN_ONLY, OF_MODULE
from firewalld_py.policy.checks import PROTOCOL_NAMES, listed, protocols, rule_families
from firewalld_py.policy.coverage import covers
from firewalld_py.policy.model import Action, Match, Rule

MAX_COMPARISONS: Final = 200_000  # of rules in one chain (about a second); then none is reported

# What a rule that ends the chain does to a connection that another one gives a helper.
_TAKES: Final = {
    "notrack": "leaves untracked all that this rule matches: no helper will read it",
    "drop": "drops all that this rule matches: no helper will read it",
    "accept": "ends the chain for all that this rule matches: the helper is never given; "
    "put this rule before it",
}
# What may let it through to the helper. What a chain elsewhere does is not looked into.
_LETS: Final = ("accept", "jump", "goto", "return")


def of_module(name: str, matches: tuple[Match, ...], helpers: Mapping[str, Readable]) -> str:
    """The helper of a module (h323) that reads all that a rule matches; else the name itself."""
    possible = protocols(matches)
    for helper in OF_MODULE.get(name, ()):
        reads = {protocol for _, protocol in helpers.get(helper, ())}
        if possible is not None and possible <= reads:
            return helper
    return name


def check_helper(
    chain: str, action: Action, matches: tuple[Match, ...], helpers: Mapping[str, Readable]
) -> Iterator[str]:
    """What is wrong with a raw rule's helper: it is for certain protocols and IP versions only.

    As with iptables' CT target the rule must name its protocols.
    """
    name = action.helper
    if name is None or action.verdict == "notrack" or not chain.startswith("raw/"):
        return
    if name in CHILDREN_ONLY:
        yield f"the helper {name} is given by another helper, and by no rule"
        return
    if name in OF_MODULE:
        yield (
            f"{name} is "
            + " and ".join(
                f"{helper} for {listed(frozenset(number for _, number in helpers[helper]))}"
                for helper in OF_MODULE[name]
                if helper in helpers
            )
            + ": make a rule for each, with its proto"
        )
        return
    readable = helpers[name]
    reads = frozenset(protocol for _, protocol in readable)
    possible = protocols(matches)
    if possible is None:
        words = listed(reads)
        example = words if len(reads) == 1 else f"[{words}]"
        yield f"the helper {name} reads {words}: add proto: {example}"
        return
    if possible - reads:
        yield f"the helper {name} reads {listed(reads)}, but the rule matches " + listed(
            possible - reads
        )
        return
    families = rule_families(matches)
    for protocol in sorted(possible):
        if families and not any((version, protocol) in readable for version in families):
            (version,) = families
            other = 10 - version
            yield (
                f"the helper {name} reads {PROTOCOL_NAMES[protocol]} over IPv{other} only, "
                f"and the rule matches IPv{version} only"
            )


def check_raw_chain(rules: Sequence[Rule]) -> Iterator[tuple[Rule, str]]:
    """Rules that give a helper to connections which another rule of the chain takes away.

    Only what one rule alone does to all that the other one matches is seen.
    """
    ends = [(at, rule) for at, rule in enumerate(rules) if rule.action.verdict in (*_TAKES, *_LETS)]
    left = MAX_COMPARISONS
    for at, rule in enumerate(rules):
        if rule.action.helper is None or rule.action.verdict == "notrack":
            continue
        left -= len(ends)
        if left < 0:
            return
        taker = _taker(at, rule, ends)
        if taker is not None:
            what = _TAKES[taker.action.verdict]
            same = taker.file == rule.file
            where = f"line {taker.line}" if same else f"{taker.file}:{taker.line}"
            yield rule, f"helper: {taker.label} in {where} {what}"


def _taker(at: int, rule: Rule, ends: list[tuple[int, Rule]]) -> Rule | None:
    """The rule that takes away all that the one at place `at` matches."""
    for place, other in ends:
        if place < at:
            if other.action.verdict in _TAKES and covers(other.matches, rule.matches):
                return other
        elif other.action.verdict in _LETS or place == at:
            return None  # this one lets at least some of it go to the helper
        elif covers(other.matches, rule.matches):
            return other
    return None
