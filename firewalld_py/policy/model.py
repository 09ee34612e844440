"""What a rule file says, as plain values with their places; made by load, taken by compile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from firewalld_py.policy.addresses import AddressRange
from firewalld_py.policy.defines import Defined
from firewalld_py.policy.rule_tests import RuleTest

Verdict = Literal["accept", "drop", "reject", "notrack", "continue", "jump", "goto", "return"]


@dataclass(frozen=True, slots=True)
class Recent:
    """A list of addresses seen of late, and what is asked of it or done with it.

    `mask`, `mask6` and `max` are None where the rule leaves them to others that name the list.
    """

    list: str
    of_destination: bool = False
    within_s: int = 0
    hits: int = 1
    update: bool = False
    remove: bool = False
    same_ttl: bool = False
    reap: bool = False
    mask: int | None = None
    mask6: int | None = None
    max: int | None = None


# Per kind of match:
#   state           int, bits as in names.STATES       family      4 or 6
#   in, out         tuple of interface patterns        src, dst    tuple of AddressRange, merged
#   proto           tuple of numbers                   sport, dport   tuple of (first, last), merged
#   icmp            tuple of (protocol, type, first code, last code)
#   tcp_flags       tuple of (mask, value)             mark, connmark   tuple of (value, mask)
#   label, zone     tuple of numbers
#   length, ttl, mss   tuple of (first, last), merged   tos     tuple of (value, mask)
#   tcp_option, ipv6_header   tuple of numbers
#   source_mac  tuple of twelve hexadecimal digits   packet_type   tuple of bits
#   time        matches_time.TimeValue          fragment    bool
#   direction   int         status      int, bits as in conntrack.connection
#   helper      tuple of names           age, expires   tuple of (first, last), merged
#   packets, octets    (direction, first, last)
#   quota, every   int                   probability   (share of 2^32, seed)
#   src_type, dst_type   int, bits of rules.matches_routes   reverse_path   (loose, accept_local)
#   regex       as contains
#   payload     (offset, hexadecimal octets)   contains   (from, to, hexadecimal octets of each)
#   limit       (rate, burst, per, mask, mask6, over, max)
#   set         its name, then what of the packet is asked for (src, dport)
#   original_src, reply_dport, connection_proto ...   as src, dport, proto
#   connections (over, limit, of destination, mask, mask6)   recent   Recent
MatchValue = (
    int
    | Recent
    | tuple[float, ...]
    | tuple[int, ...]
    | tuple[str, ...]
    | tuple[AddressRange, ...]
    | tuple[tuple[int, int], ...]
    | tuple[tuple[int, int, int, int], ...]
)


@dataclass(frozen=True, slots=True)
class Match:
    """One condition: the key as written, the kind of match it makes, and whether it is negated."""

    key: str
    kind: str
    inverted: bool
    value: MatchValue
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Log:
    """A log line per packet; `rate` (per second) and `burst` may be left to the configuration."""

    prefix: str = ""
    level: int = 4
    rate: float | None = None
    burst: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """New mark of the packet or of its connection: (old & ~mask) ^ value.

    `way` is how it is written: set, or, and, xor.
    """

    value: int
    mask: int
    way: str = "set"


@dataclass(frozen=True, slots=True)
class MarkCopy:
    """Bits of the packet's and the connection's mark, one of which takes the place of the other."""

    nfmask: int
    ctmask: int


@dataclass(frozen=True, slots=True)
class SetTarget:
    """What is added to a set or removed from it; `lifetime` None: the set's own, 0: for ever."""

    name: str
    of: tuple[str, ...]
    lifetime: int | None = None


# Per kind of target:
#   mark, connmark   Mark         label   tuple of numbers      add, remove   SetTarget
#   connmark_save, connmark_restore   MarkCopy
#   recent_set, recent_remove   Recent   count   name
TargetValue = Mark | MarkCopy | Recent | SetTarget | str | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a rule does beside its verdict; its name as written, and how."""

    kind: str
    value: TargetValue


@dataclass(frozen=True, slots=True)
class Action:
    """What happens to a packet that matches; `reject` is the kind when the verdict is reject.

    `targets` are done in their order; `helper`, `zone` and `timeouts` (seconds by name, those that
    the rule names) are how raw rules want it tracked. `chain` is where jump and goto lead to.
    """

    verdict: Verdict = "continue"
    log: Log | None = None
    targets: tuple[Target, ...] = ()
    helper: str | None = None
    reject: str | None = None
    zone: int | None = None
    timeouts: Mapping[str, int] | None = None
    chain: str | None = None

    @property
    def tracking(self) -> tuple[str, ...]:
        """The names of what it wants of tracking."""
        wanted = {"helper": self.helper, "zone": self.zone, "timeout": self.timeouts}
        return tuple(name for name, value in wanted.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Silence:
    """A finding of the linter that is not to be told (findings.py); of one `subject` or of all."""

    name: str
    subject: str
    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `place` is where it stands ("filter/forward/3"), `name` its name or its place."""

    name: str
    place: str
    file: str
    line: int
    column: int
    matches: tuple[Match, ...]
    action: Action
    lint: tuple[Silence, ...] = ()

    @property
    def label(self) -> str:
        """How messages call it: its place, and its name if it has one."""
        return self.place if self.name == self.place else f"{self.place} ({self.name})"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as the file has it. `policy` is "accept" or "drop"; a raw chain always accepts.

    To a `user` chain only rules lead; its policy counts for nothing.
    """

    table: str
    name: str
    file: str
    line: int
    column: int
    policy: str
    rules: tuple[Rule, ...]
    user: bool = False


@dataclass(frozen=True, slots=True)
class Set:
    """A set; `type` are words of rules.set_elements, `file`, `line` and `column` its place.

    `elements` are those that the files have: (size, records) as rules/build_sets.py wants them.
    `element_files` are the files they come from, beside this one.
    """

    name: str
    type: tuple[str, ...]
    file: str
    line: int
    column: int
    elements: tuple[tuple[int, bytes], ...]
    element_files: tuple[str, ...]
    lifetime: int
    maximum: int
    counters: bool
    persist: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole rule file and what it includes. Chains that do not stand in it are not here.

    They accept. `tests` are those of the files, then those of the files in tests.d beside the
    first; `files` are those that were read, in their order, without those of tests.d.
    """

    file: str
    version: int
    chains: tuple[Chain, ...]
    tests: tuple[RuleTest, ...] = ()
    files: tuple[str, ...] = ()
    sets: tuple[Set, ...] = ()
    defines: tuple[Defined, ...] = ()
    lint: tuple[Silence, ...] = ()

    def rule_count(self) -> int:
        """The number of rules in all chains."""
        return sum(len(chain.rules) for chain in self.chains)
