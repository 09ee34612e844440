"""The named counters of a worker's rules: a part at a time, each part one question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from firewalld_py.rules.memory import Memory
from firewalld_py.service.messages import Counters, CountersRequest, Message

PER_PART: Final = 100  # of the longest names they fit into one datagram


def counters_part(request: CountersRequest, generation: int, memory: Memory) -> Counters:
    """What a worker answers."""
    names = list(memory.counters)[request.first : request.first + PER_PART]
    found = [(name, memory.counters[name]) for name in names]
    rows = [[name, counter.packets, counter.octets] for name, counter in found]
    return Counters(request.number, generation, rows, len(memory.counters))


class CounterAsking:
    """The supervisor's side: one question at a time; others wait for their turn."""

    def __init__(self, send: Callable[[Message], Awaitable[None]]) -> None:
        self._send = send
        self._turn = asyncio.Lock()
        self._number = 0
        self._waiter: asyncio.Future[Counters] | None = None

    async def ask(self) -> list[list[Any]]:
        """Name, packets and octets of each. Raises what `fail` was given."""
        async with self._turn:
            part = await self._part(0)
            rows = list(part.rows)
            while part.rows and len(rows) < part.total:
                before = part.generation
                part = await self._part(len(rows))
                if part.generation != before:  # other rules are in force by now
                    part, rows = await self._part(0), []
                rows += part.rows
            return rows

    async def _part(self, first: int) -> Counters:
        self._number += 1
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._send(CountersRequest(self._number, first))
            return await self._waiter
        finally:
            self._waiter = None

    def take(self, answer: Counters) -> None:
        """A part; nobody waits for one that was given up."""
        waiter = self._waiter
        if waiter is not None and not waiter.done() and answer.number == self._number:
            waiter.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Nobody will answer any more."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
