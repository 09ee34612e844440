"""What a worker tells the supervisor: plain data, checked on arrival, never pickled.

An event crosses the pipe as one JSON object. `head` is the beginning of the packet as it came from
the queue; text (addresses, names) is made of it by the supervisor, never on the packet's way.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One packet that a rule with `log:` matched.

    `level` is a syslog severity (0-7); `in_index` and `out_index` are kernel interface indexes, 0 for
    none; `length` is the whole packet in octets; `suppressed` counts the log lines of this rule that
    its limit swallowed since the last one that was let through; `time` is seconds since the epoch.
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
