"""The control socket's answer to who asks for named counters."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from firewalld_py.service.worker_process import WorkerFailedError, WorkerProcess

TIMEOUT_S: Final = 5.0


async def answer_counters(worker: WorkerProcess | None) -> dict[str, Any]:
    """The answer to {"verb": "counters"}: packets and octets by name."""
    if worker is None:
        return {"ok": False, "error": "there is no worker at the moment"}
    try:
        rows = await asyncio.wait_for(worker.counters.ask(), TIMEOUT_S)
    except WorkerFailedError as error:
        return {"ok": False, "error": str(error)}
    except TimeoutError:
        return {"ok": False, "error": f"the worker did not answer within {TIMEOUT_S:.0f} s"}
    counters = {name: {"packets": packets, "octets": octets} for name, packets, octets in rows}
    return {"ok": True, "counters": counters}
