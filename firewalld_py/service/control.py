"""The control socket: one JSON line asks, one JSON line answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

MAX_LINE: Final = 1 << 20
SOCKET_MODE: Final = 0o660
CONNECT_TIMEOUT_S: Final = 5.0

Answer = dict[str, Any]
Handler = Callable[[Answer], Awaitable[Answer]]


class NotRunningError(Exception):
    """No daemon answers on the control socket."""


class AlreadyRunningError(Exception):
    """Another daemon answers on the control socket."""


class ControlServer:
    """Answers requests such as {"verb": "status"}; `handlers` maps each verb to what answers it."""

    def __init__(self, path: str, handlers: dict[str, Handler]) -> None:
        self._path = Path(path)
        self._handlers = handlers
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises AlreadyRunningError, or OSError if the socket cannot be made."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.is_socket():
            if _answers(self._path):
                raise AlreadyRunningError(f"another daemon answers on {self._path}")
            self._path.unlink()  # left behind by one that was killed
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE)
        self._path.chmod(SOCKET_MODE)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                line = await reader.readline()
            except ValueError:
                line = b""  # longer than MAX_LINE
            if line:
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
            handler = self._handlers[request["verb"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"ok": False, "error": "not a request that this daemon knows"}
        return await handler(request)


def ask(path: str, request: Answer, timeout_s: float) -> Answer:
    """Put a request to the daemon and wait for its answer.

    Raises NotRunningError, PermissionError, or TimeoutError.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunningError(f"no daemon answers on {path}") from error
        client.sendall(json.dumps(request).encode() + b"\n")
        with client.makefile("rb") as lines:
            line = lines.readline()
    if not line:
        raise NotRunningError(f"the daemon on {path} went away while it was asked")
    answer = json.loads(line)
    assert isinstance(answer, dict)
    return answer


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(CONNECT_TIMEOUT_S)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
