"""The bad link does to packets what it is told, and what a capture shows of it is counted right."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.differential.lossy_captures import BAD, GOOD
from tests.differential.lossy_link import DUPLICATED, LATE, LOST, Impairment, Passage
from tests.differential.lossy_world import LossyWorld
from tests.differential.segments import (
    AHEAD,
    FILLING,
    REPEATED,
    SACK_BLOCKS,
    SEGMENTS,
    tcp_traits,
)
from tests.lab.servers import udp_listener
from tests.lab.traffic import udp_socket
from tests.lab.world import SERVER4

if TYPE_CHECKING:
    from collections.abc import Iterator

DATAGRAMS: Final = 1000
PORT: Final = 4000


@pytest.fixture(scope="module")
def world() -> Iterator[LossyWorld]:
    with LossyWorld() as built:
        built.use({})
        yield built


def numbered(packets: list[bytes]) -> list[int]:
    """The numbers in the datagrams that the client sent, in the order of the capture."""
    return [int.from_bytes(data[-4:], "big") for data in packets if data[12:16] == wire.CLIENT4]


def passage_of_datagrams(world: LossyWorld, impairment: Impairment, seed: int) -> Passage:
    # The receiver outlives the link, lest errors go back to the client.
    with (
        udp_listener(world.server, SERVER4, PORT),
        world.carrying(impairment, seed) as passage,
        udp_socket(world.client, SERVER4, PORT) as udp,
    ):
        for number in range(DATAGRAMS):
            udp.send(number.to_bytes(4, "big"))
    return passage


@pytest.mark.needs("root", "netns")
def test_a_good_link_brings_everything_in_order(world: LossyWorld) -> None:
    passage = passage_of_datagrams(world, GOOD, 1)
    assert numbered(passage.seen[0]) == numbered(passage.seen[1]) == list(range(DATAGRAMS))
    assert passage.overtaken == [0, 0]
    assert not +passage.fates


@pytest.mark.needs("root", "netns")
def test_a_bad_link_loses_duplicates_and_reorders_as_its_seed_says(world: LossyWorld) -> None:
    passage = passage_of_datagrams(world, BAD, 7)
    sent, arrived = map(numbered, passage.seen)
    assert sent == list(range(DATAGRAMS))
    fates = passage.fates
    assert len(arrived) == DATAGRAMS - fates[LOST] + fates[DUPLICATED]
    assert len(set(arrived)) == DATAGRAMS - fates[LOST]
    for fate, share in ((LOST, BAD.loss), (DUPLICATED, BAD.duplication), (LATE, BAD.late)):
        assert share / 2 < fates[fate] / DATAGRAMS < share * 2
    # In one direction and at one pace the seed settles who is lost.
    again = passage_of_datagrams(world, BAD, 7)
    assert set(numbered(again.seen[1])) == set(arrived)
    assert set(numbered(passage_of_datagrams(world, BAD, 8).seen[1])) != set(arrived)


@pytest.mark.needs("root", "netns")
def test_what_a_bad_link_makes_late_is_overtaken(world: LossyWorld) -> None:
    passage = passage_of_datagrams(world, Impairment(late=0.05, late_s=0.05), 1)
    arrived = numbered(passage.seen[1])
    assert sorted(arrived) == list(range(DATAGRAMS))
    latest = [max(arrived[: place + 1]) for place in range(DATAGRAMS)]
    overtaken = sum(number < most for number, most in zip(arrived, latest, strict=True))
    assert passage.overtaken == [0, overtaken]
    assert overtaken > DATAGRAMS // 100


def segment(seq: int, octets: int, flags: str = "A", options: bytes = b"") -> bytes:
    made = wire.tcp(flags, seq, 1, payload=bytes(octets), options=options)
    return wire.ip(wire.CLIENT4, wire.SERVER4, wire.TCP, made)


def test_the_data_of_a_capture_is_counted_by_where_it_lies() -> None:
    first = 0xFFFFFF00  # so that the numbers begin anew on the way
    syn = segment(first - 1, 0, "S")
    story = (
        (0, 100, ""),
        (100, 100, ""),
        (300, 100, AHEAD),
        (500, 100, AHEAD),
        (300, 100, REPEATED),
        (200, 50, FILLING),
        (200, 50, REPEATED),
        (240, 400, FILLING),  # fills the rest of one hole, all of the other, and goes on
        (400, 100, REPEATED),
        (640, 10, ""),
    )
    seen: list[bytes] = [syn]
    for offset, octets, expected in story:
        before = tcp_traits(seen, wire.CLIENT4)
        seen.append(segment((first + offset) & 0xFFFFFFFF, octets))
        assert tcp_traits(seen, wire.CLIENT4) - before == {SEGMENTS: 1, expected: 1}, offset
    assert not tcp_traits(seen, wire.SERVER4)


def test_sack_blocks_are_counted_wherever_they_stand() -> None:
    block = struct.pack(">II", 5, 6)
    alone = b"\5\x0a" + block
    behind_timestamps = b"\1\1\x08\x0a" + bytes(8) + b"\1\1\5\x12" + block * 2
    behind_the_end = b"\0" + alone
    packets = [segment(1, 0, options=options) for options in (alone, behind_timestamps, b"\5\0")]
    assert tcp_traits(packets, wire.CLIENT4) == {SACK_BLOCKS: 3}
    assert not tcp_traits([segment(1, 0, options=behind_the_end)], wire.CLIENT4)
