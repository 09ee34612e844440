"""What is made of another firewall's rules before it is written: chains of steps, and what is left.

The families of a file, the rules that are left out and those that stand in the new file are told
in the same words whatever they were read from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from firewalld_py.imports.conditions import Conditions
from firewalld_py.imports.sets import SetOf
from firewalld_py.policy.model import Action

# The chains that packets come to in our language, by table and name in capitals.
CHAINS: Final = (
    ("raw", "PREROUTING"),
    ("raw", "OUTPUT"),
    ("filter", "INPUT"),
    ("filter", "FORWARD"),
    ("filter", "OUTPUT"),
)
# The interface that is not known there: in iptables one without a name, which fits no pattern.
NO_INTERFACE: Final[Mapping[tuple[str, str], str]] = {
    ("raw", "PREROUTING"): "out",
    ("filter", "INPUT"): "out",
    ("raw", "OUTPUT"): "in",
    ("filter", "OUTPUT"): "in",
}


class Counters(NamedTuple):
    """Packets and octets that a rule or a policy has seen."""

    packets: int
    octets: int


class Source(NamedTuple):
    """A rule as it was found: where ("IPv4 line 13"), in which order, its text, its counters."""

    where: str
    order: int
    text: str
    counters: Counters | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One rule of ours; `chain` is where it stood, if elsewhere; `notes` tell what was changed."""

    family: int
    conditions: Conditions
    action: Action
    name: str = ""
    source: Source | None = None
    notes: tuple[str, ...] = ()
    chain: str = ""

    def is_left_out(self) -> bool:
        return self.action == Action()


@dataclass(frozen=True, slots=True)
class Left:
    """What was left out: the rule, why, what would do, and what it means for packets.

    Or, `nearly`, what went over and is not quite the same here.
    """

    source: Source
    reason: str
    advice: str = ""
    opens: bool = False
    nearly: bool = False


@dataclass(slots=True)
class Imported:
    """One chain of one family; one to which only rules lead has no policy."""

    policy: str
    packets: str
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Family:
    """All that became of one file; chains by table and our name of the chain."""

    version: int
    chains: dict[tuple[str, str], Imported] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    sets: dict[str, SetOf] = field(default_factory=dict)
