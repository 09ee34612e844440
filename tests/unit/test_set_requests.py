"""What the supervisor asks a worker about sets, of a real worker with a real queue."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest

from firewalld_py.rules.sets import ADDED, KEPT, REMOVED
from firewalld_py.service.element_messages import (
    ADD,
    FOR_EVER,
    IN_SET,
    MAX_ELEMENTS,
    REMOVE,
    TEST,
    SetNews,
)
from firewalld_py.service.messages import Message
from firewalld_py.service.set_requests import SetRefusedError
from firewalld_py.service.worker_process import WorkerEndedError, WorkerProcess
from tests.live.queue_bench import QueueBench
from tests.plans import a_set, networks, plan, rule
from tests.unit.test_worker_process import supervised

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

HERE: Final = "7f000001"  # which is where the bench sends from, and to
HOST: Final = "20"
SETS: Final = {"banned": a_set(*networks("198.51.100.0/24"))}
DROPPING: Final = [rule("drop", ("set", ["banned", ["src"]])), rule("accept")]


@pytest.fixture
def bench() -> Iterator[QueueBench]:
    with QueueBench() as made:
        yield made


def hosts(count: int) -> list[list[Any]]:
    return [[f"0a{number:06x}", HOST] for number in range(count)]


async def judging(worker: WorkerProcess) -> None:
    await worker.put_rules(1, plan(output=DROPPING, sets=SETS))
    await worker.bound


def test_elements_come_and_go_and_packets_are_judged_by_them(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await judging(worker)
        bench.send(b"a")
        assert bench.received(1) == [b"a"]
        (outcome,) = await worker.sets.change("banned", ADD, [[HERE, HOST]], FOR_EVER)
        assert outcome == [ADDED, FOR_EVER, [HERE, HOST], False]
        bench.send(b"b")
        while (await worker.fresh_stats()).dropped == 0:
            pass
        assert (await worker.sets.change("banned", REMOVE, [[HERE, HOST]], 0.0))[0][0] == REMOVED
        bench.send(b"c")
        assert bench.received(1) == [b"c"]

    supervised(bench, work)


def test_many_elements_go_in_parts_and_come_back_in_a_list(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await judging(worker)
        outcomes = await worker.sets.change("banned", ADD, hosts(10_000), 600.0)
        assert {row[0] for row in outcomes} == {ADDED}
        assert len(outcomes) == 10_000
        again = await worker.sets.change("banned", ADD, hosts(3), 60.0)
        assert [row[0] for row in again] == [KEPT] * 3
        rows, total = await worker.sets.elements("banned", with_static=True)
        assert (len(rows), total) == (10_001, 10_001)
        assert {row[0] for row in rows} == {"c6336400", *(packed for packed, _ in hosts(10_000))}
        rows, total = await worker.sets.elements("banned", with_static=False)
        assert (len(rows), total) == (10_000, 10_000)
        assert await worker.sets.count("banned") == 10_001
        assert await worker.sets.flush("banned") == 10_000
        assert await worker.sets.count("banned") == 1

    supervised(bench, work)


def test_connections_of_very_many_are_ended_at_once(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await judging(worker)
        bench.send(b"opens one")
        assert bench.received(1) == [b"opens one"]
        assert await worker.sets.end_connections(hosts(2 * MAX_ELEMENTS)) == 0
        assert await worker.sets.end_connections([]) == 0
        one, other = await asyncio.gather(
            worker.sets.end_connections([*hosts(2 * MAX_ELEMENTS), [HERE, HOST]]),
            worker.sets.end_connections(hosts(2 * MAX_ELEMENTS)),
        )
        assert (one, other) == (1, 0)
        assert (await worker.fresh_stats()).connections == 0

    supervised(bench, work)


def test_a_new_worker_has_what_was_restored_before_it_judges(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await worker.sets.restore("banned", [[*row, 60.0] for row in hosts(500)])
        await worker.sets.restore("banned", [[HERE, HOST, FOR_EVER]])
        await judging(worker)
        bench.send(b"a")
        while (await worker.fresh_stats()).packets == 0:
            pass
        assert (await worker.fresh_stats()).dropped == 1
        (outcome,) = await worker.sets.change("banned", TEST, [["0a0001f3", HOST]], 0.0)
        assert outcome[0] == IN_SET
        assert 50 < outcome[1] <= 60

    supervised(bench, work)


def test_what_rules_add_is_told_without_being_asked(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        adding = rule("continue", targets=[("add", ["banned", ["src"], 30.0])])
        await worker.put_rules(1, plan(output=[adding], sets=SETS))
        await worker.bound
        bench.send(b"a")
        news = await events.get()
        assert isinstance(news, SetNews)
        ((name, packed, lengths, is_added, seconds),) = news.changes
        assert (name, packed, lengths, is_added) == ("banned", HERE, HOST, True)
        assert 29 < seconds <= 30

    events: asyncio.Queue[Message] = asyncio.Queue()
    supervised(bench, work, events.put_nowait)


def test_what_cannot_be_done_is_an_error_in_the_workers_words(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await judging(worker)
        with pytest.raises(SetRefusedError, match="there is no set absent"):
            await worker.sets.count("absent")
        with pytest.raises(SetRefusedError, match="beyond"):
            await worker.sets.change("banned", ADD, [[HERE, "18"]], 0.0)

    supervised(bench, work)


def test_who_waits_for_a_worker_that_dies_is_told(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        waiting = asyncio.ensure_future(worker.sets.end_connections(hosts(1)))  # it has no rules
        await asyncio.sleep(0)
        worker.kill()
        with pytest.raises(WorkerEndedError):
            await waiting
        with pytest.raises(WorkerEndedError):
            await worker.sets.count("banned")

    supervised(bench, work)
