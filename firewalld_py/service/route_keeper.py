"""Keeps the worker's routes up to date, as long as rules ask where addresses lead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from firewalld_py.policy.matches_routes import asks_for_routes
from firewalld_py.rules.build import plan_rules
from firewalld_py.service.journal import Log
from firewalld_py.service.routes import MAX_ROUTES, Routes, RouteWatch, read_routes

# Changes are gathered for so long: a routing daemon that starts tells thousands of them.
PAUSE_S: Final = 0.5


class RouteKeeper:
    """Asks and watches nothing until `heed` is called with a plan that asks for routes.

    `known` are the routes as they were last told, None while nobody asks. `put` tells them.
    """

    def __init__(self, log: Log, put: Callable[[Routes], Awaitable[None]]) -> None:
        self.known: Routes | None = None
        self._log = log
        self._put = put
        self._watch: RouteWatch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_read = asyncio.Lock()
        self._told_rules = 0

    async def heed(self, plan: dict[str, Any]) -> None:
        """Know the routes and tell them, before rules that ask for them are in force."""
        if self._watch is None and asks_for_routes(plan_rules(plan)):
            self._watch = RouteWatch()
            asyncio.get_running_loop().add_reader(self._watch.fileno(), self._changed)
            await self._refresh()

    def forget(self, plan: dict[str, Any]) -> None:
        """Watch no longer what the rules in force do not ask for."""
        if not asks_for_routes(plan_rules(plan)):
            self.close()

    def close(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watch is not None:
            asyncio.get_running_loop().remove_reader(self._watch.fileno())
            self._watch.close()
            self._watch = None
        self.known = None

    def _changed(self) -> None:
        if self._watch is not None:
            self._watch.drain()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._due)

    def _due(self) -> None:
        self._timer = None
        task = asyncio.get_running_loop().create_task(self._refresh())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refresh(self) -> None:
        """Ask for the routes, and tell them if they are others than before."""
        async with self._one_read:
            try:
                routes = await asyncio.to_thread(read_routes)
            except OSError as error:
                self._log.error(
                    f"the routes cannot be read: {error}; rules that ask for them go by what was "
                    "known before"
                )
                return
            if self._watch is None or routes == self.known:
                return
            self.known = routes
            self._say(routes)
            await self._put(routes)

    def _say(self, routes: Routes) -> None:
        """What of the routes our rules do not know."""
        if routes.rows is None:
            self._log.error(
                f"there are more than {MAX_ROUTES} routes: src_type, dst_type and reverse_path "
                "cannot be asked; rules with them are not met"
            )
        if routes.other_rules and not self._told_rules:
            self._log.warning(
                f"{routes.other_rules} policy routing rules (ip rule) beside the standard ones: "
                "src_type, dst_type and reverse_path know the tables local, main and default only"
            )
        self._told_rules = routes.other_rules
