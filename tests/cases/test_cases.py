"""Each trace is judged as it says, packet by packet, over IPv4 and over IPv6."""

from __future__ import annotations

from typing import Final

import pytest

from tests.cases.run import CaseRun, packets, settings
from tests.cases.trace import Case, TraceError, parse_cases, read_cases

CASES: Final = read_cases()
RUNS: Final = [
    pytest.param(case, family, id=f"{case.title} (IPv{family})")
    for case in CASES.values()
    for family in case.families
]


@pytest.mark.parametrize(("case", "family"), RUNS)
def test_case(case: Case, family: int) -> None:
    run = CaseRun(case, family)
    for step in packets(case, CASES):
        run.step(step)


def run_text(text: str) -> None:
    """Run the cases of a text over IPv4."""
    cases = {case.title: case for case in parse_cases(text, "text")}
    for case in cases.values():
        run = CaseRun(case, 4)
        for step in packets(case, cases):
            run.step(step)


def test_a_case_that_is_judged_as_it_says_passes() -> None:
    run_text("== a title\nclient S seq=1 -> NEW [SYN_SENT 120s]\n== b\nafter a title\n"
             "server SA seq=9 ack=2 -> ESTABLISHED reply  # a comment\n")  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "client S seq=1 -> ESTABLISHED",
        "client S seq=1 -> NEW reply",
        "client SA seq=1 -> INVALID tcp_state",
        "client S seq=1 -> NEW [no entry]",
        "client S seq=1 -> NEW [SYN_SENT 119s]",
        "client S seq=1 -> NEW [SYN_SENT 120s assured]",
        "client S seq=1 -> NEW [SYN_RECV 120s]",
        "client S seq=1 dropped -> NEW [SYN_SENT 120s]",
        "client S seq=1 notrack -> NEW",
    ],
)
def test_a_case_that_is_judged_otherwise_fails_with_its_line(line: str) -> None:
    with pytest.raises(AssertionError, match=r"text:2: .*client S"):
        run_text(f"== a\n{line}\n")


@pytest.mark.parametrize(
    "text",
    [
        "client S -> NEW",  # before any case
        "== a",  # no packet
        "== a\nunsent client udp",  # none that is sent
        "== a\nclient -> NEW",
        "== a\nclient S",
        "== a\nclient S -> ",
        "== a\nclient S -> FRESH",
        "== a\nclient S -> NEW sideways",
        "== a\nclient S -> INVALID",
        "== a\nclient S -> INVALID because",
        "== a\nclient S -> UNTRACKED reply",
        "== a\nclient S -> NEW [",
        "== a\nclient S -> NEW []",
        "== a\nclient S -> NEW [SYN_SENT]",
        "== a\nclient S -> NEW [DREAMING 1s]",
        "== a\nclient S seq -> NEW",
        "== a\nclient S seq= -> NEW",
        "== a\nclient S seq=1 seq=2 -> NEW",
        "== a\nclient S seq=one -> NEW",
        "== a\nclient S sequence=1 -> NEW",
        "== a\nclient S +1 -> NEW",
        "== a\nclient S +1s +1s -> NEW",
        "== a\nclient S dropped notrack -> NEW",
        "== a\nclient Q -> NEW",
        "== a\nclient sctp chunks=init,nothing -> NEW",
        "== a\nclient sctp chunks=256 -> NEW",
        "== a\nnobody S -> NEW",
        "== a\nclient node-query -> NEW",  # not over IPv4
        "== a\nrouter prohibited about=what -> INVALID icmp_error_quote",
        "== a\nonly ipv5\nclient S -> NEW",
        "== a\nclient S -> NEW\nonly ipv4",
        "== a\nwith tcp_loose=maybe\nclient S -> NEW",
        "== a\nwith luck=yes\nclient S -> NEW",
    ],
)
def test_what_is_not_in_the_language_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(TraceError, match=r"text:\d"):
        run_text(text)


def test_settings_that_are_not_named_are_the_defaults() -> None:
    (case,) = parse_cases("== a\nwith udp_timeout=5\nclient udp -> NEW", "text")
    assert (settings(case).timeouts.udp, settings(case).timeouts.udp_stream) == (5.0, 120.0)
