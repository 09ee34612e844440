"""What is known of a connection, by name and in lines for people."""

from __future__ import annotations

from typing import Any, Final

from firewalld_py.conntrack import sctp_states, tcp_states
from firewalld_py.conntrack.connection import (
    ASSURED,
    CONFIRMED,
    EXPECTED,
    LABELS,
    ORIGINAL,
    REPLY,
    SEEN_REPLY,
    Connection,
)
from firewalld_py.packet.protocols import IPPROTO_SCTP, IPPROTO_TCP
from firewalld_py.policy.flow_text import connection_text, flow_entry

STATUSES: Final = (
    (EXPECTED, "expected"),
    (SEEN_REPLY, "seen-reply"),
    (ASSURED, "assured"),
    (CONFIRMED, "confirmed"),
)
_STATES: Final = {IPPROTO_TCP: tcp_states.STATE_NAMES, IPPROTO_SCTP: sctp_states.STATE_NAMES}


def protocol_state(connection: Connection) -> str | None:
    """The state that its protocol's table has for it; None where there is no table."""
    names = _STATES.get(connection.protocol)
    return None if names is None else names[connection.protocol_state()]


def status_names(connection: Connection) -> list[str]:
    """Its status bits by the names that a rule's `status:` has for them."""
    return [name for bit, name in STATUSES if connection.status & bit]


def connection_entry(connection: Connection, now: float) -> dict[str, Any]:
    """A connection by name."""
    labels, master = connection.labels(), connection.master()
    flow = flow_entry(connection.original_key)
    return {
        "protocol": flow["protocol"],
        "original": _ends(connection, ORIGINAL),
        "reply": _ends(connection, REPLY),
        "zone": flow["zone"],
        "state": protocol_state(connection),
        "status": status_names(connection),
        "mark": connection.mark,
        "labels": [number for number in range(LABELS) if labels >> number & 1],
        "helper": connection.helper() or None,
        "age_s": round(now - connection.started, 3),
        "left_s": round(connection.deadline - now, 3),
        "master": None if master is None else flow_entry(master.original_key),
        "master_helper": None if master is None else master.helper() or None,
    }


def _ends(connection: Connection, direction: int) -> dict[str, Any]:
    flow = flow_entry(connection.key(direction))
    counts = (connection.original_packets, connection.original_octets)
    if direction == REPLY:
        counts = (connection.reply_packets, connection.reply_octets)
    return {
        **{name: flow[name] for name in ("src", "sport", "dst", "dport")},
        "packets": counts[0],
        "octets": counts[1],
    }


def connection_line(connection: Connection, now: float) -> str:
    """One connection in a line."""
    state = protocol_state(connection)
    words = [connection_text(connection)]
    if connection.zone():
        words.append(f"zone {connection.zone()}")
    if state is not None:
        words.append(state)
    if not connection.status & SEEN_REPLY:
        words.append("no answer seen")
    return ", ".join([*words, f"{connection.deadline - now:.0f} s left"])


def connection_lines(connection: Connection, now: float) -> list[str]:
    """All of it, a few things a line."""
    entry = connection_entry(connection, now)
    status = ", ".join(name for name in entry["status"] if name != "confirmed")
    labels = ", ".join(map(str, entry["labels"])) or "none"
    helper = entry["helper"] or "none"
    state = entry["state"]
    lines = [
        connection_text(connection),
        f"{'' if state is None else f'{state}, '}{status or 'no answer seen'}",
        f"{entry['age_s']:.0f} s old, {entry['left_s']:.0f} s left unless a packet comes",
        f"mark {connection.mark:#x}, zone {entry['zone']}, labels {labels}, helper {helper}",
    ]
    counts = [
        f"{name} {entry[name]['packets']} packets, {entry[name]['octets']} octets"
        for name in ("original", "reply")
    ]
    lines.append("; ".join(counts))
    master = connection.master()
    if master is not None:
        reader = f" (helper {master.helper()})" if master.helper() else ""
        lines.append(f"master {connection_text(master)}{reader}")
    return lines
