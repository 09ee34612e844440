"""The control socket: one JSON line asks, one JSON line answers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

MAX_LINE: Final = 1 << 20
SOCKET_MODE: Final = 0o660
CONNECT_TIMEOUT_S: Final = 5.0
REQUEST_TIMEOUT_S: Final = 5.0
MAX_CLIENTS: Final = 32  # at once; more are sent away

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
        self._clients = 0

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
        self._clients += 1
        try:
            if self._clients <= MAX_CLIENTS:
                await self._serve_one(reader, writer)
        except (ConnectionError, TimeoutError):
            pass  # it went away, or had nothing to say
        finally:
            self._clients -= 1
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), REQUEST_TIMEOUT_S)
        except ValueError:
            return  # longer than MAX_LINE
        if line:
            writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
            await writer.drain()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
            handler = self._handlers[request["verb"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"ok": False, "error": "not a request that this daemon knows"}
        try:
            return await handler(request)
        except Exception as error:
            return {"ok": False, "error": f"internal error: {type(error).__name__}: {error}"}


def ask(path: str, request: Answer, timeout_s: float) -> Answer:
    """Put a request to the daemon and wait for its answer.

    Raises NotRunningError, PermissionError, or TimeoutError.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(path)
        except (PermissionError, TimeoutError):
            raise
        except OSError as error:
            raise NotRunningError(f"no daemon answers on {path}: {error.strerror}") from error
        try:
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as lines:
                answer = json.loads(lines.readline())
        except (ConnectionError, ValueError) as error:
            raise NotRunningError(f"the daemon on {path} went away while it was asked") from error
    if not isinstance(answer, dict):
        raise NotRunningError(f"what answers on {path} is no firewalld-py")
    return answer


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(CONNECT_TIMEOUT_S)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
