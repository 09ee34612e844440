"""The fuzzer's corpus and chance mutations of it, in both cores; `make fuzz` looks further.

FIREWALLD_PY_DEEP=1 tries a hundred times as many mutations.
"""

from __future__ import annotations

import os
import random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewalld_py.conntrack.connection import ESTABLISHED, INVALID, NEW, RELATED, UNTRACKED
from tests.fuzz.corpus import files, made
from tests.fuzz.play import STEPS_S, Step, play, steps
from tests.properties.samples import mutated

DEEP: Final = os.environ.get("FIREWALLD_PY_DEEP", "") not in ("", "0")
EXAMPLES: Final = 30_000 if DEEP else 300


@pytest.mark.parametrize("name", sorted(files()))
def test_an_input_of_the_corpus_breaks_nothing(name: str) -> None:
    data = files()[name]
    assert len(play(data)) == len(list(steps(data)))


def test_the_files_are_what_is_made_from_scapys_packets() -> None:
    assert made().items() <= files().items()


def test_the_corpus_leads_to_every_state_and_to_many_reasons() -> None:
    decisions = [decision for data in files().values() for decision in play(data)]
    states = {decision.info.state for decision in decisions}
    assert states >= {NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED}
    assert len({decision.info.reason for decision in decisions}) > 5
    assert {decision.held for decision in decisions} == {True, False}
    assert any(decision.released for decision in decisions)


def test_an_earlier_packet_comes_again_changed_and_the_other_way_round() -> None:
    packet = bytes.fromhex("45000018000000004011000001010101020202020001000f")
    first = bytes((1 | 2 << 2, 0, len(packet))) + packet
    again = bytes((0x20 | 0x80 | 0x40 | 3, 0, 1)) + bytes((0, 8, 63))
    assert list(steps(b"\0" + first + again)) == [
        Step(packet, 1, STEPS_S[2], truncated=False),
        Step(
            bytes.fromhex("45000018000000003f1100000202020201010101000f0001"),
            3,
            STEPS_S[0],
            truncated=True,
        ),
    ]


@given(st.sampled_from(sorted(files())), st.integers(0, 2**32 - 1), st.binary(max_size=40))
@settings(max_examples=EXAMPLES, deadline=None)
def test_mutations_of_the_corpus_break_nothing(name: str, seed: int, rest: bytes) -> None:
    chance = random.Random(seed)
    data = mutated(files()[name], chance)
    play(mutated(data, chance) + rest)


@given(st.binary(max_size=300))
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_octets_break_nothing(data: bytes) -> None:
    play(data)
