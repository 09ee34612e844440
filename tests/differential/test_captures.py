"""What real programs send is judged by the kernel and by us alike, packet by packet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.differential.casefile import case_text
from tests.differential.compare import compare, history
from tests.differential.kernel import KernelJudge
from tests.differential.minimize import minimize
from tests.differential.programs import PROGRAMS, Program
from tests.differential.report import Report
from tests.differential.sequence import Sent, Sequence
from tests.differential.tap import Tap, without_offloads
from tests.lab.world import SERVER4, SERVER6, World

if TYPE_CHECKING:
    from collections.abc import Iterator

LINKS: Final = (
    ("client", "eth0"),
    ("gateway", "lan0"),
    ("gateway", "wan0"),
    ("server", "eth0"),
    ("server", "eth1"),
    ("far", "eth0"),
)


def _run(program: Program, family: int) -> object:
    needs = (program.words.split()[0], *program.needs)
    title = f"{program.words} (IPv{family})"
    return pytest.param(program, family, id=title, marks=pytest.mark.needs(*needs))


RUNS: Final = [_run(program, family) for program in PROGRAMS for family in program.families]


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelJudge]:
    with KernelJudge() as judge:
        yield judge


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as built:
        for host, interface in LINKS:
            without_offloads(getattr(built, host), interface)
        yield built


def captured(world: World, program: Program, family: int) -> list[bytes]:
    """Run the program; return its packets as they passed between client and gateway."""
    address = SERVER6 if family == 6 else SERVER4
    with Tap(world.gateway, "lan0") as tap, program.server(world.server, address) as files:
        program.run(world.client, family, files)
        return tap.until_fence(world.client, address)


@pytest.mark.needs("root", "netns", "conntrack")
@pytest.mark.parametrize(("program", "family"), RUNS)
def test_the_kernel_and_we_judge_a_program_alike(
    kernel: KernelJudge, world: World, program: Program, family: int
) -> None:
    packets = [Sent(data) for data in captured(world, program, family)]
    # With offloads off checksums are whole, so the kernel may look at them.
    sequence = Sequence(program.words, packets, {"checksum": 1})
    report = Report()
    report.add(compare(kernel, sequence))
    print(report.text())
    if report.differing:
        smallest = minimize(kernel, sequence)
        pytest.fail(f"{report.text()}\n{case_text(smallest, history(kernel, smallest))}")
    assert program.states <= set(report.answers)


@pytest.mark.needs("root", "netns", "curl")
def test_a_capture_holds_packets_as_on_the_wire(world: World) -> None:
    download = next(program for program in PROGRAMS if "/bytes/" in program.words)
    for family, header in ((4, 20), (6, 40)):
        packets = captured(world, download, family)
        assert max(map(len, packets)) == 1500
        assert {packet[0] >> 4 for packet in packets} == {family}
        received = sum(len(packet) - header - 20 for packet in packets)
        assert received > 300_000
