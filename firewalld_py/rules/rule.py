"""A rule: its conditions, its verdict, and what it does beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firewalld_py.conntrack.connection import ESTABLISHED, CtInfo, Template
from firewalld_py.packet.packet import Packet
from firewalld_py.rules.limits import TokenBucket
from firewalld_py.rules.matches import Match, StateMatch
from firewalld_py.rules.targets import Target
from firewalld_py.rules.verdicts import CONTINUE

if TYPE_CHECKING:
    from firewalld_py.rules.chain import Chain


class LogTarget:
    """A rule's `log:`; `suppressed` counts what the limit has swallowed since the last line."""

    __slots__ = ("bucket", "level", "prefix", "suppressed")

    def __init__(self, prefix: str, level: int, rate: float, burst: int) -> None:
        self.prefix = prefix
        self.level = level
        self.bucket = TokenBucket(rate, burst)
        self.suppressed = 0


class Rule:
    """One rule. `hits` and `hit_octets` count the packets whose conditions it met.

    `targets` is None or what it does beside its verdict, in order; `template` is what a raw rule
    wants of tracking, or None; `reject_with` names the answer of a REJECT, whose number
    `reject_bucket` limits; `leads_to` is the chain that a JUMP or GOTO leads to.
    """

    __slots__ = (
        "file",
        "hit_octets",
        "hits",
        "leads_to",
        "line",
        "log",
        "matches",
        "name",
        "reject_bucket",
        "reject_with",
        "targets",
        "template",
        "verdict",
    )

    def __init__(self, name: str, file: str, line: int, matches: list[Match], verdict: int) -> None:
        self.name = name
        self.file = file
        self.line = line
        self.matches = matches
        self.verdict = verdict
        self.log: LogTarget | None = None
        self.targets: list[Target] | None = None
        self.template: Template | None = None
        self.reject_with = ""
        self.reject_bucket: TokenBucket | None = None
        self.leads_to: Chain | None = None
        self.hits = 0
        self.hit_octets = 0

    def lets_answers_through(self) -> bool:
        """Whether it judges all ESTABLISHED packets, at once."""
        if len(self.matches) != 1 or self.verdict >= CONTINUE:
            return False
        match = self.matches[0]
        return isinstance(match, StateMatch) and bool(match.states & ESTABLISHED) != match.inverted

    def is_steady(self) -> bool:
        """Whether it treats all packets of a connection alike, and does nothing but judge them."""
        if self.targets is not None or self.log is not None or self.template is not None:
            return False
        for match in self.matches:
            if not match.is_steady():
                return False
        return True

    def may_be_met(self, packet: Packet, info: CtInfo) -> bool:
        """Whether packets of this one's connection, in its direction, may meet the conditions."""
        for match in self.matches:
            if match.is_steady() and not match.matches(packet, info, 0):
                return False
        return True

    def is_met(self, packet: Packet, info: CtInfo, mark: int) -> bool:
        for match in self.matches:
            if not match.matches(packet, info, mark):
                return False
        return True
