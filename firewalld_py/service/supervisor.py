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
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from firewalld_py.policy.config import Config
from firewalld_py.service.connection_answer import answer_connections
from firewalld_py.service.control import Answer, ControlServer
from firewalld_py.service.counter_answer import answer_counters
from firewalld_py.service.element_messages import SetNews
from firewalld_py.service.expectation_text import expectation_entry
from firewalld_py.service.hook import (
    Backend,
    HookError,
    install_hook,
    other_daemon,
    spec_from_config,
)
from firewalld_py.service.hook_queues import listener, read_queues
from firewalld_py.service.journal import Log
from firewalld_py.service.keeper import WorkerKeeper
from firewalld_py.service.links import LinkWatch
from firewalld_py.service.live_sets import LiveSets
from firewalld_py.service.logline import one_line
from firewalld_py.service.messages import (
    FaultEvent,
    HelperEvent,
    LogEvent,
    Message,
    RejectEvent,
    Stats,
)
from firewalld_py.service.plugins import load_helpers, with_plugins
from firewalld_py.service.policy_in_force import PolicyInForce
from firewalld_py.service.readiness import notify
from firewalld_py.service.reject import Rejecter
from firewalld_py.service.worker_process import WorkerFailedError, WorkerProcess

STATUS_TIMEOUT_S: Final = 2.0
EXPECTATIONS_TIMEOUT_S: Final = 5.0  # there are 4096 of them at most, told 32 at a time
HOOK_CHECK_S: Final = 5.0
MAX_WAITING_REJECTS: Final = 256


class StartError(Exception):
    """The daemon cannot start; the message says why and what to do."""


class DaemonError(Exception):
    """The daemon had to end; the log says why."""


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
        # The worker loads them too, and tells what is wrong with them.
        plugins = load_helpers(lambda _name, _what: None)
        self._policy = PolicyInForce(config, log, with_plugins(plugins), plugins)
        self._sets = LiveSets(config, log, lambda: self._policy.plan, self._present_worker)
        self._keeper = WorkerKeeper(
            config,
            log,
            self._take_event,
            lambda: (self._policy.generation, self._policy.plan),
            self._sets.restore,
        )
        self._stopping = asyncio.Event()
        self._backend: Backend | None = None
        self._wants_hook = True
        self._started_at = time.monotonic()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._keeping: asyncio.Task[Any] | None = None
        self._fault: BaseException | None = None
        self._control = ControlServer(
            config.control.socket,
            {
                "status": self._answer_status,
                "expect": self._answer_expect,
                "connections": self._answer_connections,
                "counters": self._answer_counters,
                "plan": self._answer_plan,
                "reload": self._answer_reload,
                "hook": self._answer_hook,
                **self._sets.handlers(),
            },
        )

    async def run(self) -> None:
        """Start, serve, stop. Raises StartError, PolicyErrors, HookError or OSError at start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_by_signal)
        try:
            await self._start()
            await self._stopping.wait()
        finally:
            await self._stop()
        if self._fault is not None:
            raise DaemonError("a part of the daemon failed: see above") from self._fault

    async def _start(self) -> None:
        """Bind the queue, then install the hook; told to stop meanwhile, it leaves no hook."""
        await self._policy.begin()
        await self._sets.begin()
        try:
            await self._control.start()
        except OSError as error:
            path = self._config.control.socket
            raise StartError(
                f"the control socket {path} cannot be made: {error.strerror}; "
                "see `control: {socket: …}` in the configuration"
            ) from error
        loop = asyncio.get_running_loop()
        self._waiting_rejects += 1
        loop.run_in_executor(self._rejects, self._rejecter.warm_up).add_done_callback(
            self._rejected
        )
        await self._keeper.put_links(self._links.links)
        if not await self._start_worker():
            return
        self._keeping = self._spawn(self._keeper.keep_running())
        spec = spec_from_config(self._config)
        if (other := await asyncio.to_thread(other_daemon, spec)) is not None:
            raise StartError(
                f"the hook leads to another daemon's queue ({other}): stop that one first, "
                "there is one hook in a network namespace"
            )
        backend, notes = await asyncio.to_thread(install_hook, self._config.hook.backend, spec)
        self._backend = backend
        for note in notes:
            self._log.notice(note)
        loop.add_reader(self._links.fileno(), self._links_changed)
        self._spawn(self._keeper.check_health())
        self._spawn(self._sets.keep())
        self._spawn(self._watch_hook(backend))
        self._log.notice(
            f"started: queue {self._config.queue.number}, hook in {backend.name} "
            f"(table {backend.table}), {self._policy.rules} rules, fail: {self._config.fail}",
            event="started",
        )
        notify("READY=1", f"STATUS={self._policy.summary()}")
        self._policy.started.set()

    async def _start_worker(self) -> bool:
        """Whether a worker has bound the queue: not if the daemon was told to stop before."""
        starting = asyncio.create_task(self._keeper.start())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return False
            await starting
        except WorkerFailedError as error:
            raise StartError(self._why_unbound(str(error))) from error
        except TimeoutError as error:
            raise StartError("the worker did not bind its queue in time") from error
        finally:
            for task in (starting, stopping):
                task.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
        return not self._stopping.is_set()

    async def _stop(self) -> None:
        notify("STOPPING=1")
        self._stopping.set()
        asyncio.get_running_loop().remove_reader(self._links.fileno())
        if self._backend is not None:
            await self._step("the hook", self._leave_hook(self._backend))
        for task in self._tasks:
            task.cancel()
        await self._step("the worker", self._keeper.stop())
        await self._step("elements of sets", self._sets.finish())
        await self._step("the control socket", self._control.close())
        self._rejects.shutdown(wait=False, cancel_futures=True)
        self._rejecter.close()
        self._links.close()
        if self._backend is not None:
            self._log.notice("stopped", event="stopped")

    async def _step(self, what: str, work: Awaitable[None]) -> None:
        """One step of stopping; that it fails keeps none of the others from being taken."""
        try:
            await work
        except Exception as error:
            self._log.error(f"stopping: {what}: {error}")

    async def _leave_hook(self, backend: Backend) -> None:
        """Open on a clean stop if so configured; else nothing may pass unjudged."""
        if self._config.fail == "open":
            await asyncio.to_thread(backend.remove)
            return
        self._log.warning(
            "fail: closed: the hook stays and nothing passes until the daemon runs again "
            "(`firewalld-py hook remove` opens the gateway)"
        )

    async def _present_worker(self) -> WorkerProcess:
        return await self._keeper.present()

    def _reload_by_signal(self) -> None:
        self._spawn(self._reload())

    async def _reload(self) -> str | None:
        """Put the rules file in force; why the old rules stay, or None."""
        error = await self._policy.reload(self._keeper)
        await self._sets.policy_changed()
        return error

    # --- what workers tell ---

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
        elif isinstance(message, SetNews):
            self._sets.take_news(message)
        elif isinstance(message, HelperEvent):
            text = one_line(f"helper {message.helper} {message.what}")
            self._log.error(text, event="helper")

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

    async def _watch_hook(self, backend: Backend) -> None:
        """Put the hook back when somebody flushed it away with their own rules."""
        while True:
            await asyncio.sleep(HOOK_CHECK_S)
            if not self._wants_hook:
                continue
            try:
                if await asyncio.to_thread(backend.installed):
                    continue
                await asyncio.to_thread(
                    install_hook, self._config.hook.backend, spec_from_config(self._config)
                )
            except HookError as error:
                self._log.error(f"the hook cannot be looked after: {error}")
                continue
            self._log.error(
                f"the hook was gone, for {HOOK_CHECK_S:.0f} s at most packets passed unjudged; "
                "it is installed again (did something flush the rule set?)"
            )

    async def _answer_hook(self, request: Answer) -> Answer:
        """`hook install` and `hook remove` tell whether it is to stay as it is."""
        self._wants_hook = bool(request.get("wanted"))
        return {"ok": True}

    def _links_changed(self) -> None:
        if self._links.refresh():
            self._spawn(self._keeper.put_links(self._links.links))

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
        answer: Answer = {
            "ok": error is None,
            "generation": self._policy.generation,
            "rules": self._policy.rules,
        }
        if error is not None:
            answer["error"] = error
            answer["policy"] = self._policy.is_faulty
        return answer

    async def _answer_status(self, _request: Answer) -> Answer:
        worker = self._keeper.worker
        stats = None
        if worker is not None:
            stats = worker.stats
            with contextlib.suppress(WorkerFailedError, TimeoutError):
                stats = await asyncio.wait_for(worker.fresh_stats(), STATUS_TIMEOUT_S)
        return {
            "ok": True,
            "generation": self._policy.generation,
            "rules": self._policy.rules,
            "rules_file": self._config.rules,
            "last_reload_error": self._policy.last_error,
            "fail": self._config.fail,
            "hook": None if self._backend is None else self._backend.name,
            "hook_wanted": self._wants_hook,
            "uptime_s": round(time.monotonic() - self._started_at, 3),
            "restarts": self._keeper.restarts,
            "connections": stats.connections if stats else 0,
            "workers": [] if worker is None else [_worker_status(worker, stats)],
            "rejects": {**self._rejecter.counters(), "lost": self._lost_rejects},
            "log_lines_lost": self._log.lost,
        }

    async def _answer_expect(self, _request: Answer) -> Answer:
        worker = self._keeper.worker
        if worker is None:
            return {"ok": False, "error": "there is no worker at the moment"}
        try:
            found, total = await asyncio.wait_for(worker.expectations(), EXPECTATIONS_TIMEOUT_S)
        except WorkerFailedError as error:
            return {"ok": False, "error": str(error)}
        except TimeoutError:
            seconds = f"{EXPECTATIONS_TIMEOUT_S:.0f} s"
            return {"ok": False, "error": f"the worker did not answer within {seconds}"}
        entries = [expectation_entry(one) for one in found]
        return {"ok": True, "expectations": entries, "total": total}

    async def _answer_connections(self, request: Answer) -> Answer:
        answer = await answer_connections(self._keeper.worker, request)
        return {**answer, **self._policy.identity()}

    async def _answer_counters(self, _request: Answer) -> Answer:
        return await answer_counters(self._keeper.worker)

    async def _answer_plan(self, _request: Answer) -> Answer:
        """The rules in force, as they were compiled."""
        return {"ok": True, "plan": self._policy.plan, **self._policy.identity()}

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A task of ours that fails is a defect: it must be seen, and must not stop the others."""
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            lines = "".join(traceback.format_exception(fault))
            self._log.error(f"internal error in the supervisor\n{lines}", event="internal_error")
            if task is self._keeping:
                # Nobody would replace the worker: the service manager shall start all of it anew.
                self._fault = fault
                self._stopping.set()


def _worker_status(worker: WorkerProcess, stats: Stats | None) -> Answer:
    number = worker.config.queue.number
    status: Answer = {"pid": worker.pid, "queue": number}
    with contextlib.suppress(OSError):  # the kernel shows this to root alone
        for queue in read_queues():
            if queue.number == number:
                status["waiting"] = queue.waiting
                status["queue_full"] = queue.dropped_full
                status["socket_full"] = queue.dropped_unsent
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
