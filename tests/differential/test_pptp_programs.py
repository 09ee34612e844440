"""A call that real programs make, before the kernel's helper and ours."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.casefile import read_case
from tests.differential.expecting import HelperKernel
from tests.differential.pptp_ends import call, pptp_server
from tests.differential.tap import Tap, without_offloads
from tests.differential.test_helper_pptp import disagreement
from tests.lab.world import CLIENT4, SERVER4, World

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAMES: Final = 4
PAIR: Final = Path(__file__).parent / "pptp_pair.case"


@pytest.fixture(scope="module")
def kernel() -> Iterator[HelperKernel]:
    with HelperKernel() as judge:
        yield judge


def check(kernel: HelperKernel, packets: list[bytes]) -> None:
    """Both judge the call alike, and it is one GRE connection, expected and answered."""
    seen: Counter[str] = Counter()
    assert not (text := disagreement(kernel, packets, seen)), text
    assert seen["RELATED"] >= 1
    assert seen["ESTABLISHED reply"] >= FRAMES
    assert (seen["NEW"], seen["INVALID"]) == (0, 0)


@pytest.mark.needs("root", "netns", "conntrack", "pptp")
def test_the_kernel_and_we_judge_a_call_of_pptp_alike(kernel: HelperKernel) -> None:
    with World() as world:
        for host, interface in (
            (world.client, "eth0"),
            (world.gateway, "lan0"),
            (world.gateway, "wan0"),
            (world.server, "eth0"),
        ):
            without_offloads(host, interface)
        with Tap(world.gateway, "lan0") as tap:
            with pptp_server(world.server, SERVER4, CLIENT4):
                call(world.client, SERVER4, FRAMES)
            packets = tap.until_fence(world.client, SERVER4)
    check(kernel, [packet for packet in packets if packet[0] >> 4 == 4])


@pytest.mark.needs("conntrack")
def test_they_judge_a_call_from_pptp_to_pptpd_alike(kernel: HelperKernel) -> None:
    check(kernel, [sent.data for sent in read_case(PAIR).packets])
