"""The control socket's answer to who asks for connections."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from firewalld_py.conntrack.search import SearchError, wanted_from_text
from firewalld_py.service.connection_asking import RequestError
from firewalld_py.service.worker_process import WorkerFailedError, WorkerProcess

TIMEOUT_S: Final = 20.0  # a million connections are looked through in a second or two


async def answer_connections(
    worker: WorkerProcess | None, request: dict[str, Any]
) -> dict[str, Any]:
    """The answer to {"verb": "connections", "wanted": {…}, "at_most": 10}."""
    wanted, at_most = request.get("wanted"), request.get("at_most")
    if not isinstance(wanted, dict) or type(at_most) is not int or at_most < 0:
        return {"ok": False, "error": "a request for connections says wanted and at_most"}
    if worker is None:
        return {"ok": False, "error": "there is no worker at the moment"}
    try:
        wanted_from_text(wanted)
        rows, total = await asyncio.wait_for(worker.connections.ask(wanted, at_most), TIMEOUT_S)
    except (WorkerFailedError, SearchError, RequestError) as error:
        return {"ok": False, "error": str(error)}
    except TimeoutError:
        return {"ok": False, "error": f"the worker did not answer within {TIMEOUT_S:.0f} s"}
    return {"ok": True, "connections": rows, "total": total}
