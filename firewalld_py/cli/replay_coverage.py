"""Which rules a capture's packets met, and which never: what `replay` tells at its end."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, TextIO

from firewalld_py.rules.verdicts import CONTINUE, VERDICT_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firewalld_py.rules.chain import Chain
    from firewalld_py.rules.ruleset import Ruleset

NEVER_SHOWN: Final = 20  # rules in the summary; --coverage lists all
ROW: Final = "{:>12} {:>14}  {:<{}}  {}"


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many packets met a rule's conditions, and their octets."""

    name: str
    file: str
    line: int
    packets: int
    octets: int

    @property
    def place(self) -> str:
        """`rules.yaml:12`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class ChainCount:
    """A chain's rules with their counts.

    `asked` is whether packets of this replay could come there at all: to the chains of the chosen
    hook, and to those that rules lead to from there. `policy` is None where a chain has none.
    """

    chain: str
    asked: bool
    policy: str | None
    policy_packets: int
    rules: tuple[RuleCount, ...]

    def never_met(self) -> list[RuleCount]:
        """The rules that no packet met."""
        return [rule for rule in self.rules if not rule.packets]


def coverage(ruleset: Ruleset, entered: Iterable[Chain]) -> list[ChainCount]:
    """The counts of all chains; `entered` are those that packets came to by themselves."""
    asked: set[int] = set()
    waiting = list(entered)
    while waiting:
        chain = waiting.pop()
        if id(chain) not in asked:
            asked.add(id(chain))
            waiting += [rule.leads_to for rule in chain.rules if rule.leads_to is not None]
    return [_count(chain, id(chain) in asked) for chain in ruleset.chains()]


def _count(chain: Chain, asked: bool) -> ChainCount:
    policy = None if chain.policy == CONTINUE else VERDICT_NAMES[chain.policy]
    rules = [
        RuleCount(rule.name, rule.file, rule.line, rule.hits, rule.hit_octets)
        for rule in chain.rules
    ]
    return ChainCount(
        f"{chain.table}/{chain.name}",
        asked,
        policy,
        0 if policy is None else chain.policy_hits,
        tuple(rules),
    )


def write_never_met(found: list[ChainCount], out: TextIO) -> None:
    """The rules that no packet met, some of very many."""
    asked = [chain for chain in found if chain.asked]
    total = sum(len(chain.rules) for chain in asked)
    never = sum(len(chain.never_met()) for chain in asked)
    out.write(f"never met: {never} of {total} rules\n")
    left = NEVER_SHOWN
    for chain in asked:
        rules = chain.never_met()[:left]
        left -= len(rules)
        if rules:
            out.write(f"  {chain.chain}\n")
        for rule in rules:
            out.write(f"    {rule.place}  {rule.name}\n")
    if never > NEVER_SHOWN:
        out.write(f"    and {never - NEVER_SHOWN} more, which --coverage lists\n")
    _write_not_asked(found, out)


def _write_not_asked(found: list[ChainCount], out: TextIO) -> None:
    """Of chains that no packet could come to, "never met" would say nothing."""
    places = [chain.chain for chain in found if chain.rules and not chain.asked]
    if places:
        out.write(f"not asked here (see --chain): {', '.join(places)}\n")


def write_coverage(found: list[ChainCount], out: TextIO) -> None:
    """Every rule of the chains that were asked, with its counts."""
    for chain in found:
        if not chain.asked or not (chain.rules or chain.policy):
            continue
        out.write(f"{chain.chain}\n")
        width = max((len(rule.place) for rule in chain.rules), default=0)
        if chain.rules:
            out.write(ROW.format("packets", "octets", "", width, "rule").rstrip() + "\n")
        for rule in chain.rules:
            name = rule.name if rule.packets else f"{rule.name}  (never met)"
            out.write(ROW.format(rule.packets, rule.octets, rule.place, width, name) + "\n")
        if chain.policy is not None:
            place = " " * width
            line = ROW.format(chain.policy_packets, "", place, width, f"(policy {chain.policy})")
            out.write(line + "\n")
        out.write("\n")
    write_never_met(found, out)


def write_coverage_json(found: list[ChainCount], out: TextIO) -> None:
    """The same by name, in one object; also of chains that were not asked."""
    asked = [chain for chain in found if chain.asked]
    shown = {
        "rules": sum(len(chain.rules) for chain in asked),
        "never_met": sum(len(chain.never_met()) for chain in asked),
        "chains": [asdict(chain) for chain in found],
    }
    json.dump(shown, out, ensure_ascii=False, indent=2)
    out.write("\n")
