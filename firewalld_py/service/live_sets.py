"""The elements of sets over the life of the daemon.

They are taken up at start, handed from worker to worker, written by and by, and at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

from firewalld_py.policy.config import Config
from firewalld_py.rules.build import Plan, plan_sets
from firewalld_py.service.control import Handler
from firewalld_py.service.element_messages import SetNews
from firewalld_py.service.element_store import ElementStore
from firewalld_py.service.journal import Log
from firewalld_py.service.known_elements import KnownElements
from firewalld_py.service.set_control import SetControl
from firewalld_py.service.set_requests import SetRefusedError, SetRequests
from firewalld_py.service.worker_process import WorkerFailedError, WorkerProcess

SAVE_S: Final = 10.0  # between two times that changes by rules are written
ASK_S: Final = 5.0  # between two times that a worker is asked for what it could not tell
PRUNE_S: Final = 60.0  # what has run out is forgotten
LIST_TIMEOUT_S: Final = 30.0


class LiveSets:
    """`plan` gives the policy in force, `present` the worker that judges by it."""

    def __init__(
        self,
        config: Config,
        log: Log,
        plan: Callable[[], Plan],
        present: Callable[[], Awaitable[WorkerProcess]],
    ) -> None:
        self._log = log
        self._plan = plan
        self._present = present
        self._known = KnownElements(ElementStore(config.sets.directory), log, plan)
        self._is_incomplete = False
        self._save_failed: str | None = None

    def handlers(self) -> dict[str, Handler]:
        """What answers, by verb of the control socket."""
        return SetControl(self._known, self._log, self._plan, self._present).handlers()

    async def begin(self) -> None:
        """Take up what the last daemon left."""
        await self._known.load()

    async def restore(self, worker: SetRequests) -> None:
        """Hand what is known to a new worker, before it has rules."""
        await self._known.restore(worker, self._known.names())

    async def policy_changed(self) -> None:
        """Other rules are in force. Of a set that is new in them the file may have elements."""
        if found := self._known.policy_changed():
            worker = await self._present()
            with contextlib.suppress(WorkerFailedError):  # the next one gets them all
                await self._known.restore(worker.sets, found)

    def take_news(self, news: SetNews) -> None:
        """What rules have done to sets."""
        self._known.take_news(news)
        if news.untold:
            self._is_incomplete = True

    async def keep(self) -> None:
        """Ask for what was not told, write, forget what has run out; until cancelled."""
        next_save = next_prune = time.monotonic()
        while True:
            await asyncio.sleep(ASK_S)
            now = time.monotonic()
            if self._is_incomplete:
                await self._ask()
            if now >= next_save:
                next_save = now + SAVE_S
                await self._save()
            if now >= next_prune:
                next_prune = now + PRUNE_S
                self._known.prune()

    async def finish(self) -> None:
        """The worker has ended, and told all that it could."""
        await self._save()

    async def _ask(self) -> None:
        """Have the worker list its sets: rules did more to them than it could tell."""
        self._is_incomplete = False
        try:
            async with asyncio.timeout(LIST_TIMEOUT_S):
                worker = await self._present()
                for name in plan_sets(self._plan()):
                    rows, _total = await worker.sets.elements(name, with_static=False)
                    self._known.replace(name, rows)
        except (SetRefusedError, WorkerFailedError, TimeoutError):
            self._is_incomplete = True

    async def _save(self) -> None:
        failed = await self._known.save()
        if failed is not None and failed != self._save_failed:
            self._log.error(f"a restart will not keep the elements of sets: {failed}", event="sets")
        self._save_failed = failed
