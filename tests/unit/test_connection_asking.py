"""Asking a worker for connections: one question at a time, and what comes of a worker that ends."""

from __future__ import annotations

import asyncio

import pytest

from firewalld_py.service.connection_answer import answer_connections
from firewalld_py.service.connection_asking import ConnectionAsking, RequestError
from firewalld_py.service.messages import ConnectionsEnd, ConnectionsRequest, Message, Tracked


def asking() -> tuple[ConnectionAsking, list[Message]]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    return ConnectionAsking(send), sent


async def until_sent(sent: list[Message], count: int) -> None:
    while len(sent) < count:
        await asyncio.sleep(0)


def test_answers_go_to_who_asked() -> None:
    async def work() -> None:
        ask, sent = asking()
        one = asyncio.create_task(ask.ask({"sport": "1-1"}, 5))
        other = asyncio.create_task(ask.ask({}, 7))
        await until_sent(sent, 1)
        assert sent == [ConnectionsRequest(1, 5, {"sport": "1-1"})]
        ask.take(Tracked(1, ["a"]))
        ask.take(ConnectionsEnd(1, 9))
        assert await one == ([["a"]], 9)
        await until_sent(sent, 2)
        assert sent[1] == ConnectionsRequest(2, 7, {})
        ask.take(Tracked(1, ["late"]))  # of one that was given up
        ask.take(ConnectionsEnd(2, 0))
        assert await other == ([], 0)
        ask.take(ConnectionsEnd(2, 0))  # nobody waits

    asyncio.run(work())


def test_who_gives_up_leaves_the_next_his_turn() -> None:
    async def work() -> None:
        ask, sent = asking()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask.ask({}, 1), 0.01)
        other = asyncio.create_task(ask.ask({}, 1))
        await until_sent(sent, 2)
        ask.take(ConnectionsEnd(2, 3))
        assert await other == ([], 3)

    asyncio.run(work())


def test_a_worker_that_ends_or_does_not_understand_is_told() -> None:
    async def work() -> None:
        ask, sent = asking()
        one = asyncio.create_task(ask.ask({}, 1))
        await until_sent(sent, 1)
        ask.fail(ConnectionError("gone"))
        with pytest.raises(ConnectionError, match="gone"):
            await one
        other = asyncio.create_task(ask.ask({}, 1))
        await until_sent(sent, 2)
        ask.take(ConnectionsEnd(2, 0, "what?"))
        with pytest.raises(RequestError, match="what"):
            await other

    asyncio.run(work())


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({}, "says wanted and at_most"),
        ({"wanted": {}, "at_most": True}, "says wanted and at_most"),
        ({"wanted": [], "at_most": 1}, "says wanted and at_most"),
        ({"wanted": {}, "at_most": 1}, "there is no worker"),
    ],
)
def test_what_the_socket_says_to_who_asks_wrongly(request_: dict[str, object], error: str) -> None:
    answer = asyncio.run(answer_connections(None, request_))
    assert not answer["ok"]
    assert error in answer["error"]
