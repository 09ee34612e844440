"""The control socket: a daemon that answers, none, a second one, and nonsense."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firewalld_py.service.control import (
    MAX_LINE,
    SOCKET_MODE,
    AlreadyRunningError,
    Answer,
    ControlServer,
    NotRunningError,
    ask,
)

TIMEOUT_S = 10.0


async def echo(request: Answer) -> Answer:
    return {"ok": True, "asked": request}


def served(path: Path, work: Callable[[], object]) -> object:
    """What `work` gives, done in a thread beside a server on `path`."""

    async def run() -> object:
        server = ControlServer(str(path), {"echo": echo})
        await server.start()
        try:
            return await asyncio.to_thread(work)
        finally:
            await server.close()

    return asyncio.run(run())


def raw(path: Path, line: bytes) -> bytes:
    """What the server answers to these octets."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(str(path))
        client.sendall(line)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            return answer.read()


def test_a_request_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "run" / "control.sock"
    request = {"verb": "echo", "text": "ä" * 1000}
    answer = served(path, lambda: ask(str(path), request, TIMEOUT_S))
    assert answer == {"ok": True, "asked": request}


def test_the_socket_is_for_its_owner_and_group_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    mode = served(path, lambda: stat.S_IMODE(path.stat().st_mode))
    assert mode == SOCKET_MODE
    assert not path.exists()


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{\n", b"[]\n", b"7\n", b'{"verb": "dance"}\n', b'{"verb": ["echo"]}\n', b"\xff\n",
     b'{"verb": null}\n', b"{}\n", b"[" * 100_000 + b"\n"],
    ids=lambda line: repr(line[:20]),
)  # fmt: skip
def test_nonsense_is_answered_as_such(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "control.sock"
    answer = served(path, lambda: raw(path, line))
    assert isinstance(answer, bytes)
    assert json.loads(answer) == {"ok": False, "error": "not a request that this daemon knows"}


def test_who_says_nothing_or_too_much_is_hung_up_on_and_the_server_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    def work() -> list[object]:
        answers: list[object] = [raw(path, b"")]
        try:
            answers.append(raw(path, b"x" * (MAX_LINE + 1000)))
        except ConnectionError:
            answers.append(b"")
        return [*answers, ask(str(path), {"verb": "echo"}, TIMEOUT_S)["ok"]]

    assert served(path, work) == [b"", b"", True]


def test_no_daemon_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="no daemon answers"):
        ask(str(tmp_path / "control.sock"), {"verb": "echo"}, TIMEOUT_S)


def left_behind(path: Path) -> None:
    """A socket file whose owner was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
        dead.listen()


def test_a_socket_that_was_left_behind_answers_nobody_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    left_behind(path)
    with pytest.raises(NotRunningError):
        ask(str(path), {"verb": "echo"}, TIMEOUT_S)
    answer = served(path, lambda: ask(str(path), {"verb": "echo"}, TIMEOUT_S))
    assert answer == {"ok": True, "asked": {"verb": "echo"}}


def test_a_second_daemon_is_refused_and_the_first_is_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    def work() -> object:
        async def second() -> None:
            await ControlServer(str(path), {}).start()

        with pytest.raises(AlreadyRunningError):
            asyncio.run(second())
        return ask(str(path), {"verb": "echo"}, TIMEOUT_S)["ok"]

    assert served(path, work) is True


def hung_up(path: Path, serve: Callable[[socket.socket], Awaitable[None] | None]) -> None:
    """Ask a server that accepts and then does what `serve` does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                serve(connection)

        async def run() -> None:
            async with asyncio.timeout(TIMEOUT_S):
                await asyncio.gather(
                    asyncio.to_thread(answer),
                    asyncio.to_thread(ask, str(path), {"verb": "echo"}, TIMEOUT_S),
                )

        asyncio.run(run())


def test_a_daemon_that_goes_away_while_it_is_asked_is_not_running(tmp_path: Path) -> None:
    def read_and_leave(connection: socket.socket) -> None:
        connection.recv(MAX_LINE)

    with pytest.raises(NotRunningError, match="went away"):
        hung_up(tmp_path / "control.sock", read_and_leave)
