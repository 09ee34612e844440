"""Elements over the life of the daemon: asked for where they were not told, written, handed on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from firewalld_py.policy.config import Config, SetsConfig
from firewalld_py.rules.build import Plan
from firewalld_py.service import live_sets
from firewalld_py.service.element_messages import ADD, FOR_EVER, SetNews
from firewalld_py.service.element_store import ElementStore
from firewalld_py.service.journal import Log
from firewalld_py.service.live_sets import LiveSets
from firewalld_py.service.logline import Entry
from firewalld_py.service.worker_process import WorkerProcess
from tests.live.queue_bench import QueueBench
from tests.plans import a_set, plan
from tests.unit.test_worker_process import supervised

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

SETS: Final = {"banned": {**a_set(), "persist": True}}
ONE: Final = ["c0000201", "20"]
TURN_S: Final = 0.02


class Life:
    """The sets of a daemon whose policy can be changed, with what it logs."""

    def __init__(self, worker: WorkerProcess, directory: Path) -> None:
        self.policy: Plan = plan(sets=SETS)
        self.said: list[str] = []
        self.store = ElementStore(str(directory))
        self._worker = worker
        config = Config(sets=SetsConfig(str(directory)))
        self.sets = LiveSets(config, Log(writer=self), lambda: self.policy, self.present)

    def write(self, entry: Entry, giving_up: Callable[[], bool]) -> None:
        assert not giving_up()
        self.said.append(entry.message)

    async def present(self) -> WorkerProcess:
        return self._worker

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """While `keep` runs."""
        keeping = asyncio.ensure_future(self.sets.keep())
        try:
            yield
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    async def stored(self, wanted: set[str]) -> None:
        """Wait until the file has these elements of `banned`."""
        while set(self.store.load(0.0).get("banned", {})) != wanted:
            await asyncio.sleep(TURN_S)


Run = Callable[[Callable[[Life], Awaitable[None]]], None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    for name in ("ASK_S", "SAVE_S", "PRUNE_S"):
        monkeypatch.setattr(live_sets, name, TURN_S)
    with QueueBench() as bench:

        def with_worker(case: Callable[[Life], Awaitable[None]]) -> None:
            async def work(worker: WorkerProcess) -> None:
                life = Life(worker, tmp_path)
                await life.sets.begin()
                await life.sets.restore(worker.sets)
                await worker.put_rules(1, life.policy)
                await worker.bound
                await case(life)

            supervised(bench, work)

        yield with_worker


def test_what_rules_add_is_written_soon(run: Run) -> None:
    async def case(life: Life) -> None:
        async with life.kept():
            life.sets.take_news(SetNews([["banned", *ONE, True, 60.0]], 0))
            await life.stored({"192.0.2.1"})
            life.sets.take_news(SetNews([["banned", *ONE, False, FOR_EVER]], 0))
            await life.stored(set())

    run(case)


def test_what_was_not_told_is_asked_for(run: Run) -> None:
    async def case(life: Life) -> None:
        worker = await life.present()
        await worker.sets.change("banned", ADD, [["c0000202", "20"]], 60.0)
        life.sets.take_news(SetNews([["banned", *ONE, True, 60.0]], 0))
        async with life.kept():
            await life.stored({"192.0.2.1"})  # nobody has told of the other one
            life.sets.take_news(SetNews([], 3))
            await life.stored({"192.0.2.2"})

    run(case)


def test_at_the_end_all_is_written_and_the_next_worker_has_it(run: Run) -> None:
    async def case(life: Life) -> None:
        life.sets.take_news(SetNews([["banned", *ONE, True, 60.0]], 0))
        await life.sets.finish()
        assert set(life.store.load(0.0)["banned"]) == {"192.0.2.1"}

    async def next_one(life: Life) -> None:
        worker = await life.present()
        assert await worker.sets.count("banned") == 1

    run(case)
    run(next_one)


def test_a_set_that_comes_with_a_reload_gets_what_the_file_has_of_it(
    run: Run, tmp_path: Path
) -> None:
    ElementStore(str(tmp_path)).save({"later": {"192.0.2.1": None}}, 0.0)

    async def case(life: Life) -> None:
        worker = await life.present()
        life.policy = plan(sets={**SETS, "later": {**a_set(), "persist": True}})
        await worker.put_rules(2, life.policy)
        await life.sets.policy_changed()
        assert await worker.sets.count("later") == 1

    run(case)


def test_a_disk_that_takes_nothing_is_told_once(run: Run, tmp_path: Path) -> None:
    async def case(life: Life) -> None:
        (tmp_path / "sets.json").mkdir()
        async with life.kept():
            life.sets.take_news(SetNews([["banned", *ONE, True, 60.0]], 0))
            while not life.said:
                await asyncio.sleep(TURN_S)
            tried_at = tmp_path.stat().st_mtime_ns
            while tmp_path.stat().st_mtime_ns == tried_at:  # each try makes a file, and removes it
                await asyncio.sleep(TURN_S)
            assert len(life.said) == 1
            assert "a restart will not keep the elements of sets" in life.said[0]
            (tmp_path / "sets.json").rmdir()
            await life.stored({"192.0.2.1"})

    run(case)
