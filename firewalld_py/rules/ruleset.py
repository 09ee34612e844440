"""All chains of one policy, and what its rules ask for beside packets."""

from __future__ import annotations

from firewalld_py.rules.chain import Chain
from firewalld_py.rules.matches import Interfaces
from firewalld_py.rules.matches_payload import ContainsMatch, PayloadMatch, RegexMatch
from firewalld_py.rules.memory import Memory
from firewalld_py.rules.sets import News, Set


class Ruleset:
    """All chains of one policy, and the interfaces and sets that its rules speak of.

    `needs` are the bits of rules/machine.py: what its rules ask that is not always at hand.
    `set_news` are the changes that its rules made to its sets, `memory` what they remember by name.
    """

    __slots__ = (
        "filter_forward",
        "filter_input",
        "filter_output",
        "interfaces",
        "memory",
        "needs",
        "raw_output",
        "raw_prerouting",
        "set_news",
        "sets",
        "user_chains",
    )

    def __init__(
        self,
        interfaces: Interfaces,
        raw_prerouting: Chain,
        raw_output: Chain,
        filter_input: Chain,
        filter_forward: Chain,
        filter_output: Chain,
        user_chains: list[Chain],
    ) -> None:
        self.interfaces = interfaces
        self.needs = 0
        self.raw_prerouting = raw_prerouting
        self.raw_output = raw_output
        self.filter_input = filter_input
        self.filter_forward = filter_forward
        self.filter_output = filter_output
        self.user_chains = user_chains
        self.sets: dict[str, Set] = {}
        self.set_news = News()
        self.memory = Memory()

    def carry_over(self, before: Ruleset) -> None:
        """Take on what was added to sets of the rule set before, where their types are the same.

        However much it is, that takes no time. It has to be called before this one judges.
        """
        for name, the_set in self.sets.items():
            replaced = before.sets.get(name)
            if replaced is not None:
                the_set.carry_over(replaced)

    def expire_elements(self, now: float, budget: int) -> None:
        """Look at so many elements of each set, remove those past their deadlines."""
        for the_set in self.sets.values():
            the_set.expire(now, budget)

    def chains(self) -> list[Chain]:
        """All of them; first those that packets come to by themselves."""
        return [
            self.raw_prerouting,
            self.raw_output,
            self.filter_input,
            self.filter_forward,
            self.filter_output,
            *self.user_chains,
        ]

    def reads_payload(self) -> bool:
        """Whether some rule asks for octets far behind a packet's headers."""
        for chain in self.chains():
            for rule in chain.rules:
                for match in rule.matches:
                    if isinstance(match, (PayloadMatch, ContainsMatch, RegexMatch)):
                        return True
        return False

    def assigns_helpers(self) -> bool:
        """Whether some rule gives a helper to connections."""
        for chain in self.chains():
            if chain.table != "raw":
                continue
            for rule in chain.rules:
                if rule.template is not None and rule.template.helper:
                    return True
        return False

    def release(self, count: int) -> bool:
        """Free up to `count` rules and the like of a rule set that judges no longer; whether all.

        All at once would take 10 ms for 10 000 rules.
        """
        while self.user_chains:
            count = self.user_chains[-1].release(count)
            if count == 0:
                return False
            self.user_chains.pop()
        for chain in self.chains():
            count = chain.release(count)
            if count == 0:
                return False
        for the_set in self.sets.values():
            count = the_set.release(count)
            if count == 0:
                return False
        return self.memory.release(count) > 0
