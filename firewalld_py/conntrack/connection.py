"""A tracked connection, and what tracking says of one packet."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

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


@mypyc_attr(acyclic=True)
class Connection:
    """One entry of the state table.

    `original_key` and `reply_key` are its flow keys (see flow.py); `deadline` is the absolute time,
    in seconds of the packets' clock, at which it is gone unless a packet moves it on; `started` is
    when its first packet came. Packets and octets are counted by direction. `master` is the
    connection whose helper expected this one.
    """

    __slots__ = (
        "deadline",
        "helper",
        "mark",
        "master",
        "original_key",
        "original_octets",
        "original_packets",
        "protocol",
        "reply_key",
        "reply_octets",
        "reply_packets",
        "started",
        "status",
    )

    def __init__(self, protocol: int, original_key: bytes, reply_key: bytes, now: float) -> None:
        self.protocol = protocol
        self.original_key = original_key
        self.reply_key = reply_key
        self.status = 0
        self.deadline = now
        self.started = now
        self.mark = 0
        self.helper = ""
        self.master: Connection | None = None
        self.original_packets = 0
        self.original_octets = 0
        self.reply_packets = 0
        self.reply_octets = 0

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
