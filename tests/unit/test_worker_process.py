"""A worker as the supervisor holds it: started, given rules, asked, stopped, lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from firewalld_py.policy.config import Config, QueueConfig
from firewalld_py.service.links import Links
from firewalld_py.service.messages import LogEvent, Message
from firewalld_py.service.worker_process import WorkerFailedError, WorkerProcess
from tests.live.queue_bench import QUEUE, QueueBench
from tests.plans import a_set, log, plan, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

TIMEOUT_S = 10.0
CONFIG = Config(queue=QueueConfig(number=QUEUE))


@pytest.fixture
def bench() -> Iterator[QueueBench]:
    with QueueBench() as made:
        yield made


def supervised(
    bench: QueueBench,
    work: Callable[[WorkerProcess], Awaitable[None]],
    on_event: Callable[[Message], None] = lambda _event: None,
    config: Config = CONFIG,
) -> None:
    """Do `work` with a worker that was started in the bench's namespace."""

    async def run() -> None:
        worker = WorkerProcess(config, on_event)
        await worker.start(Links({1: "lo"}, []))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await work(worker)
        finally:
            worker.kill()
            assert worker.process is not None
            await worker.process.wait()
            worker.close()

    with bench.namespace.entered():
        asyncio.run(run())


def test_rules_are_in_force_when_they_were_put_and_then_it_is_bound(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await worker.put_rules(1, plan())
        await worker.bound
        bench.send(b"a")
        assert bench.received(1) == [b"a"]
        while (stats := await worker.fresh_stats()).packets == 0:
            pass  # the sign of life that was under way already
        assert (stats.generation, stats.packets) == (1, 1)
        assert worker.stats is not None

    supervised(bench, work)


def test_a_large_rule_set_is_put_in_parts_and_in_order(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        rules = [rule("drop", ("sport", [[1, 1]]))] * 157
        last = [rule("accept", name="last"), rule("drop", name="too late")]
        await worker.put_rules(1, plan(output=[*rules, *last], input_=rules, policy="drop"))
        await worker.bound
        bench.send(b"meets the last rule")
        assert bench.received(1) == [b"meets the last rule"]

    supervised(bench, work)


def test_a_rule_with_a_very_long_list_arrives_and_judges(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        address = int.from_bytes(bytes((11, 0, 0, 0)), "big")
        blocked = [[f"{address + 2 * n:08x}", f"{address + 2 * n:08x}"] for n in range(30_000)]
        rules = [rule("drop", ("src", blocked)), rule("accept")]
        await worker.put_rules(1, plan(output=rules))
        await worker.bound
        bench.send(b"from elsewhere")
        assert bench.received(1) == [b"from elsewhere"]

    supervised(bench, work)


def test_a_large_set_arrives_in_parts_and_is_asked(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        elsewhere = b"".join(bytes((11, n >> 8, n & 0xFF, 0, 24)) for n in range(30_000))
        local = bytes((127, 0, 0, 0, 8))
        sets = {
            "elsewhere": {**a_set(), "elements": [[4, elsewhere.hex()]]},
            "both": {**a_set(), "elements": [[4, (elsewhere + local).hex()]]},
        }
        rules = [
            rule("drop", ("set", ["elsewhere", ["src"]])),
            rule("accept", ("set", ["both", ["src"]])),
        ]
        await worker.put_rules(1, plan(output=rules, policy="drop", sets=sets))
        await worker.bound
        bench.send(b"from here")
        assert bench.received(1) == [b"from here"]

    supervised(bench, work)


def test_what_rules_added_to_a_set_outlives_a_reload(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        sets = {"seen": a_set()}
        adding = [rule("accept", targets=[("add", ["seen", ["src"], None])])]
        await worker.put_rules(1, plan(output=adding, sets=sets))
        await worker.bound
        bench.send(b"a")
        assert bench.received(1) == [b"a"]
        asking = [rule("accept", ("set", ["seen", ["src"]]))]
        await worker.put_rules(2, plan(output=asking, policy="drop", sets=sets))
        bench.send(b"b")
        assert bench.received(1) == [b"b"]

    supervised(bench, work)


def test_rules_that_are_refused_are_an_error_with_the_workers_words(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await worker.put_rules(1, plan())
        with pytest.raises(WorkerFailedError, match="colour"):
            await worker.put_rules(2, plan([rule("accept", ("colour", 1))]))
        assert (await worker.fresh_stats()).generation == 1

    supervised(bench, work)


def test_what_the_worker_tells_of_packets_is_passed_on(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await worker.put_rules(1, plan(output=[rule("drop", log=log("no "))]))
        await worker.bound
        bench.send(b"x")
        event = await events.get()
        assert isinstance(event, LogEvent)
        assert event.prefix == "no "

    events: asyncio.Queue[Message] = asyncio.Queue()
    supervised(bench, work, events.put_nowait)


def test_it_tells_what_is_expected_as_often_as_it_is_asked(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await worker.put_rules(1, plan())
        await worker.bound
        answers = await asyncio.gather(worker.expectations(), worker.expectations())
        assert list(answers) == [([], 0), ([], 0)]

    supervised(bench, work)


def test_who_asks_a_dead_worker_what_is_expected_is_told(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        asking = asyncio.ensure_future(worker.expectations())  # it has no rules, so nobody answers
        await asyncio.sleep(0)
        worker.kill()
        with pytest.raises(WorkerFailedError, match="has ended"):
            await asking

    supervised(bench, work)


def test_stopped_it_has_ended(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        await worker.put_rules(1, plan())
        await worker.bound
        await worker.stop()
        assert worker.process is not None
        assert worker.process.returncode == 0
        with pytest.raises(WorkerFailedError):
            await worker.fresh_stats()

    supervised(bench, work)


def test_who_waits_for_a_worker_that_dies_is_told(bench: QueueBench) -> None:
    async def work(worker: WorkerProcess) -> None:
        bound = asyncio.ensure_future(worker.bound)
        worker.kill()
        with pytest.raises(WorkerFailedError, match="has ended"):
            await bound
        with pytest.raises(WorkerFailedError, match="has ended"):
            await worker.put_rules(1, plan())

    supervised(bench, work)


def test_a_worker_that_cannot_bind_says_why(bench: QueueBench) -> None:
    async def first(holder: WorkerProcess) -> None:
        await holder.put_rules(1, plan())
        await holder.bound
        second = WorkerProcess(CONFIG, lambda _event: None)
        await second.start(Links({}, []))
        await second.put_rules(1, plan())
        with pytest.raises(WorkerFailedError) as failure:
            await second.bound
        assert "has ended" not in str(failure.value)  # it is the worker's own word
        assert second.process is not None
        assert await second.process.wait() == 1
        second.close()

    supervised(bench, first)
