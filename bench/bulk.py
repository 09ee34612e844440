"""One bulk TCP connection by iperf3, and what reaches its other end."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from typing import Final

from bench.judges import Judge, daemon, floor, kernel_conntrack, nobody
from bench.policies import rules
from bench.programs import Programs, start_in
from bench.rounds import Samples, take_turns
from tests.lab.netns import LabError, Namespace
from tests.lab.world import SERVER4, World

PORT: Final = 5201
TIMEOUT_MARGIN_S: Final = 10.0
FEWEST_PACKETS: Final = 1000  # as many super-packets as a second of the slowest judge has

NOBODY: Final = "plain forwarding"
KERNEL: Final = "kernel conntrack"
FLOOR_GSO: Final = "C loop one by one, GSO"
DAEMON_GSO: Final = "daemon, GSO"


def measure(world: World, programs: Programs, rounds: int, seconds: float) -> Samples:
    """Megabits a second that the receiver counted, by contestant and round."""
    gateway = world.gateway
    judges: dict[str, Callable[[], Judge]] = {
        NOBODY: nobody,
        KERNEL: lambda: kernel_conntrack(gateway),
        FLOOR_GSO: lambda: floor(gateway, programs.floor, "one", "gso"),
        DAEMON_GSO: lambda: daemon(gateway, rules(10, answers_first=True)),
    }
    with _iperf_server(world.server):

        def contestant(judge: Callable[[], Judge]) -> Callable[[], float]:
            return lambda: _one_round(world, judge, seconds)

        return take_turns({name: contestant(judge) for name, judge in judges.items()}, rounds)


def _one_round(world: World, judge: Callable[[], Judge], seconds: float) -> float:
    with judge() as standing:
        rate = _transfer(world.client, seconds)
        if judge is not nobody and standing.judged() < FEWEST_PACKETS:
            raise LabError(f"a transfer of {rate:.0f} Mbit/s went past its judge")
        return rate


def _transfer(client: Namespace, seconds: float) -> float:
    words = ["iperf3", "-c", SERVER4, "-p", str(PORT), "-J", "-t", f"{seconds:.0f}"]
    with start_in(client, words) as process:
        try:
            output, _ = process.communicate(timeout=seconds + TIMEOUT_MARGIN_S)
        except BaseException:
            process.kill()
            raise
    result = json.loads(output)
    if "error" in result:
        raise LabError(f"iperf3: {result['error']}")
    return float(result["end"]["sum_received"]["bits_per_second"]) / 1e6


@contextlib.contextmanager
def _iperf_server(server: Namespace) -> Iterator[None]:
    """An iperf3 server that listens when the context is entered."""
    if shutil.which("iperf3") is None:
        raise LabError("the program iperf3 is missing; install it")
    process = start_in(server, ["iperf3", "-s", "-p", str(PORT), "--forceflush"])
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "listening" in line:
                break
        else:
            raise LabError("iperf3 -s ended at once")
        yield
    finally:
        process.kill()
        process.communicate()
