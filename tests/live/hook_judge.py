"""A listener that says what meets the queue and judges it all alike; stands in for the daemon.

As a program (`hook_judge.py VERDICT NUMBER...`) it binds the queues, prints `bound`, then one JSON
line per packet; VERDICT is accept, drop, or hold: then packets wait for a line on its input.
"""

from __future__ import annotations

import json
import os
import queue
import select
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.netns import Namespace

EVENT_TIMEOUT_S: Final = 10.0
INPUT, FORWARD, OUTPUT = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Seen:
    """One packet that met a queue: where, and its addresses and payload (of UDP, else empty)."""

    queue: int
    hook: int
    source: str
    destination: str
    payload: str


class Judge:
    """A running listener; its packets are asked for in the order in which they came."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def line(self) -> str:
        """Return the next line; AssertionError when none comes or the listener ended."""
        try:
            line = self._lines.get(timeout=EVENT_TIMEOUT_S)
        except queue.Empty:
            raise AssertionError("no packet met the queue") from None
        assert line, "the listener has ended"
        return line

    def packets_up_to(self, payload: str) -> list[Seen]:
        """Return the packets with a payload that came up to the one that carries `payload`."""
        seen: list[Seen] = []
        while not seen or seen[-1].payload != payload:
            packet = Seen(**json.loads(self.line()))
            if packet.payload:
                seen.append(packet)
        return seen

    def release(self) -> None:
        """Let the packets go that a holding listener has."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """End the listener and read what it still had to say, before its pipes are closed."""
        self._process.kill()
        self._reader.join()

    @property
    def pid(self) -> int:
        """Return the listener's process id."""
        return self._process.pid


@contextmanager
def judge(namespace: Namespace, verdict: str, *numbers: int) -> Iterator[Judge]:
    """Run a listener in the namespace; it has bound its queues when the context begins."""
    with namespace.entered():
        process = subprocess.Popen(
            [sys.executable, __file__, verdict, *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    with process:
        listener = Judge(process)
        try:
            assert listener.line() == "bound\n"
            yield listener
        finally:
            listener.end()


def _facts(number: int, packet: Any) -> dict[str, object]:
    data = packet.get_payload()
    six = data[0] >> 4 == 6
    family, at, protocol = (socket.AF_INET6, 40, data[6]) if six else (socket.AF_INET, 20, data[9])
    source, destination = (data[8:24], data[24:40]) if six else (data[12:16], data[16:20])
    udp = protocol == socket.IPPROTO_UDP
    return {
        "queue": number,
        "hook": packet.hook,
        "source": socket.inet_ntop(family, source),
        "destination": socket.inet_ntop(family, destination),
        "payload": data[at + 8 :].decode("ascii", "replace") if udp else "",
    }


def _listen(verdict: str, numbers: list[int]) -> None:
    from netfilterqueue import NetfilterQueue

    held: list[Any] = []

    def on_packet(number: int) -> Callable[[Any], None]:
        def judge_packet(packet: Any) -> None:
            # A held packet must keep its payload beyond this call.
            packet.retain()
            print(json.dumps(_facts(number, packet)), flush=True)
            if verdict == "hold":
                held.append(packet)
            elif verdict == "drop":
                packet.drop()
            else:
                packet.accept()

        return judge_packet

    queues = {}
    for number in numbers:
        bound = NetfilterQueue()
        bound.bind(number, on_packet(number))
        queues[bound.get_fd()] = bound
    print("bound", flush=True)
    poll = select.poll()
    for descriptor in [0, *queues]:
        poll.register(descriptor, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in queues:
                queues[descriptor].run(block=False)
            elif not os.read(0, 1):
                return
            else:
                while held:
                    held.pop(0).accept()


if __name__ == "__main__":
    _listen(sys.argv[1], [int(word) for word in sys.argv[2:]])
