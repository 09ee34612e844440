"""Round trips of single UDP packets through a gateway that has nothing else to do.

Each round trip passes the judge twice. What a judge adds is the difference to plain forwarding in
the same round.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from bench.judges import Judge, daemon, floor, nobody
from bench.policies import rules
from bench.programs import Programs
from bench.rounds import Samples, percentile, take_turns
from tests.lab.netns import LabError, Namespace
from tests.lab.world import SERVER4, World

PORT: Final = 30500
PAUSE_S: Final = 0.0005  # the machine falls idle between two questions
ANSWER_TIMEOUT_S: Final = 2.0
WARM_UP: Final = 50

NOBODY: Final = "plain forwarding"
FLOOR_ONE: Final = "C loop one by one"
DAEMON: Final = "daemon, 10 rules"


def measure(
    world: World, programs: Programs, rounds: int, questions: int
) -> tuple[Samples, Samples]:
    """Median and 99th percentile of the round trip in microseconds, by contestant and round."""
    gateway = world.gateway
    judges: dict[str, Callable[[], Judge]] = {
        NOBODY: nobody,
        FLOOR_ONE: lambda: floor(gateway, programs.floor, "one"),
        DAEMON: lambda: daemon(gateway, rules(10)),
    }
    with _echo_server(world.server):

        def contestant(judge: Callable[[], Judge]) -> Callable[[], tuple[float, float]]:
            return lambda: _one_round(world.client, judge, questions)

        pairs = take_turns({name: contestant(judge) for name, judge in judges.items()}, rounds)
    medians = {name: [pair[0] for pair in of_name] for name, of_name in pairs.items()}
    tails = {name: [pair[1] for pair in of_name] for name, of_name in pairs.items()}
    return medians, tails


def added(samples: Samples) -> Samples:
    """What each judge adds to the round trip of its own round."""
    base = samples[NOBODY]
    return {
        name: [with_it - without for with_it, without in zip(of_name, base, strict=True)]
        for name, of_name in samples.items()
        if name != NOBODY
    }


def _one_round(
    client: Namespace, judge: Callable[[], Judge], questions: int
) -> tuple[float, float]:
    with judge() as standing:
        trips = _round_trips(client, questions)
        if judge is not nobody and standing.judged() < 2 * questions:
            raise LabError("the questions went past their judge")
    return percentile(trips, 0.5), percentile(trips, 0.99)


def _round_trips(client: Namespace, questions: int) -> list[float]:
    """Microseconds of each round trip; the first ones, which find addresses, do not count."""
    trips = []
    with client.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(ANSWER_TIMEOUT_S)
        udp.connect((SERVER4, PORT))
        for _ in range(WARM_UP + questions):
            time.sleep(PAUSE_S)
            asked = time.perf_counter_ns()
            udp.send(b"question")
            udp.recv(64)
            trips.append((time.perf_counter_ns() - asked) / 1000)
    return trips[WARM_UP:]


@contextlib.contextmanager
def _echo_server(server: Namespace) -> Iterator[None]:
    """Answer each datagram on PORT; an empty one ends it."""
    with server.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((SERVER4, PORT))
        thread = threading.Thread(target=_echo, args=(udp,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            with server.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"", (SERVER4, PORT))
            thread.join()


def _echo(udp: socket.socket) -> None:
    while True:
        question, address = udp.recvfrom(64)
        if not question:
            return
        udp.sendto(question, address)
