"""Reads one rule: its name, its conditions and what it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, cast

from firewalld_py.policy import values
from firewalld_py.policy.actions import EXPECTED, FORM, read_action, read_log
from firewalld_py.policy.checks import check_action, check_matches
from firewalld_py.policy.errors import Fault
from firewalld_py.policy.findings import OF_RULE_FORM, read_rule_silences
from firewalld_py.policy.helper_checks import check_helper, of_module
from firewalld_py.policy.keys import Key, Reading, Table, mapping, one
from firewalld_py.policy.matches import MATCHES, NEGATED, make_matches
from firewalld_py.policy.model import Action, Log, Match, Rule, Silence
from firewalld_py.policy.nodes import Mapping, Node, Scalar
from firewalld_py.policy.shapes import Keys

MAX_NAME: Final = 100  # characters of a rule's name

RULE: Final = Table(
    "a rule",
    (
        Key(
            "name",
            one(values.plain_text(MAX_NAME), "a name"),
            f"a text of at most {MAX_NAME} characters",
            "what logs and messages call the rule; once per chain. Without it: filter/forward/3",
            also=("comment", "description", "id"),
            example="{name: web, dst: 192.0.2.80, proto: tcp, dport: 443, action: accept}",
        ),
        *MATCHES.keys,
        Key(
            "not",
            mapping(NEGATED),
            "a mapping with the keys of conditions",
            "conditions each of which is negated by itself",
            also=("negate", "except", "unless"),
            example="{in: lan0, not: {src: 10.1.0.0/24}, action: drop}",
        ),
        Key(
            "log",
            read_log,
            "true or {prefix, limit, burst, level}",
            "write a log line for the packet",
            example='{state: invalid, log: {prefix: "junk ", limit: 10/second}, action: drop}',
        ),
        Key(
            "action",
            read_action,
            FORM,
            "what happens to the packet",
            also=("target", "jump", "verdict", "then", "j"),
            example="{proto: tcp, dport: 113, action: {reject: tcp-reset}}",
        ),
        Key(
            "lint",
            read_rule_silences,
            OF_RULE_FORM,
            "findings of `check` about this rule that are known and meant",
            also=("silence", "nolint", "ignore"),
            example="{state: invalid, lint: accept-invalid, action: accept}",
        ),
    ),
)

SHAPE: Final = Keys(RULE, one_of=("action", "log"))


def read_rule(chain: str, place: str, node: Node, reading: Reading) -> Rule | None:
    """The rule at `place` ("filter/forward/3") of `chain` ("filter/forward").

    None when something is wrong with it, which is noted then.
    """
    reading.rule = _label(place, node)
    before = len(reading.problems.found)
    try:
        read = RULE.read(node, reading)
    except Fault as fault:
        reading.fault(node, fault.message)
        return None
    assert isinstance(node, Mapping)
    matches = _matches(read, node)
    readable = len(reading.problems.found) == before
    for match, message in check_matches(chain, matches):
        reading.problems.add(match.line, match.column, message, rule=reading.rule)
    action = _action(read, node, matches, reading)
    if action is not None and readable:  # else a condition that it needs may be one not read
        _check(chain, action, matches, node, reading)
    if action is None or len(reading.problems.found) > before:
        return None
    name = cast("str", read.get("name", place))
    file = reading.problems.file
    lint = cast("tuple[Silence, ...]", read.get("lint", ()))
    return Rule(name, place, file, node.line, node.column, matches, action, lint)


def _label(place: str, node: Node) -> str:
    """How messages call the rule: its place, and its name where it has one that can be shown."""
    if isinstance(node, Mapping) and "name" in node.entries:
        name = node.entries["name"][1]
        if isinstance(name, Scalar) and name.text and name.text.isprintable():
            return f"{place} ({name.text[:MAX_NAME]})"
    return place


def _matches(read: dict[str, object], node: Mapping) -> tuple[Match, ...]:
    """The matches of a rule's own keys, then of those below `not:`."""
    own = {name: value for name, value in read.items() if name in MATCHES.by_name}
    matches = make_matches(own, node, inverted=False)
    negated = cast("dict[str, object]", read.get("not", {}))
    if negated:
        below = node.entries["not"][1]
        assert isinstance(below, Mapping)
        matches += make_matches(negated, below, inverted=True)
    return tuple(matches)


def _check(
    chain: str, action: Action, matches: tuple[Match, ...], node: Mapping, reading: Reading
) -> None:
    """Note what is wrong with an action in this chain, under these conditions."""
    for message in (
        *check_action(chain, action, matches),
        *check_helper(chain, action, matches, reading.helpers),
    ):
        reading.fault(node.entries["action"][0], message)


def _action(
    read: dict[str, object],
    node: Mapping,
    matches: tuple[Match, ...],
    reading: Reading,
) -> Action | None:
    """The whole action of a rule from its `action:` and `log:` keys; None when there is none."""
    log = cast("Log | None", read.get("log"))
    action = cast("Action | None", read.get("action"))
    if "action" not in node.entries:
        if log is None:
            wrong_log = "log" in node.entries and "log" not in read
            if not wrong_log and not RULE.has(node, "action"):
                reading.fault(node, f"a rule needs an action: {EXPECTED}")
            return None
        return Action(log=log)
    if action is None:
        return None
    key, _ = node.entries["action"]
    if action.helper is not None:
        action = replace(action, helper=of_module(action.helper, matches, reading.helpers))
    if log is None:
        return action
    if action.log is not None:
        reading.fault(key, "log stands here twice: as a key and as an action")
    return replace(action, log=log)
