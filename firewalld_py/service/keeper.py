"""Keeps a worker running: starts it, watches it, replaces it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from firewalld_py.policy.config import Config
from firewalld_py.service.journal import Log
from firewalld_py.service.links import Links
from firewalld_py.service.messages import Message
from firewalld_py.service.readiness import notify, wants_pings
from firewalld_py.service.route_keeper import RouteKeeper
from firewalld_py.service.routes import Routes
from firewalld_py.service.set_requests import SetRequests
from firewalld_py.service.worker_process import WorkerFailedError, WorkerProcess

START_TIMEOUT_S: Final = 20.0
SILENCE_S: Final = 5.0  # a worker that says nothing for so long is stuck: it reports every second
CHECK_S: Final = 1.0
SHORT_LIFE_S: Final = 2.0  # workers that end sooner, one after the other, are given pauses
PAUSES_S: Final = (0.0, 0.0, 0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)


class WorkerKeeper:
    """One worker at a time. `rules` gives what a new one is to judge by: generation and plan.

    `restore` hands it the elements that were added to sets.
    """

    def __init__(
        self,
        config: Config,
        log: Log,
        on_event: Callable[[Message], None],
        rules: Callable[[], tuple[int, dict[str, Any]]],
        restore: Callable[[SetRequests], Awaitable[None]],
    ) -> None:
        self.links = Links({}, [])
        self.restarts = 0
        self._config = config
        self._log = log
        self._on_event = on_event
        self._rules = rules
        self._restore = restore
        self._worker: WorkerProcess | None = None
        self._routes = RouteKeeper(log, self._put_routes)
        self._present = asyncio.Event()

    @property
    def worker(self) -> WorkerProcess | None:
        """The worker that judges; None while there is none."""
        worker = self._worker
        return worker if worker is not None and worker.is_alive else None

    async def start(self) -> None:
        """Start the first worker. Raises WorkerFailedError, or TimeoutError."""
        self._take(await self._start_one())
        await self.put_links(self.links)

    async def present(self) -> WorkerProcess:
        """The worker that judges, as soon as there is one."""
        while True:
            await self._present.wait()
            worker = self.worker
            if worker is not None:
                return worker
            self._present.clear()  # it has ended; keep_running() brings another

    async def put_links(self, links: Links) -> None:
        """Tell which interfaces there are, and in which networks."""
        self.links = links
        worker = self.worker
        if worker is not None:
            try:
                await worker.put_links(links)
            except WorkerFailedError:
                return  # the next one is told when it starts

    async def prepare(self, plan: dict[str, Any]) -> None:
        """Before rules come into force: tell the worker of the machine what they ask for."""
        await self._routes.heed(plan)

    def settle(self, plan: dict[str, Any]) -> None:
        """These rules are in force now, and those of before no longer."""
        self._routes.forget(plan)

    async def _put_routes(self, routes: Routes | None) -> None:
        worker = self.worker
        if worker is not None and routes is not None:
            with contextlib.suppress(WorkerFailedError):  # the next one is told when it starts
                await worker.put_routes(routes)

    async def keep_running(self) -> None:
        """Start a new worker whenever the one there is ends; until cancelled."""
        short_lives = 0
        while True:
            worker = self._worker
            assert worker is not None, "start() comes first"
            code = await worker.wait()
            lived_s = time.monotonic() - worker.started_at
            short_lives = short_lives + 1 if lived_s < SHORT_LIFE_S else 0
            words = f" ({worker.last_words})" if worker.last_words else ""
            self._log.error(
                f"worker {worker.pid} {_how_it_ended(code)}{words}; starting another",
                event="worker_lost",
            )
            await asyncio.sleep(PAUSES_S[min(short_lives, len(PAUSES_S) - 1)])
            successor = await self._replacement()
            self._take(successor)
            await self.put_links(self.links)  # they may have changed while it started
            await self._put_routes(self._routes.known)
            self.restarts += 1
            self._log.notice(f"worker {successor.pid} judges", event="started")

    async def check_health(self) -> None:
        """Kill a stuck worker, and tell the service manager only when all is well."""
        while True:
            await asyncio.sleep(CHECK_S)
            worker = self.worker
            if worker is None:
                continue
            silence_s = time.monotonic() - worker.heard_at
            if silence_s > SILENCE_S:
                self._log.error(f"worker {worker.pid} is stuck for {silence_s:.0f} s; killing it")
                worker.kill()
            elif wants_pings():
                notify("WATCHDOG=1")

    async def stop(self) -> None:
        """Let the worker judge what waits, then end it."""
        self._routes.close()
        if self._worker is not None:
            await self._worker.stop()

    def _take(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._present.set()

    async def _replacement(self) -> WorkerProcess:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._start_one()
            except (WorkerFailedError, TimeoutError, OSError) as error:
                self._log.error(f"no new worker: {str(error) or 'it did not bind in time'}")
            await asyncio.sleep(PAUSES_S[min(attempt, len(PAUSES_S) - 1)])

    async def _start_one(self) -> WorkerProcess:
        """A worker that has the rules and has bound its queue."""
        worker = WorkerProcess(self._config, self._on_event)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await worker.start(self.links)
                await self._restore(worker.sets)
                generation, plan = self._rules()
                await self._routes.heed(plan)
                if self._routes.known is not None:
                    await worker.put_routes(self._routes.known)
                await worker.put_rules(generation, plan)
                await worker.bound
        except BaseException:
            worker.kill()
            worker.close()
            raise
        return worker


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
