"""What is right by the language and probably not meant: told, but nothing is refused for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final, cast

from firewalld_py.conntrack.helpers.control_ports import CONTROL_PORTS, ControlPort
from firewalld_py.policy.chains import reached, targets_of
from firewalld_py.policy.checks import PROTOCOL_NAMES, protocols
from firewalld_py.policy.findings import Finding, about_rule
from firewalld_py.policy.model import Chain, Match, Policy, Rule
from firewalld_py.policy.names import STATES

# A range that opens a control port by name, as 20-21 or 6660-6669. A wider one (1024-65535), or a
# rule without ports, opens every port and says nothing of what is behind it.
NARROW_PORTS: Final = 32
# The raw chain that packets have come through, by the filter chain that judges them.
_RAW_OF: Final = {"input": "prerouting", "forward": "prerouting", "output": "output"}


def advise(policy: Policy, helpers: Collection[str]) -> list[Finding]:
    """Where a helper is missing; `helpers` are those that there are."""
    raw = {chain.name: chain.rules for chain in policy.chains if chain.table == "raw"}
    # Of chains that rules lead to, those of raw may give a helper to anything.
    elsewhere = tuple(
        rule
        for chain in policy.chains
        if chain.table == "raw" and chain.user
        for rule in chain.rules
    )
    found: list[Finding] = []
    told: set[tuple[str, str, int]] = set()
    for chain in policy.chains:
        if chain.table != "filter" or chain.user:
            continue
        of_raw = _RAW_OF[chain.name]
        for rule, control in _unread(
            _with_targets(policy, chain), raw.get(of_raw, ()) + elsewhere, helpers
        ):
            key = (of_raw, control.helper, control.protocol)
            if key not in told:
                told.add(key)
                found.append(_warning(rule, control, of_raw))
    order = {file: number for number, file in enumerate(policy.files)}
    return sorted(found, key=lambda finding: (order[finding.file], finding.line, finding.column))


def _with_targets(policy: Policy, base: Chain) -> Chain:
    """The chain with the rules of all chains that packets of it may be led to."""
    chains = {chain.name: chain for chain in policy.chains if chain.table == base.table}
    calls = {name: targets_of(chain) for name, chain in chains.items()}
    rules = [rule for name in reached(base.name, calls) for rule in chains[name].rules]
    return replace(base, rules=(*base.rules, *rules))


def _unread(
    chain: Chain, raw: tuple[Rule, ...], helpers: Collection[str]
) -> Iterator[tuple[Rule, ControlPort]]:
    """The control ports that a chain opens and lets RELATED through for, with nobody to read them.

    Each with the rule that opens it.
    """
    if not any(_accepts(rule, "related", if_unsaid=False) for rule in chain.rules):
        return
    for control in CONTROL_PORTS:
        if control.helper not in helpers or (control.local and chain.name != "output"):
            continue
        if any(_gives(rule, control) for rule in raw):
            continue
        for rule in chain.rules:
            if _accepts(rule, "new", if_unsaid=True) and _names(rule, control):
                yield rule, control
                break


def _accepts(rule: Rule, state: str, *, if_unsaid: bool) -> bool:
    """Whether a rule accepts packets of this state; `if_unsaid`: if it speaks of no state."""
    if rule.action.verdict != "accept":
        return False
    asked = [match for match in rule.matches if match.kind == "state"]
    wanted = STATES[state]
    return all(bool(cast("int", match.value) & wanted) != match.inverted for match in asked) and (
        bool(asked) or if_unsaid
    )


def _gives(rule: Rule, control: ControlPort) -> bool:
    """Whether a raw rule gives connections to this port the helper."""
    possible = protocols(rule.matches)
    return (
        rule.action.helper == control.helper
        and (possible is None or control.protocol in possible)
        and all(
            _has_port(match, control.port) != match.inverted
            for match in rule.matches
            if match.kind == "dport"
        )
    )


def _names(rule: Rule, control: ControlPort) -> bool:
    """Whether a filter rule is about this very port."""
    possible = protocols(rule.matches)
    if possible is not None and control.protocol not in possible:
        return False
    return any(
        low <= control.port <= high and high - low < NARROW_PORTS
        for match in rule.matches
        if match.kind == "dport" and not match.inverted
        for low, high in cast("tuple[tuple[int, int], ...]", match.value)
    )


def _has_port(match: Match, port: int) -> bool:
    ranges = cast("tuple[tuple[int, int], ...]", match.value)
    return any(low <= port <= high for low, high in ranges)


def _warning(rule: Rule, control: ControlPort, raw_chain: str) -> Finding:
    protocol = PROTOCOL_NAMES[control.protocol]
    line = (
        f"{{name: {control.helper} control, proto: {protocol}, dport: {control.port}, "
        f"action: {{helper: {control.helper}}}}}"
    )
    message = (
        f"this opens {protocol} port {control.port}, and the chain accepts RELATED, but no rule "
        f"gives these connections the helper {control.helper}: what they lead to will be NEW. "
        f"Add to raw/{raw_chain}: {line}"
    )
    return about_rule("helper-missing", rule, message)
