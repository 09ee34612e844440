"""The elements that were added to sets at run time, as the supervisor knows them.

A worker has them, and judges by them; here they are so that the next worker gets them, and of sets
with `persist: true` the next daemon. People's changes are known at once, those of rules as soon as
the worker has told them. Times are monotonic here, as in the worker: the wall clock may be set. The
file has those of the wall clock, which goes on while nobody runs.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any, Final

from firewalld_py.policy.errors import Fault
from firewalld_py.policy.set_elements import element_text, read_elements
from firewalld_py.rules.build import Plan, plan_sets
from firewalld_py.rules.sets import MAXIMUM
from firewalld_py.service.element_messages import FOR_EVER, SetNews
from firewalld_py.service.element_store import Elements, ElementStore, StoreError
from firewalld_py.service.journal import Log
from firewalld_py.service.set_requests import SetRequests

CLOCK_STEP_S: Final = 2.0  # by so much the wall clock was set: what the file says is wrong

Element = tuple[str, str]  # packed and lengths, hex


class KnownElements:
    """By set and element, until when. `plan` gives the policy in force.

    Of a set twice as many are kept as it may have, for some have run out; then no more.
    """

    def __init__(self, store: ElementStore, log: Log, plan: Callable[[], Plan]) -> None:
        self._store = store
        self._log = log
        self._plan = plan
        self._until: dict[str, dict[Element, float]] = {}
        self._sets: dict[str, Plan] = {}  # as of the last time that the policy changed
        self._stored: Elements = {}  # of sets that the rules do not have, or not with `persist`
        self._unsaved = False
        self._clock = _clock()  # as of the last time that the file was written
        self._saving = asyncio.Lock()

    # --- what happens to elements ---

    def added(self, name: str, element: Element, seconds: float) -> None:
        """It is in the set for so long from now on (FOR_EVER: 0)."""
        elements = self._until.setdefault(name, {})
        most = 2 * int(self._sets.get(name, {}).get("maximum", MAXIMUM))
        if len(elements) >= most and element not in elements:
            self.prune()
            elements = self._until[name]
            if len(elements) >= most:
                return
        elements[element] = math.inf if seconds == FOR_EVER else time.monotonic() + seconds
        self._unsaved = True

    def removed(self, name: str, element: Element) -> None:
        if self._until.get(name, {}).pop(element, None) is not None:
            self._unsaved = True

    def replace(self, name: str, rows: list[list[Any]]) -> None:
        """All that the set has now, as a worker lists it (see SetListed)."""
        self._until[name] = {}
        for row in rows:
            self.added(name, (row[0], row[1]), row[2])
        self._unsaved = True

    def take_news(self, news: SetNews) -> None:
        """What rules have done."""
        for name, packed, lengths, is_added, seconds in news.changes:
            if is_added:
                self.added(name, (packed, lengths), seconds)
            else:
                self.removed(name, (packed, lengths))

    # --- the next worker ---

    def names(self) -> list[str]:
        """The sets of which something is known."""
        return list(self._until)

    async def restore(self, worker: SetRequests, names: list[str]) -> None:
        """Hand the elements of these sets to a worker."""
        now = time.monotonic()
        for name in names:
            rows = [
                [*element, FOR_EVER if until == math.inf else until - now]
                for element, until in self._until.get(name, {}).items()
                if until > now
            ]
            await worker.restore(name, rows)

    # --- the next daemon ---

    async def load(self) -> None:
        """Take up what the last daemon left; what cannot be read is told, and no more."""
        try:
            self._stored = await asyncio.to_thread(self._store.load, time.time())
        except StoreError as error:
            self._log.warning(f"elements of sets are lost: {error}", event="sets")
        self.policy_changed()

    def policy_changed(self) -> list[str]:
        """Begin anew with sets that are gone or of another type. Those that come from the file.

        Of a set with `persist` that is gone the elements stay in the file: it may come back.
        """
        before, self._sets = self._sets, plan_sets(self._plan())
        for name in list(self._until):
            data = self._sets.get(name)
            if data is None or (name in before and before[name]["type"] != data["type"]):
                if name in before and before[name].get("persist"):
                    self._stored[name] = self._texts(name, before[name]["type"])
                del self._until[name]
        found = [name for name in _persistent(self._sets) if name in self._stored]
        for name in found:
            self._take_up(name, self._sets[name]["type"], self._stored.pop(name))
        return found

    def _take_up(self, name: str, words: list[str], elements: dict[str, float | None]) -> None:
        unfit = 0
        known = self._until.setdefault(name, {})
        for text, until in elements.items():
            try:
                ((packed, lengths),) = read_elements(words, text)
            except (Fault, ValueError):
                unfit += 1
                continue
            known.setdefault(
                (packed.hex(), lengths.hex()), math.inf if until is None else until - _clock()
            )
        if unfit:
            self._log.warning(
                f"{unfit} elements of {self._store.path} do not fit set {name} any more "
                "and are left out",
                event="sets",
            )

    async def save(self) -> str | None:
        """Write what changed since the last time; why that is impossible, or None."""
        async with self._saving:
            clock = _clock()
            if not self._unsaved and abs(clock - self._clock) < CLOCK_STEP_S:
                return None
            elements = self._elements()
            self._unsaved, self._clock = False, clock
            if not elements:
                return None
            try:
                await asyncio.to_thread(self._store.save, elements, time.time())
            except StoreError as error:
                self._unsaved = True
                return str(error)
            return None

    def _elements(self) -> Elements:
        """What the file is to hold; empty if there is no set that it is for."""
        elements: Elements = dict(self._stored)
        for name in _persistent(self._sets):
            elements[name] = self._texts(name, self._sets[name]["type"])
        return elements

    def _texts(self, name: str, words: list[str]) -> dict[str, float | None]:
        """The elements of a set as the file has them."""
        now, clock = time.monotonic(), _clock()
        return {
            element_text(words, bytes.fromhex(packed), bytes.fromhex(lengths)): (
                None if until == math.inf else round(until + clock, 3)
            )
            for (packed, lengths), until in self._until.get(name, {}).items()
            if until > now
        }

    def prune(self) -> None:
        """Forget what has run out."""
        now = time.monotonic()
        for elements in self._until.values():
            over = [element for element, until in elements.items() if until <= now]
            for element in over:
                del elements[element]


def _persistent(sets: dict[str, Plan]) -> list[str]:
    """The sets whose elements outlive the daemon."""
    return [name for name, data in sets.items() if data.get("persist")]


def _clock() -> float:
    """What the wall clock shows more than the monotonic one."""
    return time.time() - time.monotonic()
