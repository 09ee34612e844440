"""User chains: their names, where they lead, and what may be asked in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from firewalld_py.policy.checks import check_place
from firewalld_py.policy.errors import Fault, nearest, quoted
from firewalld_py.policy.keys import Reading, text_of
from firewalld_py.policy.model import Chain, Rule
from firewalld_py.policy.nodes import Mapping, Node
from firewalld_py.policy.shapes import Text, reads
from firewalld_py.rules.build import CHAINS
from firewalld_py.rules.calls import call_faults

MAX_NAME: Final = 64  # characters of a chain's name; iptables has 28
MAX_CHAINS: Final = 10_000  # of one table; a worker makes them all at once
CHAINS_FORM: Final = "a mapping from names to lists of rules"
_NAME: Final = f"a chain's name: at most {MAX_NAME} characters without space, comma or /"
# What would be mistaken for something else where rules and chains are named.
_UNFIT: Final = frozenset("/,$")
NAME_FORM: Final = rf"^[^\s/,$]{{1,{MAX_NAME}}}$"  # for editors


def check_name(table: str, name: str) -> None:
    """Raises Fault if a chain of the table cannot have this name."""
    if (table, name) in CHAINS:
        raise Fault(f"the chain {quoted(name)} is there already: it is where packets come from")
    fit = 0 < len(name) <= MAX_NAME and name.isprintable() and not any(map(str.isspace, name))
    if not fit or _UNFIT & set(name):
        raise Fault(f"expected {_NAME}, found {quoted(name[: MAX_NAME + 1])}")


@reads(Text(NAME_FORM, plain=True))
def read_target(node: Node, reading: Reading) -> str:
    """The name of a chain to go to, one of the table that is being read. Raises Fault."""
    name = text_of(node, "a chain's name")
    if name in reading.chains:
        return name
    if any(name == base for _, base in CHAINS):
        raise Fault(f"{name} is where packets come from: only chains under chains: can be gone to")
    near = nearest(name, reading.chains)
    there = ", ".join(reading.chains) or "none, chains: is missing or empty"
    raise Fault(f"unknown chain {quoted(name)}" + ("" if near else f"; there are: {there}"), near)


def names_of(node: Node | None) -> tuple[str, ...]:
    """The names of the chains of a table, right or not."""
    return tuple(node.entries) if isinstance(node, Mapping) else ()


def check_chains(chains: Sequence[Chain]) -> Iterator[tuple[Rule, int, int, str]]:
    """What is wrong with how chains lead to each other: the rule, line, column and what it is."""
    for table in ("raw", "filter"):
        of_table = {chain.name: chain for chain in chains if chain.table == table}
        calls = {name: targets_of(chain) for name, chain in of_table.items()}
        for fault in call_faults(calls):
            for rule in of_table[fault.caller].rules:
                if rule.action.chain == fault.target:
                    yield rule, rule.line, rule.column, fault.message
                    break
        for base in of_table.values():
            if not base.user:
                yield from _check_reached(base, of_table, calls)


def targets_of(chain: Chain) -> list[str]:
    """The chains that the rules of a chain lead to, one for each such rule."""
    return [rule.action.chain for rule in chain.rules if rule.action.chain is not None]


def reached(base: str, calls: dict[str, list[str]]) -> list[str]:
    """The chains to which packets of a chain may come."""
    found = dict.fromkeys(calls[base])
    left = list(found)
    while left:
        for target in calls.get(left.pop(), ()):
            if target not in found:
                found[target] = None
                left.append(target)
    return list(found)


def _check_reached(
    base: Chain, chains: dict[str, Chain], calls: dict[str, list[str]]
) -> Iterator[tuple[Rule, int, int, str]]:
    """Conditions that packets of the base chain cannot be asked."""
    place = f"{base.table}/{base.name}"
    for name in reached(base.name, calls):
        if name in chains:
            for rule in chains[name].rules:
                for match, message in check_place(place, rule.matches):
                    also = f"{message}; and packets of {place} come to {base.table}/{name}"
                    yield rule, match.line, match.column, also
