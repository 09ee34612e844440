"""A worker as the supervisor sees it: a child process, a channel, and the last that was heard."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from firewalld_py.policy.config import Config
from firewalld_py.rules.build import plan_rules, user_chains
from firewalld_py.service.channel import Channel, ChannelClosedError, channel_pair, split
from firewalld_py.service.connection_asking import ConnectionAsking
from firewalld_py.service.counter_asking import CounterAsking
from firewalld_py.service.element_messages import SetAnswer, SetListed
from firewalld_py.service.links import Links
from firewalld_py.service.messages import (
    Bound,
    Configure,
    ConnectionsEnd,
    Counters,
    ExpectationsEnd,
    ExpectationsRequest,
    Expected,
    Failed,
    InterfaceNames,
    InterfaceNetworks,
    Message,
    MessageError,
    RoutesBegin,
    RoutesEnd,
    RoutesPart,
    RulesBegin,
    RulesEnd,
    RulesInForce,
    RulesPart,
    RulesRefused,
    Stats,
    StatsRequest,
    Stop,
    Tracked,
)
from firewalld_py.service.routes import Routes
from firewalld_py.service.set_messages import declarations, set_parts
from firewalld_py.service.set_requests import SetRequests

RULE_WEIGHT: Final = 10  # a rule; each address, port, … in its lists counts 1
WEIGHT_PER_PART: Final = 500  # a worker builds that much in about a millisecond
MESSAGES_PER_TURN: Final = 256
ROUTES_PER_PART: Final = 500  # likewise
STOP_TIMEOUT_S: Final = 2.0
# A million connections take 370 MB: too many pages of 4 KiB for any TLB. On pages of 2 MiB packets
# of connections drawn from all of them take 0.9 of the time. Python's own arenas never are
# on these; glibc's heap is, where the kernel grants them to who asks (`madvise`).
ALLOCATOR: Final = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
RETRY_S: Final = 0.002  # the pipe to the worker is full: it reads a few messages a turn


class WorkerFailedError(Exception):
    """The worker said that it cannot work, or ended; the message is its own."""


class WorkerEndedError(WorkerFailedError):
    """The worker is no more; what was asked of it may be asked of the next one."""


class WorkerProcess:
    """Start with `start`, wait for `bound`, then `put_rules` as often as the policy changes.

    `on_event` gets what is not for this class: LogEvent, RejectEvent, FaultEvent.
    """

    def __init__(self, config: Config, on_event: Callable[[Message], None]) -> None:
        self.config = config
        self.stats: Stats | None = None
        self.started_at = time.monotonic()
        self.heard_at = self.started_at
        self.process: asyncio.subprocess.Process | None = None
        self.bound: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_event = on_event
        self._channel: Channel | None = None
        self._in_force: dict[int, asyncio.Future[None]] = {}
        self._sending = asyncio.Lock()
        self.last_words = ""  # why it failed, if it could say so
        self._asked = 0
        self._routes_told = 0
        self._stats_waiters: dict[int, asyncio.Future[Stats]] = {}
        self.sets = SetRequests(self._send)
        self._one_listing = asyncio.Lock()
        self._listings = 0
        self._listed: list[Expected] = []
        self._listing_waiter: asyncio.Future[int] | None = None
        self.connections = ConnectionAsking(self._send)
        self.counters = CounterAsking(self._send)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can still be spoken to."""
        return self._channel is not None

    async def wait(self) -> int:
        """Wait until the process has ended; its exit code."""
        assert self.process is not None
        code = await self.process.wait()
        self.close()
        return code

    async def start(self, links: Links) -> None:
        """Start the process and tell it what its queue is."""
        self._channel, theirs = channel_pair()
        with theirs:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # nothing is imported from where the daemon happens to be started
                "-m",
                "firewalld_py.service.worker",
                "--channel",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                env={**ALLOCATOR, **os.environ},
            )
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._read)
        await self._send(_configure(self.config))
        await self.put_links(links)

    async def put_links(self, links: Links) -> None:
        """Tell which interfaces there are, and in which networks."""
        await self._send(InterfaceNames({str(index): name for index, name in links.names.items()}))
        await self._send(InterfaceNetworks([list(network) for network in links.networks]))

    async def put_routes(self, routes: Routes) -> None:
        """Tell where addresses lead."""
        self._routes_told += 1
        number = self._routes_told
        await self._send(RoutesBegin(number))
        rows = routes.rows or []
        for at in range(0, len(rows), ROUTES_PER_PART):
            await self._send(RoutesPart(number, rows[at : at + ROUTES_PER_PART]))
        await self._send(RoutesEnd(number, routes.rows is not None))

    async def put_rules(self, generation: int, plan: dict[str, Any]) -> None:
        """Send a rule set and wait until it judges. Raises WorkerFailedError if it is refused."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._in_force[generation] = waiter
        policies = {name: chain["policy"] for name, chain in plan["filter"].items()}
        interfaces, chains, sets = plan["interfaces"], user_chains(plan), declarations(plan)
        await self._send(RulesBegin(generation, interfaces, policies, chains, sets))
        for part in set_parts(generation, plan):
            await self._send(part)
        for chain, rules in _parts(plan):
            await self._send(RulesPart(generation, chain, rules))
        await self._send(RulesEnd(generation))
        try:
            await waiter
        finally:
            self._in_force.pop(generation, None)

    async def fresh_stats(self) -> Stats:
        """The worker's figures as they are now."""
        waiter: asyncio.Future[Stats] = asyncio.get_running_loop().create_future()
        self._asked += 1
        self._stats_waiters[self._asked] = waiter
        await self._send(StatsRequest(self._asked))
        return await waiter

    async def expectations(self) -> tuple[list[Expected], int]:
        """What is expected, as much of it as the worker tells, and how many are in all."""
        async with self._one_listing:
            self._listing_waiter = asyncio.get_running_loop().create_future()
            self._listings += 1
            self._listed = []
            try:
                await self._send(ExpectationsRequest(self._listings))
                total = await self._listing_waiter
                return self._listed, total
            finally:
                self._listing_waiter = None
                self._listed = []

    async def stop(self) -> None:
        """Let it judge what waits, then end; one that does not is killed."""
        process = self.process
        if process is None:
            return
        with contextlib.suppress(WorkerFailedError):
            await self._send(Stop())
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            self.kill()
            await process.wait()
        self.close()

    def kill(self) -> None:
        """End it at once: it is stuck."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    def close(self) -> None:
        """Read what it still said, and let go of the channel; who waits for it is told."""
        if self._channel is not None:
            self._read()
            self._hang_up()

    async def _send(self, message: Message) -> None:
        async with self._sending:  # the datagrams of one message stay together
            begun = False
            try:
                for piece in split(message):
                    while not self._take_piece(piece):
                        await asyncio.sleep(RETRY_S)
                    begun = True
            except asyncio.CancelledError:
                if begun:
                    self.kill()  # half a message would spoil the next one
                raise

    def _take_piece(self, piece: bytes) -> bool:
        if self._channel is None:
            raise WorkerEndedError(self._why())
        try:
            return self._channel.send_piece(piece)
        except ChannelClosedError as error:
            self._hang_up()
            raise WorkerEndedError(self._why()) from error

    def _read(self) -> None:
        assert self._channel is not None
        try:
            for message in self._channel.receive(MESSAGES_PER_TURN):
                self._take(message)
        except (ChannelClosedError, MessageError):
            self._hang_up()

    def _take(self, message: Message) -> None:
        self.heard_at = time.monotonic()
        if isinstance(message, Stats):
            self.stats = message
            # A heartbeat that was under way when somebody asked answers nobody.
            for number in [number for number in self._stats_waiters if number <= message.asked]:
                _settle(self._stats_waiters.pop(number), message)
        elif isinstance(message, Expected | ExpectationsEnd):
            self._take_listed(message)
        elif isinstance(message, Tracked | ConnectionsEnd):
            self.connections.take(message)
        elif isinstance(message, Counters):
            self.counters.take(message)
        elif isinstance(message, SetAnswer | SetListed):
            self.sets.take(message)
        elif isinstance(message, RulesInForce):
            _settle(self._in_force.get(message.generation), None)
        elif isinstance(message, RulesRefused):
            _fail(self._in_force.get(message.generation), WorkerFailedError(message.error))
        elif isinstance(message, Bound):
            _settle(self.bound, None)
        elif isinstance(message, Failed):
            self.last_words = message.error
            _fail(self.bound, WorkerFailedError(message.error))
        else:
            self._on_event(message)

    def _take_listed(self, message: Expected | ExpectationsEnd) -> None:
        """A part of an answer; nobody waits for one that was asked for and given up."""
        if self._listing_waiter is None or message.number != self._listings:
            return
        if isinstance(message, Expected):
            self._listed.append(message)
        else:
            _settle(self._listing_waiter, message.total)

    def _hang_up(self) -> None:
        if self._channel is None:
            return
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        self._channel.close()
        self._channel = None
        waiters: list[asyncio.Future[Any]] = [self.bound, *self._in_force.values()]
        for waiter in [*waiters, *self._stats_waiters.values(), self._listing_waiter]:
            _fail(waiter, WorkerEndedError(self._why()))
        self.connections.fail(WorkerEndedError(self._why()))
        self.counters.fail(WorkerEndedError(self._why()))
        self.sets.fail(WorkerEndedError(self._why()))

    def _why(self) -> str:
        return self.last_words or "the worker has ended"


def _parts(plan: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """The plan's rules by chain, a few at a time: a worker builds these between two batches."""
    part: list[Any] = []
    of_chain = ""
    weight = 0
    for chain, rule in plan_rules(plan):
        if part and (chain != of_chain or weight >= WEIGHT_PER_PART):
            yield of_chain, part
            part, weight = [], 0
        of_chain = chain
        part.append(rule)
        weight += RULE_WEIGHT + sum(
            len(value) for _kind, _inverted, value in rule["match"] if isinstance(value, list)
        )
    if part:
        yield of_chain, part


def _settle(waiter: asyncio.Future[Any] | None, value: object) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(value)


def _fail(waiter: asyncio.Future[Any] | None, error: WorkerFailedError) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_exception(error)
        waiter.exception()  # nobody need wait for it: the watcher of the process reports the end


def _configure(config: Config) -> Configure:
    queue = config.queue
    return Configure(
        queue=queue.number,
        queue_length=queue.length,
        copy_range=queue.copy_range,
        batch=queue.batch,
        gso=queue.gso,
        receive_buffer=queue.receive_buffer,
        fail_open=config.fail == "open",
        conntrack=config.conntrack.numbers(),
    )
