"""What `replay` shows to people: a line for each packet, and what they add up to."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import TYPE_CHECKING, Final, TextIO

from firewalld_py.conntrack.connection import DIRECTION_NAMES, STATE_NAMES
from firewalld_py.packet.protocols import (
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
)
from firewalld_py.packet.reasons import OK, REASON_NAMES, RULE

if TYPE_CHECKING:
    from firewalld_py.packet.packet import Packet
    from firewalld_py.pipeline import Decision
    from firewalld_py.service.capture import Frame

HEADINGS: Final = ("n", "time", "from > to", "what", "state", "direction", "verdict", "rule")
ROW: Final = "{:>7} {:>12} {:<45} {:<14} {:<11} {:<9} {:<7} {}"
PROTOCOLS: Final = {
    IPPROTO_ICMP: "icmp",
    IPPROTO_TCP: "tcp",
    IPPROTO_UDP: "udp",
    47: "gre",
    50: "esp",
    51: "ah",
    IPPROTO_ICMPV6: "icmpv6",
    IPPROTO_SCTP: "sctp",
    136: "udplite",
}
TCP_FLAG_LETTERS: Final = "FSRPAUEC"  # bit 0 first


class Line:
    """Writes a line for each packet; times count from the first one."""

    def __init__(self, out: TextIO) -> None:
        """Nothing is written before the first packet."""
        self._out = out
        self._number = 0
        self._began = 0.0

    def write(self, frame: Frame, decision: Decision | None) -> None:
        """One packet; `decision` is None for what is no IP packet."""
        if self._number == 0:
            self._began = frame.time
            self._out.write(ROW.format(*HEADINGS).rstrip() + "\n")
        self._number += 1
        passed = f"{frame.time - self._began:.6f}"
        columns = ("-", "not IP", "-", "-", "-", "-") if decision is None else _columns(decision)
        self._out.write(ROW.format(self._number, passed, *columns) + "\n")


def _columns(decision: Decision) -> tuple[str, str, str, str, str, str]:
    packet, info = decision.packet, decision.info
    state = STATE_NAMES.get(info.state, "-")
    direction = "-" if state == "-" else DIRECTION_NAMES[info.direction]
    rule = decision.rule
    by = f"({decision.chain.name} policy)" if rule is None else rule.name
    if rule is not None and decision.reason != RULE:
        by += f" ({decision.reason_name()})"
    if info.reason != OK:
        by += f" [{REASON_NAMES[info.reason]}]"
    return (_ends(packet), _what(packet), state, direction, decision.verdict_name(), by)


def _ends(packet: Packet) -> str:
    if len(packet.src) not in (4, 16):
        return "-"
    return f"{_end(packet.src, packet.sport, packet)} > {_end(packet.dst, packet.dport, packet)}"


def _end(address: bytes, port: int, packet: Packet) -> str:
    text = str(ipaddress.ip_address(address))
    if not packet.has_ports:
        return text
    return f"[{text}]:{port}" if packet.version == 6 else f"{text}:{port}"


def _what(packet: Packet) -> str:
    """The protocol, and what tells its packets apart: TCP's flags, ICMP's type and code."""
    name = PROTOCOLS.get(packet.protocol, str(packet.protocol))
    if packet.fragment:
        return f"{name} fragment"
    if packet.protocol == IPPROTO_TCP:
        letters = "".join(
            letter for bit, letter in enumerate(TCP_FLAG_LETTERS) if packet.tcp_flags >> bit & 1
        )
        return f"{name} {letters or '-'}"
    if packet.protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
        return f"{name} {packet.icmp_type}/{packet.icmp_code}"
    return name


class Summary:
    """How many packets got which verdict, were in which state, met which rule."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._packets = 0
        self._not_ip = 0
        self._truncated = 0
        self._first = self._last = 0.0
        self._verdicts: Counter[str] = Counter()
        self._states: Counter[str] = Counter()
        self._decided: Counter[tuple[str, str]] = Counter()

    def count(self, frame: Frame, decision: Decision | None) -> None:
        """Add one packet."""
        if self._packets == 0:
            self._first = frame.time
        self._last = frame.time
        self._packets += 1
        self._truncated += frame.truncated
        if decision is None:
            self._not_ip += 1
            return
        self._verdicts[decision.verdict_name()] += 1
        self._states[STATE_NAMES.get(decision.info.state, "before tracking")] += 1
        place = f"{decision.rule_chain.table}/{decision.rule_chain.name}"
        by = "(policy)" if decision.rule is None else decision.rule.name
        self._decided[place, by] += 1

    def write(self, out: TextIO) -> None:
        """Write it."""
        seconds = self._last - self._first
        also = f", {self._truncated} of them cut by the capture" if self._truncated else ""
        out.write(f"\n{self._packets} packets in {seconds:.3f} s{also}; {self._not_ip} not IP\n")
        out.write(f"verdicts: {_listed(self._verdicts)}\n")
        out.write(f"states:   {_listed(self._states)}\n")
        if self._decided:
            out.write("decided by:\n")
        for (place, name), number in self._decided.most_common():
            out.write(f"{number:>9}  {place} {name}\n")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.most_common()) or "none"
