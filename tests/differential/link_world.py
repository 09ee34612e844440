"""Conditions on links and on the machine before both judges, in a namespace with real interfaces.

Frames are put on the far end of Ethernet links to a gateway that tracks nothing. There, in mangle
PREROUTING, each pair's iptables rule says through NFLOG that it was met, and behind them all a
queue hands the packet to our own judge, as a live gateway's does. Then it is dropped.
"""

from __future__ import annotations

import os
import select
import socket
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from netfilterqueue import NetfilterQueue

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.machine import Machine
from firewalld_py.rules.verdicts import DROP
from firewalld_py.service.nfqueue import Judge
from tests.differential.kernel import LOG_MESSAGE, run
from tests.differential.matching import BEGIN, LOG_GROUP, Matched, Pair, our_rules
from tests.differential.netlink import log_prefix, open_log
from tests.lab.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INTERFACES: Final = ("lan0", "wan0", "dmz0")
QUEUE: Final = 3
COPY_RANGE: Final = 65535
ARRIVAL_TIMEOUT_S: Final = 5.0
ETH_P_ALL: Final = 3
ETHERTYPES: Final = {4: b"\x08\x00", 6: b"\x86\xdd"}
BROADCAST_MAC: Final = b"\xff" * 6


class Sent(NamedTuple):
    """A packet, by which interface of the gateway it comes, and how it is framed.

    Without `to` it is addressed to the gateway, without `sender` by the other end of the link.
    """

    interface: str
    data: bytes
    to: bytes = b""
    sender: bytes = b""


class LinkWorld:
    """A gateway with Ethernet links; `commands` of ip set up what is on it. Use it as a context."""

    def __init__(self, commands: Sequence[str] = ()) -> None:
        mark = f"fwlab-{os.getpid()}-998"
        self.gateway, self.others = Namespace(f"{mark}-gateway"), Namespace(f"{mark}-others")
        self.gateway.ip_batch(
            [
                *(
                    f"link add {name} type veth peer name {name} netns {self.others.name}"
                    for name in INTERFACES
                ),
                *(f"link set {name} addrgenmode none up" for name in INTERFACES),
            ]
        )
        self.others.ip_batch([f"link set {name} addrgenmode none up" for name in INTERFACES])
        for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            self.gateway.sysctl(key, 1)
        for name in ("all", "default", *INTERFACES):
            self.gateway.sysctl(f"ipv4/conf/{name}/rp_filter", 0)
        self.gateway.ip_batch(commands)
        with self.gateway.entered():
            self.indexes = {name: socket.if_nametoindex(name) for name in INTERFACES}
        self.macs = {name: _mac(self.gateway, name) for name in INTERFACES}
        self.peer_macs = {name: _mac(self.others, name) for name in INTERFACES}
        self._links: dict[str, socket.socket] = {}
        for name in INTERFACES:
            link = self.others.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            with self.others.entered():
                link.bind((name, 0))
            self._links[name] = link

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for link in self._links.values():
            link.close()
        self.gateway.remove()
        self.others.remove()

    def send(self, sent: Sent) -> None:
        """Put a frame on a link."""
        head = (sent.to or self.macs[sent.interface]) + (
            sent.sender or self.peer_macs[sent.interface]
        )
        self._links[sent.interface].send(head + ETHERTYPES[sent.data[0] >> 4] + sent.data)


class LinkJudges:
    """Both judges in a LinkWorld, with the same pairs. Use it as a context."""

    def __init__(self, world: LinkWorld, pairs: Iterable[Pair], machine: Machine) -> None:
        self.pairs = list(pairs)
        self._world = world
        ruleset = our_rules(self.pairs, machine)
        ruleset.interfaces.set_names({index: name for name, index in world.indexes.items()})
        self._rules = ruleset.filter_forward.rules[:-1]
        self._hits = [rule.hits for rule in self._rules]
        self.faults: list[Exception] = []
        firewall = Firewall(ruleset, Conntrack(Settings()))
        self._judge = Judge(firewall, self, self, DROP, COPY_RANGE, 1)
        self._judge.asks_source_mac = bool(ruleset.needs)
        self._seen = 0

    def __enter__(self) -> Self:
        with self._world.gateway.entered():
            for command, words in (
                ("iptables-restore", [pair.v4 for pair in self.pairs]),
                ("ip6tables-restore", [pair.v6 for pair in self.pairs]),
            ):
                lines = [("", BEGIN), *((text, str(n)) for n, text in enumerate(words) if text)]
                log = f"-j NFLOG --nflog-group {LOG_GROUP} --nflog-prefix"
                rules = [f"-A PREROUTING {text} {log} {prefix}" for text, prefix in lines]
                rules.append(f"-A PREROUTING -j NFQUEUE --queue-num {QUEUE}")
                run([command], "\n".join(["*mangle", *rules, "COMMIT", ""]))
            self._log = open_log(LOG_GROUP)
            self._queue = NetfilterQueue()  # it opens its socket here
            self._queue.bind(QUEUE, self._take, range=3900)
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.unbind()
        self._log.close()

    def compare(self, sent: Sent, matched: Matched, note: str = "") -> None:
        """Send a packet past both."""
        self.compare_together([sent], matched, note)

    def compare_together(self, pieces: Sequence[Sent], matched: Matched, note: str = "") -> None:
        """Send packets past both, and compare what any of them met."""
        kernel: set[int] = set()
        ours: set[int] = set()
        for sent in pieces:
            kernel |= self._kernels(sent)
            ours |= self._ours()
        matched.packets += len(pieces)
        family = sent.data[0] >> 4
        for number, pair in enumerate(self.pairs):
            if not (pair.v4 if family == 4 else pair.v6):
                continue
            if (number in kernel) != (number in ours):
                matched.wrong.append(
                    f"{note or _described(sent)}: {pair.ours}: kernel {number in kernel}, "
                    f"ours {number in ours}: {sent.data.hex()}"
                )
            elif number in kernel:
                matched.met[number] = matched.met.get(number, 0) + 1

    def _kernels(self, sent: Sent) -> set[int]:
        """Send it, let our judge see it, and return the pairs that the kernel met."""
        before = self._seen
        self._world.send(sent)
        until = time.monotonic() + ARRIVAL_TIMEOUT_S
        while self._seen == before:
            left_s = until - time.monotonic()
            assert left_s > 0, f"the gateway never saw {sent}"
            if select.select([self._queue.get_fd()], [], [], left_s)[0]:
                self._queue.run(block=False)
        assert not self.faults, self.faults
        said: list[str] = []
        while True:
            try:
                said.append(log_prefix(self._log.recv(LOG_MESSAGE)).decode())
            except BlockingIOError:
                assert BEGIN in said
                return {int(word) for word in said if word != BEGIN}

    def _ours(self) -> set[int]:
        before, self._hits = self._hits, [rule.hits for rule in self._rules]
        return {number for number, hits in enumerate(self._hits) if hits != before[number]}

    # --- the queue ---

    def _take(self, queued: object) -> None:
        self._seen += 1
        self._judge.now = time.monotonic()
        self._judge.judge(queued)  # type: ignore[arg-type]
        queued.drop()  # type: ignore[attr-defined]

    def send_batch(self, packet_id: int, verdict: int) -> None:
        """Nothing: it is dropped in any case."""

    def send_one(self, packet_id: int, verdict: int, mark: int) -> None:
        """Nothing, likewise."""

    def report_fault(self, fault: Exception) -> None:
        self.faults.append(fault)


def _mac(namespace: Namespace, name: str) -> bytes:
    with namespace.entered():
        interface = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with interface:
            interface.bind((name, 0))
            mac: bytes = interface.getsockname()[4]
            return mac


def _described(sent: Sent) -> str:
    at, size = (12, 4) if sent.data[0] >> 4 == 4 else (8, 16)
    ends = [ip_address(sent.data[place : place + size]) for place in (at, at + size)]
    return f"{ends[0]} > {ends[1]} by {sent.interface}"
