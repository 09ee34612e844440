"""What real stacks send over a link that loses, reorders and duplicates is judged alike.

Each program is captured before the loss and behind it, and both captures are put to both judges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.casefile import case_text
from tests.differential.compare import compare, history
from tests.differential.faults import BAD_LINK_FAULTS, BOUND_FAULTS
from tests.differential.kernel import KernelJudge
from tests.differential.lossy_captures import GOOD, Captures, directions, views
from tests.differential.lossy_link import DUPLICATED, LOST
from tests.differential.lossy_programs import (
    DOWNLOAD,
    DOWNLOAD_WITHOUT_SACK,
    RUNS,
    SLOW_DOWNLOAD,
    UNHURRIED,
    UPLOAD,
    LossyRun,
)
from tests.differential.lossy_world import LossyWorld
from tests.differential.minimize import minimize
from tests.differential.probes import (
    CLOSED_LIMIT,
    LIMIT,
    at_closed_window,
    at_edges,
    is_bare_ack,
    is_sack,
    probed,
)
from tests.differential.report import Report
from tests.differential.segments import (
    AHEAD,
    FILLING,
    REPEATED,
    SACK_BLOCKS,
    tcp_traits,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tests.differential.ours import OurJudge
    from tests.differential.sequence import Sequence

pytestmark = pytest.mark.needs("root", "netns", "conntrack")

# Of a capture in which a hundred would be usual; with fewer than these it would prove nothing.
LEAST: Final = 5
LEAST_DUPLICATES: Final = 2
LEAST_SACK_BLOCKS: Final = 20
FAMILIES: Final = (4, 6)
PLACES: Final = 3  # of a capture at which its windows are probed


def _params(runs: Iterable[LossyRun]) -> list[object]:
    return [
        pytest.param(
            run,
            family,
            id=f"{run.title} (IPv{family})",
            marks=pytest.mark.needs(run.program.words.split()[0], *run.program.needs),
        )
        for run in runs
        for family in FAMILIES
    ]


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelJudge]:
    with KernelJudge() as judge:
        yield judge


@pytest.fixture(scope="module")
def captures() -> Iterator[Captures]:
    with LossyWorld() as world:
        yield Captures(world)


def check_alike(kernel: KernelJudge, sequences: Iterable[Sequence]) -> Report:
    """Both judge all of them alike; if not, fail with the fewest packets that show it."""
    report = Report()
    for sequence in sequences:
        report.add(compare(kernel, sequence))
        if report.differing:
            smallest = minimize(kernel, sequence)
            text = case_text(smallest, history(kernel, smallest))
            pytest.fail(f"{sequence.name}: {report.text()}\n{text}")
    return report


@pytest.mark.parametrize(("run", "family"), _params(RUNS))
def test_the_kernel_and_we_judge_a_program_over_a_bad_link_alike(
    kernel: KernelJudge, captures: Captures, run: LossyRun, family: int
) -> None:
    for capture in captures.sequences(run, family):
        whole, *others = views(capture)
        assert run.program.states <= set(check_alike(kernel, [whole]).answers)
        check_alike(kernel, others)


@pytest.mark.parametrize(("run", "family"), _params(RUNS))
def test_a_capture_shows_that_the_link_was_bad(
    captures: Captures, run: LossyRun, family: int
) -> None:
    passage = captures.passage(run, family)
    assert passage.fates[LOST] >= LEAST
    assert passage.fates[DUPLICATED] >= LEAST_DUPLICATES
    assert sum(passage.overtaken) >= LEAST
    for source, other, front, behind, overtaken in directions(run, family, passage):
        assert tcp_traits(front, source)[REPEATED] >= LEAST, "retransmissions"
        arrived = tcp_traits(behind, source)
        assert arrived[AHEAD] >= LEAST, "segments behind a hole"
        assert arrived[FILLING] >= LEAST, "segments that fill one"
        assert overtaken >= LEAST, "segments that were overtaken"
        for capture in (front, behind):
            blocks = tcp_traits(capture, other)[SACK_BLOCKS]
            assert blocks >= LEAST_SACK_BLOCKS if run.sack else blocks == 0, "SACK blocks"


@pytest.mark.parametrize(("run", "family"), _params([SLOW_DOWNLOAD]))
def test_the_window_of_a_slow_receiver_closes(
    captures: Captures, run: LossyRun, family: int
) -> None:
    for _, receiver, _, behind, _ in directions(run, family, captures.passage(run, family)):
        offered = windows(behind, receiver)
        assert min(offered) < max(offered) / 4


@pytest.mark.parametrize(
    ("run", "family"), _params([DOWNLOAD, DOWNLOAD_WITHOUT_SACK, SLOW_DOWNLOAD, UPLOAD])
)
def test_windows_end_at_the_same_octet_for_the_kernel_and_for_us(
    kernel: KernelJudge, captures: Captures, run: LossyRun, family: int
) -> None:
    wanted = is_sack if run.sack else is_bare_ack
    for capture in captures.sequences(run, family):
        for probes, limit in ((at_edges, LIMIT), (at_closed_window, CLOSED_LIMIT)):
            sequences = list(probed(capture, wanted, PLACES, probes))
            assert len(sequences) == PLACES
            check_alike(kernel, sequences)
            for sequence in sequences:
                # What is said of the first of each kind; those behind have had their effects.
                judged = reversed(history(kernel, sequence))
                said = {one.note: str(one.kernel) for one in judged}
                assert said[f"above {limit}"] == "INVALID"
                assert said[f"at {limit}"].startswith("ESTABLISHED")


def found_out(
    kernel: KernelJudge,
    sequences: Iterable[Sequence],
    wrong: Callable[[Mapping[str, int]], OurJudge],
) -> list[str]:
    """By what the wrong judge is found out in each of the sequences; nothing where it is not."""
    return [compare(kernel, sequence, wrong).differing_kind for sequence in sequences]


@pytest.mark.needs("curl")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fault", BAD_LINK_FAULTS)
def test_a_judge_that_is_wrong_about_bad_links_is_found_out_there_and_only_there(
    kernel: KernelJudge, captures: Captures, fault: str, family: int
) -> None:
    wrong = BAD_LINK_FAULTS[fault]
    kinds = found_out(kernel, captures.sequences(DOWNLOAD, family), wrong)
    expected = f"IPv{family} tcp: kernel ESTABLISHED, ours INVALID tcp_ack_of_unseen_data"
    assert expected in kinds
    assert not any(found_out(kernel, captures.sequences(UNHURRIED, family, GOOD), wrong))


@pytest.mark.needs("curl")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("fault", BOUND_FAULTS)
def test_a_judge_that_is_wrong_about_bounds_is_found_out_at_every_place(
    kernel: KernelJudge, captures: Captures, fault: str, family: int
) -> None:
    for capture in captures.sequences(DOWNLOAD, family):
        sequences = list(probed(capture, is_sack, PLACES, at_edges))
        kinds = found_out(kernel, sequences, BOUND_FAULTS[fault])
        assert len(kinds) == PLACES
        assert all("kernel INVALID, ours ESTABLISHED" in kind for kind in kinds), kinds
