"""One policy for a chain of both IP versions: where theirs differ, one of them gets a last rule.

What would come to the end of the chain without passing that rule must be led to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from firewalld_py.imports.chain_names import ChainNames
from firewalld_py.imports.steps import CHAINS, Family, Imported, Step
from firewalld_py.policy.model import Action

_ACCEPT: Final = Action("accept")
TOOLS: Final = {4: "iptables", 6: "ip6tables"}


def align_policies(families: Sequence[Family], names: ChainNames) -> None:
    """Let all families have the stricter policy, and those with another one a rule that accepts."""
    for table, base in CHAINS:
        chains = [family.chains.get((table, base.lower())) for family in families]
        if table == "raw" or not any(chain and chain.policy == "drop" for chain in chains):
            continue
        for family, chain in zip(families, chains, strict=True):
            made = chain or Imported("accept", "")
            family.chains[table, base.lower()] = made
            if made.policy == "accept":
                made.policy = "drop"
                name = f"policy of {TOOLS[family.version]}"
                end_with(
                    family, (table, base.lower()), Step(family.version, {}, _ACCEPT, name), names
                )


def end_with(family: Family, key: tuple[str, str], last: Step, names: ChainNames) -> None:
    """Let a chain end with a step that judges, for all that come to its end in some way."""
    made = family.chains[key]
    made.steps = [_led(family, key[0], step, last, names) for step in made.steps]
    made.steps.append(last)


def _led(family: Family, table: str, step: Step, last: Step, names: ChainNames) -> Step:
    """The same, but who would leave the chain by it is judged as at its end."""
    action = step.action
    verdict = last.action.verdict
    if action.verdict == "return":
        return replace(step, action=replace(action, verdict=verdict))
    if action.verdict != "goto" or action.chain is None:
        return step
    wanted = f"{action.chain}-{verdict}{family.version}"
    name = names.name(table, (verdict, family.version, action.chain), wanted)
    first = Step(family.version, {}, Action("jump", chain=action.chain))
    family.chains[table, name] = Imported("", "", [first, replace(last, name="")])
    return replace(step, action=replace(action, chain=name))
