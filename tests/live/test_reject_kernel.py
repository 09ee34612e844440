"""Our answers to refused packets are those of the kernel's REJECT for the same packet.

Every packet is sent twice through the gateway of the lab: once into a REJECT rule of iptables,
once into a queue whose packets are answered by the Rejecter and dropped. What comes back to the
sender is compared field by field. A fence packet behind each one is answered both times by the
kernel: what is not there before its answer will not come, so silence is compared too.
"""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
from netfilterqueue import NetfilterQueue
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, UDPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
)
from scapy.packet import Raw

from firewalld_py.service.messages import RejectEvent
from firewalld_py.service.nfqueue import HEAD_OCTETS
from firewalld_py.service.reject import Rejecter
from tests.lab.capture import Capture
from tests.lab.netns import Namespace, run_command
from tests.lab.world import (
    CLIENT4,
    CLIENT6,
    GATEWAY_LAN4,
    GATEWAY_LAN6,
    GATEWAY_WAN4,
    GATEWAY_WAN6,
    SERVER4,
    SERVER6,
    World,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scapy.packet import Packet

pytestmark = pytest.mark.needs("root", "netns", "nfqueue", "iptables", "ip6tables")

REJECT_MARK: Final = 0x4000000
FENCE: Final = 9999
TABLES: Final = {4: "iptables", 6: "ip6tables"}

# Our kind → the word of iptables for it, by IP version.
KINDS: Final = {
    "tcp-reset": {4: "tcp-reset", 6: "tcp-reset"},
    "icmp-net-unreachable": {4: "icmp-net-unreachable", 6: "icmp6-no-route"},
    "icmp-host-unreachable": {4: "icmp-host-unreachable", 6: "icmp6-addr-unreachable"},
    "icmp-proto-unreachable": {4: "icmp-proto-unreachable", 6: "icmp6-port-unreachable"},
    "icmp-port-unreachable": {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"},
    "icmp-net-prohibited": {4: "icmp-net-prohibited", 6: "icmp6-adm-prohibited"},
    "icmp-host-prohibited": {4: "icmp-host-prohibited", 6: "icmp6-adm-prohibited"},
    "icmp-admin-prohibited": {4: "icmp-admin-prohibited", 6: "icmp6-adm-prohibited"},
    "icmp6-no-route": {4: "icmp-net-unreachable", 6: "icmp6-no-route"},
    "icmp6-adm-prohibited": {4: "icmp-admin-prohibited", 6: "icmp6-adm-prohibited"},
    "icmp6-addr-unreachable": {4: "icmp-host-unreachable", 6: "icmp6-addr-unreachable"},
    "icmp6-port-unreachable": {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"},
    "no-route": {4: "icmp-net-unreachable", 6: "icmp6-no-route"},
    "host-unreachable": {4: "icmp-host-unreachable", 6: "icmp6-addr-unreachable"},
    "port-unreachable": {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"},
    "admin-prohibited": {4: "icmp-admin-prohibited", 6: "icmp6-adm-prohibited"},
}


class Answering:
    """A queue on the gateway that answers everything with `kind` and drops it."""

    def __init__(self, namespace: Namespace) -> None:
        """Bind the queue and start the thread that serves it."""
        self.kind = ""
        self.outcomes: queue.Queue[str] = queue.Queue()
        self._namespace = namespace
        self._ready = threading.Event()
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        assert self._ready.wait(30)

    def _serve(self) -> None:
        with self._namespace.entered():
            rejecter = Rejecter(REJECT_MARK)
            rejecter.warm_up()
            waiting_packets = NetfilterQueue()
            waiting_packets.bind(7, lambda packet: self._take(packet, rejecter), range=3900)
            self._ready.set()
            waiting = select.poll()
            waiting.register(waiting_packets.get_fd(), select.POLLIN)
            waiting.register(self._stop_reader, select.POLLIN)
            while self._stop_reader not in dict(waiting.poll()):
                waiting_packets.run(block=False)
            waiting_packets.unbind()
            rejecter.close()

    def _take(self, packet: Any, rejecter: Rejecter) -> None:
        head = packet.get_payload()[:HEAD_OCTETS]
        event = RejectEvent(self.kind, packet.hook, packet.indev, packet.outdev, head)
        try:
            self.outcomes.put(rejecter.answer(event))
        finally:
            packet.drop()

    def close(self) -> None:
        """End the thread."""
        os.write(self._stop_writer, b"x")
        self._thread.join()
        os.close(self._stop_reader)
        os.close(self._stop_writer)


class Comparison:
    """The two ways through the gateway, and the client that takes both."""

    def __init__(self, world: World) -> None:
        """Prepare the gateway."""
        self._world = world
        self._answering = Answering(world.gateway)
        self.outcome = ""

    def close(self) -> None:
        """End the queue."""
        self._answering.close()

    def ask(self, packet: Packet, kind: str, chain: str = "FORWARD") -> tuple[Any, Any]:
        """Answers (None: silence) of the kernel and of the Rejecter; its word is in `outcome`."""
        version = 6 if isinstance(packet, IPv6) else 4
        word = KINDS[kind][version]
        # iptables takes tcp-reset only with a protocol beside it.
        protocol = ["-p", "tcp"] if kind == "tcp-reset" else []
        reject = [*protocol, "-j", "REJECT", "--reject-with", word]
        theirs = self._answer(packet, version, chain, reject)
        self._answering.kind = kind
        ours = self._answer(packet, version, chain, ["-j", "NFQUEUE", "--queue-num", "7"])
        return theirs, ours

    def _answer(self, packet: Packet, version: int, chain: str, target: list[str]) -> Packet | None:
        """Install the rule, send the packet and the fence, see what came before its answer."""
        local = chain == "OUTPUT"
        asking = self._world.gateway if local else self._world.client
        fence_rule = ["-p", "udp", "--dport", str(FENCE), "-j", "REJECT"]
        ours_rule = ["-m", "mark", "--mark", hex(REJECT_MARK), "-j", "ACCEPT"]
        with self._world.gateway.entered():
            tables = TABLES[version]
            run_command([tables, "-F"])
            # In OUTPUT the answers pass too, and shall not meet the rule that caused them.
            for rule in (ours_rule, fence_rule, ["-d", str(packet.dst), *target]):
                run_command([tables, "-A", chain, *rule])
        with Capture(asking, "lo" if local else "eth0", version) as capture:
            _send(asking, version, bytes(packet))
            if "NFQUEUE" in target:
                # Only when the Rejecter is done with it is the fence behind it.
                self.outcome = self._answering.outcomes.get(timeout=10)
            _send(asking, version, bytes(_fence(packet, version, chain)))
            seen = capture.until(_quotes_fence)
        assert _quotes_fence(seen[-1])
        answers = [one for one in seen[:-1] if _for_asker(one, version, packet)]
        assert len(answers) <= 1
        return answers[0] if answers else None


def _fence(packet: Packet, version: int, chain: str) -> Packet:
    layer = IPv6 if version == 6 else IP
    if chain == "INPUT":
        there = GATEWAY_LAN6 if version == 6 else GATEWAY_LAN4
    else:
        there = SERVER6 if version == 6 else SERVER4
    here = {"OUTPUT": (GATEWAY_WAN4, GATEWAY_WAN6)}.get(chain, (CLIENT4, CLIENT6))
    return layer(src=here[version == 6], dst=there) / UDP(sport=FENCE, dport=FENCE)


def _quotes_fence(packet: Packet) -> bool:
    data = bytes(packet)
    ports = FENCE.to_bytes(2, "big") * 2
    return data[28 + 20 : 28 + 24] == ports or data[48 + 40 : 48 + 44] == ports


def _for_asker(packet: Packet, version: int, asked: Packet) -> bool:
    """Whether it is an answer at all: TCP, or an ICMP error, to who asked."""
    if version == 6 and isinstance(packet, IPv6) and packet.nh == socket.IPPROTO_ICMPV6:
        return bytes(packet)[40] < 128  # no neighbour discovery
    return bool(packet.dst == asked.src)


def _send(namespace: Namespace, version: int, data: bytes) -> None:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    # A packet that a rule of OUTPUT rejects fails its own sender with EPERM, beside the answer.
    refused = suppress(PermissionError)
    with refused, namespace.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if version == 6:
            there = socket.inet_ntop(socket.AF_INET6, data[24:40])
            scope = 0
            if there.startswith(("fe80", "ff02")):
                with namespace.entered():
                    scope = socket.if_nametoindex("eth0")
            raw.sendto(data, (there, 0, 0, scope))
        else:
            raw.sendto(data, (socket.inet_ntop(socket.AF_INET, data[16:20]), 0))


def fields(packet: Packet) -> bytes:
    """The octets that have to be the same.

    Left out are what the kernel draws anew for each packet (the identification of an ICMP error,
    the flow label of an ICMPv6 one) and what it leaves to the hardware (checksums of local
    packets); that ours are right is asserted on its own.
    """
    copy = packet.copy()
    if IP in copy:
        copy[IP].chksum = 0
        if ICMP in copy:
            copy[IP].id = 0
    elif copy.nh == socket.IPPROTO_ICMPV6:
        copy.fl = 0
    if TCP in copy and ICMP not in copy and ICMPv6DestUnreach not in copy:
        copy[TCP].chksum = 0
    return bytes(copy)


def assert_checksums(packet: Packet) -> None:
    """Building the packet anew with the checksums left to scapy must change nothing."""
    whole = bytes(packet)
    fresh = type(packet)(whole)
    if IP in fresh:
        del fresh[IP].chksum
    layer = fresh.payload
    if isinstance(layer, TCP | ICMP):
        del layer.chksum
    else:
        del layer.cksum
    assert bytes(fresh) == whole


@pytest.fixture(scope="module")
def comparison(world: World) -> Iterator[Comparison]:
    built = Comparison(world)
    yield built
    built.close()


def ip4(**given: Any) -> Packet:
    return IP(**{"src": CLIENT4, "dst": SERVER4, "id": 4711, **given})


def ip6(**given: Any) -> Packet:
    return IPv6(**{"src": CLIENT6, "dst": SERVER6, **given})


BOTH: Final = pytest.mark.parametrize("ip", [ip4, ip6])
ERROR4: Final = ICMP(type=3, code=1) / IPerror(src=SERVER4, dst=CLIENT4) / UDPerror(sport=1)
ERROR6: Final = ICMPv6DestUnreach() / IPv6(src=SERVER6, dst=CLIENT6) / UDP(sport=1)


def same(theirs: Packet | None, ours: Packet | None) -> None:
    assert theirs is not None, "the kernel kept silent: this case compares nothing"
    assert ours is not None, "we kept silent where the kernel answers"
    assert fields(ours) == fields(theirs), f"\n{ours!r}\n{theirs!r}"
    assert_checksums(ours)


@BOTH
@pytest.mark.parametrize(
    "segment",
    [
        TCP(sport=1000, dport=23, flags="S", seq=7),
        TCP(sport=1000, dport=23, flags="S", seq=0xFFFFFFFF, options=[("MSS", 1460)]),
        TCP(sport=1000, dport=23, flags="A", seq=7, ack=99),
        TCP(sport=1000, dport=23, flags="PA", seq=7, ack=99) / Raw(b"x" * 1400),
        TCP(sport=1000, dport=23, flags="F", seq=7, ack=99) / Raw(b"x" * 11),
        TCP(sport=1000, dport=23, flags="SF", seq=7) / Raw(b"x" * 1400),
        TCP(sport=1000, dport=23, flags="", seq=7, ack=99) / Raw(b"xyz"),
        TCP(sport=1000, dport=23, flags="SA", seq=7, ack=99),
        TCP(sport=1000, dport=23, flags="SEC", seq=7, options=[("Timestamp", (1, 0))]),
    ],
    ids=lambda segment: segment.sprintf("%TCP.flags%-") + str(len(segment.payload)),
)
def test_a_reset_has_the_kernels_numbers(comparison: Comparison, ip: Any, segment: Packet) -> None:
    same(*comparison.ask(ip() / segment, "tcp-reset"))


@BOTH
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tcp-reset"])
def test_every_kind_of_error_in_both_families(comparison: Comparison, ip: Any, kind: str) -> None:
    same(*comparison.ask(ip() / UDP(sport=40000, dport=7) / Raw(b"hello"), kind))


@pytest.mark.parametrize(
    "packet",
    [
        ip4(tos=0xB8) / UDP(sport=1, dport=7),
        ip4(tos=0x03) / UDP(sport=1, dport=7),
        ip4() / UDP(sport=1, dport=7) / Raw(b"x" * 1400),
        ip4(flags="DF") / TCP(sport=1, dport=7, options=[("MSS", 1460)]) / Raw(b"x" * 600),
        ip4(flags="MF") / UDP(sport=1, dport=7, len=2000, chksum=0) / Raw(b"x" * 64),
        ip4() / ICMP(type=8, id=5),
        ip4(proto=47) / Raw(b"\0\0\x08\0gre"),
        ip6(tc=0xB8, fl=0x12345) / UDP(sport=1, dport=7),
        ip6() / UDP(sport=1, dport=7) / Raw(b"x" * 1400),
        ip6() / TCP(sport=1, dport=7) / Raw(b"x" * 1300),
        ip6() / ICMPv6EchoRequest(id=5),
        ip6() / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=7),
        ip6(nh=47) / Raw(b"\0\0\x08\0gre"),
    ],
    ids=lambda packet: packet.summary(),
)
def test_errors_quote_what_the_kernel_quotes(comparison: Comparison, packet: Packet) -> None:
    same(*comparison.ask(packet, "port-unreachable"))


@pytest.mark.parametrize(
    ("packet", "kind", "reason"),
    [
        (ip4() / TCP(sport=1, dport=2, flags="R"), "tcp-reset", "reset"),
        (ip6() / TCP(sport=1, dport=2, flags="RA"), "tcp-reset", "reset"),
        (ip4(frag=3, proto=6) / Raw(b"x" * 40), "tcp-reset", "fragment"),
        (ip4(frag=3, proto=17) / Raw(b"x" * 40), "port-unreachable", "fragment"),
        (
            ip6() / IPv6ExtHdrFragment(offset=3, nh=17) / Raw(b"x" * 40),
            "port-unreachable",
            "fragment",
        ),
        (ip4(proto=6) / Raw(b"\0\1\0\2short"), "tcp-reset", "tcp_too_short"),
        (ip6(nh=6) / Raw(b"\0\1\0\2short"), "tcp-reset", "tcp_too_short"),
        (ip4() / ERROR4, "port-unreachable", "icmp_error"),
        (ip4() / ICMP(type=99), "port-unreachable", "icmp_error"),
        (ip4() / ICMP(type=9), "port-unreachable", "icmp_error"),
        (ip6() / ERROR6, "port-unreachable", "icmp_error"),
        (ip6(nh=59), "port-unreachable", "not_ip"),
        (ip6(nh=17), "port-unreachable", "transport_too_short"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.summary(),
)
def test_where_the_kernel_keeps_silent_so_do_we(
    comparison: Comparison, packet: Packet, kind: str, reason: str
) -> None:
    assert comparison.ask(packet, kind) == (None, None)
    assert comparison.outcome == f"silent_{reason}"


@pytest.mark.parametrize(
    "packet",
    [
        ip4(dst="10.1.0.255") / UDP(sport=1, dport=7),
        ip4(dst="255.255.255.255") / UDP(sport=1, dport=7),
        ip4(dst="224.0.0.1") / UDP(sport=1, dport=7),
        ip6(dst="ff02::1") / UDP(sport=1, dport=7),
    ],
    ids=lambda packet: packet.dst,
)
def test_nothing_answers_a_broadcast_or_multicast(comparison: Comparison, packet: Packet) -> None:
    assert comparison.ask(packet, "port-unreachable", "INPUT") == (None, None)
    assert comparison.outcome == "silent_destination_not_unicast"


@pytest.mark.parametrize("kind", ["tcp-reset", "port-unreachable"])
@pytest.mark.parametrize(
    "ip",
    [
        lambda: ip4(dst=GATEWAY_LAN4),
        lambda: ip4(dst=GATEWAY_WAN4),
        lambda: ip6(dst=GATEWAY_LAN6),
        lambda: ip6(dst=GATEWAY_WAN6),
    ],
)
def test_packets_to_the_gateway_are_answered_from_the_address_they_were_for(
    comparison: Comparison, ip: Any, kind: str
) -> None:
    same(*comparison.ask(ip() / TCP(sport=1, dport=22, seq=5), kind, "INPUT"))


@pytest.mark.parametrize("kind", ["tcp-reset", "port-unreachable"])
@pytest.mark.parametrize("ip", [lambda: ip4(src=GATEWAY_WAN4), lambda: ip6(src=GATEWAY_WAN6)])
def test_packets_of_the_gateway_itself_are_answered_too(
    comparison: Comparison, ip: Any, kind: str
) -> None:
    same(*comparison.ask(ip() / TCP(sport=1, dport=22, seq=5), kind, "OUTPUT"))
