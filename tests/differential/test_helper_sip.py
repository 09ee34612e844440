"""SIP's helper and the kernel's: the same states, verdicts and expectations, packet by packet."""

from __future__ import annotations

import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.entries import difference, our_entry
from tests.differential.expecting import HelperKernel, HelperOurs, disagreement
from tests.differential.sip_exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCHANGES: Final = 60
PORT: Final = 5060

pytestmark = pytest.mark.needs("conntrack")


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


@pytest.mark.parametrize("seed", range(8))
def test_generated_exchanges_are_judged_alike(kernel: HelperKernel, seed: int) -> None:
    for number in range(EXCHANGES):
        packets = Exchange(Random(f"sip {seed} {number}")).packets()
        assert not (text := disagreement(kernel, packets)), text


def test_what_is_generated_leads_to_calls_and_media(kernel: HelperKernel) -> None:
    """Of what the exchanges are for, there is enough."""
    seen: Counter[str] = Counter()
    for number in range(EXCHANGES):
        kernel.flush()
        for data in Exchange(Random(f"sip 0 {number}")).packets():
            step = kernel.step(data)
            seen[str(step.answer)] += 1
            seen["dropped"] += not step.went_on
            seen["expecting"] += bool(step.waiting)
            seen["active"] += any(one.expected.flags == 1 for one in step.waiting)
    assert seen["RELATED"] >= EXCHANGES // 2
    assert seen["expecting"] >= 3 * EXCHANGES
    assert seen["active"] >= EXCHANGES
    assert seen["dropped"] >= EXCHANGES // 4


def test_connections_live_as_long_as_the_kernels(kernel: HelperKernel) -> None:
    """Signalling lives for sip_timeout, its children by their own protocols."""
    for number in range(EXCHANGES // 2):
        kernel.flush()
        ours = HelperOurs()
        for data in Exchange(Random(f"sip timeouts {number}")).packets():
            kernel.step(data)
            ours.step(data)
            now = time.monotonic()
            entries = [our_entry(one, now) for one in ours.conntrack.table.connections()]
            assert difference(kernel.entries(), entries) is None
