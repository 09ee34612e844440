"""What supervisor and worker tell each other: plain data, checked on arrival, never pickled.

Each message is one JSON object, in one or several datagrams of a SOCK_SEQPACKET pair; octets travel
as hex.
`head` is the beginning of a packet as it came from the queue; text (addresses, names) is made of it
by the supervisor, never on the packet's way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, Final, get_args

from firewalld_py.service.element_messages import (
    EndConnections,
    SetAnswer,
    SetChange,
    SetListed,
    SetNews,
    SetRequest,
    SetRestore,
)

MAX_MESSAGE: Final = 64 << 20  # octets; what is longer is refused


class MessageError(ValueError):
    """A datagram that is none of the messages below."""


# --- worker → supervisor ---


@dataclass(frozen=True, slots=True)
class Bound:
    """The queue is bound; packets may come."""

    queue: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot do its work and ends."""

    error: str


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The rule set of this generation judges from now on."""

    generation: int


@dataclass(frozen=True, slots=True)
class RulesRefused:
    """The rule set of this generation could not be built; the one before stays."""

    generation: int
    error: str


@dataclass(frozen=True, slots=True)
class Stats:
    """Sent every second, as the sign of life, and when asked for.

    `counters` maps a reason's name to packets; `asked` is the number of the last StatsRequest.
    """

    generation: int
    packets: int
    octets: int
    accepted: int
    dropped: int
    connections: int
    counters: dict[str, int]
    asked: int = 0


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One packet that a rule with `log:` matched.

    `level` is a syslog severity (0-7); `in_index` and `out_index` are kernel interface indexes, 0
    for none; `length` is the whole packet in octets; `suppressed` counts the log lines of this rule
    that its limit swallowed since the last one that was let through; `time` is seconds since the
    epoch.
    """

    time: float
    action: str
    table: str
    chain: str
    rule: str
    file: str
    line: int
    prefix: str
    level: int
    state: str
    direction: str
    reason: str
    in_index: int
    out_index: int
    mark: int
    length: int
    head: bytes
    suppressed: int


@dataclass(frozen=True, slots=True)
class RejectEvent:
    """One dropped packet that is to be answered: `kind` is a reject kind of the rule language.

    `hook` is the netfilter hook that saw it (1 INPUT, 2 FORWARD, 3 OUTPUT).
    """

    kind: str
    hook: int
    in_index: int
    out_index: int
    head: bytes


@dataclass(frozen=True, slots=True)
class HelperEvent:
    """A helper of another package was left out, or switched off; `what` follows its name."""

    helper: str
    what: str


@dataclass(frozen=True, slots=True)
class Expected:
    """One expectation, in answer to the ExpectationsRequest of this number.

    Fields as conntrack.expectation has them; octets are empty and ports -1 where any will do.
    `helper` expects it, `given` will read the new connection; `master` is its original flow key.
    """

    number: int
    protocol: int
    src: bytes
    src_mask: bytes
    sport: int
    dst: bytes
    dport: int
    kind: int
    flags: int
    left_s: float
    helper: str
    given: str
    master: bytes


@dataclass(frozen=True, slots=True)
class ExpectationsEnd:
    """All that the answer tells has been told; `total` are expected, which may be more."""

    number: int
    total: int


@dataclass(frozen=True, slots=True)
class Tracked:
    """One connection, in answer to the ConnectionsRequest of this number.

    `rows` are conntrack.snapshot's: its own, then those of its master and of that one's master.
    """

    number: int
    rows: list[Any]


@dataclass(frozen=True, slots=True)
class ConnectionsEnd:
    """All that the answer tells has been told; `total` fit, which may be more than were asked for.

    `error` is why the request could not be understood, or "".
    """

    number: int
    total: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """Some of the named counters, in answer to the CountersRequest of this number.

    `rows` are name, packets, octets; the rules of this generation have `total` counters.
    """

    number: int
    generation: int
    rows: list[Any]
    total: int


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """An exception while a packet was judged; `suppressed` came before it without a report."""

    traceback: str
    suppressed: int


# --- supervisor → worker ---


@dataclass(frozen=True, slots=True)
class Configure:
    """The first message: which queue, and how to track. Sizes are octets.

    `conntrack` is what conntrack.tracker.make_settings() takes.
    """

    queue: int
    queue_length: int
    copy_range: int
    batch: int
    gso: bool
    receive_buffer: int
    fail_open: bool
    conntrack: dict[str, int]


@dataclass(frozen=True, slots=True)
class RulesBegin:
    """A rule set follows. `policies` are the filter chains', `user_chains` what rules lead to.

    `sets` are the sets' names with what the plan says of each. See rules/build.py.
    """

    generation: int
    interfaces: list[str]
    policies: dict[str, str]
    user_chains: list[str] = field(default_factory=list)
    sets: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SetPart:
    """Some more static elements of a set; each is so many octets, and its lengths."""

    generation: int
    name: str
    size: int
    records: bytes


@dataclass(frozen=True, slots=True)
class RulesPart:
    """Some more rules of one chain ("filter/forward"), in order."""

    generation: int
    chain: str
    rules: list[Any]


@dataclass(frozen=True, slots=True)
class RulesEnd:
    """The rule set is complete: put it in force."""

    generation: int


@dataclass(frozen=True, slots=True)
class InterfaceNames:
    """The interfaces that there are now, index (as text) → name."""

    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InterfaceNetworks:
    """The IPv4 networks that interfaces are in now: index, prefix length, broadcast address each.

    The address is a number; of one interface they are in the order of its addresses.
    """

    networks: list[list[int]]


@dataclass(frozen=True, slots=True)
class RoutesBegin:
    """The routes follow, in place of all that were told before; this number tells them apart."""

    number: int


@dataclass(frozen=True, slots=True)
class RoutesPart:
    """Some more of them; the rows are those of service/routes.py."""

    number: int
    rows: list[list[int]]


@dataclass(frozen=True, slots=True)
class RoutesEnd:
    """That is all; `known` tells whether they are known, or conditions on them cannot be asked."""

    number: int
    known: bool


@dataclass(frozen=True, slots=True)
class StatsRequest:
    """Send Stats now; they are to bear this number."""

    number: int


@dataclass(frozen=True, slots=True)
class CountersRequest:
    """Tell some of the named counters, from the `first` on."""

    number: int
    first: int


@dataclass(frozen=True, slots=True)
class ExpectationsRequest:
    """Tell what is expected, one message each; what an earlier request asked for is dropped."""

    number: int


@dataclass(frozen=True, slots=True)
class ConnectionsRequest:
    """Tell `at_most` of the connections that fit, one message each, and how many fit in all.

    `wanted` is what conntrack.search makes of a Wanted. What an earlier request asked for is
    dropped.
    """

    number: int
    at_most: int
    wanted: dict[str, str]


@dataclass(frozen=True, slots=True)
class Stop:
    """Judge what waits in the queue, then end."""


Message = (
    Bound
    | Failed
    | RulesInForce
    | RulesRefused
    | Stats
    | LogEvent
    | RejectEvent
    | FaultEvent
    | HelperEvent
    | Expected
    | ExpectationsEnd
    | Counters
    | Tracked
    | ConnectionsEnd
    | SetAnswer
    | SetListed
    | SetNews
    | Configure
    | RulesBegin
    | SetPart
    | RulesPart
    | RulesEnd
    | InterfaceNames
    | InterfaceNetworks
    | RoutesBegin
    | RoutesPart
    | RoutesEnd
    | StatsRequest
    | CountersRequest
    | ExpectationsRequest
    | ConnectionsRequest
    | SetChange
    | SetRestore
    | SetRequest
    | EndConnections
    | Stop
)
_CLASSES: Final[tuple[type[Message], ...]] = get_args(Message)
_BY_NAME: Final[dict[str, type[Message]]] = {cls.__name__: cls for cls in _CLASSES}
_FIELDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    cls.__name__: tuple((entry.name, str(entry.type)) for entry in fields(cls)) for cls in _CLASSES
}


def encode(message: Message) -> bytes:
    """The octets of a message."""
    name = type(message).__name__
    body: dict[str, Any] = {"type": name}
    for key, kind in _FIELDS[name]:
        value = getattr(message, key)
        body[key] = value.hex() if kind == "bytes" else value
    return json.dumps(body, separators=(",", ":")).encode()


def decode(octets: bytes) -> Message:
    """The message in these octets. Raises MessageError for anything that is none."""
    try:
        body = json.loads(octets)
        name = body["type"]
        cls = _BY_NAME[name]
        values = [_checked(name, key, kind, body[key]) for key, kind in _FIELDS[name]]
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise MessageError(f"not a message: {octets[:80]!r}: {fault}") from fault
    return cls(*values)


def _checked(name: str, key: str, kind: str, value: Any) -> Any:
    """The value as its field wants it; of containers, the elements are checked too."""
    if kind == "bytes":
        return bytes.fromhex(value)
    if kind == "float" and type(value) in (int, float):
        return float(value)
    if not _fits(kind, value):
        raise MessageError(f"{name}.{key}: {kind} is wanted")
    return value


def _fits(kind: str, value: Any) -> bool:
    # type(), not isinstance(): a bool is no number here.
    if kind.startswith("dict"):
        wanted = int if kind.endswith("int]") else str
        return isinstance(value, dict) and all(type(entry) is wanted for entry in value.values())
    if kind == "list[list[int]]":
        return isinstance(value, list) and all(
            isinstance(row, list) and all(type(entry) is int for entry in row) for row in value
        )
    if kind.startswith("list"):
        return isinstance(value, list) and (
            kind == "list[Any]" or all(isinstance(entry, str) for entry in value)
        )
    return type(value) is {"int": int, "str": str, "bool": bool}.get(kind)
