"""A machine that sends broadcasts from its own sockets, before both judges.

It is in the networks of ADDRESSES by two interfaces (bridges without ports, so that nothing comes
back from there but what the kernel itself hands back to the sender of a broadcast). Answers of
others are written to the kernel judge's TUN device.
"""

from __future__ import annotations

import ipaddress
import itertools
import socket
import struct
import time
from pathlib import Path
from typing import Final, NamedTuple

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.networks import Network
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.protocols import HOOK_INPUT, HOOK_OUTPUT
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.build import build_ruleset
from firewalld_py.service.addresses import InterfaceNetwork, read_networks
from tests import wire
from tests.differential.answer import ANSWERS, Answer
from tests.differential.entries import TOLERANCE_S, Entry, our_entry
from tests.differential.expecting import Waiting, kernels_waiting, our_waiting
from tests.differential.kernel import ENTRY, KernelJudge, run, state_rules
from tests.plans import plan, rule, template

# Interface, address, broadcast address: odd ones among them, and one that is secondary (10.9.0.2).
ADDRESSES: Final = (
    ("lan0", "10.9.0.1/24", "10.9.0.255"),
    ("lan0", "10.9.0.2/24", "10.9.0.77"),
    ("lan0", "10.8.0.1/16", "10.8.255.255"),
    ("wan0", "10.7.0.1/28", "10.7.0.9"),
    ("wan0", "10.6.0.1/0", "10.6.0.255"),
    ("wan0", "10.5.0.1/32", "10.5.0.255"),
    ("wan0", "10.9.0.3/23", "10.9.0.255"),
)
LIMITED: Final = "255.255.255.255"
INTERFACES: Final = ("lan0", "wan0")
SOURCES: Final = ("10.9.0.1", "10.9.0.2", "10.8.0.1", "10.7.0.1", "10.6.0.1")
SOURCE_PORTS: Final = (40000, 40001, 137)
SERVICES: Final = (("netbios-ns", 137), ("snmp", 161))
IP_PKTINFO: Final = 8


class Question(NamedTuple):
    """A datagram of this machine's, by an interface."""

    src: str
    sport: int
    dst: str
    dport: int
    interface: str

    def comes_back(self) -> bool:
        """Whether the kernel hands it to the sender, too: its route is one for broadcasts."""
        of_interface = [brd for name, _, brd in ADDRESSES if name == self.interface]
        return self.dst in (*of_interface, LIMITED)


class Received(NamedTuple):
    """A datagram of somebody else's; it comes by the TUN device."""

    src: str
    sport: int
    dst: str
    dport: int


Datagram = Question | Received


class Seen(NamedTuple):
    """What one judge says: of a datagram (and of its way back), and what is expected then."""

    answers: list[Answer | None]
    waiting: list[Waiting]

    def agrees_with(self, other: Seen) -> bool:
        mine, its = dict(self.waiting), dict(other.waiting)
        return (self.answers, mine.keys()) == (other.answers, its.keys()) and all(
            abs(seconds - its[expected]) <= TOLERANCE_S for expected, seconds in mine.items()
        )


class BroadcastKernel(KernelJudge):
    """The kernel of that machine."""

    def __init__(self) -> None:
        super().__init__(self._set_up)

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()
        super().close()

    def step(self, datagram: Datagram) -> Seen:
        self.answers(0)
        if isinstance(datagram, Received):
            answers = [self.judge(octets(datagram))[0]]
        else:
            self._send(datagram)
            answers = [*self.answers(1 + datagram.comes_back())]
        waiting = sorted(kernels_waiting(message) for message in self.expectation_messages())
        return Seen(answers, waiting)

    def table(self) -> list[Entry]:
        return [_comparable(entry) for entry in self.entries()]

    def _send(self, question: Question) -> None:
        src = ipaddress.ip_address(question.src).packed
        by = struct.pack("=i4s4x", self.indexes[question.interface], src)  # struct in_pktinfo
        self._sockets[question.src, question.sport].sendmsg(
            [b"?"], [(socket.IPPROTO_IP, IP_PKTINFO, by)], 0, (question.dst, question.dport)
        )

    def _set_up(self) -> None:
        # What interfaces have to say by themselves.
        run(["iptables", "-t", "raw", "-A", "OUTPUT", "-p", "igmp", "-j", "DROP"])
        for name in INTERFACES:
            run(f"ip link add {name} type bridge".split())
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1\n")
            run(f"ip link set {name} up".split())
        for name, address, broadcast in ADDRESSES:
            run(f"ip address add {address} broadcast {broadcast} dev {name}".split())
        for hook, (helper, port) in itertools.product(("PREROUTING", "OUTPUT"), SERVICES):
            words = f"iptables -t raw -A {hook} -p udp --dport {port} -j CT --helper {helper}"
            run(words.split())
        run(["nft", "-f", "-"], _OWN_PACKETS)
        self.indexes = {name: socket.if_nametoindex(name) for name in (*INTERFACES, ENTRY)}
        self.networks: list[InterfaceNetwork] = read_networks()
        self._sockets = {
            (src, sport): _socket(src, sport)
            for src, sport in itertools.product(SOURCES, SOURCE_PORTS)
        }


def _socket(src: str, sport: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    made.bind((src, sport))
    return made


# What leaves is said in OUTPUT; that it was confirmed need not be said, too.
_OWN_PACKETS: Final = f"""
flush chain inet judge confirmed
table inet judge {{
    chain sent {{
        type filter hook output priority mangle; policy accept;
        meta l4proto != udp accept
        {state_rules()}
    }}
}}
insert rule inet judge to_itself accept
insert rule inet judge of_itself accept
"""


class BroadcastOurs:
    """Our firewall on the same machine: it knows the interfaces' networks as the daemon does."""

    def __init__(self, kernel: BroadcastKernel) -> None:
        self._indexes = kernel.indexes
        self._conntrack = Conntrack(Settings())
        of_interface: dict[int, list[Network]] = {}
        for one in kernel.networks:
            network = Network(one.broadcast.to_bytes(4, "big"), one.prefix_length)
            of_interface.setdefault(one.interface, []).append(network)
        self._conntrack.networks.replace(of_interface)
        self._firewall = Firewall(_RULESET, self._conntrack)

    def step(self, datagram: Datagram) -> Seen:
        now = time.monotonic()
        if isinstance(datagram, Received):
            metas = [PacketMeta(HOOK_INPUT, self._indexes[ENTRY])]
        else:
            index = self._indexes[datagram.interface]
            metas = [PacketMeta(HOOK_OUTPUT, 0, index)]
            if datagram.comes_back():
                metas.append(PacketMeta(HOOK_INPUT, index))
        answers: list[Answer | None] = []
        for meta in metas:
            info = self._firewall.handle(octets(datagram), meta, now).info
            answers.append(ANSWERS[info.state, info.direction])
        waiting = sorted(our_waiting(one, now) for one in self._conntrack.expectations.all(now))
        return Seen(answers, waiting)

    def table(self) -> list[Entry]:
        now = time.monotonic()
        return [_comparable(our_entry(one, now)) for one in self._conntrack.table.connections()]


_ASSIGN: Final = [
    rule(
        "continue", ("proto", [wire.UDP]), ("dport", [[port, port]]), template=template(helper=name)
    )
    for name, port in SERVICES
]
_RULESET: Final = build_ruleset(plan(prerouting=_ASSIGN, raw_output=_ASSIGN))


def octets(datagram: Datagram) -> bytes:
    src, dst = (ipaddress.ip_address(text).packed for text in (datagram.src, datagram.dst))
    return wire.ip(src, dst, wire.UDP, wire.udp(b"?", datagram.sport, datagram.dport))


def _comparable(entry: Entry) -> Entry:
    """Without counters: what comes back to its sender the kernel does not count again."""
    return entry._replace(packets=(0, 0), octets=(0, 0))
