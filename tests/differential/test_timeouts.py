"""What the kernel gives each state to live is what tests/tables expects of us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.cases.octets import Sender
from tests.cases.trace import parse_step
from tests.differential.entries import TOLERANCE_S
from tests.differential.kernel import KernelJudge
from tests.differential.sequence import SWITCH_DEFAULTS
from tests.tables.test_timeout_seconds import LIVES, Life

if TYPE_CHECKING:
    from collections.abc import Iterator

# The kernel's clock cannot be moved: lives that need time to pass are not for it.
NEEDS_TIME: Final = "talks for longer"


def is_for_the_kernel(life: Life) -> bool:
    """Whether all its packets may come at once, and the rules need not be asked."""
    words = " ".join(life.lines).split()
    return not ({"dropped", "notrack"} & set(words) or NEEDS_TIME in life.title)


RUNS: Final = [
    pytest.param(life, family, id=f"{protocol} {life.title} (IPv{family})".strip())
    for protocol, lives in LIVES.items()
    for life in lives
    for family in life.families
    if is_for_the_kernel(life) and set(life.settings) <= set(SWITCH_DEFAULTS)
]


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelJudge]:
    with KernelJudge() as judge:
        yield judge


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize(("life", "family"), RUNS)
def test_the_kernel_gives_it_as_long(kernel: KernelJudge, life: Life, family: int) -> None:
    kernel.use(life.settings)
    kernel.flush()
    sender = Sender(family)
    for line in life.lines:
        answer, _confirmed = kernel.judge(sender.octets(parse_step(f"unsent {line}", "here")))
        assert answer is not None, f"the kernel's tracking never saw: {line}"
    (entry,) = kernel.entries()
    assert abs(entry.timeout_s - life.seconds) <= TOLERANCE_S, entry


def test_most_lives_can_be_put_to_the_kernel() -> None:
    assert len(RUNS) >= 0.8 * sum(len(life.families) for lives in LIVES.values() for life in lives)
