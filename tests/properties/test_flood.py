"""Who sends more new connections than there is room for harms nobody else, and never for long.

The figures of the product, two million packets, are for the compiled core; interpreted the same is
asked of fewer packets, and no times are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Final

import pytest

import firewalld_py
from tests.project import ROOT

COMPILED: Final = firewalld_py.compiled()
PACKETS: Final = 2_000_000 if COMPILED else 40_000
MAXIMUM: Final = 100_000 if COMPILED else 2_000
DYING_AT_ONCE: Final = 1_000_000 if COMPILED else 20_000
LONGEST_TURN_MS: Final = 10.0  # of 256 packets and a slice of the sweep
LONGEST_SLICE_MS: Final = 5.0
OCTETS_PER_PLACE: Final = 1000  # of the table, with all that is around it and its spare room
GROWTH: Final = 8 << 20  # while the flood goes on against a full table
TIMEOUT_S: Final = 120.0


def run(*arguments: str) -> dict[str, Any]:
    """What came of it in a process of its own, whose memory nobody else uses."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.properties.flood", *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "FIREWALLD_PY_PURE": "1" if firewalld_py.PURE else ""},
        timeout=TIMEOUT_S,
    )
    outcome: dict[str, Any] = json.loads(done.stdout)
    assert outcome["compiled"] == COMPILED
    return outcome


@pytest.mark.parametrize("kind", ["syn", "udp", "syn-rst"])
def test_a_flood_leaves_assured_connections_memory_and_the_clock_alone(kind: str) -> None:
    outcome = run(kind, "--packets", str(PACKETS), "--maximum", str(MAXIMUM))
    assert outcome["packets"] == PACKETS
    assert outcome["asked"] >= PACKETS // 256 * 8
    assert (outcome["not_established"], outcome["not_accepted"]) == (0, 0)
    assert outcome["largest"] <= MAXIMUM
    if kind != "syn-rst":
        assert outcome["largest"] == MAXIMUM, "this was no flood"
    assert outcome["rss_end"] - outcome["rss_full"] <= GROWTH
    assert outcome["rss_end"] - outcome["rss_begin"] <= OCTETS_PER_PLACE * MAXIMUM + GROWTH
    if COMPILED:
        assert outcome["longest"][0][0] <= LONGEST_TURN_MS, outcome["longest"]


def test_connections_that_all_die_in_one_second_are_swept_without_a_pause() -> None:
    outcome = run("expiry", "--packets", str(DYING_AT_ONCE))
    assert (outcome["largest"], outcome["left"]) == (DYING_AT_ONCE, 0)
    if COMPILED:
        assert outcome["rss_end"] < outcome["rss_full"]
        assert outcome["longest"][0][0] <= LONGEST_SLICE_MS, outcome["longest"]
