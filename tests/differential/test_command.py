"""What `make differential` says and how it ends: one line per seed, the sum in the last line."""

from __future__ import annotations

import functools
import re
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential import __main__ as command
from tests.differential.compare import compare
from tests.differential.departures import DEPARTURES
from tests.differential.ours import OurJudge

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.needs("conntrack")

SUMMARY: Final = re.compile(
    r"3 seeds from 5 on, \d+ s, (\d+) packets judged \((\d+) IPv4, (\d+) IPv6\): "
    r"(\d+) disagreements; named departures: (.*)"
)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["differential", *words])
    return command.main()


def liberal(switches: Mapping[str, int]) -> OurJudge:
    """A judge that is wrong about windows."""
    return OurJudge({**switches, "tcp_be_liberal": 1})


def test_several_seeds_are_summed_up_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--seed", "5", "--seeds", "3", "--packets", "500") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["seed 5", "seed 6", "seed 7"]
    found = SUMMARY.fullmatch(lines[-1])
    assert found, lines[-1]
    judged, ipv4, ipv6, disagreements = map(int, found.groups()[:4])
    assert judged == ipv4 + ipv6 >= 1500
    assert disagreements == 0
    assert [words.split()[0] for words in found[5].split(", ")] == [
        known.name for known in DEPARTURES
    ]


def test_a_disagreement_shows_in_its_seed_in_the_sum_and_in_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The smallest examples are shown by the right judge, so they are not asked for here.
    monkeypatch.setattr(command, "compare", functools.partial(compare, make_ours=liberal))
    words = ("--seed", "5", "--seeds", "3", "--packets", "500", "--only", "tcp", "--show", "0")
    assert run(monkeypatch, *words) == 1
    lines = capsys.readouterr().out.splitlines()
    found = SUMMARY.fullmatch(lines[-1])
    assert found, lines[-1]
    of_seeds = [int(line.split()[-4]) for line in lines[:3]]
    assert int(found[4]) == sum(of_seeds) > 0


@pytest.mark.parametrize("words", [("--seeds", "0"), ("--packets", "-1"), ("--only", "nothing")])
def test_what_cannot_be_compared_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    try:
        status = run(monkeypatch, *words)
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status == command.EXIT_USAGE
