"""One table of another firewall with its rules read, its chains named as iptables names them."""

from __future__ import annotations

from typing import Final

from firewalld_py.imports.conditions import NotExpressible
from firewalld_py.imports.ruling import Ruling
from firewalld_py.imports.save_file import SavedChain
from firewalld_py.imports.steps import CHAINS, Left, Step
from firewalld_py.policy.model import Action

# Left out, these let nothing pass that was kept out: what follows a RETURN is left out with it.
_CLOSED: Final = ("", "ACCEPT", "LOG", "NFLOG", "RETURN")


class RuleTable:
    """A table ("raw" or "filter") of one IP version, or of both (0), with its rules in order."""

    def __init__(self, version: int, name: str) -> None:
        self.version = version
        self.name = name
        self.chains: dict[str, SavedChain] = {}
        self.rules: dict[str, list[Ruling]] = {}

    def bases(self) -> list[str]:
        """The chains that packets come to and that are ours, too."""
        return [base for table, base in CHAINS if table == self.name and base in self.chains]

    def calls(self, chain: str) -> list[str]:
        """The chains that rules of a chain lead to."""
        return [rule.target for rule in self.rules[chain] if rule.target in self.chains]

    def action(self, ruling: Ruling) -> Action:
        """What a rule does that leads to no chain. Raises NotExpressible."""
        return ruling.action

    def left(self, ruling: Ruling, fault: NotExpressible) -> Left:
        """What is told of a rule that is left out."""
        opens = ruling.target not in _CLOSED if ruling.opens is None else ruling.opens
        return Left(ruling.source, fault.reason, fault.advice, opens)


def left_out(version: int, ruling: Ruling, reason: str) -> Step:
    """What stands in the place of a rule: a comment."""
    return Step(version, {}, Action(), source=ruling.source, notes=(f"left out: {reason}",))


def policy(chain: SavedChain) -> Action:
    """What becomes of a packet at the end of a chain that the kernel has by itself."""
    return Action("drop" if chain.policy == "DROP" else "accept")
