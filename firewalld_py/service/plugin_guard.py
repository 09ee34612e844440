"""A helper of another package, kept from doing harm by being slow or wrong.

The core trusts its helpers: they are quick and never raise. One that comes from outside is wrapped
in this: each call has a budget of time, and with the first call that exceeds it, raises or answers
nonsense the helper is switched off, for the life of the worker. The packet is then judged as if its
connection had no helper. (This is no sandbox: a plug-in is code, with all that a worker may do.)
"""

from __future__ import annotations

import resource
import time
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Final

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.expectation import Expectation
from firewalld_py.conntrack.helpers.base import Call, Helper, Tables
from firewalld_py.packet.reasons import EXPECTATION_REFUSED, HELPER_COMMAND, OK

# A packet costs some microseconds, a helper in plain Python ten or a hundred; all packets wait for
# it meanwhile, and in 2 ms some hundreds of them come. It is what a batch of packets takes.
BUDGET_S: Final = 0.002
YEAR_S: Final = 366 * 86400  # no connection is to live longer without a packet
VERDICTS: Final = (OK, HELPER_COMMAND, EXPECTATION_REFUSED)

# Told of a helper by name: what has become of it, in words that follow "helper NAME".
Report = Callable[[str, str], None]


class GuardedHelper(Helper):
    """The helper `inner`. It may expect nothing towards hosts that take no part."""

    def __init__(self, inner: Helper, report: Report, budget_s: float = BUDGET_S) -> None:
        super().__init__(inner.name, frozenset(inner.readable), list(inner.policies))
        self.is_off = False
        self._inner = inner
        self._report = report
        self._budget_s = budget_s

    def inspect(self, payload: bytes, connection: Connection, direction: int, call: Call) -> int:
        """As the helper says, if it says something that it may; OK once it is switched off.

        With the call that switches it off, what the connection expected is forgotten.
        """
        if self.is_off:
            return OK
        deadline = connection.deadline
        verdict = self._watched(self._inner.inspect, payload, connection, direction, call)
        if not self.is_off:
            if type(verdict) is not int or verdict not in VERDICTS:
                self._switch_off(f"inspect() gave {_shown(verdict)}, which is no verdict of its")
            elif not connection.deadline <= call.now + YEAR_S:
                self._switch_off("its connection would live for ever")
            else:
                return verdict
        connection.deadline = deadline
        call.tables.expectations.forget_master(connection)
        return OK

    def opened(self, child: Connection, expectation: Expectation, tables: Tables) -> None:
        self._watched(self._inner.opened, child, expectation, tables)

    def destroyed(self, connection: Connection, tables: Tables) -> None:
        self._watched(self._inner.destroyed, connection, tables)

    def child_destroyed(self, child: Connection, master: Connection, tables: Tables) -> None:
        self._watched(self._inner.child_destroyed, child, master, tables)

    def _watched(self, work: Callable[..., object], *arguments: object) -> object:
        """What `work` gives; None if it failed, which switches the helper off."""
        if self.is_off:
            return None
        waits = _waits()
        computed = time.thread_time()
        began = time.perf_counter()
        try:
            result = work(*arguments)
        except (Exception, SystemExit) as fault:
            self._switch_off(f"{work.__name__}() raised {fault_words(fault)}")
            return None
        took_s = time.perf_counter() - began
        if took_s > self._budget_s and (
            # Else others had the processor meanwhile.
            time.thread_time() - computed > self._budget_s or _waits() > waits
        ):
            self._switch_off(
                f"{work.__name__}() took {took_s * 1000:.1f} ms, "
                f"and all packets wait meanwhile ({self._budget_s * 1000:.0f} ms are allowed)"
            )
            return None
        return result

    def _switch_off(self, why: str) -> None:
        self.is_off = True
        self._report(self.name, f"is switched off until the worker is replaced: {why}")


def _waits() -> int:
    """How often this thread has waited for something."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def fault_words(fault: BaseException) -> str:
    """An exception and where it was raised, in one line."""
    try:
        text = str(fault)
    except Exception:
        text = "(its text raises too)"
    where = ""
    if frames := traceback.extract_tb(fault.__traceback__):
        where = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})"
    return f"{type(fault).__name__}: {' '.join(text.split())[:200]}{where}"


def _shown(value: object) -> str:
    return str(value) if type(value) is int else f"a {type(value).__name__}"
