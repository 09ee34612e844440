"""A fuzzer's input taken as packets, put to a firewall, and what must hold whatever they are.

Input: one octet of switches (see play()), then records. A record begins with an octet: bits 0-1 the
hook (0 for FORWARD), 2-4 the time since the last one (STEPS_S), 5 its kind, 6 that the packet is
cut, 7 that its ends are swapped. Kind 0 goes on with two octets of length and that many octets.
Kind 1 is an earlier packet again: how many back, the number of changes (bits 0-2), and for each its
place (two octets) and the new octet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.reasons import REASON_NAMES
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.rules.build import Plan
from firewalld_py.rules.verdicts import ACCEPT, DROP
from tests.plans import firewall, log, plan, rule, template

STEPS_S: Final = (0.0, 0.01, 1.0, 2.5, 11.0, 31.0, 61.0, 500.0)
LOOKS: Final = 2  # of the sweep between two packets
MAXIMUM: Final = 4  # connections: few, so that they have to give way
MOST_PACKETS: Final = 200
MOST_OCTETS: Final = 4096  # of one packet
BEGIN: Final = 1000.0
THE_END_S: Final = 1e7  # after which no connection lives, whatever its timeout


@dataclass(frozen=True, slots=True)
class Step:
    """One packet, and when and where it was met."""

    data: bytes
    hook: int
    after_s: float
    truncated: bool


def steps(data: bytes) -> Iterator[Step]:
    """The packets of an input, up to where it ends."""
    at, before = 1, [b""]
    while at + 3 <= len(data) and len(before) <= MOST_PACKETS:
        head = data[at]
        if head & 0x20:
            octets = bytearray(before[-1 - data[at + 1] % len(before)])
            end = at + 3 + 3 * (data[at + 2] & 7)
            _change(octets, data[at + 3 : end])
            at = end
        else:
            end = at + 3 + min(data[at + 1] << 8 | data[at + 2], MOST_OCTETS)
            octets = bytearray(data[at + 3 : end])
            at = end
        if head & 0x80:
            _swap_ends(octets)
        before.append(bytes(octets))
        yield Step(before[-1], head & 3 or 2, STEPS_S[head >> 2 & 7], head & 0x40 != 0)


def _change(octets: bytearray, changes: bytes) -> None:
    for at in range(0, len(changes) - 2, 3):
        place = changes[at] << 8 | changes[at + 1]
        if octets:
            octets[place % len(octets)] = changes[at + 2]


def _swap_ends(octets: bytearray) -> None:
    """Make of a packet one that goes the other way: addresses and ports change places."""
    if not octets:
        return
    first, size = (8, 16) if octets[0] >> 4 == 6 else (12, 4)
    transport = 40 if size == 16 else (octets[0] & 15) << 2
    for at, width in ((first, size), (transport, 2)):
        one, other = octets[at : at + width], octets[at + width : at + 2 * width]
        if len(other) == width:
            octets[at : at + 2 * width] = other + one


def a_plan() -> Plan:
    """Rules that look at everything, so that reading anything of a packet is tried."""
    helped = [
        rule("continue", ("dport", [[port, port]]), template=template(helper=name))
        for port, name in enumerate(sorted(READABLE), 21)
    ]
    return plan(
        [
            rule("continue", ("proto", [6]), targets=[("mark", [3, 0xFF])], log=log("tcp ")),
            rule("continue", ("tcp_flags", [[0x17, 2]]), ("sport", [[1, 1023]])),
            rule("reject", ("state", 8), ("dport", [[0, 65535]])),
            rule("drop", ("state", 8), ("icmp", [[1, 3, 0, 255], [58, 1, 0, 255]])),
            rule("drop", ("src", [["c0000200", "c00002ff"]]), ("!mark", [[3, 0xFF]])),
        ],
        prerouting=[
            *helped,
            rule("continue", ("dport", [[7, 9]]), log=log("raw ")),
            rule("drop", ("dport", [[7, 7]])),
            rule("notrack", ("dport", [[9, 9]])),
        ],
    )


def play(data: bytes) -> list[Decision]:
    """Put an input to a fresh firewall; AssertionError for what must not be."""
    chosen = data[0] if data else 0
    settings = Settings(
        maximum=MAXIMUM,
        tcp_loose=chosen & 1 != 0,
        tcp_be_liberal=chosen & 2 != 0,
        tcp_ignore_invalid_rst=chosen & 4 != 0,
        checksum=chosen & 8 != 0,
    )
    judge = firewall(a_plan(), settings)
    now, held = BEGIN, set[int]()
    decisions = []
    for token, step in enumerate(steps(data)):
        now += step.after_s
        meta = PacketMeta(step.hook, truncated=step.truncated, token=token)
        decision = judge.handle(step.data, meta, now)
        decisions.append(decision)
        _check(judge, decision)
        _account(held, decision, token)
        _give_up(held, judge.dropped_fragments(now))
        judge.conntrack.expire(now, LOOKS)
    _give_up(held, judge.dropped_fragments(now + THE_END_S))
    assert not held, "fragments are held for ever"
    while judge.conntrack.expire(now + THE_END_S, LOOKS) == LOOKS:
        pass
    assert judge.conntrack.table.size == 0, "a connection outlives all timeouts"
    return decisions


def _check(judge: Firewall, decision: Decision) -> None:
    assert decision.verdict in (ACCEPT, DROP)
    assert 0 <= decision.reason < len(REASON_NAMES)
    assert 0 <= decision.info.reason < len(REASON_NAMES)
    assert 0 <= decision.mark <= 0xFFFFFFFF
    assert 0 <= judge.conntrack.table.size <= MAXIMUM
    assert decision.verdict == DROP or not decision.held
    assert decision.verdict_name() in ("accept", "drop", "reject")


def _account(held: set[int], decision: Decision, token: int) -> None:
    """A held fragment comes back once, with its datagram or among the dropped."""
    if decision.held:
        held.add(token)
    _give_up(held, decision.released or [])


def _give_up(held: set[int], tokens: list[int]) -> None:
    for token in tokens:
        assert token in held, "a fragment is let go of that was not held"
        held.discard(token)
