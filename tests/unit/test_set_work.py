"""What a worker does with sets as it is asked: at once what is short, the rest a little a turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from firewalld_py.conntrack.connection import Connection
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.conntrack.flow import reply_key
from firewalld_py.conntrack.tracker import Settings
from firewalld_py.rules.set_elements import EXACT_PORT, pack_port
from firewalld_py.rules.set_table import FOREVER
from firewalld_py.rules.sets import (
    ADDED,
    EXTENDED,
    FULL,
    KEPT,
    NOT_THERE,
    REMOVED,
    STATIC,
    Change,
    News,
    Set,
)
from firewalld_py.service.channel import Channel, channel_pair
from firewalld_py.service.element_messages import (
    ADD,
    FLUSH,
    FOR_EVER,
    IN_SET,
    MAX_ELEMENTS,
    NOT_IN_SET,
    OWN_LIFETIME,
    REMOVE,
    TEST,
    EndConnections,
    SetAnswer,
    SetChange,
    SetListed,
    SetNews,
    SetRequest,
    SetRestore,
)
from firewalld_py.service.messages import Message, StatsRequest
from firewalld_py.service.set_work import MAX_WAITING, NEWS_S, Sets, SetWork
from tests import wire

NOW: Final = 1000.0
HOST: Final = "20"  # 32 bits, hex
NETWORK: Final = "18"


class Bench:
    """Set work with the supervisor's end of its pipe."""

    def __init__(self, ours: Channel, theirs: Channel) -> None:
        self.ours = ours
        self.theirs = theirs
        self.conntrack = Conntrack(Settings())
        self.news = News()
        self.banned = Set("banned", ["address"], 1000, 60.0, news=self.news)
        self.banned.put(bytes((198, 51, 100, 0)), bytes((24,)))
        self.banned.seal()
        self.sets: Sets = {"banned": self.banned}
        self.work = SetWork(theirs, self.conntrack)
        self.work.rules_changed(self.sets, News(), NOW)

    def told(self, now: float = NOW) -> list[Message]:
        """All that it says until it has no more to do."""
        heard = list(self.ours.receive(1000))
        self.work.turn(self.sets, self.news, now)
        while self.work.is_busy:
            heard += self.ours.receive(1000)
            self.work.turn(self.sets, self.news, now)
        return heard + list(self.ours.receive(1000))

    def answer(self, message: Any, now: float = NOW) -> SetAnswer:
        self.work.obey(message, self.sets, now)
        (answer,) = self.told(now)
        assert isinstance(answer, SetAnswer)
        assert answer.number == message.number
        return answer

    def change(self, action: str, *texts: str, seconds: float = FOR_EVER, now: float = NOW) -> Any:
        """The outcomes: what came of each element, for how long, and what covers it."""
        answer = self.answer(SetChange(7, "banned", action, elements(*texts), seconds), now)
        assert answer.error == ""
        return [tuple(row) for row in answer.outcomes]


def elements(*texts: str) -> list[list[str]]:
    return [list(text.split("/")) if "/" in text else [text, HOST] for text in texts]


@pytest.fixture
def bench() -> Iterator[Bench]:
    ours, theirs = channel_pair()
    with theirs:
        yield Bench(ours, Channel(theirs))
    ours.close()


def test_a_second_time_extends_and_never_shortens(bench: Bench) -> None:
    one = ["c0000201", HOST]
    assert bench.change(ADD, "c0000201", seconds=30.0) == [(ADDED, 30.0, one, False)]
    assert bench.change(ADD, "c0000201", seconds=10.0) == [(KEPT, 30.0, one, False)]
    assert bench.change(ADD, "c0000201", seconds=OWN_LIFETIME) == [(EXTENDED, 60.0, one, False)]
    assert bench.change(ADD, "c0000201", seconds=FOR_EVER) == [(EXTENDED, FOR_EVER, one, False)]
    assert bench.change(ADD, "c0000201", seconds=10.0) == [(KEPT, FOR_EVER, one, False)]


def test_what_is_removed_is_there_no_more_and_what_the_file_has_stays(bench: Bench) -> None:
    bench.change(ADD, "c0000201")
    assert bench.change(REMOVE, "c0000201", "c0000202") == [
        (REMOVED, FOR_EVER, [], False),
        (NOT_THERE, FOR_EVER, [], False),
    ]
    of_file = ["c6336400", NETWORK]
    assert bench.change(REMOVE, "c6336400/18") == [(STATIC, FOR_EVER, of_file, True)]
    assert bench.change(REMOVE, "c6336407") == [(NOT_THERE, FOR_EVER, of_file, True)]


def test_a_test_names_the_element_that_covers_it(bench: Bench) -> None:
    bench.change(ADD, "c0000200/18", seconds=30.0)
    assert bench.change(TEST, "c0000207", "c6336407", "c0000200/18", "c0000200/19", "0a000001") == [
        (IN_SET, 30.0, ["c0000200", NETWORK], False),
        (IN_SET, FOR_EVER, ["c6336400", NETWORK], True),
        (IN_SET, 30.0, ["c0000200", NETWORK], False),
        (NOT_IN_SET, FOR_EVER, [], False),
        (NOT_IN_SET, FOR_EVER, [], False),
    ]
    assert bench.change(TEST, "c0000207", now=NOW + 31) == [(NOT_IN_SET, FOR_EVER, [], False)]


def test_of_other_sets_too(bench: Bench) -> None:
    ports = Set("ports", ["port"])
    ports.put(pack_port(80, wire.TCP), bytes((EXACT_PORT,)))
    ports.seal()
    bench.sets = {"ports": ports}
    web, other = [pack_port(80, wire.TCP).hex(), "10"], [pack_port(81, wire.TCP).hex(), "10"]
    answer = bench.answer(SetChange(1, "ports", TEST, [web, other], 0.0))
    assert answer.outcomes == [[IN_SET, 0.0, web, True], [NOT_IN_SET, 0.0, [], False]]


def test_a_set_that_is_full_says_so(bench: Bench) -> None:
    bench.banned.maximum = 1
    assert [row[0] for row in bench.change(ADD, "c0000201", "c0000202")] == [ADDED, FULL]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (SetChange(7, "absent", ADD, [], 0.0), "there is no set absent"),
        (SetRequest(7, "absent", True), "there is no set absent"),
        (SetChange(7, "banned", "paint", [], 0.0), "no such action: paint"),
        (SetChange(7, "banned", ADD, [["c0000201", HOST]] * (MAX_ELEMENTS + 1), 0.0), "more than"),
        (SetChange(7, "banned", ADD, [["c00002", HOST]], 0.0), "no element of this type"),
        (SetChange(7, "banned", ADD, [["c0000201", NETWORK]], 0.0), "beyond"),
        (SetChange(7, "banned", REMOVE, [["c0000201", "21"]], 0.0), "bits"),
        (SetChange(7, "banned", TEST, [["zz", HOST]], 0.0), "non-hexadecimal"),
        (SetChange(7, "banned", ADD, [7], 0.0), "unpack"),
        (SetChange(7, "banned", ADD, [[1, 2]], 0.0), "fromhex"),
        (EndConnections(7, [["c0000201", "21"]], more=False), "no network"),
        (EndConnections(7, [["c00002", "08"]], more=False), "no network"),
        (EndConnections(7, [["c0000201", ""]], more=False), "no network"),
    ],
)
def test_nonsense_is_refused_in_words(bench: Bench, message: Message, error: str) -> None:
    assert error in bench.answer(message).error
    assert bench.banned.dynamic.count == 0


def listed(bench: Bench, *, with_static: bool, now: float = NOW) -> tuple[list[Any], int]:
    bench.work.obey(SetRequest(3, "banned", with_static), bench.sets, now)
    *parts, end = bench.told(now)
    assert isinstance(end, SetAnswer)
    rows: list[Any] = []
    for part in parts:
        assert isinstance(part, SetListed)
        assert len(part.elements) <= MAX_ELEMENTS
        rows += part.elements
    return rows, end.count


def test_a_list_has_all_elements_with_what_was_counted(bench: Bench) -> None:
    bench.change(ADD, "c0000201", seconds=30.0)
    bench.change(ADD, "c0000202")
    entry = bench.banned.dynamic.get(bytes((192, 0, 2, 1)), bytes((32,)))
    assert entry is not None
    entry.packets, entry.octets = 3, 180
    rows, total = listed(bench, with_static=True, now=NOW + 10)
    assert rows == [
        ["c6336400", NETWORK, FOR_EVER, True, 0, 0],
        ["c0000201", HOST, 20.0, False, 3, 180],
        ["c0000202", HOST, FOR_EVER, False, 0, 0],
    ]
    assert total == 3
    assert listed(bench, with_static=False)[0] == [
        ["c0000201", HOST, 30.0, False, 3, 180],
        ["c0000202", HOST, FOR_EVER, False, 0, 0],
    ]
    assert [row[0] for row in listed(bench, with_static=False, now=NOW + 31)[0]] == ["c0000202"]


def many(count: int) -> list[str]:
    return [f"0a{number:06x}" for number in range(count)]


def fill(bench: Bench, count: int) -> None:
    for start in range(0, count, MAX_ELEMENTS):
        bench.change(ADD, *many(count)[start : start + MAX_ELEMENTS])


def test_a_long_list_is_told_in_parts_and_what_goes_meanwhile_harms_nothing(bench: Bench) -> None:
    fill(bench, 1000)
    bench.work.obey(SetRequest(3, "banned", False), bench.sets, NOW)
    bench.work.turn(bench.sets, bench.news, NOW)
    first = list(bench.ours.receive(10))
    assert len(first) == 1
    bench.sets = {}  # a reload without it
    (end,) = bench.told()
    assert end == SetAnswer(3, "", [], 0)
    bench.sets = {"banned": bench.banned}
    rows, total = listed(bench, with_static=False)
    assert {row[0] for row in rows} == set(many(1000))
    assert total == 1000


def test_a_flush_removes_what_was_added_at_run_time_and_counts_it(bench: Bench) -> None:
    fill(bench, 999)
    bench.change(ADD, "c0000201", seconds=1.0)
    answer = bench.answer(SetChange(5, "banned", FLUSH, [], 0.0), NOW + 2)
    assert answer.count == 999
    rows, total = listed(bench, with_static=True)
    assert ([row[0] for row in rows], total) == (["c6336400"], 1)


def test_connections_are_ended_and_counted(bench: Bench) -> None:
    for number in range(40):
        ports = number.to_bytes(2, "big") + b"\0\x35"
        key = bytes((192, 0, 2, number)) + wire.SERVER4 + ports + bytes((wire.UDP,))
        connection = Connection(wire.UDP, key, reply_key(key), NOW)
        connection.deadline = NOW + 100
        assert bench.conntrack.table.insert(connection, NOW)
    bench.work.obey(EndConnections(8, [["c0000200", "1b"]], more=True), bench.sets, NOW)
    bench.work.obey(EndConnections(9, [["c0000200", "1e"]], more=True), bench.sets, NOW)
    assert not bench.told()
    last = EndConnections(9, [["c0000203", HOST], ["c0000207", HOST]], more=False)
    assert bench.answer(last).count == 5  # those of 8, whose end never came, are left alone
    assert bench.conntrack.table.size == 35


def test_requests_wait_for_each_other_up_to_a_bound(bench: Bench) -> None:
    for number in range(MAX_WAITING + 1):
        bench.work.obey(EndConnections(number, [], more=False), bench.sets, NOW)
    answers = bench.told()
    assert all(isinstance(answer, SetAnswer) for answer in answers)
    refused = [answer for answer in answers if isinstance(answer, SetAnswer) and answer.error]
    assert [answer.number for answer in refused] == [MAX_WAITING]
    assert len(answers) == MAX_WAITING + 1


def test_an_answer_waits_until_the_pipe_has_room(bench: Bench) -> None:
    while bench.theirs.send(StatsRequest(0)):
        pass
    bench.work.obey(SetChange(7, "banned", ADD, [["c0000201", HOST]], 0.0), bench.sets, NOW)
    bench.work.turn(bench.sets, bench.news, NOW)
    assert bench.work.is_busy
    while list(bench.ours.receive(1000)):
        pass
    (answer,) = bench.told()
    assert isinstance(answer, SetAnswer)
    assert answer.number == 7


def change(number: int, *, is_added: bool = True) -> Change:
    return Change("banned", bytes((10, 0, number >> 8, number & 255)), b" ", NOW + 2, is_added)


def test_what_rules_do_is_told_together_and_what_was_lost_is_counted(bench: Bench) -> None:
    bench.news.tell(change(1))
    (news,) = bench.told()
    assert news == SetNews([["banned", "0a000001", HOST, True, 2.0]], 0)
    for number in range(200):
        bench.news.tell(change(number, is_added=False))
    bench.news.untold = 5
    bench.work.turn(bench.sets, bench.news, NOW + NEWS_S / 2)
    assert not list(bench.ours.receive(10))
    bench.work.turn(bench.sets, bench.news, NOW + NEWS_S)
    bench.work.turn(bench.sets, bench.news, NOW + NEWS_S)
    first, second = bench.ours.receive(10)
    assert isinstance(first, SetNews)
    assert isinstance(second, SetNews)
    assert (len(first.changes), len(second.changes)) == (MAX_ELEMENTS, 200 - MAX_ELEMENTS)
    assert (first.untold, second.untold) == (5, 0)
    assert bench.news.items == []


def test_what_rules_did_is_told_before_what_people_did_after_that(bench: Bench) -> None:
    bench.told(NOW)
    bench.news.tell(change(1))
    assert bench.banned.add(bytes((10, 0, 0, 1)), b" ", NOW + 2, NOW) == ADDED
    removal = SetChange(7, "banned", REMOVE, [["0a000001", HOST]], 0.0)
    bench.work.obey(removal, bench.sets, NOW)
    news, answer = bench.told()
    assert news == SetNews([["banned", "0a000001", HOST, True, 2.0]], 0)
    assert isinstance(answer, SetAnswer)
    for number in range(MAX_ELEMENTS + 1):
        bench.news.tell(change(number))
    bench.work.obey(SetChange(8, "banned", FLUSH, [], 0.0), bench.sets, NOW)
    *told, answer = bench.told()
    assert [type(message) for message in told] == [SetNews, SetNews]
    assert isinstance(answer, SetAnswer)


def test_news_of_rules_that_are_replaced_are_told_too(bench: Bench) -> None:
    before = News()
    before.tell(change(1))
    bench.work.rules_changed(bench.sets, before, NOW)
    (news,) = bench.told()
    assert isinstance(news, SetNews)
    assert len(news.changes) == 1


def test_what_nobody_reads_is_forgotten_from_its_beginning_and_counted(bench: Bench) -> None:
    while bench.theirs.send(StatsRequest(0)):
        pass
    bench.work.obey(SetRequest(1, "banned", True), bench.sets, NOW)  # news come behind it
    most = MAX_ELEMENTS * MAX_WAITING
    for number in range(most + 10):
        bench.news.items.append(change(number))
    bench.work.turn(bench.sets, bench.news, NOW)
    while list(bench.ours.receive(1000)):
        pass
    news = [message for message in bench.told() if isinstance(message, SetNews)]
    assert sum(len(message.changes) for message in news) == most
    assert sum(message.untold for message in news) == 10


def test_elements_that_came_before_the_rules_are_there_when_these_judge() -> None:
    ours, theirs = channel_pair()
    with theirs:
        work = SetWork(Channel(theirs), Conntrack(Settings()))
        banned = Set("banned", ["address"])
        rows = [["c0000201", HOST, 30.0], ["c0000202", HOST, FOR_EVER], ["00", HOST, 0.0], ["x"]]
        work.obey(SetRestore("banned", rows), {}, NOW)
        work.obey(SetRestore("absent", rows), {}, NOW)
        work.rules_changed({"banned": banned}, News(), NOW)
        deadlines = {entry.packed[3]: entry.deadline for entry in banned.dynamic.slots if entry}
        assert deadlines == {1: NOW + 30, 2: FOREVER}
        work.obey(SetRestore("banned", [["c0000203", HOST, 5.0]]), {"banned": banned}, NOW)
        assert banned.contains(bytes((192, 0, 2, 3)), NOW)
        work.rules_changed({"banned": Set("banned", ["address"])}, News(), NOW)
        assert not work.is_busy
        assert not list(ours.receive(10))
    ours.close()
