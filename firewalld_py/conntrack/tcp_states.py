"""The TCP state machine as nf_conntrack has it: a table, nothing else.

What a firewall can know of a TCP connection is less than what its ends know, so the states are the
kernel's, not those of RFC 9293: SYN_RECV, for instance, is "a SYN/ACK was seen". A row is chosen by
direction and class of the segment (its flags), a column by the state so far. Two values are no
states: IGNORED lets a segment through that may be right although the table cannot tell, and changes
nothing; INVALID calls it wrong, and changes nothing either.

Facts from net/netfilter/nf_conntrack_proto_tcp.c (tcp_conntracks) of Linux 6.x.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.packet.protocols import TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN

# States, numbered as the kernel numbers them.
NONE: Final = 0
SYN_SENT: Final = 1
SYN_RECV: Final = 2
ESTABLISHED: Final = 3
FIN_WAIT: Final = 4
CLOSE_WAIT: Final = 5
LAST_ACK: Final = 6
TIME_WAIT: Final = 7
CLOSE: Final = 8
SYN_SENT2: Final = 9
# What else a cell may say.
INVALID: Final = 10
IGNORED: Final = 11

STATE_NAMES: Final[tuple[str, ...]] = (
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
    "INVALID",
    "IGNORED",
)

# In these the ports may be in use again already, and the entry may give way to a new connection.
CLOSING_STATES: Final[frozenset[int]] = frozenset(
    {FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE}
)

# Classes of segments by their flags.
CLASS_SYN: Final = 0
CLASS_SYN_ACK: Final = 1
CLASS_FIN: Final = 2
CLASS_ACK: Final = 3
CLASS_RST: Final = 4
CLASS_NONE: Final = 5
CLASSES: Final = 6
CLASS_NAMES: Final[tuple[str, ...]] = ("syn", "syn_ack", "fin", "ack", "rst", "none")


def _class_of(flags: int) -> int:
    if flags & TCP_RST:
        return CLASS_RST
    if flags & TCP_SYN:
        return CLASS_SYN_ACK if flags & TCP_ACK else CLASS_SYN
    if flags & TCP_FIN:
        return CLASS_FIN
    return CLASS_ACK if flags & TCP_ACK else CLASS_NONE


SEGMENT_CLASS: Final[bytes] = bytes(_class_of(flags) for flags in range(256))

_NO, _SS, _SR, _ES = NONE, SYN_SENT, SYN_RECV, ESTABLISHED
_FW, _CW, _LA, _TW = FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT
_CL, _S2, _IV, _IG = CLOSE, SYN_SENT2, INVALID, IGNORED

# fmt: off
# Row: direction * CLASSES + class; column: the state so far.
TRANSITIONS: Final[tuple[bytes, ...]] = (
    # original     NO   SS   SR   ES   FW   CW   LA   TW   CL   S2
    bytes((       _SS, _SS, _IG, _IG, _IG, _IG, _IG, _SS, _SS, _S2)),  # syn: opens, also anew
    bytes((       _IV, _IV, _SR, _IV, _IV, _IV, _IV, _IV, _IV, _SR)),  # syn_ack: both opened
    bytes((       _IV, _IV, _FW, _FW, _LA, _LA, _LA, _TW, _CL, _IV)),  # fin: closes one side
    bytes((       _ES, _IV, _ES, _ES, _CW, _CW, _TW, _TW, _CL, _IV)),  # ack: NO is picked up
    bytes((       _IV, _CL, _CL, _CL, _CL, _CL, _CL, _CL, _CL, _CL)),  # rst
    bytes((       _IV, _IV, _IV, _IV, _IV, _IV, _IV, _IV, _IV, _IV)),  # none of the flags
    # reply        NO   SS   SR   ES   FW   CW   LA   TW   CL   S2
    bytes((       _IV, _S2, _IV, _IV, _IV, _IV, _IV, _SS, _IV, _S2)),  # syn: simultaneous open
    bytes((       _IV, _SR, _IG, _IG, _IG, _IG, _IG, _IG, _IG, _SR)),  # syn_ack: answers, or late
    bytes((       _IV, _IV, _FW, _FW, _LA, _LA, _LA, _TW, _CL, _IV)),  # fin
    bytes((       _IV, _IG, _SR, _ES, _CW, _CW, _TW, _TW, _CL, _IG)),  # ack: SS may be half open
    bytes((       _IV, _CL, _CL, _CL, _CL, _CL, _CL, _CL, _CL, _CL)),  # rst
    bytes((       _IV, _IV, _IV, _IV, _IV, _IV, _IV, _IV, _IV, _IV)),  # none of the flags
)
# fmt: on
