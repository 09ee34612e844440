"""The verbs about sets as the control socket answers them, with a real worker behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from firewalld_py.rules.build import Plan
from firewalld_py.service.control import Answer
from firewalld_py.service.element_store import ElementStore
from firewalld_py.service.journal import Log
from firewalld_py.service.known_elements import KnownElements
from firewalld_py.service.logline import Entry
from firewalld_py.service.set_control import MAX_ELEMENTS, MAX_LOGGED, SetControl
from firewalld_py.service.worker_process import WorkerProcess
from tests.live.queue_bench import QueueBench
from tests.plans import a_set, networks, plan, rule
from tests.unit.test_worker_process import supervised

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

BANNED: Final = {**a_set(*networks("198.51.100.0/24"), lifetime=600.0), "persist": True}
SETS: Final = {"banned": BANNED, "ports": a_set(type_=("port",)), "small": a_set(maximum=1)}
RULES: Final = [rule("drop", ("set", ["banned", [of]])) for of in ("src", "dst")]
PLAN: Final = plan(output=[*RULES, rule("accept")], sets=SETS)


class Asked:
    """The verbs of a daemon whose worker judges by `plan`."""

    def __init__(
        self, worker: WorkerProcess, directory: Path, policy: Plan, bench: QueueBench | None = None
    ) -> None:
        self._bench = bench
        self.journal: list[str] = []
        self._log = Log(writer=self)
        self.store = ElementStore(str(directory))
        self.known = KnownElements(self.store, self._log, lambda: policy)
        self.worker = worker
        control = SetControl(self.known, self._log, lambda: policy, self._present)
        self._handlers = control.handlers()

    def write(self, entry: Entry, giving_up: Callable[[], bool]) -> None:
        assert not giving_up()
        self.journal.append(entry.message)

    async def _present(self) -> WorkerProcess:
        return self.worker

    async def __call__(self, verb: str, **request: Any) -> Answer:
        return await self._handlers[verb]({"verb": verb, **request})

    async def outcomes(self, verb: str, *elements: str, **request: Any) -> list[tuple[Any, ...]]:
        answer = await self(verb, elements=list(elements), **request)
        assert answer["ok"], answer
        return [
            (entry["element"], entry["outcome"], entry["seconds"], entry["by"], entry["from"])
            for entry in answer["elements"]
        ]

    @property
    def bench(self) -> QueueBench:
        assert self._bench is not None
        return self._bench

    def logged(self) -> list[str]:
        self._log.close()
        return self.journal


Case = Callable[[Asked], Awaitable[None]]
Run = Callable[[Case], None]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with QueueBench() as bench:

        def with_worker(case: Case) -> None:
            async def work(worker: WorkerProcess) -> None:
                await worker.put_rules(1, PLAN)
                await worker.bound
                asked = Asked(worker, tmp_path, PLAN, bench)
                await asked.known.load()
                await case(asked)

            supervised(bench, work)

        yield with_worker


def test_a_ban_a_longer_one_a_shorter_one_and_its_end(run: Run) -> None:
    async def case(asked: Asked) -> None:
        one = "192.0.2.1"
        assert await asked.outcomes("ban", one) == [(one, "added", 600.0, one, "run time")]
        ((_, outcome, seconds, *_),) = await asked.outcomes("ban", one, seconds=60)
        assert outcome == "kept"
        assert 590 < seconds <= 600
        longer = await asked.outcomes("ban", one, seconds=7200)
        assert longer == [(one, "extended", 7200.0, one, "run time")]
        for_ever = await asked.outcomes("ban", one, seconds=0)
        assert for_ever == [(one, "extended", None, one, "run time")]
        assert await asked.outcomes("unban", one) == [(one, "removed", None, None, None)]
        assert await asked.outcomes("unban", one) == [(one, "not there", None, None, None)]
        assert asked.logged() == [
            "192.0.2.1 for 600 s banned in set banned, 0 connections ended",
            "192.0.2.1 for 7200 s banned in set banned, 0 connections ended",
            "192.0.2.1 banned in set banned, 0 connections ended",
            "192.0.2.1 removed from set banned",
        ]

    run(case)


def test_who_is_unbanned_but_stays_within_a_network_is_told_which(run: Run) -> None:
    async def case(asked: Asked) -> None:
        inside = "198.51.100.7"
        assert await asked.outcomes("ban", inside) == [(inside, "added", 600.0, inside, "run time")]
        assert await asked.outcomes("unban", inside, "198.51.100.0/24") == [
            (inside, "removed", None, "198.51.100.0/24", "rules"),
            ("198.51.100.0/24", "static", None, "198.51.100.0/24", "rules"),
        ]
        await asked.outcomes("ban", "192.0.2.0/24")
        ((*_, by, whose),) = await asked.outcomes("set", "192.0.2.9", action="test", set="banned")
        assert (by, whose) == ("192.0.2.0/24", "run time")

    run(case)


def test_a_list_and_a_flush(run: Run) -> None:
    async def case(asked: Asked) -> None:
        await asked.outcomes("set", "80", "tcp:1000-1999", action="add", set="ports")
        listed = await asked("set", action="list", set="ports")
        assert (listed["type"], listed["lifetime"], listed["persist"]) == (["port"], None, False)
        assert {entry["element"] for entry in listed["elements"]} >= {"80", "tcp:1000-1007"}
        assert listed["total"] == len(listed["elements"])
        every = await asked("set", action="list")
        assert [(entry["set"], entry["total"]) for entry in every["sets"]] == [
            ("banned", 1),
            ("ports", listed["total"]),
            ("small", 0),
        ]
        flushed = await asked("set", action="flush", set="ports")
        assert flushed["removed"] == listed["total"]
        assert (await asked("set", action="list", set="ports"))["elements"] == []

    run(case)


def test_all_bans_end_at_once_but_those_of_the_rule_file(run: Run) -> None:
    async def case(asked: Asked) -> None:
        await asked.outcomes("ban", *(f"10.0.{n // 250}.{n % 250}" for n in range(1000)))
        answer = await asked("unban", all=True)
        assert (answer["set"], answer["removed"]) == ("banned", 1000)
        listed = await asked("set", action="list", set="banned")
        assert [(entry["element"], entry["from"]) for entry in listed["elements"]] == [
            ("198.51.100.0/24", "rules")
        ]
        assert asked.store.load(0.0) == {"banned": {}}

    run(case)


def test_what_the_rule_file_has_comes_last(run: Run) -> None:
    async def case(asked: Asked) -> None:
        await asked.outcomes("ban", "192.0.2.1", "192.0.2.2")
        listed = await asked("set", action="list", set="banned")
        assert [entry["from"] for entry in listed["elements"]] == ["run time", "run time", "rules"]
        assert listed["total"] == 3

    run(case)


def test_connections_of_what_found_no_room_go_on(run: Run) -> None:
    async def case(asked: Asked) -> None:
        asked.bench.send(b"opens one from and to 127.0.0.1")
        asked.bench.received(1)
        answer = await asked("ban", elements=["10.0.0.1", "127.0.0.1"], set="small")
        assert [entry["outcome"] for entry in answer["elements"]] == ["added", "full"]
        assert answer["ended"] == 0
        assert (await asked("ban", elements=["127.0.0.1"]))["ended"] == 1

    run(case)


def test_who_is_told_of_a_ban_finds_it_in_the_file(run: Run) -> None:
    async def case(asked: Asked) -> None:
        await asked.outcomes("ban", "192.0.2.1", "2001:db8::/32")
        assert set(asked.store.load(0.0)["banned"]) == {"192.0.2.1", "2001:db8::/32"}
        await asked.outcomes("unban", "192.0.2.1")
        assert set(asked.store.load(0.0)["banned"]) == {"2001:db8::/32"}

    run(case)


def test_a_disk_that_takes_nothing_is_a_warning_and_the_ban_stands(
    run: Run, tmp_path: Path
) -> None:
    async def case(asked: Asked) -> None:
        (tmp_path / "sets.json").mkdir()
        answer = await asked("ban", elements=["192.0.2.1"])
        assert answer["ok"]
        (warning,) = answer["warnings"]
        assert "a restart will not keep this" in warning

    run(case)


def test_a_set_that_is_full_takes_no_more(run: Run) -> None:
    async def case(asked: Asked) -> None:
        found = await asked.outcomes("set", "10.0.0.1", "10.0.0.2", action="add", set="small")
        assert [row[:2] for row in found] == [("10.0.0.1", "added"), ("10.0.0.2", "full")]
        answer = await asked("ban", elements=["10.0.0.1"], set="small")
        assert "no rule drops what is in set small" in answer["warnings"][0]

    run(case)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"verb": "ban", "elements": []}, "no elements are given"),
        ({"verb": "ban", "elements": "192.0.2.1"}, "no elements are given"),
        ({"verb": "ban", "elements": ["example.org"]}, "names are never resolved"),
        ({"verb": "ban", "elements": ["192.0.2.1/24"]}, "did you mean 192.0.2.0/24?"),
        ({"verb": "ban", "elements": ["192.0.2.1"], "set": "bnned"}, "did you mean banned?"),
        ({"verb": "ban", "elements": ["192.0.2.1"], "set": "ports"}, "holds no addresses"),
        ({"verb": "ban", "elements": ["192.0.2.1"] * (MAX_ELEMENTS + 1)}, "from a file"),
        ({"verb": "ban", "elements": ["192.0.2.1"], "seconds": -1}, "a lifetime is"),
        ({"verb": "ban", "elements": ["192.0.2.1"], "seconds": "1h"}, "a lifetime is"),
        ({"verb": "set", "action": "paint", "set": "banned"}, "no such action"),
        ({"verb": "set", "action": "flush"}, "there is no set None"),
        ({"verb": "set", "action": "flush", "set": "port"}, "did you mean ports?"),
        ({"verb": "set", "action": "flush", "set": "zzzz"}, "there are: banned, ports, small"),
    ],
)
def test_what_makes_no_sense_is_said_to_be_so(
    tmp_path: Path, request_: dict[str, Any], error: str
) -> None:
    async def case() -> Answer:
        asked = Asked(WorkerProcess.__new__(WorkerProcess), tmp_path, PLAN)  # it is never asked
        return await asked(**request_)

    answer = asyncio.run(case())
    assert (answer["ok"], answer["usage"]) == (False, True)
    assert error in answer["error"]


def test_a_worker_that_has_ended_is_an_error(run: Run) -> None:
    async def case(asked: Asked) -> None:
        asked.worker.kill()
        await asked.worker.wait()
        answer = await asked("ban", elements=["192.0.2.1"])
        assert not answer["ok"]
        assert "usage" not in answer
        assert "has ended" in answer["error"]

    run(case)


def test_the_journal_names_a_few_of_many(run: Run) -> None:
    async def case(asked: Asked) -> None:
        await asked.outcomes("ban", *(f"192.0.2.{n}" for n in range(20)))
        (line,) = asked.logged()
        assert line.count("192.0.2.") == MAX_LOGGED
        assert " and 10 more banned in set banned" in line

    run(case)
