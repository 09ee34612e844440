"""Captures of real programs over a bad link, at both of its ends, and ways to miss some of them."""

from __future__ import annotations

import zlib
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from tests import wire
from tests.differential.lossy_link import Impairment, Passage
from tests.differential.sequence import Sent, Sequence
from tests.lab.world import SERVER4, SERVER6

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.differential.lossy_programs import LossyRun
    from tests.differential.lossy_world import LossyWorld

ENDS: Final = ("client", "server")
BAD: Final = Impairment(loss=0.03, duplication=0.02, late=0.03, delay_s=0.001, late_s=0.006)
GOOD: Final = Impairment(delay_s=0.001)
# The share of packets that a tracker misses which sees but one of two ways.
MISSED: Final = 0.02


class Direction(NamedTuple):
    """The data of one side: its address, and what was seen before the loss and behind it."""

    source: bytes
    other: bytes
    front: list[bytes]
    behind: list[bytes]
    overtaken: int


class Captures:
    """What the runs have sent; each is made when it is first asked for, and once."""

    def __init__(self, world: LossyWorld) -> None:
        self._world = world
        self._made: dict[tuple[str, int, Impairment], Passage] = {}

    def passage(self, run: LossyRun, family: int, impairment: Impairment = BAD) -> Passage:
        """All that passed the link, from the first packet to when both ends had become quiet."""
        key = run.title, family, impairment
        if key not in self._made:
            self._world.use(run.sysctls)
            address = SERVER6 if family == 6 else SERVER4
            seed = zlib.crc32(f"{run.title} {family}".encode())
            with (
                self._world.carrying(impairment, seed) as passage,
                run.program.server(self._world.server, address) as files,
            ):
                run.program.run(self._world.client, family, files)
            self._made[key] = passage
        return self._made[key]

    def sequences(
        self, run: LossyRun, family: int, impairment: Impairment = BAD
    ) -> Iterator[Sequence]:
        """What a tracker at the client's end sees, then one at the server's.

        TUN devices get packets with their checksums filled in, so the kernel may look at them.
        """
        passage = self.passage(run, family, impairment)
        for end, seen in zip(ENDS, passage.seen, strict=True):
            name = f"{run.title} (IPv{family}), seen by the {end}"
            yield Sequence(name, [Sent(data) for data in seen], {"checksum": 1})


def directions(run: LossyRun, family: int, passage: Passage) -> Iterator[Direction]:
    """The data that there is much of."""
    client = wire.CLIENT6 if family == 6 else wire.CLIENT4
    server = wire.SERVER6 if family == 6 else wire.SERVER4
    by_client, by_server = passage.seen
    if run.uploads:
        yield Direction(client, server, by_client, by_server, passage.overtaken[1])
    if run.downloads:
        yield Direction(server, client, by_server, by_client, passage.overtaken[0])


def views(capture: Sequence) -> Iterator[Sequence]:
    """What other trackers see of the same: all, all but a few packets, and the second half."""
    yield capture
    rng = Random(capture.name)
    packets = capture.packets
    few_missed = [sent for sent in packets if rng.random() >= MISSED]
    yield Sequence(f"{capture.name}, a few missed", few_missed, capture.switches)
    late = packets[len(packets) // 2 :]
    yield Sequence(f"{capture.name}, its second half", late, capture.switches)
