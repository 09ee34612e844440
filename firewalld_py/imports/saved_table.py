"""One table of iptables with its rules read, and what is told of those that are left out."""

from __future__ import annotations

from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.imports.iptables_rules import read_rule
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.save_file import SavedChain
from firewalld_py.imports.steps import CHAINS, Left, Step
from firewalld_py.policy.model import Action

# Left out, these let nothing pass that was kept out: what follows a RETURN is left out with it.
_CLOSED = ("", "ACCEPT", "LOG", "NFLOG", "RETURN")


class SavedTable:
    """A table with the rules of its chains, in order."""

    def __init__(self, version: int, name: str, chains: dict[str, SavedChain]) -> None:
        self.version = version
        self.name = name
        self.chains = chains
        self.rules: dict[str, list[Ruling]] = {
            chain.name: [read_rule(version, name, rule) for rule in chain.rules]
            for chain in chains.values()
        }

    def bases(self) -> list[str]:
        """The chains that packets come to and that are ours, too."""
        return [base for table, base in CHAINS if table == self.name and base in self.chains]

    def calls(self, chain: str) -> list[str]:
        """The chains that rules of a chain lead to."""
        return [rule.target for rule in self.rules[chain] if rule.target in self.chains]

    def left(self, ruling: Ruling, fault: NotExpressible, *, opens: bool | None = None) -> Left:
        """What is told of a rule that is left out."""
        closed = ruling.target in _CLOSED if opens is None else not opens
        return Left(ruling.source, fault.reason, fault.advice, not closed)


def left_out(version: int, ruling: Ruling, reason: str) -> Step:
    """What stands in the place of a rule: a comment."""
    return Step(version, {}, Action(), source=ruling.source, notes=(f"left out: {reason}",))


def policy(chain: SavedChain) -> Action:
    """What becomes of a packet at the end of a chain that the kernel has by itself."""
    return Action("drop" if chain.policy == "DROP" else "accept")
