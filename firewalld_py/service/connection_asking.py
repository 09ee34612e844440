"""Asking a worker for connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from firewalld_py.service.messages import ConnectionsEnd, ConnectionsRequest, Message, Tracked


class RequestError(ValueError):
    """The worker cannot make sense of what was asked."""


class ConnectionAsking:
    """One question at a time; others wait for their turn."""

    def __init__(self, send: Callable[[Message], Awaitable[None]]) -> None:
        self._send = send
        self._turn = asyncio.Lock()
        self._number = 0
        self._rows: list[list[Any]] = []
        self._waiter: asyncio.Future[int] | None = None

    async def ask(self, wanted: dict[str, str], at_most: int) -> tuple[list[list[Any]], int]:
        """The rows of some of the connections that fit, and how many fit in all.

        Raises RequestError, or what `fail` was given.
        """
        async with self._turn:
            self._number += 1
            self._rows = []
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._send(ConnectionsRequest(self._number, at_most, wanted))
                return self._rows, await self._waiter
            finally:
                self._waiter = None
                self._rows = []

    def take(self, message: Tracked | ConnectionsEnd) -> None:
        """A part of the answer; nobody waits for one that was given up."""
        waiter = self._waiter
        if waiter is None or waiter.done() or message.number != self._number:
            return
        if isinstance(message, Tracked):
            self._rows.append(message.rows)
        elif message.error:
            waiter.set_exception(RequestError(message.error))
        else:
            waiter.set_result(message.total)

    def fail(self, error: Exception) -> None:
        """Nobody will answer any more."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
