"""The policy that judges, and how another one takes its place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from firewalld_py.conntrack.helpers.base import Helper
from firewalld_py.conntrack.helpers.registry import READABLE
from firewalld_py.policy.compile import compile_policy
from firewalld_py.policy.config import Config
from firewalld_py.policy.errors import PolicyErrors
from firewalld_py.policy.load import Helpers, load_rules
from firewalld_py.policy.plan_words import plan_digest
from firewalld_py.policy.trial import failed_tests
from firewalld_py.rules.build import plan_rules
from firewalld_py.service.journal import Log
from firewalld_py.service.keeper import WorkerKeeper
from firewalld_py.service.readiness import notify, notify_reloading
from firewalld_py.service.worker_process import WorkerEndedError, WorkerFailedError

RELOAD_TIMEOUT_S: Final = 60.0
ATTEMPTS: Final = 2  # a worker may end under a reload, for reasons of its own


class PolicyInForce:
    """What the workers judge by: `generation`, `plan`, and the number of `rules` in it.

    `helpers` are those that rules may name, with the connections that they can read; of them
    `plugins` are not built in. `last_error` is why the last reload left the older rules in force,
    or None.
    """

    def __init__(
        self,
        config: Config,
        log: Log,
        helpers: Helpers = READABLE,
        plugins: Iterable[Helper] = (),
    ) -> None:
        self.generation = 0
        self.plan: dict[str, Any] = {}
        self.rules = 0
        self.last_error: str | None = None
        self.is_faulty = False  # whether last_error is about the rules file itself
        self.started = asyncio.Event()  # set when the daemon is ready for the first time
        self._config = config
        self._log = log
        self._helpers = helpers
        self._plugins = list(plugins)
        self._spent = 0  # the highest generation that was sent to a worker
        self._turn = asyncio.Lock()
        self._digest, self._digest_of = "", -1
        self._next: asyncio.Task[str | None] | None = None

    async def begin(self) -> None:
        """Read the policy to start with. Raises PolicyErrors."""
        self._take(await asyncio.to_thread(self._read), self._number())

    async def reload(self, keeper: WorkerKeeper) -> str | None:
        """Put the rules file in force; None, or the errors for which the old rules stay.

        Requests that come while one is being served share the one that follows it.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._serve(keeper))
        return await asyncio.shield(self._next)

    def identity(self) -> dict[str, Any]:
        """Which rules judge: `plan_digest` is the same as that of a file that says the same."""
        if self._digest_of != self.generation:
            self._digest, self._digest_of = plan_digest(self.plan), self.generation
        return {"generation": self.generation, "plan_digest": self._digest}

    def summary(self) -> str:
        """One line for the service manager."""
        if self.last_error is not None:
            first = self.last_error.splitlines()[0]
            return f"generation {self.generation} in force; last reload failed: {first}"
        return f"generation {self.generation} in force, {self.rules} rules"

    async def _serve(self, keeper: WorkerKeeper) -> str | None:
        async with self._turn:
            self._next = None  # whoever asks from here on wants the file as it is by then
            await self.started.wait()  # readiness means queue and hook; a reload comes after it
            notify_reloading()
            try:
                self.last_error = await self._replace(keeper)
            except Exception as error:
                self.last_error = f"internal error: {type(error).__name__}: {error}"
                raise
            finally:
                notify("READY=1", f"STATUS={self.summary()}")
            self._say()
            return self.last_error

    async def _replace(self, keeper: WorkerKeeper) -> str | None:
        self.is_faulty = False
        try:
            plan = await asyncio.to_thread(self._read)
        except PolicyErrors as errors:
            self.is_faulty = True
            return str(errors)
        for _ in range(ATTEMPTS):
            worker = await keeper.present()
            number = self._number()
            try:
                async with asyncio.timeout(RELOAD_TIMEOUT_S):
                    await keeper.prepare(plan)
                    await worker.put_rules(number, plan)
            except WorkerEndedError:
                continue
            except WorkerFailedError as error:
                return str(error)
            except TimeoutError:
                return f"the worker did not take the rules within {RELOAD_TIMEOUT_S:.0f} s"
            self._take(plan, number)
            keeper.settle(plan)
            return None
        return "the worker ended while it took the rules, and so did the next one"

    def _read(self) -> dict[str, Any]:
        """Read, check, test and compile; in a thread, beside the packets' way.

        Raises PolicyErrors, also if the policy fails one of its tests.
        """
        policy = load_rules(self._config.rules, self._helpers)
        if failed := failed_tests(policy, self._config, self._plugins):
            raise PolicyErrors(failed)
        return compile_policy(policy, self._config)

    def _number(self) -> int:
        self._spent += 1
        return self._spent

    def _take(self, plan: dict[str, Any], number: int) -> None:
        self.plan = plan
        self.rules = len(plan_rules(plan))
        self.generation = number

    def _say(self) -> None:
        if self.last_error is None:
            self._log.notice(
                f"rules reloaded: generation {self.generation}, {self.rules} rules",
                event="reloaded",
            )
        else:
            self._log.error(
                f"reload failed, the old rules stay in force: {self.last_error}",
                event="reload_failed",
            )
