"""What is written differently in two policies: rules, chains, policies, defines and sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firewalld_py.policy.action_text import action_text, log_text
from firewalld_py.policy.compile import Plan
from firewalld_py.policy.errors import Problems
from firewalld_py.policy.model import Action, Chain, Match, Policy
from firewalld_py.policy.nodes import Mapping, Node, Scalar, read_tree
from firewalld_py.policy.rule_pairs import Pair, Placed, meaning
from firewalld_py.policy.set_diff import set_details, sets_of, summary
from firewalld_py.policy.written import Conditions, node_text
from firewalld_py.rules.build import plan_rules

SHOWN: Final = 4  # elements of a list; of longer ones those are shown that came and went
MAX_SHOWN: Final = 8

ADDED, REMOVED, CHANGED, MOVED, RENAMED = "added", "removed", "changed", "moved", "renamed"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs, with where it stands before and after ("" for nowhere).

    `what` is rule, chain, policy, define or set; `kinds` what became of it, `details` in words.
    """

    what: str
    kinds: tuple[str, ...]
    name: str
    chain: str
    old: str
    new: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """A policy with what is needed to show it."""

    policy: Policy
    plan: Plan
    written: Conditions


def same_plans(old: Plan, new: Plan) -> bool:
    """Whether two plans judge alike: all is the same but where it stands in its files."""
    return _bare(old) == _bare(new)


def _bare(plan: Plan) -> object:
    rules = [
        (place, {key: _without_seeds(key, value) for key, value in rule.items()
                 if key not in ("file", "line")})
        for place, rule in plan_rules(plan)
    ]  # fmt: skip
    policies = {name: chain["policy"] for name, chain in plan["filter"].items()}
    rest = {key: value for key, value in plan.items() if key not in ("raw", "filter", "chains")}
    return rules, policies, rest, list(plan.get("chains", ()))


def _without_seeds(key: str, value: object) -> object:
    """The seed of a share of packets is the place of its condition."""
    if key != "match" or not isinstance(value, list):
        return value
    return [
        [kind, inverted, said[:1] if kind == "probability" else said]
        for kind, inverted, said in value
    ]


def changes(old: Version, new: Version, pairs: list[Pair]) -> list[Change]:
    """All that differs, the rules last; moved is what left the order of the rest."""
    found = [
        *_defines(old.policy, new.policy), *_sets(old, new), *_chains(old.policy, new.policy)
    ]  # fmt: skip
    chains_of = [{f"{one.table}/{one.name}" for one in side.policy.chains if one.user}
                 for side in (old, new)]  # fmt: skip
    for pair in pairs:
        if pair.old is None and pair.new is not None:
            if pair.new.chain in chains_of[0] or pair.new.chain not in chains_of[1]:
                found.append(_lone(ADDED, pair.new, new))
        elif pair.new is None and pair.old is not None:
            if pair.old.chain in chains_of[1] or pair.old.chain not in chains_of[0]:
                found.append(_lone(REMOVED, pair.old, old))
        elif pair.moved or pair.changed or pair.renamed:
            found.append(_changed(pair, old, new))
    return found


def place_of(placed: Placed | None) -> str:
    """`rules.yaml:12`."""
    return "" if placed is None else f"{placed.rule.file}:{placed.rule.line}"


def _lone(kind: str, placed: Placed, side: Version) -> Change:
    """A rule that stands on one side only."""
    rule = placed.rule
    said = [side.written.text(rule.file, match) for match in rule.matches]
    text = f"{', '.join(said) or 'everything'}: {action_text(rule.action)}"
    at = place_of(placed)
    old, new = (at, "") if kind == REMOVED else ("", at)
    return Change("rule", (kind,), rule.name, placed.chain, old, new, (text,))


def _changed(pair: Pair, old: Version, new: Version) -> Change:
    assert pair.old is not None
    assert pair.new is not None
    kinds: list[str] = []
    details: list[str] = []
    if pair.changed:
        kinds.append(CHANGED)
        details += _conditions(pair.old, pair.new, old.written, new.written)
        details += _actions(pair.old.rule.action, pair.new.rule.action)
    if pair.renamed:
        kinds.append(RENAMED)
        details.append(f"name '{pair.old.rule.name}' -> '{pair.new.rule.name}'")
    if pair.moved:
        kinds.append(MOVED)
        details.append(_where(pair.old, pair.new, new.policy))
    return Change(
        "rule",
        tuple(kinds),
        pair.new.rule.name,
        pair.new.chain,
        place_of(pair.old),
        place_of(pair.new),
        tuple(details),
    )


def _where(old: Placed, new: Placed, policy: Policy) -> str:
    """Where a rule went."""
    chain = next(one for one in policy.chains if f"{one.table}/{one.name}" == new.chain)
    came = f"from {old.chain} " if old.chain != new.chain else ""
    if new.number == 0:
        return f"{came}to the front of {new.chain}"
    return f"{came}to behind '{chain.rules[new.number - 1].name}'"


def _conditions(old: Placed, new: Placed, before: Conditions, after: Conditions) -> Iterator[str]:
    mine = {(match.inverted, match.key): match for match in old.rule.matches}
    its = {(match.inverted, match.key): match for match in new.rule.matches}
    for key in dict.fromkeys((*mine, *its)):
        one, other = mine.get(key), its.get(key)
        if one is None and other is not None:
            yield f"also asks for: {after.text(new.rule.file, other)}"
        elif other is None and one is not None:
            yield f"no longer asks for: {before.text(old.rule.file, one)}"
        elif one is not None and other is not None and meaning(one) != meaning(other):
            yield _values(
                before.items(old.rule.file, one), after.items(new.rule.file, other), other
            )


def _values(old: list[str], new: list[str], match: Match) -> str:
    """`dport 80 -> 80, 443`; of long lists what came and went."""
    name = f"{'not ' if match.inverted else ''}{match.key}"
    if old == new:
        return f"{name} {_listed(new)}: this stands for something else now"
    if max(len(old), len(new)) <= SHOWN:
        return f"{name} {', '.join(old)} -> {', '.join(new)}"
    gone = [item for item in dict.fromkeys(old) if item not in set(new)]
    come = [item for item in dict.fromkeys(new) if item not in set(old)]
    words = [f"{word}: {_listed(items)}" for word, items in (("added", come), ("removed", gone))
             if items]  # fmt: skip
    return f"{name} {'; '.join(words)}"


def _listed(items: list[str]) -> str:
    shown = ", ".join(items[:MAX_SHOWN])
    more = len(items) - MAX_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _actions(old: Action, new: Action) -> Iterator[str]:
    texts = action_text(old), action_text(new)
    if texts[0] != texts[1]:
        yield f"action {texts[0]} -> {texts[1]}"
    if old.log != new.log and None not in (old.log, new.log):
        yield f"log {log_text(old.log)} -> {log_text(new.log)}"
    if old.timeouts != new.timeouts and None not in (old.timeouts, new.timeouts):
        yield f"timeout {_timeouts(old)} -> {_timeouts(new)}"


def _timeouts(action: Action) -> str:
    return ", ".join(f"{name} {seconds} s" for name, seconds in (action.timeouts or {}).items())


def _chains(old: Policy, new: Policy) -> Iterator[Change]:
    """Policies of those that packets come to by themselves, and the others that came and went."""
    before, after = _chains_of(old), _chains_of(new)
    for place in dict.fromkeys((*before, *after)):
        mine, its = before.get(place), after.get(place)
        chain = mine or its
        assert chain is not None
        at = _line_of(mine), _line_of(its)
        if chain.user and (mine is None or its is None):
            kind, word = (ADDED, "has") if mine is None else (REMOVED, "had")
            count = len(chain.rules)
            text = f"{word} {count} rule{'' if count == 1 else 's'}"
            yield Change("chain", (kind,), place, place, *at, (text,))
        elif not chain.user and chain.table == "filter":
            policies = [one.policy if one is not None else "accept" for one in (mine, its)]
            if policies[0] != policies[1]:
                text = f"policy {policies[0]} -> {policies[1]}"
                yield Change("policy", (CHANGED,), place, place, *at, (text,))


def _line_of(chain: Chain | None) -> str:
    return f"{chain.file}:{chain.line}" if chain is not None and chain.line else ""


def _chains_of(policy: Policy) -> dict[str, Chain]:
    return {f"{chain.table}/{chain.name}": chain for chain in policy.chains}


def _defines(old: Policy, new: Policy) -> Iterator[Change]:
    """As their files have them."""
    before, after = _entries(old, "define"), _entries(new, "define")
    for name in dict.fromkeys((*before, *after)):
        mine, its = before.get(name), after.get(name)
        at = "" if mine is None else mine[0], "" if its is None else its[0]
        if mine is None and its is not None:
            yield Change("define", (ADDED,), name, "", *at, (_listed(its[1]),))
        elif its is None and mine is not None:
            yield Change("define", (REMOVED,), name, "", *at, (_listed(mine[1]),))
        elif mine is not None and its is not None and mine[1] != its[1]:
            yield Change("define", (CHANGED,), name, "", *at, (_elements(mine[1], its[1]),))


def _sets(old: Version, new: Version) -> Iterator[Change]:
    """With all their elements, also those of other files."""
    before, after = sets_of(old.plan), sets_of(new.plan)
    if not before and not after:
        return
    places = [_entries(side.policy, "sets") for side in (old, new)]
    for name in dict.fromkeys((*before, *after)):
        mine, its = before.get(name), after.get(name)
        at = tuple(known[name][0] if name in known else "" for known in places)
        if mine is not None and its is not None:
            details = set_details(mine, its)
            if details:
                yield Change("set", (CHANGED,), name, "", at[0], at[1], tuple(details))
        else:
            kind = ADDED if mine is None else REMOVED
            yield Change("set", (kind,), name, "", at[0], at[1], (summary(mine or its or {}),))


def _elements(old: list[str], new: list[str]) -> str:
    if max(len(old), len(new)) <= SHOWN:
        return f"{', '.join(old)} -> {', '.join(new)}"
    gone = [item for item in dict.fromkeys(old) if item not in set(new)]
    come = [item for item in dict.fromkeys(new) if item not in set(old)]
    words = [f"{word}: {_listed(items)}" for word, items in (("added", come), ("removed", gone))
             if items]  # fmt: skip
    return "; ".join(words) or "in another order"


def _entries(policy: Policy, key: str) -> dict[str, tuple[str, list[str]]]:
    """What stands under a key of the files by name: its place, and its parts."""
    found: dict[str, tuple[str, list[str]]] = {}
    for file in policy.files or (policy.file,):
        tree = read_tree(file, Problems(file))
        if not isinstance(tree, Mapping) or key not in tree.entries:
            continue
        below = tree.entries[key][1]
        if isinstance(below, Mapping):
            for name, (node, value) in below.entries.items():
                found.setdefault(name, (f"{file}:{node.line}", _parts(value)))
    return found


def _parts(node: Node) -> list[str]:
    """The elements of a list; of a mapping its keys, lists taken apart."""
    if isinstance(node, Mapping):
        return [
            f"{name} {part}" for name, (_, value) in node.entries.items() for part in _parts(value)
        ]
    if isinstance(node, Scalar):
        return [node.text]
    return [node_text(item) for item in node.items]
