"""Fragments at a queue which the kernel does not put together first: held, judged as a whole.

The judge of the worker stands here in the test's own process, so that its clock can be moved on.
"""

from __future__ import annotations

import select
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, cast

import pytest
from netfilterqueue import NetfilterQueue
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw

from firewalld_py.conntrack.connection import ESTABLISHED
from firewalld_py.rules.verdicts import DROP
from firewalld_py.service.hook import HookSpec, choose_backend
from firewalld_py.service.hook_queues import read_queues
from firewalld_py.service.nfqueue import Judge, QueuedPacket
from firewalld_py.service.queue_socket import QueueSocket
from tests.lab.servers import udp_listener
from tests.lab.traffic import send_packet
from tests.lab.world import CLIENT4, CLIENT6, SERVER4, SERVER6, World
from tests.plans import firewall, plan, rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from scapy.packet import Packet as Scapy

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

QUEUE: Final = 11
PORT: Final = 5000
FORBIDDEN: Final = 6666
COPY_RANGE: Final = 2048
BATCH: Final = 64
TIMEOUT_S: Final = 5.0
WHOLE: Final = bytes(number % 251 for number in range(4000))  # three fragments
FAMILIES: Final = pytest.mark.parametrize(
    ("client", "server", "held_s"),
    [(CLIENT4, SERVER4, 30.0), (CLIENT6, SERVER6, 60.0)],
    ids=["ipv4", "ipv6"],
)


class CountingSender:
    """Counts the messages by which verdicts are given."""

    def __init__(self, sender: QueueSocket) -> None:
        self._sender = sender
        self.batches = 0
        self.ones = 0

    def send_batch(self, packet_id: int, verdict: int) -> None:
        self.batches += 1
        self._sender.send_batch(packet_id, verdict)

    def send_one(self, packet_id: int, verdict: int, mark: int) -> None:
        self.ones += 1
        self._sender.send_one(packet_id, verdict, mark)


class Bench:
    """The judge at a queue of the gateway's FORWARD hook; it judges when `judge_until` is called.

    What comes from a server is accepted only as an answer, and nothing for FORBIDDEN at all.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults: list[Exception] = []
        rules = [
            rule("accept", ("state", ESTABLISHED)),
            rule("drop", ("proto", [17]), ("dport", [[FORBIDDEN, FORBIDDEN]])),
            rule("accept", ("proto", [17]), ("dport", [[PORT, PORT]])),
        ]
        self.firewall = firewall(plan(rules, "drop"))
        with world.gateway.entered():
            self._queue = NetfilterQueue()
            self._queue.bind(QUEUE, self._on_packet, max_len=4096, range=COPY_RANGE)
            self.socket = QueueSocket(self._queue.get_fd(), QUEUE, COPY_RANGE)
            self.sent = CountingSender(self.socket)
            self.judge = Judge(self.firewall, self.sent, self, DROP, COPY_RANGE, BATCH)
            self.socket.when_dry = self.judge.flush
            self.socket.configure(COPY_RANGE, 0, 1 << 22)
            self._backend = choose_backend()
            self._backend.install(HookSpec(QUEUE, chains=("forward",), defragment=False))
        self.judge.now = 1000.0

    def _on_packet(self, packet: QueuedPacket) -> None:
        self.judge.judge(packet)

    def report_fault(self, fault: Exception) -> None:
        self.faults.append(fault)

    def judge_until(self, packets: int) -> None:
        """Do as the worker does until so many packets have been judged in all."""
        end = time.monotonic() + TIMEOUT_S
        while self.judge.packets < packets:
            assert time.monotonic() < end, f"{self.judge.packets} of {packets} packets came"
            select.select([self._queue.get_fd()], [], [], end - time.monotonic())
            self.socket.budget = 256
            self._queue.run_socket(cast("socket.socket", self.socket))
            self.judge.flush()
            self.judge.drop_stale_fragments()

    def waiting(self) -> int:
        """How many packets wait in the kernel for a verdict."""
        with self.world.gateway.entered():
            (state,) = [state for state in read_queues() if state.number == QUEUE]
        return state.waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self.world.gateway.entered():
            self._backend.remove()
            self.socket.close()
            self._queue.unbind()
        if kind is None:
            assert self.faults == []
            assert (self.socket.late_verdicts, self.socket.failed_verdicts) == (0, 0)


@pytest.fixture
def bench(world: World) -> Iterator[Bench]:
    with Bench(world) as made:
        yield made


@pytest.fixture(scope="module")
def sender(world: World) -> Iterator[dict[str, socket.socket]]:
    """The client's UDP sockets by the server's address."""
    sockets = {
        SERVER4: world.client.socket(socket.AF_INET, socket.SOCK_DGRAM),
        SERVER6: world.client.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    }
    yield sockets
    for one in sockets.values():
        one.close()


def pieces(client: str, server: str, payload: bytes, identification: int) -> list[Scapy]:
    """A datagram to PORT in fragments of 1000 octets, the checksum that of the whole."""
    ip = IPv6 if ":" in server else IP
    whole = ip(src=client, dst=server) / UDP(sport=4100, dport=PORT) / Raw(payload)
    octets = bytes(whole)[len(ip()) :]
    made: list[Scapy] = []
    for at in range(0, len(octets), 1000):
        body, more = octets[at : at + 1000], at + 1000 < len(octets)
        if ip is IPv6:
            header = IPv6ExtHdrFragment(nh=17, offset=at // 8, m=more, id=identification)
            made.append(IPv6(src=client, dst=server) / header / Raw(body))
        else:
            flags = "MF" if more else 0
            head = IP(
                src=client, dst=server, proto=17, id=identification, flags=flags, frag=at // 8
            )
            made.append(head / Raw(body))
    return made


def fragments_seen(world: World, server: str) -> int:
    """How many fragments have reached the server's own reassembly."""
    name, file = ("Ip6ReasmReqds", "snmp6") if ":" in server else ("ReasmReqds", "snmp")
    with world.server.entered():
        lines = Path("/proc/thread-self/net", file).read_text().splitlines()
    if file == "snmp6":
        return next(int(line.split()[1]) for line in lines if line.split()[0] == name)
    names, values = (line.split() for line in lines[:2])
    return int(values[names.index(name)])


@FAMILIES
def test_a_datagram_in_fragments_arrives_whole_and_so_does_its_answer(
    bench: Bench,
    world: World,
    sender: dict[str, socket.socket],
    client: str,
    server: str,
    held_s: float,
) -> None:
    with udp_listener(world.server, server, PORT) as receiver:
        sender[server].sendto(WHOLE, (server, PORT))
        bench.judge_until(3)
        data, asker = receiver.recvfrom(65535)
        assert data == WHOLE
        receiver.sendto(WHOLE[::-1], asker)
        bench.judge_until(6)
    sender[server].settimeout(TIMEOUT_S)
    assert sender[server].recv(65535) == WHOLE[::-1]
    assert (bench.judge.accepted, bench.judge.dropped) == (6, 0)
    assert (bench.firewall.conntrack.table.size, bench.judge.held, bench.waiting()) == (1, set(), 0)


@FAMILIES
def test_of_a_datagram_that_a_rule_drops_no_fragment_gets_through(
    bench: Bench,
    world: World,
    sender: dict[str, socket.socket],
    client: str,
    server: str,
    held_s: float,
) -> None:
    before = fragments_seen(world, server)
    with udp_listener(world.server, server, PORT) as receiver:
        sender[server].sendto(WHOLE, (server, FORBIDDEN))
        sender[server].sendto(b"a fence", (server, PORT))
        bench.judge_until(4)
        assert receiver.recv(65535) == b"a fence"
    assert (bench.judge.accepted, bench.judge.dropped) == (1, 3)
    assert bench.waiting() == 0
    assert fragments_seen(world, server) == before


@FAMILIES
def test_others_pass_while_a_fragment_is_held_and_batches_go_on_afterwards(
    bench: Bench,
    world: World,
    sender: dict[str, socket.socket],
    client: str,
    server: str,
    held_s: float,
) -> None:
    first, *rest = pieces(client, server, WHOLE, 7)
    with udp_listener(world.server, server, PORT) as receiver:
        send_packet(world.client, first)
        for number in range(10):
            sender[server].sendto(bytes((number,)), (server, PORT))
        bench.judge_until(11)
        assert [receiver.recv(99) for _ in range(10)] == [bytes((number,)) for number in range(10)]
        assert (len(bench.judge.held), bench.waiting()) == (1, 1)
        # Backwards: the one that makes it whole is not the last one of the datagram.
        for piece in reversed(rest):
            send_packet(world.client, piece)
        bench.judge_until(11 + len(rest))
        assert receiver.recv(65535) == WHOLE
        assert (bench.judge.held, bench.waiting()) == (set(), 0)
        ones, batches = bench.sent.ones, bench.sent.batches
        for number in range(10):
            sender[server].sendto(bytes((number,)), (server, PORT))
        bench.judge_until(21 + len(rest))
        assert [receiver.recv(99) for _ in range(10)] == [bytes((number,)) for number in range(10)]
    assert bench.sent.ones == ones
    assert bench.sent.batches > batches


@FAMILIES
def test_fragments_whose_datagram_is_not_whole_in_time_are_dropped(
    bench: Bench,
    world: World,
    sender: dict[str, socket.socket],
    client: str,
    server: str,
    held_s: float,
) -> None:
    before = fragments_seen(world, server)
    *others, last = pieces(client, server, WHOLE, 8)
    with udp_listener(world.server, server, PORT) as receiver:
        for piece in others:
            send_packet(world.client, piece)
        bench.judge_until(len(others))
        bench.judge.now += held_s - 0.01
        bench.judge.drop_stale_fragments()
        assert (len(bench.judge.held), bench.waiting()) == (len(others), len(others))
        bench.judge.now += 0.01
        bench.judge.drop_stale_fragments()
        assert (bench.judge.held, bench.waiting()) == (set(), 0)
        assert bench.judge.dropped == len(others)
        # Too late: it waits for a datagram of its own.
        send_packet(world.client, last)
        sender[server].sendto(b"a fence", (server, PORT))
        bench.judge_until(len(others) + 2)
        assert receiver.recv(65535) == b"a fence"
    assert (len(bench.judge.held), bench.waiting()) == (1, 1)
    assert fragments_seen(world, server) == before


@FAMILIES
def test_overlapping_fragments_are_dropped_with_all_of_their_datagram(
    bench: Bench,
    world: World,
    sender: dict[str, socket.socket],
    client: str,
    server: str,
    held_s: float,
) -> None:
    before = fragments_seen(world, server)
    first, second, *_ = pieces(client, server, WHOLE, 9)
    overlapping = second.copy()
    if ":" in server:
        overlapping[IPv6ExtHdrFragment].offset -= 1
    else:
        overlapping.frag -= 1
    with udp_listener(world.server, server, PORT) as receiver:
        for piece in (first, overlapping):
            send_packet(world.client, piece)
        sender[server].sendto(b"a fence", (server, PORT))
        bench.judge_until(3)
        assert receiver.recv(65535) == b"a fence"
    assert (bench.judge.held, bench.waiting()) == (set(), 0)
    assert bench.judge.dropped == 2
    assert fragments_seen(world, server) == before
