"""What a worker does with sets and connections between two batches of packets, as it is asked.

Changes are done at once, for a message holds few; what may take long (a list, a flush, the end of
connections, of which there may be a million) is done a bounded step a turn, one thing after the
other. Answers wait here until the pipe has room.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from firewalld_py.conntrack.ending import Ending, Hosts
from firewalld_py.conntrack.engine import Conntrack
from firewalld_py.rules.set_elements import ADDRESS
from firewalld_py.rules.set_table import FOREVER
from firewalld_py.rules.sets import ALL_LISTED, Change, Listed, News, Set
from firewalld_py.service.channel import Channel, split
from firewalld_py.service.element_messages import (
    ADD,
    COUNT,
    FLUSH,
    FOR_EVER,
    IN_SET,
    MAX_ELEMENTS,
    NOT_IN_SET,
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
from firewalld_py.service.messages import Message

LOOKS_PER_TURN: Final = 512  # at connections: about a millisecond if all of them are ended
MAX_WAITING: Final = 64  # requests that take several turns; one more is refused
MAX_LISTED: Final = 100_000  # elements that a list tells; what is more is counted
NEWS_S: Final = 0.2  # what rules add comes together for so long
PAUSE_MS: Final = 1.0  # for who reads the pipe
MIN_LEFT_S: Final = 0.001

Sets = Mapping[str, Set]
SetRequestMessage = SetChange | SetRestore | SetRequest | EndConnections


class SetWork:
    """Give it messages (`obey`), and a `turn` after each batch of packets."""

    def __init__(self, channel: Channel, conntrack: Conntrack) -> None:
        self._channel = channel
        self._conntrack = conntrack
        self._early: list[SetRestore] | None = []  # None once there were rules
        self._tasks: deque[_Task] = deque()
        self._unsent: deque[bytes] = deque()
        self._to_end: _End | None = None  # more of its networks follow
        self._news: deque[Change] = deque()
        self._untold = 0
        self._next_news = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do, at once or soon."""
        return bool(self._tasks or self._unsent or self._news or self._untold)

    def wait_ms(self, now: float) -> float:
        """How long the next turn can wait if no packet comes; what the pipe does not take waits."""
        if self._unsent:
            return PAUSE_MS
        if self._tasks:
            return 0.0
        return max(self._next_news - now, 0.0) * 1000 if self.is_busy else math.inf

    def obey(self, message: SetRequestMessage, sets: Sets, now: float) -> None:
        """Do what the supervisor wants, or begin to."""
        if isinstance(message, SetRestore):
            if self._early is None:
                _restore(message, sets, now)
            else:
                self._early.append(message)
        elif len(self._tasks) >= MAX_WAITING:
            self._refuse(message.number, "too many requests are waiting")
        else:
            try:
                self._begin(message, sets, now)
            except (ValueError, TypeError, LookupError) as error:
                self._refuse(message.number, f"{error}")

    def rules_changed(self, sets: Sets, before: News, now: float) -> None:
        """Other rules are in force; `before` is what those told that they replace."""
        self._take_news(before)
        if self._early is not None:
            early, self._early = self._early, None
            for message in early:
                _restore(message, sets, now)

    def turn(self, sets: Sets, news: News, now: float) -> None:
        """A bounded piece of what there is to do."""
        self._take_news(news)
        if not self._flushed():
            return
        if self._tasks:
            self._catch_up(news, now)
            task = self._tasks[0]
            if said := task.step(sets, now):
                self._say(said)
                if isinstance(said, SetAnswer):
                    self._tasks.popleft()
        elif (self._news or self._untold) and now >= self._next_news:
            self._tell_news(now)

    def finish(self, news: News, now: float) -> None:
        """Tell what rules did up to the end, as far as the pipe has room."""
        self._take_news(news)
        while self._flushed() and (self._news or self._untold):
            self._tell_news(now)

    def _begin(
        self, message: SetChange | SetRequest | EndConnections, sets: Sets, now: float
    ) -> None:
        if isinstance(message, EndConnections):
            self._gather(message)
            return
        of = _set(sets, message.set_name)
        self._catch_up(of.news, now)
        if isinstance(message, SetRequest):
            self._tasks.append(_List(message))
        elif message.action == FLUSH:
            self._tasks.append(_Flush(message))
        elif message.action == COUNT:
            self._say(SetAnswer(message.number, "", [], of.static_count() + of.dynamic.count))
        else:
            self._say(_change(message, of, now))

    def _gather(self, message: EndConnections) -> None:
        """Begin when all networks are there: to go through the table once is enough."""
        task, self._to_end = self._to_end, None
        if task is None or task.number != message.number:
            task = _End(message.number, self._conntrack)
        task.add(message)
        if message.more:
            self._to_end = task
        else:
            self._tasks.append(task)

    def _refuse(self, number: int, error: str) -> None:
        self._say(SetAnswer(number, error, [], 0))

    def _say(self, message: Message) -> None:
        """Send it, as soon as there is room."""
        (piece,) = split(message)  # MAX_ELEMENTS fit into one
        self._unsent.append(piece)
        self._flushed()

    def _flushed(self) -> bool:
        while self._unsent:
            if not self._channel.send_piece(self._unsent[0]):
                return False
            self._unsent.popleft()
        return True

    def _take_news(self, news: News) -> None:
        if news.items:
            items, news.items = news.items, []
            self._news.extend(items)
        self._untold += news.untold
        news.untold = 0
        while len(self._news) > MAX_ELEMENTS * MAX_WAITING:  # nobody reads the pipe
            self._news.popleft()
            self._untold += 1

    def _catch_up(self, news: News, now: float) -> None:
        """Tell what rules did before it is told what people did after that."""
        self._take_news(news)
        while self._news or self._untold:
            self._tell_news(now)

    def _tell_news(self, now: float) -> None:
        rows: list[Any] = []
        while self._news and len(rows) < MAX_ELEMENTS:
            change = self._news.popleft()
            row = [change.set_name, change.packed.hex(), change.lengths.hex(), change.is_added]
            rows.append([*row, _left(change.deadline, now)])
        untold, self._untold = self._untold, 0
        self._say(SetNews(rows, untold))
        if not self._news:
            self._next_news = now + NEWS_S


class _Task:
    """Something that takes several turns; its step gives what there is to say, last the answer."""

    def __init__(self, number: int) -> None:
        self.number = number

    def step(self, sets: Sets, now: float) -> SetListed | SetAnswer | None:
        raise NotImplementedError


class _List(_Task):
    def __init__(self, message: SetRequest) -> None:
        super().__init__(message.number)
        self._name = message.set_name
        self._with_static = message.with_static
        self._start = 0
        self._left = MAX_LISTED

    def step(self, sets: Sets, now: float) -> SetListed | SetAnswer | None:
        of = sets.get(self._name)
        if of is None or self._start == ALL_LISTED or self._left <= 0:
            static = of.static_count() if of is not None and self._with_static else 0
            return SetAnswer(self.number, "", [], static + (of.dynamic.count if of else 0))
        listed = self._some(of, now)
        self._left -= len(listed)
        rows = [_row(element, now) for element in listed if element.deadline > now]
        return SetListed(self.number, rows) if rows else None

    def _some(self, of: Set, now: float) -> list[Listed]:
        if self._with_static:
            listed, self._start = of.part(self._start, MAX_ELEMENTS, now)
            return listed
        entries = of.dynamic.slots[self._start : self._start + MAX_ELEMENTS]
        self._start += MAX_ELEMENTS
        if self._start >= len(of.dynamic.slots):
            self._start = ALL_LISTED
        return [
            Listed(entry.packed, entry.lengths, entry.deadline, False, entry.packets, entry.octets)
            for entry in entries
            if entry is not None
        ]


class _Flush(_Task):
    def __init__(self, message: SetChange) -> None:
        super().__init__(message.number)
        self._name = message.set_name
        self._start = 0
        self._count = 0

    def step(self, sets: Sets, now: float) -> SetListed | SetAnswer | None:
        of = sets.get(self._name)
        if of is None or self._start >= len(of.dynamic.slots):
            return SetAnswer(self.number, "", [], self._count)
        for entry in of.dynamic.slots[self._start : self._start + MAX_ELEMENTS]:
            if entry is not None:
                self._count += entry.deadline > now
                of.remove(entry.packed, entry.lengths, now)
        self._start += MAX_ELEMENTS
        return None


class _End(_Task):
    def __init__(self, number: int, conntrack: Conntrack) -> None:
        super().__init__(number)
        self._hosts = Hosts()
        self._ending = Ending(conntrack, self._hosts)

    def add(self, message: EndConnections) -> None:
        for packed, lengths in _elements(message.networks):
            if len(packed) not in (4, 16) or len(lengths) != 1 or lengths[0] > 8 * len(packed):
                raise ValueError(f"no network: {packed.hex()}/{lengths.hex()}")
            self._hosts.add(packed, lengths[0])

    def step(self, _sets: Sets, _now: float) -> SetListed | SetAnswer | None:
        if self._ending.step(LOOKS_PER_TURN):
            return None
        return SetAnswer(self.number, "", [], self._ending.ended)


def _set(sets: Sets, name: str) -> Set:
    if name not in sets:
        raise LookupError(f"there is no set {name}")
    return sets[name]


def _elements(rows: list[Any]) -> list[tuple[bytes, bytes]]:
    """The elements of a message; ValueError or TypeError if they are none, or too many."""
    if len(rows) > MAX_ELEMENTS:
        raise ValueError(f"more than {MAX_ELEMENTS} elements")
    return [(bytes.fromhex(packed), bytes.fromhex(lengths)) for packed, lengths in rows]


def _change(message: SetChange, of: Set, now: float) -> SetAnswer:
    if message.action not in (ADD, REMOVE, TEST):
        raise ValueError(f"no such action: {message.action}")
    deadline = of.until(now, of.lifetime if message.seconds < 0 else message.seconds)
    outcomes: list[Any] = []
    count = 0
    for packed, lengths in _elements(message.elements):
        if message.action == ADD:
            outcome = of.add(packed, lengths, deadline, now)
        elif message.action == REMOVE:
            outcome = of.remove(packed, lengths, now)
        else:
            outcome = NOT_IN_SET
        covering = _covering(of, packed, lengths, now)
        if message.action == TEST and covering[1]:
            outcome = IN_SET
        outcomes.append([outcome, *covering])
        count += 1
    return SetAnswer(message.number, "", outcomes, count)


def _covering(of: Set, packed: bytes, lengths: bytes, now: float) -> list[Any]:
    """By which element it is in the set, itself or one around it: see SetAnswer."""
    entry = of.dynamic.get(packed, lengths)
    if (entry is None or entry.deadline <= now) and lengths == of.exact(packed):
        entry = of.dynamic.find(packed, now)
    if entry is not None and entry.deadline > now:
        return [_left(entry.deadline, now), [entry.packed.hex(), entry.lengths.hex()], False]
    covering = _covering_static(of, packed, lengths, now)
    return [FOR_EVER, covering, len(covering) > 0]


def _covering_static(of: Set, packed: bytes, lengths: bytes, now: float) -> list[str]:
    """The element of the rule file that covers this one, or is this one."""
    is_exact = lengths == of.exact(packed)
    if holds_addresses(of):
        networks = of.networks_v4 if len(packed) == 4 else of.networks_v6
        number = networks.find(packed) if is_exact else networks.get(packed, lengths[0])
        if number < 0:
            return []
        return [networks.first(number).hex(), networks.lengths[number : number + 1].hex()]
    entry = of.static.find(packed, now) if is_exact else of.static.get(packed, lengths)
    return [] if entry is None else [entry.packed.hex(), entry.lengths.hex()]


def _restore(message: SetRestore, sets: Sets, now: float) -> None:
    """What does not fit the set any more is left out."""
    of = sets.get(message.set_name)
    if of is None:
        return
    for row in message.elements:
        try:
            packed, lengths, seconds = row
            element = bytes.fromhex(packed), bytes.fromhex(lengths)
            of.add(*element, of.until(now, float(seconds)), now)
        except (ValueError, TypeError):
            continue


def _row(element: Listed, now: float) -> list[Any]:
    row = [element.packed.hex(), element.lengths.hex(), _left(element.deadline, now)]
    return [*row, element.is_static, element.packets, element.octets]


def _left(deadline: float, now: float) -> float:
    return FOR_EVER if deadline == FOREVER else max(round(deadline - now, 3), MIN_LEFT_S)


def holds_addresses(of: Set) -> bool:
    """Whether its elements are addresses and networks, and nothing beside."""
    return of.kinds == bytes((ADDRESS,))
