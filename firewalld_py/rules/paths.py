"""The way that all packets of a connection in one direction take through a chain.

Where every rule that a packet meets, and the reason why it does not meet those before, depend on
nothing but its connection, direction, state and interfaces, the next one fares the same. Such a
path is found by asking the rules once more, now and then, and is kept with the connection; it
counts as long as nothing changes on which the rules depend (changes.py). Rules that do something
beside their verdict, or ask for anything else, are on no path: they are asked about each packet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firewalld_py.conntrack.connection import CtInfo, Remembered
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.rule import Rule
from firewalld_py.rules.verdicts import CONTINUE, GO_ON, JUDGED, JUMP, LEAVE

if TYPE_CHECKING:
    from firewalld_py.rules.chain import Chain

# Of a connection's packets in one direction every eighth looks for a path where there is none, so
# that short connections, and rules that change all the time, cost no more than without.
SELDOM: Final = 7
UNSTEADY: Final = 3  # beside GO_ON, …: it cannot be said for all packets of the connection
KEPT: Final = 4096  # paths of a chain that its connections share; then they are made anew


class Path(Remembered):
    """A way through `chain` for packets with these interfaces, while `changes` is what it was.

    `met` are the rules whose conditions are met, in order; `rule` is the one that judges, in
    `rule_chain`, or None if the policy does.
    """

    __slots__ = ("chain", "changes", "in_index", "met", "out_index", "rule", "rule_chain")

    def __init__(self, chain: Chain, changes: int, in_index: int, out_index: int) -> None:
        self.chain = chain
        self.changes = changes
        self.in_index = in_index
        self.out_index = out_index
        self.met: list[Rule] = []
        self.rule: Rule | None = None
        self.rule_chain: Chain | None = None

    def is_like(self, other: Path) -> bool:
        """Whether both lead the same way, of those with the same interfaces."""
        if self.changes != other.changes or len(self.met) != len(other.met):
            return False
        for one, another in zip(self.met, other.met, strict=True):
            if one is not another:
                return False
        return True


class Paths:
    """The paths through a chain, each once: thousands of connections share a few."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[tuple[int, int, int], Path] = {}

    def shared(self, path: Path) -> Path:
        """The one like it that is known already; this one if there is none."""
        key = (id(path.rule), path.in_index, path.out_index)
        known = self.known.get(key)
        if known is not None and known.is_like(path):
            return known
        if len(self.known) >= KEPT:
            self.known.clear()
        self.known[key] = path
        return path

    def forget(self) -> None:
        self.known.clear()


def find_path(chain: Chain, packet: Packet, info: CtInfo) -> Path | None:
    """The path of all packets that are like this one; None if there may be several."""
    path = Path(chain, chain.changes.count, packet.meta.in_index, packet.meta.out_index)
    if _trace(chain, packet, info, path) == UNSTEADY:
        return None
    return chain.paths.shared(path)


def _trace(chain: Chain, packet: Packet, info: CtInfo, path: Path) -> int:
    """Note which rules are met, as Chain.evaluate() goes; GO_ON, LEAVE, JUDGED or UNSTEADY."""
    for number in chain.to_ask(packet, info):
        rule = chain.rules[number]
        if not rule.may_be_met(packet, info):
            continue
        if not rule.is_steady():
            return UNSTEADY
        path.met.append(rule)
        step = _trace_on(rule, chain, packet, info, path)
        if step != GO_ON:
            return step
    return GO_ON


def _trace_on(rule: Rule, chain: Chain, packet: Packet, info: CtInfo, path: Path) -> int:
    """Go where a rule that is met leads."""
    if rule.verdict == CONTINUE:
        return GO_ON
    if rule.verdict < JUMP:
        path.rule = rule
        path.rule_chain = chain
        return JUDGED
    step = LEAVE
    if rule.leads_to is not None:
        step = _trace(rule.leads_to, packet, info, path)
    if step in (JUDGED, UNSTEADY):
        return step
    return GO_ON if rule.verdict == JUMP else LEAVE
