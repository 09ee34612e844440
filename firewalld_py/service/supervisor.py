"""The supervisor: everything that is not on the packets' way.

It reads the policy, keeps a worker running, puts the kernel hook in place, writes the log, answers
the control socket and the service manager. Order at start: the worker has its rules, then it binds
the queue, then the hook sends packets, then readiness is announced.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.errors import PolicyErrors
from firewalld_py.policy.load import load_rules
from firewalld_py.rules.build import plan_rules
from firewalld_py.service.control import Answer, ControlServer
from firewalld_py.service.hook import (
    Backend,
    install_hook,
    spec_from_config,
)
from firewalld_py.service.hook_queues import listener, read_queues
from firewalld_py.service.journal import Log
from firewalld_py.service.links import LinkWatch
from firewalld_py.service.messages import FaultEvent, LogEvent, Message, RejectEvent, Stats
from firewalld_py.service.readiness import notify, notify_reloading, wants_pings
from firewalld_py.service.reject import Rejecter
from firewalld_py.service.worker_process import WorkerFailedError, WorkerProcess

START_TIMEOUT_S: Final = 20.0
RELOAD_TIMEOUT_S: Final = 60.0
STATUS_TIMEOUT_S: Final = 2.0
SILENCE_S: Final = 5.0  # a worker that says nothing for so long is stuck: it reports every second
CHECK_S: Final = 1.0
SHORT_LIFE_S: Final = 2.0  # workers that end sooner, one after the other, are given pauses
PAUSES_S: Final = (0.0, 0.0, 0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
MAX_WAITING_REJECTS: Final = 256


class StartError(Exception):
    """The daemon cannot start; the message says why and what to do."""


class Supervisor:
    """One daemon. `run` returns when it has been told to stop."""

    def __init__(self, config: Config, log: Log) -> None:
        self._config = config
        self._log = log
        self._links = LinkWatch()
        self._rejecter = Rejecter(config.hook.reject_mark)
        self._rejects = ThreadPoolExecutor(1, "reject")
        self._waiting_rejects = 0
        self._lost_rejects = 0
        self._generation = 0
        self._plan: dict[str, Any] = {}
        self._rules = 0
        self._last_reload_error: str | None = None
        self._reloading = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._worker: WorkerProcess | None = None
        self._restarts = 0
        self._backend: Backend | None = None
        self._started_at = time.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()
        self._control = ControlServer(
            config.control.socket, {"status": self._answer_status, "reload": self._answer_reload}
        )

    async def run(self) -> None:
        """Start, serve, stop. Raises StartError, PolicyErrors, HookError or OSError at start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._reload_by_signal()))
        try:
            await self._start()
            await self._stopping.wait()
        finally:
            await self._stop()

    async def _start(self) -> None:
        plan = await asyncio.to_thread(self._read_policy)
        self._take_plan(plan)
        await self._control.start()
        loop = asyncio.get_running_loop()
        loop.run_in_executor(self._rejects, self._rejecter.warm_up)
        try:
            self._worker = await asyncio.wait_for(self._start_worker(), START_TIMEOUT_S)
        except WorkerFailedError as error:
            raise StartError(self._why_unbound(str(error))) from error
        except TimeoutError as error:
            raise StartError("the worker did not bind its queue in time") from error
        self._spawn(self._keep_running(self._worker))
        backend, notes = await asyncio.to_thread(
            install_hook, self._config.hook.backend, spec_from_config(self._config)
        )
        self._backend = backend
        for note in notes:
            self._log.notice(note)
        loop.add_reader(self._links.fileno(), self._links_changed)
        self._spawn(self._check_health())
        self._log.notice(
            f"started: queue {self._config.queue.number}, hook in {backend.name} "
            f"(table {backend.table}), {self._rules} rules, fail: {self._config.fail}",
            event="started",
        )
        notify("READY=1", f"STATUS={self._summary()}")

    async def _stop(self) -> None:
        notify("STOPPING=1")
        self._stopping.set()
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._links.fileno())
        if self._backend is not None:
            await self._leave_hook(self._backend)
        for task in self._tasks:
            task.cancel()
        if self._worker is not None:
            await self._worker.stop()
        await self._control.close()
        self._rejects.shutdown(wait=False, cancel_futures=True)
        self._rejecter.close()
        self._links.close()
        if self._backend is not None:
            self._log.notice("stopped", event="stopped")

    async def _leave_hook(self, backend: Backend) -> None:
        """Open on a clean stop if so configured; else nothing may pass unjudged."""
        if self._config.fail == "open":
            await asyncio.to_thread(backend.remove)
            return
        self._log.warning(
            "fail: closed: the hook stays and nothing passes until the daemon runs again "
            "(`firewalld-py hook remove` opens the gateway)"
        )

    # --- policy ---

    def _read_policy(self) -> dict[str, Any]:
        """Read, check and compile; in a thread, beside the packets' way. Raises PolicyErrors."""
        return compile_policy(load_rules(self._config.rules), self._config)

    def _take_plan(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._rules = len(plan_rules(plan))
        self._generation += 1

    async def _reload_by_signal(self) -> None:
        """As by the control socket; the log has the errors."""
        await self._reload()

    async def _reload(self) -> str | None:
        """Put the rules file in force; None, or the errors for which the old rules stay."""
        async with self._reloading:
            notify_reloading()
            before = (self._plan, self._rules)
            try:
                plan = await asyncio.to_thread(self._read_policy)
                self._take_plan(plan)
                assert self._worker is not None
                await asyncio.wait_for(
                    self._worker.put_rules(self._generation, plan), RELOAD_TIMEOUT_S
                )
                self._last_reload_error = None
            except PolicyErrors as errors:
                self._last_reload_error = str(errors)
            except (WorkerFailedError, TimeoutError) as error:
                # The generation's number is spent: a worker may have seen part of it.
                self._plan, self._rules = before
                self._last_reload_error = str(error) or "the worker did not answer in time"
            self._say_reloaded()
            notify("READY=1", f"STATUS={self._summary()}")
            return self._last_reload_error

    def _say_reloaded(self) -> None:
        if self._last_reload_error is None:
            self._log.notice(
                f"rules reloaded: generation {self._generation}, {self._rules} rules",
                event="reloaded",
            )
        else:
            self._log.error(
                f"reload failed, the old rules stay in force: {self._last_reload_error}",
                event="reload_failed",
            )

    def _summary(self) -> str:
        if self._last_reload_error is not None:
            first = self._last_reload_error.splitlines()[0]
            return f"generation {self._generation} in force; last reload failed: {first}"
        return f"generation {self._generation} in force, {self._rules} rules"

    # --- the worker ---

    async def _start_worker(self) -> WorkerProcess:
        """A worker that has the rules and has bound its queue."""
        worker = WorkerProcess(self._config, self._take_event)
        try:
            await worker.start(self._links.names)
            await worker.put_rules(self._generation, self._plan)
            await worker.bound
        except BaseException:
            worker.kill()
            raise
        return worker

    async def _keep_running(self, worker: WorkerProcess) -> None:
        """Start a new worker whenever the one there is ends."""
        short_lives = 0
        while True:
            assert worker.process is not None
            code = await worker.process.wait()
            if self._stopping.is_set():
                return
            worker.close()
            short_lives = (
                short_lives + 1 if time.monotonic() - worker.started_at < SHORT_LIFE_S else 0
            )
            self._log.error(
                f"worker {worker.pid} {_how_it_ended(code)}; starting another", event="worker_lost"
            )
            await asyncio.sleep(PAUSES_S[min(short_lives, len(PAUSES_S) - 1)])
            worker = await self._replace_worker()
            self._log.notice(f"worker {worker.pid} judges", event="started")

    async def _replace_worker(self) -> WorkerProcess:
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self._reloading:
                    worker = await asyncio.wait_for(self._start_worker(), START_TIMEOUT_S)
                    self._worker = worker
                    self._restarts += 1
                    return worker
            except (WorkerFailedError, TimeoutError) as error:
                self._log.error(f"no new worker: {str(error) or 'it did not bind in time'}")
            await asyncio.sleep(PAUSES_S[min(attempt, len(PAUSES_S) - 1)])

    def _take_event(self, message: Message) -> None:
        if isinstance(message, LogEvent):
            self._log.packet(message, self._links.name)
        elif isinstance(message, RejectEvent):
            self._reject(message)
        elif isinstance(message, FaultEvent):
            more = f" ({message.suppressed} more were not shown)" if message.suppressed else ""
            self._log.error(
                f"internal_error: a packet got the fail verdict{more}\n{message.traceback}",
                event="internal_error",
            )

    def _reject(self, event: RejectEvent) -> None:
        """Answer in a thread: building an answer takes a millisecond."""
        if self._waiting_rejects >= MAX_WAITING_REJECTS:
            self._lost_rejects += 1
            return
        self._waiting_rejects += 1
        future = asyncio.get_running_loop().run_in_executor(
            self._rejects, self._rejecter.answer, event
        )
        future.add_done_callback(self._rejected)

    def _rejected(self, future: asyncio.Future[Any]) -> None:
        self._waiting_rejects -= 1
        if not future.cancelled() and future.exception() is not None:
            self._log.error(f"an answer could not be sent: {future.exception()}")

    # --- health ---

    async def _check_health(self) -> None:
        """Kill a stuck worker, and tell the service manager only when all is well."""
        while True:
            await asyncio.sleep(CHECK_S)
            worker = self._worker
            assert worker is not None
            silence_s = time.monotonic() - worker.heard_at
            if silence_s > SILENCE_S:
                self._log.error(f"worker {worker.pid} is stuck for {silence_s:.0f} s; killing it")
                worker.kill()
            elif wants_pings() and worker.bound.done():
                notify("WATCHDOG=1")

    def _links_changed(self) -> None:
        if self._links.refresh() and self._worker is not None:
            self._spawn(self._put_names(self._worker))

    async def _put_names(self, worker: WorkerProcess) -> None:
        with contextlib.suppress(WorkerFailedError):  # the next one is told when it starts
            await worker.put_names(self._links.names)

    def _why_unbound(self, error: str) -> str:
        """Say who holds the queue, if somebody does."""
        number = self._config.queue.number
        with contextlib.suppress(OSError):
            for queue in read_queues():
                if queue.number == number:
                    holder = listener(queue.port_id) or f"netlink port {queue.port_id}"
                    return (
                        f"queue {number} is already bound by {holder}: stop that, or choose "
                        "another queue with `queue: {number: …}`"
                    )
        return f"queue {number} could not be bound: {error}"

    # --- control ---

    async def _answer_reload(self, _request: Answer) -> Answer:
        error = await self._reload()
        answer: Answer = {"ok": error is None, "generation": self._generation, "rules": self._rules}
        if error is not None:
            answer["error"] = error
        return answer

    async def _answer_status(self, _request: Answer) -> Answer:
        worker = self._worker
        assert worker is not None
        stats = worker.stats
        with contextlib.suppress(WorkerFailedError, TimeoutError):
            stats = await asyncio.wait_for(worker.fresh_stats(), STATUS_TIMEOUT_S)
        return {
            "ok": True,
            "generation": self._generation,
            "rules": self._rules,
            "rules_file": self._config.rules,
            "last_reload_error": self._last_reload_error,
            "fail": self._config.fail,
            "hook": None if self._backend is None else self._backend.name,
            "uptime_s": round(time.monotonic() - self._started_at, 3),
            "restarts": self._restarts,
            "connections": stats.connections if stats else 0,
            "workers": [_worker_status(worker, stats)],
            "rejects": {**self._rejecter.counters(), "lost": self._lost_rejects},
            "log_lines_lost": self._log.lost,
        }

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task of ours that fails is a defect: it must be seen, and must not stop the others."""
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            lines = "".join(traceback.format_exception(fault))
            self._log.error(f"internal error in the supervisor\n{lines}", event="internal_error")


def _worker_status(worker: WorkerProcess, stats: Stats | None) -> Answer:
    status: Answer = {"pid": worker.pid, "queue": worker.config.queue.number}
    if stats is not None:
        status |= {
            "generation": stats.generation,
            "packets": stats.packets,
            "octets": stats.octets,
            "accepted": stats.accepted,
            "dropped": stats.dropped,
            "counters": stats.counters,
        }
    return status


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
