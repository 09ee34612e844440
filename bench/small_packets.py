"""Small UDP packets of 10 000 answered connections: how many a second reach the server.

The sender offers more than anybody can judge; sender and judge have a CPU each. Beside the rate,
the judge's CPU time per packet is taken: it hardly depends on what else the machine has to do.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.judges import JUDGE_CPU, Judge, daemon, floor
from bench.policies import rules
from bench.programs import Programs, last_word, on_cpu, start_in
from bench.rounds import take_turns
from tests.lab.netns import LabError, Namespace, run_command
from tests.lab.world import CLIENT4, SERVER4, World

PORTS: Final = 100
SOCKETS: Final = 100
CONNECTIONS: Final = PORTS * SOCKETS
FIRST_PORT: Final = 30000
SENDER_CPU: Final = 0
SETTLE_S: Final = 0.3  # until queue and buffers are full, and before the sender ends
WARM_UP_TIMEOUT_S: Final = 20.0
# A few other packets reach the server too; more than this went past the judge.
MOST_UNJUDGED: Final = 0.01

FLOOR_ONE: Final = "C loop one by one"
FLOOR_BATCH: Final = "C loop in batches"
FEW: Final = "daemon, 10 rules"
MANY: Final = "daemon, 1 000 rules"
ANSWERS: Final = "daemon, 1 000 rules but answers first"


@dataclass(frozen=True, slots=True)
class Load:
    """One round of one judge: packets delivered a second, and its CPU time for each of them.

    `busy` is the share of a CPU that it used: with less than about 0.95 it was not the judge that
    set the rate, but the sender, or another process that took its CPU.
    """

    packets_per_s: float
    cpu_us: float
    busy: float


def measure(world: World, programs: Programs, rounds: int, seconds: float) -> dict[str, list[Load]]:
    """What each contestant did, by name and round."""
    gateway = world.gateway
    judges: dict[str, Callable[[], Judge]] = {
        FLOOR_ONE: lambda: floor(gateway, programs.floor, "one"),
        FLOOR_BATCH: lambda: floor(gateway, programs.floor, "batch"),
        FEW: lambda: daemon(gateway, rules(10), CONNECTIONS),
        ANSWERS: lambda: daemon(gateway, rules(1000, answers_first=True), CONNECTIONS),
        MANY: lambda: daemon(gateway, rules(1000), CONNECTIONS),
    }
    with sink(world.server) as sockets:

        def contestant(judge: Callable[[], Judge]) -> Callable[[], Load]:
            return lambda: _one_round(world, programs.sender, sockets, judge, seconds)

        return take_turns({name: contestant(judge) for name, judge in judges.items()}, rounds)


def _one_round(
    world: World,
    sender: Path,
    sockets: list[socket.socket],
    judge: Callable[[], Judge],
    seconds: float,
) -> Load:
    """Let one judge stand under a load that is more than it can do."""
    with contextlib.ExitStack() as stack:
        with on_cpu(JUDGE_CPU):
            standing = stack.enter_context(judge())
        with on_cpu(SENDER_CPU):
            process = _start_sender(world, sender, seconds + 2 * SETTLE_S)
        try:
            _answer_until_ready(process, sockets)
            time.sleep(SETTLE_S)
            cpu_s = standing.cpu_s()
            delivered, elapsed = _delivered_in(world.server, seconds)
            cpu_s = standing.cpu_s() - cpu_s
            last_word(process)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        if (judged := standing.judged()) < delivered * (1 - MOST_UNJUDGED):
            raise LabError(f"{delivered} packets arrived, but only {judged} were judged")
        return Load(delivered / elapsed, cpu_s / delivered * 1e6, cpu_s / elapsed)


def _start_sender(world: World, sender: Path, seconds: float) -> subprocess.Popen[str]:
    (link,) = json.loads(
        run_command(["ip", "-n", world.gateway.name, "-j", "link", "show", "lan0"])
    )
    flows = [SERVER4, str(FIRST_PORT), str(PORTS), str(SOCKETS)]
    frames = [str(seconds), CLIENT4, "eth0", link["address"]]
    return start_in(world.client, [str(sender), *flows, *frames])


def _delivered_in(server: Namespace, seconds: float) -> tuple[int, float]:
    """Packets that came up to the server's UDP, and in how many seconds exactly."""
    before, started = udp_deliveries(server), time.monotonic()
    time.sleep(seconds)
    after, ended = udp_deliveries(server), time.monotonic()
    return after - before, ended - started


def udp_deliveries(namespace: Namespace) -> int:
    """IP packets handed to the transport protocols of a namespace since it was made."""
    with namespace.entered():
        lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Ip:"))
    return int(values[names.index("InDelivers")])


@contextlib.contextmanager
def sink(server: Namespace) -> Iterator[list[socket.socket]]:
    """Bound sockets on all ports: nobody reads them under load, and the kernel drops there."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for port in range(FIRST_PORT, FIRST_PORT + PORTS):
            udp = stack.enter_context(server.socket(socket.AF_INET, socket.SOCK_DGRAM))
            udp.setblocking(False)
            udp.bind((SERVER4, port))
            sockets.append(udp)
        yield sockets


def _answer_until_ready(process: subprocess.Popen[str], sockets: list[socket.socket]) -> None:
    """Answer each flow's first packet until the sender is content."""
    assert process.stdout is not None
    end = time.monotonic() + WARM_UP_TIMEOUT_S
    with contextlib.closing(select.epoll()) as poll:
        by_descriptor = {udp.fileno(): udp for udp in sockets}
        for descriptor in (*by_descriptor, process.stdout.fileno()):
            poll.register(descriptor, select.EPOLLIN)
        while time.monotonic() < end:
            for descriptor, _ in poll.poll(1.0):
                udp = by_descriptor.get(descriptor)
                if udp is None:
                    line = process.stdout.readline()
                    if line.strip() == "ready":
                        return
                    raise LabError(f"sender: {line}")
                _answer_all(udp)
    raise LabError(f"the flows did not get their answers in {WARM_UP_TIMEOUT_S} s")


def _answer_all(udp: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            question, address = udp.recvfrom(64)
            udp.sendto(question, address)
