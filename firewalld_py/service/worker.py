"""The worker process: it owns one queue and the connections that the queue sees.

Its loop waits for packets and for the supervisor, drains a bounded number of packets, then looks at
messages, sweeps a bounded slice of dead connections and reports. It reads no file and waits for
nobody: what the supervisor does not take in time is counted and dropped, never the packets' way.
"""

from __future__ import annotations

import argparse
import gc
import select
import signal
import socket
import sys
import time
import traceback
from typing import Final, cast

from netfilterqueue import NetfilterQueue

from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.tracker import make_settings
from firewalld_py.packet.reasons import REASON_NAMES
from firewalld_py.pipeline import Firewall
from firewalld_py.rules.build import RulesetBuilder
from firewalld_py.rules.build_rule import PlanError
from firewalld_py.rules.limits import TokenBucket
from firewalld_py.rules.machine import NEEDS_SOURCE_MAC
from firewalld_py.rules.ruleset import Ruleset
from firewalld_py.rules.verdicts import ACCEPT, DROP
from firewalld_py.service.channel import Channel, ChannelClosedError
from firewalld_py.service.connection_listing import ConnectionListing
from firewalld_py.service.counter_asking import counters_part
from firewalld_py.service.element_messages import (
    EndConnections,
    SetChange,
    SetRequest,
    SetRestore,
)
from firewalld_py.service.listing import PAUSE_MS, Listing
from firewalld_py.service.machine_work import MachineMessage, MachineWork
from firewalld_py.service.messages import (
    Bound,
    Configure,
    ConnectionsRequest,
    CountersRequest,
    ExpectationsRequest,
    Failed,
    FaultEvent,
    HelperEvent,
    InterfaceNames,
    Message,
    MessageError,
    RulesBegin,
    RulesEnd,
    RulesInForce,
    RulesPart,
    RulesRefused,
    SetPart,
    Stats,
    StatsRequest,
    Stop,
)
from firewalld_py.service.nfqueue import Judge
from firewalld_py.service.plugins import load_helpers
from firewalld_py.service.queue_socket import (
    FLAG_FAIL_OPEN,
    FLAG_GSO,
    MAX_COPY_RANGE,
    QueueError,
    QueueSocket,
)
from firewalld_py.service.report import log_events, reject_event
from firewalld_py.service.set_work import SetWork

PACKETS_PER_TURN: Final = 256  # then the loop looks around
MESSAGES_PER_TURN: Final = 4  # a part of a rule set is built in about a millisecond
SET_LOOKS_PER_TURN: Final = 16  # at elements, in each set
EXPIRY_LOOKS_PER_TURN: Final = 512
RULES_FREED_PER_TURN: Final = 500
HEARTBEAT_S: Final = 1.0
LAST_TURNS_S: Final = 1.0  # for what still waits when it is told to stop
NETFILTERQUEUE_RANGE: Final = 3900  # see queue_socket.py: its own buffer has 4096 octets
FAULTS_PER_S: Final = 1.0
FAULTS_BURST: Final = 5


class Worker:
    """One queue, from the first message (Configure) to the last (Stop, or the end of the pipe)."""

    def __init__(self, channel: Channel, configure: Configure) -> None:
        self._channel = channel
        self._conntrack = Conntrack(
            make_settings(configure.conntrack), more_helpers=load_helpers(self._report_helper)
        )
        self._generation = 0
        self._builder: RulesetBuilder | None = None
        self._retired: list[Ruleset] = []  # taken apart a little at a time, see _dispose()
        self._building = 0
        self._names: dict[int, str] = {}
        self._machine_work = MachineWork(self._conntrack.networks)
        self._running = True
        self._next_heartbeat = 0.0
        self._asked = 0
        self._listing: Listing | None = None
        self._connections: ConnectionListing | None = None
        self._set_work = SetWork(channel, self._conntrack)
        self._fault_bucket = TokenBucket(FAULTS_PER_S, FAULTS_BURST)
        self._faults_suppressed = 0
        empty = RulesetBuilder([], dict.fromkeys(("input", "forward", "output"), "drop")).finish()
        self._firewall = Firewall(empty, self._conntrack)
        self._configure = configure
        self._copy_range = min(configure.copy_range, MAX_COPY_RANGE)
        self._queue = NetfilterQueue()
        self._is_bound = False

    def run(self) -> None:
        """Bind the queue when rules are there, then judge until told to stop."""
        if not self._wait_for_rules():
            return
        self._bind()
        self._channel.send(Bound(self._configure.queue))
        poller = select.poll()
        poller.register(self._queue.get_fd(), select.POLLIN)
        poller.register(self._channel.fileno(), select.POLLIN)
        wait_ms = 0.0
        while self._running:
            poller.poll(wait_ms)
            self._drain()
            self._take_messages()
            looks = self._conntrack.expire(self._judge.now, EXPIRY_LOOKS_PER_TURN)
            self._firewall.ruleset.expire_elements(self._judge.now, SET_LOOKS_PER_TURN)
            self._dispose()
            self._tell_lists()
            ruleset = self._firewall.ruleset
            self._set_work.turn(ruleset.sets, ruleset.set_news, self._judge.now)
            is_telling = self._listing is not None or self._connections is not None
            wait_ms = PAUSE_MS if is_telling else HEARTBEAT_S * 1000
            if looks == EXPIRY_LOOKS_PER_TURN or self._retired or self._machine_work.is_busy:
                wait_ms = 0.0
            wait_ms = min(wait_ms, self._set_work.wait_ms(self._judge.now))
            self._report()
        self._drain_all()
        self._set_work.finish(self._firewall.ruleset.set_news, self._judge.now)
        self._report()
        self._socket.close()
        self._queue.unbind()

    def _wait_for_rules(self) -> bool:
        """Whether there is anything to do: False if the supervisor ended first."""
        while self._running and not self._generation:
            select.select([self._channel], [], [])
            self._take_messages()
        return self._running

    def report_fault(self, fault: Exception) -> None:
        """Tell of an exception while a packet was judged, at most a few a second."""
        if not self._fault_bucket.take(time.monotonic()):
            self._faults_suppressed += 1
            return
        text = "".join(traceback.format_exception(fault))
        self._channel.send(FaultEvent(text[-8000:], self._faults_suppressed))
        self._faults_suppressed = 0

    def _report_helper(self, name: str, what: str) -> None:
        self._channel.send(HelperEvent(name, what))

    def _bind(self) -> None:
        configure = self._configure
        number, copy_range = configure.queue, self._copy_range
        self._socket = QueueSocket(self._queue.get_fd(), number, copy_range)
        self._judge = Judge(
            self._firewall,
            self._socket,
            self,
            ACCEPT if configure.fail_open else DROP,
            copy_range,
            configure.batch,
        )
        self._heed_needs()
        self._socket.when_dry = self._judge.flush
        self._judge.now = time.monotonic()
        self._queue.bind(
            number,
            self._judge.judge,
            max_len=configure.queue_length,
            range=min(copy_range, NETFILTERQUEUE_RANGE),
            sock_len=NETFILTERQUEUE_RANGE,  # the real size is forced below
        )
        flags = (FLAG_GSO if configure.gso else 0) | (FLAG_FAIL_OPEN if configure.fail_open else 0)
        self._socket.configure(copy_range, flags, configure.receive_buffer)
        self._is_bound = True

    def _drain(self) -> None:
        """Judge what waits in the queue, up to a bound."""
        self._judge.now = time.monotonic()
        self._socket.budget = PACKETS_PER_TURN
        self._queue.run_socket(cast(socket.socket, self._socket))  # only recv() is used
        self._judge.flush()
        self._judge.drop_stale_fragments()

    def _drain_all(self) -> None:
        """Judge all that waits, as long as that takes no more than LAST_TURNS_S."""
        end = time.monotonic() + LAST_TURNS_S
        self._drain()
        while not self._socket.is_dry and time.monotonic() < end:
            self._drain()

    def _take_messages(self) -> None:
        try:
            for message in self._channel.receive(MESSAGES_PER_TURN):
                self._obey(message)
        except ChannelClosedError:
            self._running = False
        except MessageError as error:
            # No reason to stop judging: what was being built is refused, and the rest goes on.
            self._builder = None
            self._channel.send(RulesRefused(self._building, str(error)))

    def _obey(self, message: Message) -> None:
        if isinstance(message, RulesBegin | SetPart | RulesPart | RulesEnd):
            self._build(message)
        elif isinstance(message, InterfaceNames):
            self._names = {int(index): name for index, name in message.names.items()}
            self._firewall.ruleset.interfaces.set_names(self._names)
        elif isinstance(message, MachineMessage):
            self._machine_work.obey(message)
        elif isinstance(message, StatsRequest):
            self._asked = message.number
            self._next_heartbeat = 0.0
        elif isinstance(message, CountersRequest):
            memory = self._firewall.ruleset.memory
            self._channel.send(counters_part(message, self._generation, memory))
        elif isinstance(message, ExpectationsRequest):
            expectations = self._conntrack.expectations
            self._listing = Listing(message.number, expectations, time.monotonic())
        elif isinstance(message, ConnectionsRequest):
            self._connections = ConnectionListing(message, self._conntrack.table)
        elif isinstance(message, SetChange | SetRestore | SetRequest | EndConnections):
            self._set_work.obey(message, self._firewall.ruleset.sets, time.monotonic())
        elif isinstance(message, Stop):
            self._running = False

    def _build(self, message: RulesBegin | SetPart | RulesPart | RulesEnd) -> None:
        """One step of building a rule set beside the one in force."""
        try:
            if isinstance(message, RulesBegin):
                self._builder = RulesetBuilder(
                    message.interfaces,
                    message.policies,
                    message.user_chains,
                    self._machine_work.machine,
                    self._firewall.ruleset.memory,
                )
                self._building = message.generation
                self._builder.declare_sets(message.sets)
            elif self._builder is None or message.generation != self._building:
                return  # of a rule set that was refused already, or overtaken by a newer one
            elif isinstance(message, SetPart):
                self._builder.put_elements(message.name, message.size, message.records)
            elif isinstance(message, RulesPart):
                for rule in message.rules:
                    self._builder.add(message.chain, rule)
            else:
                ruleset = self._builder.finish()
                ruleset.interfaces.set_names(self._names)
                ruleset.carry_over(self._firewall.ruleset)
                if ruleset.assigns_helpers() or ruleset.reads_payload():
                    self._have_whole_packets()
                self._builder = None
                replaced = self._firewall.ruleset
                replaced.memory.leave_to(ruleset.memory)
                self._retired.append(replaced)
                self._firewall.ruleset = ruleset
                self._set_work.rules_changed(ruleset.sets, replaced.set_news, time.monotonic())
                if self._is_bound:
                    self._heed_needs()
                self._generation = message.generation
                self._channel.send(RulesInForce(message.generation))
        except (PlanError, QueueError) as error:
            self._builder = None
            self._channel.send(RulesRefused(message.generation, str(error)))

    def _heed_needs(self) -> None:
        """Have at hand what the rules in force ask for, and nothing else."""
        self._judge.asks_source_mac = bool(self._firewall.ruleset.needs & NEEDS_SOURCE_MAC)

    def _tell_lists(self) -> None:
        """Some more of what somebody asked for."""
        now = self._judge.now
        if self._listing is not None and not self._listing.tell(self._channel, now):
            self._listing = None
        if self._connections is not None and not self._connections.tell(self._channel, now):
            self._connections = None

    def _have_whole_packets(self) -> None:
        """A helper reads to the end of what a connection says, as the kernel's do; rules may, too.

        Up to the end of this process: connections keep their helpers when the rules change.
        """
        if self._copy_range == MAX_COPY_RANGE:
            return
        if self._is_bound:
            self._socket.set_copy_range(MAX_COPY_RANGE)
            self._judge.set_copy_range(MAX_COPY_RANGE)
        self._copy_range = MAX_COPY_RANGE

    def _dispose(self) -> None:
        """Free some rules and routes that judge no longer."""
        self._machine_work.turn()
        if self._retired and self._retired[-1].release(RULES_FREED_PER_TURN):
            self._retired.pop()

    def _report(self) -> None:
        """Pass on what the packets of this turn have to tell, and the sign of life."""
        judge = self._judge
        if judge.decisions:
            decisions, judge.decisions = judge.decisions, []
            wall_clock = time.time()
            for decision in decisions:
                for event in log_events(decision, wall_clock):
                    self._channel.send(event)
                if decision.reject_with:
                    self._channel.send(reject_event(decision))
        if judge.now >= self._next_heartbeat:
            self._next_heartbeat = judge.now + HEARTBEAT_S
            self._machine_work.tell_time()
            self._channel.send(self._stats())

    def _stats(self) -> Stats:
        judge, queue = self._judge, self._socket
        counters = {
            name: count for name, count in zip(REASON_NAMES, judge.by_reason, strict=True) if count
        }
        counters["queue_overruns"] = queue.overruns
        counters["late_verdicts"] = queue.late_verdicts
        counters["failed_verdicts"] = queue.failed_verdicts
        counters["lost_events"] = judge.lost_events + self._channel.lost
        return Stats(
            self._generation,
            judge.packets,
            judge.octets,
            judge.accepted,
            judge.dropped,
            self._conntrack.table.size,
            counters,
            self._asked,
        )


def _first_message(channel: Channel) -> Configure:
    select.select([channel], [], [])
    for message in channel.receive(1):
        if isinstance(message, Configure):
            return message
    raise MessageError("the first message must be Configure")


def main() -> int:
    """`python -m firewalld_py.service.worker --channel FD`, as the supervisor starts it."""
    parser = argparse.ArgumentParser(prog="firewalld-py-worker")
    parser.add_argument("--channel", type=int, required=True, help="descriptor of the channel")
    arguments = parser.parse_args()
    # The supervisor decides when a worker ends; the service manager signals the whole group.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # The state table makes no cycles, and the cycle collector would stop everything for a look at
    # each connection (a second for a million of them).
    gc.disable()
    channel = Channel(socket.socket(fileno=arguments.channel))
    try:
        Worker(channel, _first_message(channel)).run()
    except ChannelClosedError:
        return 0
    except (OSError, MessageError, KeyError) as error:
        channel.send(Failed(f"{type(error).__name__}: {error}"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
