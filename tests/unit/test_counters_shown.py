"""Named counters on their way from a worker's rules to who asks: `rules counters`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from firewalld_py.cli.exits import NOT_RUNNING
from firewalld_py.cli.main import main
from firewalld_py.cli.rules import counter_lines
from firewalld_py.rules.memory import Memory
from firewalld_py.service.channel import PIECE_OCTETS
from firewalld_py.service.counter_answer import answer_counters
from firewalld_py.service.counter_asking import PER_PART, CounterAsking, counters_part
from firewalld_py.service.messages import Counters, CountersRequest, Message, encode
from firewalld_py.service.worker_process import WorkerEndedError


def memory_of(count: int) -> Memory:
    memory = Memory()
    for number in range(count):
        memory.counter(f"{number:05}").packets = number
    return memory


class Asked:
    """Who asks, and what answers: rule sets, one after the other."""

    def __init__(self, *memories: Memory) -> None:
        self.asking = CounterAsking(self.send)
        self.memories = list(memories)
        self.generation = 1

    async def send(self, message: Message) -> None:
        assert isinstance(message, CountersRequest)
        part = counters_part(message, self.generation, self.memories[0])
        asyncio.get_running_loop().call_soon(self.asking.take, part)
        if len(self.memories) > 1:
            self.memories.pop(0)
            self.generation += 1

    def rows(self) -> list[list[Any]]:
        return asyncio.run(self.asking.ask())


@pytest.mark.parametrize("count", [0, 1, PER_PART, PER_PART + 1, 3 * PER_PART + 5])
def test_all_are_told_however_many_parts_it_takes(count: int) -> None:
    assert Asked(memory_of(count)).rows() == [[f"{n:05}", n, 0] for n in range(count)]


def test_a_reload_between_two_parts_begins_anew() -> None:
    assert len(Asked(memory_of(500), memory_of(250)).rows()) == 250
    assert len(Asked(memory_of(500), memory_of(250), memory_of(3)).rows()) == 3


def test_the_longest_names_fit_into_one_datagram() -> None:
    memory = Memory()
    for number in range(PER_PART):
        counter = memory.counter(f"{number:02}" + "ü" * 62)
        counter.packets = counter.octets = 1 << 62
    assert len(encode(counters_part(CountersRequest(1, 0), 1, memory))) < PIECE_OCTETS


def test_who_gave_up_gets_no_late_answer_and_who_waits_hears_of_the_end() -> None:
    async def work() -> None:
        async def send(_message: Message) -> None: ...

        asking = CounterAsking(send)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asking.ask(), 0.01)
        other = asyncio.create_task(asking.ask())
        await asyncio.sleep(0)
        asking.take(Counters(1, 1, [["late", 1, 1]], 1))
        asking.fail(WorkerEndedError("it ended"))
        with pytest.raises(WorkerEndedError):
            await other
        asking.fail(WorkerEndedError("nobody waits"))

    asyncio.run(work())


def test_without_a_worker_there_is_an_error() -> None:
    assert not asyncio.run(answer_counters(None))["ok"]


def test_they_are_shown_by_name_with_numbers_below_each_other() -> None:
    counters = {"up": {"packets": 7, "octets": 12345}, "down": {"packets": 1200, "octets": 5}}
    assert counter_lines(counters) == [
        "1200 packets      5 octets  down",
        "   7 packets  12345 octets  up",
    ]
    assert counter_lines({}) == []


def test_without_a_daemon_the_verb_says_so(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"control: {{socket: {tmp_path}/none}}\n")
    assert main(["--config", str(config), "rules", "counters"]) == NOT_RUNNING
    assert "no daemon answers" in capsys.readouterr().err
