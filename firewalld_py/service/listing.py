"""A list of what is expected, told by the worker a little at a time, between batches of packets."""

from __future__ import annotations

from typing import Final

from firewalld_py.conntrack.expectation import Expectation, ExpectationTable
from firewalld_py.service.channel import Channel, split
from firewalld_py.service.messages import ExpectationsEnd, Expected, Message

MAX_LISTED: Final = 4096  # what is expected beyond that is counted, not told
PER_TURN: Final = 32  # some 15 microseconds each
PAUSE_MS: Final = 1.0  # between two turns, unless packets come: the reader shall keep up


class Listing:
    """The answer to one ExpectationsRequest."""

    def __init__(self, number: int, table: ExpectationTable, now: float) -> None:
        self._number = number
        self._left = table.some(MAX_LISTED, now)
        # The table's size counts some whose time is over; where all were seen it is known better.
        self._total = table.size if len(self._left) == MAX_LISTED else len(self._left)
        self._left.reverse()  # it is told from its end

    def tell(self, channel: Channel, now: float) -> bool:
        """Send some more, as long as there is room for it; whether anything is left to tell."""
        for _ in range(PER_TURN):
            if not self._left:
                return not _sent(channel, ExpectationsEnd(self._number, self._total))
            expectation = self._left[-1]
            if expectation.deadline <= now:
                self._total -= 1
            elif not _sent(channel, self._entry(expectation, now)):
                return True
            self._left.pop()
        return True

    def _entry(self, expectation: Expectation, now: float) -> Expected:
        return Expected(
            number=self._number,
            protocol=expectation.protocol,
            src=expectation.src,
            src_mask=expectation.src_mask,
            sport=expectation.sport,
            dst=expectation.dst,
            dport=expectation.dport,
            kind=expectation.kind,
            flags=expectation.flags,
            left_s=round(expectation.deadline - now, 3),
            helper=expectation.master.helper(),
            given=expectation.helper,
            master=expectation.master.original_key,
        )


def _sent(channel: Channel, message: Message) -> bool:
    """Whether there was room. Unlike an event, what finds none is not lost but comes later."""
    (piece,) = split(message)
    return channel.send_piece(piece)
