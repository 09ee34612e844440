"""What happens to each packet that the queue hands over: judge it, and give the verdict cheaply.

Part of the compiled core: it does no I/O of its own. Verdicts are collected while they are equal
and sent as one batch, which covers every waiting packet up to an id; whoever owns the socket
flushes when it runs dry, so that no packet waits for the next one. Nothing that goes wrong while a
packet is judged leaves it in the queue: it gets the fail verdict, and the fault is reported.
"""

from __future__ import annotations

from typing import Final, Protocol

from firewalld_py.packet.packet import PacketMeta
from firewalld_py.packet.reasons import INTERNAL_ERROR, REASON_NAMES
from firewalld_py.pipeline import Decision, Firewall
from firewalld_py.rules.verdicts import DROP

MAX_EVENTS: Final = (
    1024  # decisions kept for reporting between two batches; then counted and dropped
)
MAC_OCTETS: Final = 6
NO_MAC: Final = bytes(MAC_OCTETS)  # what the loopback interface says
HEAD_OCTETS: Final = 1280  # as much of a packet as an ICMPv6 error quotes (RFC 4443 section 2.4)


class QueuedPacket(Protocol):
    """What is used of netfilterqueue.Packet."""

    id: int
    hook: int
    indev: int
    outdev: int
    mark: int

    def get_payload(self) -> bytes: ...

    def get_hw(self) -> bytes | None: ...


class VerdictSender(Protocol):
    """The way back to the kernel."""

    def send_batch(self, packet_id: int, verdict: int) -> None:
        """Give `verdict` to every waiting packet up to and including `packet_id`."""

    def send_one(self, packet_id: int, verdict: int, mark: int) -> None:
        """Give `verdict` to one packet; `mark` is -1 to leave its mark alone."""


class FaultReporter(Protocol):
    def report_fault(self, fault: Exception) -> None:
        """Called inside the except block: the traceback is at hand."""


class Judge:
    """The queue's callback. `now` is set by the worker's loop before each batch.

    `asks_source_mac` tells that rules want to know it; else it is not taken from the queue.

    `decisions` collects those that have something to report; the worker empties it between batches.
    """

    def __init__(
        self,
        firewall: Firewall,
        sender: VerdictSender,
        reporter: FaultReporter,
        fail_verdict: int,
        copy_range: int,
        batch: int,
    ) -> None:
        self.firewall = firewall
        self.now = 0.0
        self.asks_source_mac = False
        self.packets = 0
        self.octets = 0
        self.accepted = 0
        self.dropped = 0
        self.by_reason = [0] * len(REASON_NAMES)
        self.decisions: list[Decision] = []
        self.lost_events = 0
        self.held: set[int] = set()  # fragments that wait for the rest of their datagram
        self._sender = sender
        self._reporter = reporter
        self._fail_verdict = fail_verdict
        self._copy_range = copy_range
        self._former_range = copy_range  # of packets that were queued before it was changed
        self._batch = batch
        self._waiting = 0  # packets whose verdict is decided and not yet sent
        self._waiting_id = 0
        self._waiting_verdict = 0

    def judge(self, queued: QueuedPacket) -> None:
        """Give one packet its verdict: now, with the batch, or with its datagram. Never raises."""
        self.packets += 1
        mark = -1
        try:
            data = queued.get_payload()
            size = len(data)
            meta = PacketMeta(
                queued.hook,
                queued.indev,
                queued.outdev,
                queued.mark,
                size >= self._copy_range or size == self._former_range,
                queued.id,
            )
            if self.asks_source_mac:
                meta.source_mac = _mac(queued.get_hw())
            decision = self.firewall.handle(data, meta, self.now)
            verdict = decision.verdict
            self._account(decision)
            if verdict and decision.mark != meta.mark:
                mark = decision.mark
            if decision.held:
                self._hold(queued.id)
                return
            if decision.released is not None:
                self._release(decision.released, verdict, mark)
        except Exception as fault:
            verdict = self._fail_verdict
            self.by_reason[INTERNAL_ERROR] += 1
            self._reporter.report_fault(fault)
        self._give(queued.id, verdict, mark)

    def set_copy_range(self, copy_range: int) -> None:
        """The queue will copy so many octets of each packet; a packet of that size may be cut."""
        self._former_range = self._copy_range
        self._copy_range = copy_range

    def flush(self) -> None:
        """Send the verdicts that wait."""
        if self._waiting:
            self._waiting = 0
            self._sender.send_batch(self._waiting_id, self._waiting_verdict)

    def drop_stale_fragments(self) -> None:
        """Drop held fragments whose datagrams will not be whole; called between batches."""
        if self.held:
            self._release(self.firewall.dropped_fragments(self.now), DROP, -1)

    def _hold(self, packet_id: int) -> None:
        # A batch would judge what is held too: from here on verdicts go one by one.
        self.flush()
        self.held.add(packet_id)
        self.drop_stale_fragments()

    def _release(self, packet_ids: list[int], verdict: int, mark: int) -> None:
        """Fragments get the verdict of their datagram."""
        for packet_id in packet_ids:
            self.held.discard(packet_id)
            self._count(verdict)
            self._sender.send_one(packet_id, verdict, mark)

    def _give(self, packet_id: int, verdict: int, mark: int) -> None:
        """Give a verdict: in a batch if nothing is held and the mark stays as it is."""
        self._count(verdict)
        if self.held or mark >= 0:
            self.flush()
            self._sender.send_one(packet_id, verdict, mark)
            return
        if self._waiting and verdict != self._waiting_verdict:
            self.flush()
        self._waiting_verdict = verdict
        self._waiting_id = packet_id
        self._waiting += 1
        if self._waiting >= self._batch:
            self.flush()

    def _count(self, verdict: int) -> None:
        if verdict:
            self.accepted += 1
        else:
            self.dropped += 1

    def _account(self, decision: Decision) -> None:
        self.octets += decision.packet.length
        self.by_reason[decision.reason] += 1
        if decision.info.reason:
            self.by_reason[decision.info.reason] += 1
        if decision.logs is not None or decision.reject_with:
            if len(self.decisions) < MAX_EVENTS:
                self.decisions.append(decision)
            else:
                self.lost_events += 1


def _mac(hardware: bytes | None) -> bytes:
    """The Ethernet address in the eight octets that the queue has for any link's; b"" for none."""
    if hardware is None:
        return b""
    mac = hardware[:MAC_OCTETS]
    return b"" if mac == NO_MAC else mac
