"""Floods against a bounded table, turn by turn as the worker takes them, in a process of their own.

`python -m tests.properties.flood syn --packets 2000000 --maximum 100000` prints what came of it as
JSON; see Outcome. `expiry` fills the table instead and lets all of it die in the same second.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import random
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from firewalld_py import compiled
from firewalld_py.conntrack.connection import ASSURED, ESTABLISHED
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.verdicts import ACCEPT
from firewalld_py.service.worker import EXPIRY_LOOKS_PER_TURN, PACKETS_PER_TURN
from tests import wire
from tests.plans import firewall

BEGIN: Final = 1000.0
PER_S: Final = 20_000  # packets of the flood, by the packets' clock
ASSURED_CONNECTIONS: Final = 500
ASSURED_PER_TURN: Final = 8
OCTETS: Final = 100  # of data in a segment of an assured connection
SECONDS_OVER: Final = 31.0  # after which an unanswered UDP connection is over


@dataclass(slots=True)
class Outcome:
    """What came of it; times are CPU time of this thread, so that other processes take no part.

    `longest` are the longest turns in ms, the longest first, each with the count of packets before
    it. `rss_begin`, `rss_full` and `rss_end` are resident octets: before, when the table had been
    full for a while (three quarters of the flood), and at the end.
    """

    compiled: bool
    packets: int = 0
    accepted: int = 0
    largest: int = 0
    left: int = 0
    asked: int = 0
    not_established: int = 0
    not_accepted: int = 0
    rss_begin: int = 0
    rss_full: int = 0
    rss_end: int = 0
    longest: tuple[tuple[float, int], ...] = ()


def resident() -> int:
    """Octets of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def syns(count: int) -> Iterator[bytes]:
    """SYNs from as many sources, to one server's port."""
    head = wire.ip(wire.CLIENT4, wire.SERVER4, wire.TCP, wire.tcp("S", 1000))
    for number in range(count):
        yield head[:12] + (0x14000000 + number).to_bytes(4, "big") + head[16:]


def syns_taken_back(count: int) -> Iterator[bytes]:
    """SYNs from as many sources, each followed by a RST that ends its connection."""
    rst = wire.ip(wire.CLIENT4, wire.SERVER4, wire.TCP, wire.tcp("R", 1001))
    for syn in syns(count // 2):
        yield syn
        yield rst[:12] + syn[12:16] + rst[16:]


def datagrams(count: int) -> Iterator[bytes]:
    """UDP from random sources with random ports on both ends."""
    head = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(bytes(8)), checksum=0)
    chance = random.Random(1)
    for _ in range(count):
        drawn = chance.getrandbits(56)
        yield (
            head[:12]
            + struct.pack(
                ">I4sHH",
                0x14000000 | drawn & 0xFFFFFF,
                wire.SERVER4,
                drawn >> 24 & 0xFFFF,
                drawn >> 40,
            )
            + head[24:]
        )


FLOODS: Final = {"syn": syns, "syn-rst": syns_taken_back, "udp": datagrams}


class AssuredTcp:
    """An open connection on which client and server take turns to send data."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sent = [1001, 5001]  # next sequence number of client and server
        self._turn = 0

    def opening(self) -> list[bytes]:
        return [
            self._segment(0, "S", 1000, 0),
            self._segment(1, "SA", 5000, 1001),
            self._segment(0, "A", 1001, 5001),
        ]

    def next(self) -> bytes:
        side = self._turn
        seq, ack = self._sent[side], self._sent[1 - side]
        self._sent[side] += OCTETS
        self._turn = 1 - side
        return self._segment(side, "PA", seq, ack, bytes(OCTETS))

    def _segment(self, side: int, flags: str, seq: int, ack: int, payload: bytes = b"") -> bytes:
        ends, ports = (wire.CLIENT4, wire.SERVER4), (self._port, 443)
        if side:
            ends, ports = ends[::-1], ports[::-1]
        octets = wire.tcp(flags, seq, ack, 65535, payload, b"", *ports)
        return wire.ip(*ends, wire.TCP, octets, checksum=0)


class AssuredUdp:
    """Questions and answers on one pair of ports."""

    def __init__(self, port: int) -> None:
        self._turn = 0
        ask, answer = wire.udp(b"question", port, 53), wire.udp(b"answer", 53, port)
        self._sides = (
            wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, ask),
            wire.ip(wire.SERVER4, wire.CLIENT4, wire.UDP, answer),
        )

    def opening(self) -> list[bytes]:
        return list(self._sides)

    def next(self) -> bytes:
        self._turn = 1 - self._turn
        return self._sides[1 - self._turn]


def assured(judge: Firewall, kind: str) -> Sequence[AssuredTcp | AssuredUdp]:
    """Connections that may not be forgotten for new ones."""
    meta = PacketMeta()
    peers: list[AssuredTcp | AssuredUdp] = [
        AssuredUdp(10_000 + number) if kind == "udp" else AssuredTcp(10_000 + number)
        for number in range(ASSURED_CONNECTIONS)
    ]
    for peer in peers:
        for data in peer.opening():
            assert judge.handle(data, meta, BEGIN - 3.0).verdict == ACCEPT
        # A UDP connection is a stream, and assured, when it is still alive after two seconds.
        for _ in range(2):
            decision = judge.handle(peer.next(), meta, BEGIN)
        assert decision.info.connection is not None
        assert decision.info.connection.status & ASSURED
    return peers


def flood(kind: str, packets: int, maximum: int) -> Outcome:
    """`packets` of this flood against a table of `maximum`, with assured connections among them."""
    outcome = Outcome(compiled(), rss_begin=resident())
    judge = firewall(None, Settings(maximum=maximum))
    peers = assured(judge, kind)
    meta, now, turns = PacketMeta(), BEGIN, []
    source, asked = FLOODS[kind](packets), 0
    table = judge.conntrack.table
    while batch := list(itertools.islice(source, PACKETS_PER_TURN)):
        ours = [peers[(asked + n) % len(peers)].next() for n in range(ASSURED_PER_TURN)]
        asked += ASSURED_PER_TURN
        now += len(batch) / PER_S
        began = time.thread_time()
        for data in batch:
            outcome.accepted += judge.handle(data, meta, now).verdict
        decisions = [judge.handle(data, meta, now) for data in ours]
        judge.conntrack.expire(now, EXPIRY_LOOKS_PER_TURN)
        turns.append(((time.thread_time() - began) * 1000, outcome.packets))
        outcome.packets += len(batch)
        outcome.asked += len(decisions)
        outcome.not_established += sum(d.info.state != ESTABLISHED for d in decisions)
        outcome.not_accepted += sum(d.verdict != ACCEPT for d in decisions)
        outcome.largest = max(outcome.largest, table.size)
        if not outcome.rss_full and outcome.packets >= packets * 3 // 4:
            outcome.rss_full = resident()
    outcome.rss_end = resident()
    outcome.left = table.size
    outcome.longest = tuple(sorted(turns, reverse=True)[:5])
    return outcome


def expiry(connections: int) -> Outcome:
    """So many UDP connections, all of the same second, swept out slice by slice."""
    outcome = Outcome(compiled(), rss_begin=resident())
    judge = firewall(None, Settings(maximum=connections))
    meta, table = PacketMeta(), judge.conntrack.table
    for data in udp_of_many(connections):
        outcome.accepted += judge.handle(data, meta, BEGIN).verdict
        outcome.packets += 1
    outcome.largest = table.size
    outcome.rss_full = resident()
    now, looks = BEGIN + SECONDS_OVER, EXPIRY_LOOKS_PER_TURN
    slices: list[tuple[float, int]] = []
    while looks == EXPIRY_LOOKS_PER_TURN:
        began = time.thread_time()
        looks = judge.conntrack.expire(now, EXPIRY_LOOKS_PER_TURN)
        slices.append(((time.thread_time() - began) * 1000, len(slices)))
    outcome.left = table.size
    outcome.rss_end = resident()
    outcome.longest = tuple(sorted(slices, reverse=True)[:5])
    return outcome


def udp_of_many(count: int) -> Iterator[bytes]:
    """One datagram from each of so many sources."""
    head = wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(bytes(8)), checksum=0)
    for number in range(count):
        yield head[:12] + (0x14000000 + number).to_bytes(4, "big") + head[16:]


def main() -> None:
    """Run one of them in this process, without the cycle collector, as the worker does."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties.flood")
    parser.add_argument("kind", choices=(*FLOODS, "expiry"))
    parser.add_argument("--packets", type=int, default=2_000_000)
    parser.add_argument("--maximum", type=int, default=100_000)
    arguments = parser.parse_args()
    gc.disable()
    if arguments.kind == "expiry":
        outcome = expiry(arguments.packets)
    else:
        outcome = flood(arguments.kind, arguments.packets, arguments.maximum)
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
