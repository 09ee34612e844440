"""A tracked connection, and what tracking says of one packet."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64, mypyc_attr

from firewalld_py.conntrack.flow import (
    destination,
    destination_port,
    source,
    source_port,
    zone_of,
)
from firewalld_py.conntrack.flow_number import (
    IS_WIDE,
    NOT_WIDE,
    flow_ends,
    flow_ports,
    narrow_key,
)
from firewalld_py.conntrack.timeouts import Timeouts
from firewalld_py.packet.reasons import OK

# Connection states as iptables' `--ctstate` names them; bits, so that a rule may ask for several.
NEW: Final = 1
ESTABLISHED: Final = 2
RELATED: Final = 4
INVALID: Final = 8
UNTRACKED: Final = 16

STATE_NAMES: Final[dict[int, str]] = {
    NEW: "NEW",
    ESTABLISHED: "ESTABLISHED",
    RELATED: "RELATED",
    INVALID: "INVALID",
    UNTRACKED: "UNTRACKED",
}

# Directions, used as indexes.
ORIGINAL: Final = 0
REPLY: Final = 1
DIRECTION_NAMES: Final[tuple[str, str]] = ("original", "reply")

# Status bits, values as in include/uapi/linux/netfilter/nf_conntrack_common.h.
EXPECTED: Final = 1 << 0
SEEN_REPLY: Final = 1 << 1
ASSURED: Final = 1 << 2
CONFIRMED: Final = 1 << 3
DYING: Final = 1 << 9

# What a packet may change of a connection (events.py); bits, for one packet may change several.
REPLY_SEEN: Final = 1 << 0
IS_ASSURED: Final = 1 << 1
STATE_CHANGED: Final = 1 << 2  # of its protocol, as from SYN_SENT to SYN_RECV
MARK_CHANGED: Final = 1 << 3
LABELS_CHANGED: Final = 1 << 4

LABELS: Final = 128  # bits of `Extension.labels`, as XT_CONNLABEL_MAXBIT allows


@mypyc_attr(acyclic=True)
class Template:
    """What raw rules say of a packet before it is tracked, as the target CT does.

    `zone` (0 to 65535; 0 is where all are that no rule puts elsewhere) counts for every packet: it
    says in which of the tables, so to speak, the packet's connection is looked up; `says_zone` is
    whether a rule spoke of it. `helper` ("" for none) and `timeouts` (None: those of the settings)
    are given to a connection that it opens.
    """

    __slots__ = ("helper", "says_zone", "timeouts", "zone")

    def __init__(
        self, zone: int | None = None, helper: str = "", timeouts: dict[str, int] | None = None
    ) -> None:
        """`timeouts` are seconds by name; those that are not named have their defaults."""
        self.zone = 0 if zone is None else zone
        self.says_zone = zone is not None
        self.helper = helper
        self.timeouts = None if timeouts is None else Timeouts(timeouts)

    def over(self, earlier: Template) -> Template:
        """What both say together; of what both speak of, this one's word counts."""
        if earlier is NO_TEMPLATE:
            return self
        both = Template(None, self.helper or earlier.helper)
        both.zone = self.zone if self.says_zone else earlier.zone
        both.says_zone = self.says_zone or earlier.says_zone
        both.timeouts = earlier.timeouts if self.timeouts is None else self.timeouts
        return both


NO_TEMPLATE: Final = Template()


class Tallies:
    """What a rule counts, by key, each as long as there is anything; `in_force` as the rule is."""

    __slots__ = ("in_force", "of_key")

    def __init__(self) -> None:
        self.of_key: dict[bytes, Tally] = {}
        self.in_force = True


class Tally:
    """How many connections a rule counts under one key.

    A connection leaves when it is closed or gone, so that nobody ever has to look whether those
    that were counted still live; with the last one the key is forgotten.
    """

    __slots__ = ("connections", "key", "tallies")

    def __init__(self, key: bytes, tallies: Tallies) -> None:
        self.connections = 0
        self.key = key
        self.tallies = tallies

    def enter(self) -> None:
        self.connections += 1
        self.tallies.of_key[self.key] = self

    def leave(self) -> None:
        self.connections -= 1
        if self.connections == 0:
            del self.tallies.of_key[self.key]


@mypyc_attr(acyclic=True)
class Extension:
    """What few connections have, apart so that the others need no room for it (as nf_ct_ext).

    `helper` reads the connection's payload, "" for none, and keeps what it has to remember in
    `helper_state`. `master` is the connection whose helper expected this one. `labels` are LABELS
    bits. `timeouts` are those of a rule, None where the settings' hold. `tallies` are those that
    count it, None for most.
    """

    __slots__ = ("helper", "helper_state", "labels", "master", "tallies", "timeouts")

    def __init__(self) -> None:
        self.helper = ""
        self.helper_state: object | None = None
        self.labels = 0
        self.master: Connection | None = None
        self.timeouts: Timeouts | None = None
        self.tallies: list[Tally] | None = None


class Remembered:
    """What the rules found out about a connection's packets in one direction (rules/paths.py)."""

    __slots__ = ()


@mypyc_attr(acyclic=True)
class Connection:
    """One entry of the state table.

    `original_key` and `reply_key` are its flow keys (see flow.py), kept as numbers (flow_number.py)
    and, of IPv6 or a zone, as the octets `original_wide` and `reply_wide`. `deadline` is the
    absolute time, in seconds of the packets' clock, at which it is gone unless a packet moves it
    on; `started` is when its first packet came. Packets and octets are counted by direction. `mark`
    is the connection's, not the packet's. `extension` is None for most.
    """

    __slots__ = (
        "deadline",
        "extension",
        "mark",
        "original_ends",
        "original_octets",
        "original_packets",
        "original_path",
        "original_ports",
        "original_wide",
        "protocol",
        "reply_ends",
        "reply_octets",
        "reply_packets",
        "reply_path",
        "reply_ports",
        "reply_wide",
        "started",
        "status",
    )

    def __init__(self, protocol: int, original_key: bytes, reply_key: bytes, now: float) -> None:
        # What every packet needs stands first, side by side: fewer visits to memory.
        self.deadline = now
        self.original_ends: i64 = flow_ends(original_key)
        self.original_ports: i64 = flow_ports(original_key)
        self.reply_ends: i64 = flow_ends(reply_key)
        self.reply_ports: i64 = flow_ports(reply_key)
        self.status = 0
        self.extension: Extension | None = None
        self.original_path: Remembered | None = None
        self.reply_path: Remembered | None = None
        self.original_packets = 0
        self.original_octets = 0
        self.reply_packets = 0
        self.reply_octets = 0
        self.protocol = protocol
        self.mark = 0
        self.started = now
        # An IPv4 key is in its numbers; 96 octets fewer for each of a million connections.
        self.original_wide = original_key if self.original_ports & IS_WIDE else NOT_WIDE
        self.reply_wide = reply_key if self.reply_ports & IS_WIDE else NOT_WIDE

    @property
    def original_key(self) -> bytes:
        return self.original_wide or narrow_key(self.original_ends, self.original_ports)

    @property
    def reply_key(self) -> bytes:
        return self.reply_wide or narrow_key(self.reply_ends, self.reply_ports)

    def key(self, direction: int) -> bytes:
        """The flow key of its packets in a direction."""
        return self.original_key if direction == ORIGINAL else self.reply_key

    def address(self, direction: int, of_destination: bool) -> bytes:
        """The source or destination address of its packets in a direction."""
        key = self.key(direction)
        return destination(key) if of_destination else source(key)

    def port(self, direction: int, of_destination: bool) -> int:
        """The source or destination port of its packets in a direction."""
        key = self.key(direction)
        return destination_port(key) if of_destination else source_port(key)

    def path(self, direction: int) -> Remembered | None:
        """What the rules remember of its packets in a direction."""
        return self.original_path if direction == ORIGINAL else self.reply_path

    def remember(self, direction: int, path: Remembered | None) -> None:
        """Keep what the rules found out about its packets in a direction."""
        if direction == ORIGINAL:
            self.original_path = path
        else:
            self.reply_path = path

    def packets(self, direction: int) -> int:
        """How many packets were seen in a direction."""
        return self.original_packets if direction == ORIGINAL else self.reply_packets

    def extended(self) -> Extension:
        """The connection's extension, made if it has none as yet."""
        if self.extension is None:
            self.extension = Extension()
        return self.extension

    def helper(self) -> str:
        """The name of its helper, "" for none."""
        return "" if self.extension is None else self.extension.helper

    def master(self) -> Connection | None:
        """The connection that led to this one, if it was expected."""
        return None if self.extension is None else self.extension.master

    def zone(self) -> int:
        return zone_of(self.original_wide) if self.original_wide else 0

    def labels(self) -> int:
        return 0 if self.extension is None else self.extension.labels

    def change_mark(self, value: int, mask: int) -> int:
        """Clear the bits in `mask`, then turn those of `value` round; the changes that this is."""
        before = self.mark
        self.mark = before & ~mask ^ value
        return 0 if self.mark == before else MARK_CHANGED

    def add_labels(self, labels: int) -> int:
        """Set labels beside those that are set; the changes that this is."""
        if not labels & ~self.labels():
            return 0
        self.extended().labels |= labels
        return LABELS_CHANGED

    def is_in(self, tally: Tally) -> bool:
        """Whether the tally counts it."""
        if self.extension is None or self.extension.tallies is None:
            return False
        return tally in self.extension.tallies

    def join(self, tally: Tally) -> None:
        """Be counted, once, until it leaves all tallies. Those of rules that are gone it leaves."""
        joined = [tally]
        extension = self.extended()
        if extension.tallies is not None:
            for earlier in extension.tallies:
                if earlier.tallies.in_force:
                    joined.append(earlier)
                else:
                    earlier.leave()
        extension.tallies = joined
        tally.enter()

    def leave_tallies(self) -> None:
        """Be counted no longer."""
        if self.extension is None or self.extension.tallies is None:
            return
        for tally in self.extension.tallies:
            tally.leave()
        self.extension.tallies = None

    def is_closed(self) -> bool:
        """Whether both its ends are through with it, so that nobody counts it any more."""
        return False

    def protocol_state(self) -> int:
        """The number of the state that its protocol's table has for it; 0 where there is none."""
        return 0

    def may_be_forgotten(self, now: float) -> bool:
        """Whether it may give way to a new connection when the table is full."""
        return self.status & ASSURED == 0 or self.deadline <= now

    def refresh(self, deadline: float, direction: int, octets: int) -> None:
        """Move the deadline and count the packet, as nf_ct_refresh_acct() does."""
        self.deadline = deadline
        if direction == ORIGINAL:
            self.original_packets += 1
            self.original_octets += octets
        else:
            self.reply_packets += 1
            self.reply_octets += octets


@mypyc_attr(acyclic=True, free_list_len=1)
class CtInfo:
    """What tracking says of one packet: its state and why, its connection and its direction there.

    `connection` is None for INVALID and UNTRACKED; `reason` is OK or the cause of INVALID.
    """

    __slots__ = ("connection", "direction", "reason", "state")

    def __init__(
        self,
        state: int,
        direction: int = ORIGINAL,
        connection: Connection | None = None,
        reason: int = OK,
    ) -> None:
        self.state = state
        self.direction = direction
        self.connection = connection
        self.reason = reason
