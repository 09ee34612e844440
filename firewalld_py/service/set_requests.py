"""What the supervisor asks a worker about sets: each request once, its answer awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from firewalld_py.service.element_messages import (
    COUNT,
    FLUSH,
    MAX_ELEMENTS,
    EndConnections,
    SetAnswer,
    SetChange,
    SetListed,
    SetRequest,
    SetRestore,
)
from firewalld_py.service.messages import Message

Rows = Sequence[list[Any]]
MAX_ROWS: Final = 200_000  # of a list that is being told; a worker tells fewer


class SetRefusedError(Exception):
    """The worker did not do it, for instance because there is no such set; the message is its."""


class SetRequests:
    """Requests to one worker: `send` brings them there, `take` is given what comes back."""

    def __init__(self, send: Callable[[Message], Awaitable[None]]) -> None:
        self._send = send
        self._number = 0
        self._one_end = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[SetAnswer]] = {}
        self._told: dict[int, list[list[Any]]] = {}

    async def change(
        self, set_name: str, action: str, elements: Rows, seconds: float
    ) -> list[list[Any]]:
        """Do `action` with each element; the outcomes, in order (see SetAnswer)."""
        outcomes: list[list[Any]] = []
        for part in _parts(elements):
            change = SetChange(self._next(), set_name, action, part, seconds)
            outcomes += (await self._ask(change)).outcomes
        return outcomes

    async def flush(self, set_name: str) -> int:
        """Remove all that was added at run time; how many that were."""
        return (await self._ask(SetChange(self._next(), set_name, FLUSH, [], 0.0))).count

    async def count(self, set_name: str) -> int:
        """How many elements it has, among them some whose time has only just run out."""
        return (await self._ask(SetChange(self._next(), set_name, COUNT, [], 0.0))).count

    async def elements(self, set_name: str, *, with_static: bool) -> tuple[list[list[Any]], int]:
        """The rows of a set (see SetListed), as many as a worker tells, and how many there are."""
        rows: list[list[Any]] = []
        answer = await self._ask(SetRequest(self._next(), set_name, with_static), rows)
        return rows, answer.count

    async def end_connections(self, networks: Rows) -> int:
        """End what comes from or goes to these networks; how many connections that were."""
        number = self._next()
        *parts, last = _parts(networks) or [[]]
        async with self._one_end:  # their parts stay together
            for part in parts:
                await self._send(EndConnections(number, part, more=True))
            return (await self._ask(EndConnections(number, last, more=False))).count

    async def restore(self, set_name: str, elements: Rows) -> None:
        """Elements that were there before; a worker without rules has them when it gets these."""
        for part in _parts(elements):
            await self._send(SetRestore(set_name, part))

    def take(self, message: SetAnswer | SetListed) -> None:
        """Something came back; what nobody waits for any more is ignored."""
        if isinstance(message, SetListed):
            rows = self._told.get(message.number)
            if rows is not None and len(rows) < MAX_ROWS:
                rows += message.elements
            return
        waiter = self._waiting.get(message.number)
        if waiter is None or waiter.done():
            return
        if message.error:
            waiter.set_exception(SetRefusedError(message.error))
        else:
            waiter.set_result(message)

    def fail(self, error: Exception) -> None:
        """No answer will come: the worker has ended."""
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_exception(error)

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _ask(
        self,
        request: SetChange | SetRequest | EndConnections,
        rows: list[list[Any]] | None = None,
    ) -> SetAnswer:
        number = request.number
        waiter: asyncio.Future[SetAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiter
        if rows is not None:
            self._told[number] = rows
        try:
            await self._send(request)
            return await waiter
        finally:
            del self._waiting[number]
            self._told.pop(number, None)
            if waiter.done() and not waiter.cancelled():
                waiter.exception()  # it may have failed while the request was being sent


def _parts(rows: Rows) -> list[list[list[Any]]]:
    """No more than MAX_ELEMENTS each."""
    return [list(rows[at : at + MAX_ELEMENTS]) for at in range(0, len(rows), MAX_ELEMENTS)]
