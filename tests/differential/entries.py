"""The two tables, entry by entry: what the kernel holds of each connection, and what we hold.

The kernel's is asked through ctnetlink (linux/netfilter/nfnetlink_conntrack.h); its TCP entries
tell flags and window scale of both sides, its SCTP entries their verification tags.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from firewalld_py.conntrack.connection import ASSURED, ORIGINAL, REPLY, SEEN_REPLY, Connection
from firewalld_py.conntrack.flow import protocol_of
from firewalld_py.conntrack.sctp import SctpConnection
from firewalld_py.conntrack.sctp_states import STATE_NAMES as SCTP_STATE_NAMES
from firewalld_py.conntrack.tcp_connection import TcpConnection
from firewalld_py.conntrack.tcp_states import STATE_NAMES as TCP_STATE_NAMES
from tests.differential.netlink import ATTRIBUTES_AT

if TYPE_CHECKING:
    from collections.abc import Iterable

NESTED: Final = 0x3FFF  # the type of an attribute without its two flags
TUPLE, STATUS, PROTOINFO, TIMEOUT, COUNTERS_ORIGINAL, COUNTERS_REPLY = 1, 3, 4, 7, 9, 10
MARK, ZONE, LABELS = 8, 18, 22
EXPECTED_TUPLE, EXPECTED_MASK, EXPECTED_NUMBERS = 2, 3, (4, 9, 8)
TUPLE_IP, TUPLE_PROTO = 1, 2
PROTO_NUMBER, SOURCE_PORT, DESTINATION_PORT = 1, 2, 3
ICMP_ID, ICMP_TYPE, ICMP_CODE = (4, 7), (5, 8), (6, 9)  # of ICMP and of ICMPv6
INFO_TCP, INFO_SCTP = 1, 3
COMPARED_STATUS: Final = SEEN_REPLY | ASSURED
TOLERANCE_S: Final = 2  # the kernel rounds down, and the two are not asked at once


class Entry(NamedTuple):
    """One connection. `sides` are the protocol's values of both directions, as far as it has any.

    `packets` counts those of both directions, `octets` likewise.
    """

    key: bytes
    state: str
    status: int
    sides: tuple[int, ...]
    packets: tuple[int, int]
    octets: tuple[int, int]
    timeout_s: int
    mark: int
    labels: int

    def differing_field(self, other: Entry) -> str:
        """The first field in which the other entry of the same key differs, or nothing."""
        for name in ("state", "status", "sides", "packets", "octets", "mark", "labels"):
            if getattr(self, name) != getattr(other, name):
                return name
        return "timeout_s" if abs(self.timeout_s - other.timeout_s) > TOLERANCE_S else ""


class Difference(NamedTuple):
    """Where the tables differ: the class of it, and what each holds (None: nothing)."""

    kind: str
    kernel: Entry | None
    ours: Entry | None


def difference(kernels: Iterable[Entry], ours: Iterable[Entry]) -> Difference | None:
    """The first difference of the two tables."""
    left = {entry.key: entry for entry in kernels}
    right = {entry.key: entry for entry in ours}
    for key in sorted(left.keys() | right.keys()):
        kernel, our = left.get(key), right.get(key)
        protocol = f"table, protocol {protocol_of(key)}"
        if kernel is None:
            assert our is not None
            return Difference(f"{protocol}: we alone have an entry, {our.state}", None, our)
        if our is None:
            return Difference(f"{protocol}: the kernel alone has an entry", kernel, None)
        name = kernel.differing_field(our)
        if name:
            state = kernel.state or "an entry"
            return Difference(f"{protocol}: {name} of {state}", kernel, our)
    return None


def our_entry(connection: Connection, now: float) -> Entry:
    """A connection of ours in the kernel's terms."""
    state = ""
    sides: tuple[int, ...] = ()
    if isinstance(connection, TcpConnection):
        state = TCP_STATE_NAMES[connection.state]
        peers = (connection.peer_copy(ORIGINAL), connection.peer_copy(REPLY))
        sides = (peers[0].scale, peers[1].scale, peers[0].flags, peers[1].flags)
    elif isinstance(connection, SctpConnection):
        state = SCTP_STATE_NAMES[connection.state]
        sides = (connection.original_tag, connection.reply_tag)
    return Entry(
        connection.original_key,
        state,
        connection.status & COMPARED_STATUS,
        sides,
        (connection.original_packets, connection.reply_packets),
        (connection.original_octets, connection.reply_octets),
        int(connection.deadline - now),
        connection.mark,
        connection.labels(),
    )


def kernel_entry(message: bytes) -> Entry:
    """An entry from a ctnetlink message."""
    fields = _attributes(message, ATTRIBUTES_AT, len(message))
    state, sides = _state_and_sides(fields)
    counters = [_attributes(fields[kind]) for kind in (COUNTERS_ORIGINAL, COUNTERS_REPLY)]
    return Entry(
        _key(_attributes(fields[TUPLE])) + fields.get(ZONE, b""),
        state,
        _number(fields[STATUS]) & COMPARED_STATUS,
        sides,
        (_number(counters[0][1]), _number(counters[1][1])),
        (_number(counters[0][2]), _number(counters[1][2])),
        _number(fields.get(TIMEOUT, b"")),
        _number(fields.get(MARK, b"")),
        int.from_bytes(fields.get(LABELS, b""), "little"),
    )


def expectation_fields(message: bytes) -> tuple[bytes, bytes, int, int, int]:
    """Of an expectation: flow key, mask of the same form, seconds left, class, flags."""
    fields = _attributes(message, ATTRIBUTES_AT, len(message))
    key, mask = (_key(_attributes(fields[kind])) for kind in (EXPECTED_TUPLE, EXPECTED_MASK))
    numbers = [_number(fields.get(kind, b"")) for kind in EXPECTED_NUMBERS]
    return key, mask, numbers[0], numbers[1], numbers[2]


def _key(parts: dict[int, bytes]) -> bytes:
    """The flow key, as conntrack/flow.py makes it."""
    addresses = b"".join(value for _, value in sorted(_attributes(parts[TUPLE_IP]).items()))
    proto = _attributes(parts[TUPLE_PROTO])
    ports = proto.get(SOURCE_PORT, b"\0\0") + proto.get(DESTINATION_PORT, b"\0\0")
    for at in (0, 1):
        if ICMP_ID[at] in proto:
            ports = proto[ICMP_ID[at]] + proto[ICMP_TYPE[at]] + proto[ICMP_CODE[at]]
    return addresses + ports + proto[PROTO_NUMBER]


def _state_and_sides(fields: dict[int, bytes]) -> tuple[str, tuple[int, ...]]:
    info = _attributes(fields.get(PROTOINFO, b""))
    if INFO_TCP in info:
        tcp = _attributes(info[INFO_TCP])
        # Scales, then flags; behind the flags stands a mask.
        return TCP_STATE_NAMES[tcp[1][0]], (tcp[2][0], tcp[3][0], tcp[4][0], tcp[5][0])
    if INFO_SCTP in info:
        sctp = _attributes(info[INFO_SCTP])
        return SCTP_STATE_NAMES[sctp[1][0]], (_number(sctp[2]), _number(sctp[3]))
    return "", ()


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")


def _attributes(data: bytes, at: int = 0, end: int = -1) -> dict[int, bytes]:
    """The attributes of a message or of a nested attribute, by type."""
    end = len(data) if end < 0 else end
    found: dict[int, bytes] = {}
    while at + 4 <= end:
        size, kind = struct.unpack_from("=HH", data, at)
        found[kind & NESTED] = data[at + 4 : at + size]
        at += (size + 3) & ~3
    return found
