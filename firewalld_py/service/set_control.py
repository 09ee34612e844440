"""Sets by the control socket: lists, changes, bans.

A change is done by the worker, then known here, then written where the set persists, then answered:
who is told of a ban may pull the plug.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from firewalld_py.policy.errors import Fault, nearest
from firewalld_py.policy.set_elements import read_elements
from firewalld_py.rules.build import Plan, plan_sets
from firewalld_py.rules.sets import REMOVED
from firewalld_py.service.ban_choice import ChoiceError, choose, warnings
from firewalld_py.service.control import Answer, Handler
from firewalld_py.service.element_messages import (
    ADD,
    FOR_EVER,
    OWN_LIFETIME,
    REMOVE,
    TEST,
)
from firewalld_py.service.journal import Log
from firewalld_py.service.known_elements import KnownElements
from firewalld_py.service.set_answers import declaration, element_entry, outcome_entry, timed
from firewalld_py.service.set_requests import SetRefusedError
from firewalld_py.service.worker_process import (
    WorkerEndedError,
    WorkerFailedError,
    WorkerProcess,
)

TIMEOUT_S: Final = 25.0  # a table of a million connections is gone through in a second or two
ATTEMPTS: Final = 2  # a worker may end meanwhile, for reasons of its own
MAX_ELEMENTS: Final = 10_000  # of one request
MAX_TOLD: Final = 100_000  # elements in one answer
MAX_LOGGED: Final = 10  # elements that one line names
MAX_SECONDS: Final = 3650 * 86400


_DONE: Final = ("added", "extended", "removed")
T = TypeVar("T")


class RequestError(Exception):
    """What was asked for makes no sense; the message says what would."""


class SetControl:
    """What answers the verbs `set`, `ban` and `unban`; `present` gives the worker that judges."""

    def __init__(
        self,
        known: KnownElements,
        log: Log,
        plan: Callable[[], Plan],
        present: Callable[[], Awaitable[WorkerProcess]],
    ) -> None:
        self._known = known
        self._log = log
        self._plan = plan
        self._present = present

    def handlers(self) -> dict[str, Handler]:
        """By verb of the control socket."""
        return {
            "set": self._guarded(self._set),
            "ban": self._guarded(self._ban),
            "unban": self._guarded(self._unban),
        }

    def _guarded(self, handler: Handler) -> Handler:
        """Errors become answers; `usage` says that the asker is to blame."""

        async def answer(request: Answer) -> Answer:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    return await handler(request)
            except (RequestError, ChoiceError) as error:
                return {"ok": False, "usage": True, "error": str(error)}
            except (SetRefusedError, WorkerFailedError) as error:
                return {"ok": False, "error": str(error)}
            except TimeoutError:
                return {"ok": False, "error": f"no worker did it within {TIMEOUT_S:.0f} s"}

        return answer

    # --- the verbs ---

    async def _set(self, request: Answer) -> Answer:
        actions = {
            "list": self._list,
            "add": self._add,
            "remove": self._remove,
            "test": self._test,
            "flush": self._flush,
        }
        action = actions.get(str(request.get("action")))
        if action is None:
            raise RequestError("no such action with sets")
        name = request.get("set")
        if name is None and action == self._list:
            return await self._overview()
        return await action(self._declared(name), request)

    async def _overview(self) -> Answer:
        """All sets, without their elements."""
        sets = []
        for name, data in plan_sets(self._plan()).items():
            sets.append({"set": name, **declaration(data), "total": await self._count(name)})
        return {"ok": True, "sets": sets}

    async def _list(self, name: str, _request: Answer) -> Answer:
        rows, total = await self._elements(name)
        data = plan_sets(self._plan())[name]
        elements = await asyncio.to_thread(
            lambda: [element_entry(data["type"], row) for row in rows[:MAX_TOLD]]
        )
        answer: Answer = {"ok": True, "set": name, **declaration(data)}
        return {**answer, "elements": elements, "total": total}

    async def _add(self, name: str, request: Answer) -> Answer:
        outcomes = await self._change(name, ADD, self._read(name, request), _seconds(request))
        self._tell("added to", name, outcomes)
        return {"ok": True, "set": name, "elements": outcomes, **await self._kept(name)}

    async def _remove(self, name: str, request: Answer) -> Answer:
        outcomes = await self._change(name, REMOVE, self._read(name, request), FOR_EVER)
        self._tell("removed from", name, outcomes)
        return {"ok": True, "set": name, "elements": outcomes, **await self._kept(name)}

    async def _test(self, name: str, request: Answer) -> Answer:
        outcomes = await self._change(name, TEST, self._read(name, request), FOR_EVER)
        return {"ok": True, "set": name, "elements": outcomes}

    async def _flush(self, name: str, _request: Answer) -> Answer:
        count = await self._with_worker(lambda worker: worker.sets.flush(name))
        rows, _total = await self._with_worker(
            lambda worker: worker.sets.elements(name, with_static=False)
        )
        self._known.replace(name, rows)  # rules may have added others meanwhile
        self._log.notice(f"set {name} emptied of {count} elements", event="sets")
        return {"ok": True, "set": name, "removed": count, **await self._kept(name)}

    async def _ban(self, request: Answer) -> Answer:
        name = choose(self._plan(), _text(request, "set"))
        elements = self._read(name, request)
        outcomes = await self._change(name, ADD, elements, _seconds(request))
        rows = [
            [packed.hex(), lengths.hex()]
            for (packed, lengths), entry in zip(elements, outcomes, strict=True)
            if entry["by"] is not None  # else the set is full, and rules let it open them again
        ]
        ended = await self._with_worker(lambda worker: worker.sets.end_connections(rows))
        self._tell("banned in", name, outcomes, f", {ended} connections ended")
        kept = await self._kept(name)
        said = [*warnings(self._plan(), name), *kept.pop("warnings", [])]
        answer: Answer = {"ok": True, "set": name, "elements": outcomes, "ended": ended}
        return {**answer, "warnings": said}

    async def _unban(self, request: Answer) -> Answer:
        name = choose(self._plan(), _text(request, "set"))
        if request.get("all"):
            return await self._flush(name, request)
        return await self._remove(name, request)

    # --- their parts ---

    def _declared(self, name: object) -> str:
        sets = plan_sets(self._plan())
        if not isinstance(name, str) or name not in sets:
            near = nearest(str(name), sets)
            there = f"there are: {', '.join(sets)}" if sets else "the rules have no sets"
            hint = f"did you mean {near}?" if near else there
            raise RequestError(f"there is no set {name}; {hint}")
        return name

    def _read(self, name: str, request: Answer) -> list[tuple[bytes, bytes]]:
        """The elements of a request. Raises RequestError with all that are none."""
        texts = request.get("elements")
        if not isinstance(texts, list) or not texts:
            raise RequestError("no elements are given")
        if len(texts) > MAX_ELEMENTS:
            raise RequestError(
                f"more than {MAX_ELEMENTS} elements at once; a set can have them from a file"
            )
        words = plan_sets(self._plan())[name]["type"]
        elements: list[tuple[bytes, bytes]] = []
        faults = []
        for text in texts:
            try:
                elements += read_elements(words, str(text))
            except Fault as fault:
                faults.append(_said(fault))
        if faults:
            raise RequestError("\n".join(faults[:10]))
        return elements

    async def _change(
        self, name: str, action: str, elements: list[tuple[bytes, bytes]], seconds: float
    ) -> list[Answer]:
        """What came of each element, in words."""
        rows = [[packed.hex(), lengths.hex()] for packed, lengths in elements]
        outcomes = await self._with_worker(
            lambda worker: worker.sets.change(name, action, rows, seconds)
        )
        words = plan_sets(self._plan())[name]["type"]
        answers = []
        for row, (outcome, left, covering, is_static) in zip(rows, outcomes, strict=True):
            if action == ADD and covering == row and not is_static:
                self._known.added(name, (row[0], row[1]), left)
            elif action == REMOVE and outcome == REMOVED:
                self._known.removed(name, (row[0], row[1]))
            answers.append(outcome_entry(words, row, (outcome, left, covering, is_static)))
        return answers

    def _tell(self, what: str, name: str, outcomes: list[Answer], more: str = "") -> None:
        """The journal shall know what people changed."""
        done = [entry for entry in outcomes if entry["outcome"] in _DONE]
        if not done:
            return
        shown = ", ".join(timed(entry) for entry in done[:MAX_LOGGED])
        rest = f" and {len(done) - MAX_LOGGED} more" if len(done) > MAX_LOGGED else ""
        self._log.notice(f"{shown}{rest} {what} set {name}{more}", event="sets")

    async def _count(self, name: str) -> int:
        return await self._with_worker(lambda worker: worker.sets.count(name))

    async def _elements(self, name: str) -> tuple[list[list[Any]], int]:
        """Those of the rule file last: of very many not all are told."""
        rows, total = await self._with_worker(
            lambda worker: worker.sets.elements(name, with_static=False)
        )
        if await self._count(name) > total:
            every, total = await self._with_worker(
                lambda worker: worker.sets.elements(name, with_static=True)
            )
            rows += [row for row in every if row[3]]
        return rows, total

    async def _kept(self, name: str) -> Answer:
        """Have the change outlive the daemon, if the set does; a warning where that fails."""
        if not plan_sets(self._plan())[name].get("persist"):
            return {"warnings": []}
        failed = await self._known.save()
        return {"warnings": [] if failed is None else [f"a restart will not keep this: {failed}"]}

    async def _with_worker(self, work: Callable[[WorkerProcess], Awaitable[T]]) -> T:
        """Have it done by the worker that judges, or by the one that takes its place."""
        attempt = 1
        while True:
            worker = await self._present()
            try:
                return await work(worker)
            except WorkerEndedError:
                if attempt == ATTEMPTS:
                    raise
                attempt += 1


def _text(request: Answer, key: str) -> str | None:
    value = request.get(key)
    return None if value is None else str(value)


def _said(fault: Fault) -> str:
    return (
        f"{fault.message}; did you mean {fault.suggestion}?" if fault.suggestion else fault.message
    )


def _seconds(request: Answer) -> float:
    """How long what is added stays."""
    seconds = request.get("seconds")
    if seconds is None:
        return OWN_LIFETIME
    if type(seconds) not in (int, float) or not 0 <= seconds <= MAX_SECONDS:
        raise RequestError(f"a lifetime is 1 to {MAX_SECONDS} seconds, or 0 for ever")
    return float(seconds)
