"""The queue's own socket against the real kernel: settings, packets, verdicts, and what is lost."""

from __future__ import annotations

import errno
import subprocess
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from netfilterqueue import NetfilterQueue

from firewalld_py.rules.verdicts import ACCEPT, DROP
from firewalld_py.service.queue_socket import (
    FLAG_FAIL_OPEN,
    FLAG_GSO,
    QueueError,
    QueueSocket,
)
from tests.lab.traffic import send_segmented
from tests.live.queue_bench import QUEUE, QueueBench

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")

COPY_RANGE: Final = 2048
BUFFER: Final = 1 << 22
PLENTY: Final = 10_000


class Listener:
    """A bound queue with our socket; packets are collected by NetfilterQueue's own callback."""

    def __init__(self, bench: QueueBench) -> None:
        self.bench = bench
        self.packets: list[tuple[int, bytes]] = []  # id, payload of the datagram
        with bench.namespace.entered():
            self._queue = NetfilterQueue()
            self._queue.bind(QUEUE, self._on_packet, max_len=4096, range=COPY_RANGE)
            self.socket = QueueSocket(self._queue.get_fd(), QUEUE, COPY_RANGE)
        self.dried = 0
        self.socket.when_dry = self._on_dry

    def _on_packet(self, packet: Any) -> None:
        # No verdict here: the batches are what is tested.
        packet.retain()
        self.packets.append((packet.id, packet.get_payload()[28:]))

    def _on_dry(self) -> None:
        self.dried += 1

    def read(self, budget: int = PLENTY) -> list[bytes]:
        """Let NetfilterQueue read through our socket; the payloads that came."""
        before = len(self.packets)
        self.socket.budget = budget
        self._queue.run_socket(cast("socket.socket", self.socket))
        return [payload for _id, payload in self.packets[before:]]

    def close(self) -> None:
        self.socket.close()
        self._queue.unbind()


@pytest.fixture
def bench() -> Iterator[QueueBench]:
    with QueueBench() as made:
        yield made


@pytest.fixture
def listener(bench: QueueBench) -> Iterator[Listener]:
    made = Listener(bench)
    made.socket.configure(COPY_RANGE, 0, BUFFER)
    yield made
    made.close()


def test_packets_are_read_in_order_and_the_end_is_noticed(
    bench: QueueBench, listener: Listener
) -> None:
    bench.send(b"a", b"b", b"c")
    assert listener.read() == [b"a", b"b", b"c"]
    assert listener.dried == 1
    assert bench.state().waiting == 3
    assert listener.read() == []


def test_one_verdict_covers_all_packets_up_to_an_id(bench: QueueBench, listener: Listener) -> None:
    bench.send(b"a", b"b", b"c", b"d")
    listener.read()
    listener.socket.send_batch(listener.packets[2][0], ACCEPT)
    assert bench.received(3) == [b"a", b"b", b"c"]
    assert bench.state().waiting == 1
    listener.socket.send_batch(listener.packets[3][0], ACCEPT)
    assert bench.received(1) == [b"d"]
    assert bench.state().waiting == 0


def test_a_batch_can_be_dropped(bench: QueueBench, listener: Listener) -> None:
    bench.send(b"a", b"b", b"c")
    listener.read()
    listener.socket.send_batch(listener.packets[1][0], DROP)
    listener.socket.send_batch(listener.packets[2][0], ACCEPT)
    assert bench.received(1) == [b"c"]  # the way keeps the order: the others would have come before
    assert bench.state().waiting == 0


def test_no_more_are_read_than_the_budget_allows(bench: QueueBench, listener: Listener) -> None:
    bench.send(*[bytes((number,)) for number in range(10)])
    assert [len(listener.read(4)) for _ in range(3)] == [4, 4, 2]
    assert listener.dried == 1  # the loop that has more to read is not at the end


def test_the_copy_range_is_what_was_asked_for_and_messages_of_that_size_come_whole(
    bench: QueueBench,
) -> None:
    listener = Listener(bench)
    # More than NetfilterQueue itself could read: its own buffer has 4096 octets.
    listener.socket.close()
    with bench.namespace.entered():
        listener.socket = QueueSocket(listener._queue.get_fd(), QUEUE, 60_000)
    listener.socket.configure(60_000, 0, BUFFER)
    assert bench.state().copy_range == 60_000
    payload = bytes(number % 251 for number in range(50_000))
    bench.send(payload)
    assert listener.read() == [payload]
    listener.close()


def test_of_a_longer_packet_the_beginning_comes_and_all_of_it_goes_on(
    bench: QueueBench, listener: Listener
) -> None:
    payload = bytes(number % 251 for number in range(9000))
    bench.send(payload)
    assert listener.read() == [payload[: COPY_RANGE - 28]]
    listener.socket.send_batch(listener.packets[0][0], ACCEPT)
    assert bench.received(1) == [payload]


def test_with_the_gso_flag_a_super_packet_is_one_and_without_it_many(bench: QueueBench) -> None:
    counts = {}
    for name, flags in (("on", FLAG_GSO), ("off", 0)):
        listener = Listener(bench)
        listener.socket.configure(COPY_RANGE, flags, BUFFER)
        send_segmented(bench.sender, bytes(12_000), 1000)
        counts[name] = len(listener.read())
        listener.socket.send_batch(listener.packets[-1][0], ACCEPT)
        bench.received(12)
        listener.close()
    assert counts == {"on": 1, "off": 12}


def test_packets_that_come_while_the_queue_is_configured_are_kept(bench: QueueBench) -> None:
    listener = Listener(bench)
    bench.send(b"early", b"bird")
    listener.socket.configure(COPY_RANGE, 0, BUFFER)
    bench.send(b"late")
    assert listener.read() == [b"early", b"bird", b"late"]
    listener.close()


def test_what_a_full_socket_loses_is_noticed_and_the_rest_goes_on(bench: QueueBench) -> None:
    listener = Listener(bench)
    listener.socket.configure(COPY_RANGE, 0, 2048)  # deliberately tiny
    sent = 0
    for _ in range(500):
        try:
            bench.send(bytes(1000))
            sent += 1
        except OSError:
            break  # the kernel tells the sender as well
    lost = bench.state().dropped_unsent
    assert lost > 0
    got = len(listener.read())
    assert listener.socket.overruns > 0
    assert 0 < got <= sent
    listener.socket.send_batch(listener.packets[-1][0], ACCEPT)
    assert len(bench.received(got)) == got
    bench.send(b"after")
    assert listener.read() == [b"after"]
    listener.close()


def take_down(bench: QueueBench) -> None:
    bench.namespace.ip_batch(["link set lo down"])


def delete_a_table(bench: QueueBench) -> None:
    # Any table with a base chain will do, whomever it belongs to.
    table = "add table ip other; add chain ip other c { type filter hook input priority 0; }"
    with bench.namespace.entered():
        subprocess.run(["nft", table], check=True)
        subprocess.run(["nft", "delete table ip other"], check=True)


@pytest.mark.parametrize(
    "flush",
    [take_down, pytest.param(delete_a_table, marks=pytest.mark.needs("nft"))],
)
def test_a_verdict_on_packets_that_the_kernel_flushed_is_late_and_no_failure(
    bench: QueueBench, listener: Listener, flush: Any
) -> None:
    bench.send(b"a", b"b")
    listener.read()
    flush(bench)
    assert bench.state().waiting == 0
    listener.socket.send_batch(listener.packets[1][0], ACCEPT)
    assert listener.read() == []
    assert (listener.socket.late_verdicts, listener.socket.failed_verdicts) == (1, 0)


def test_a_verdict_for_a_queue_that_is_not_ours_has_failed(
    bench: QueueBench, listener: Listener
) -> None:
    with bench.namespace.entered():
        other = QueueSocket(listener._queue.get_fd(), QUEUE + 1, COPY_RANGE)
    other.send_batch(1, ACCEPT)
    assert listener.read() == []
    assert (listener.socket.late_verdicts, listener.socket.failed_verdicts) == (0, 1)
    other.close()


def test_what_the_kernel_refuses_is_an_error_with_its_word(
    bench: QueueBench, listener: Listener
) -> None:
    with bench.namespace.entered():
        other = QueueSocket(listener._queue.get_fd(), QUEUE + 1, COPY_RANGE)
    with pytest.raises(QueueError, match=f"queue {QUEUE + 1}") as refusal:
        other.configure(COPY_RANGE, 0, BUFFER)
    assert refusal.value.errno in (errno.ENODEV, errno.EPERM)
    other.close()


@pytest.mark.parametrize(("flags", "passes"), [(FLAG_FAIL_OPEN, True), (0, False)])
def test_what_finds_the_queue_full_passes_with_fail_open_alone(
    bench: QueueBench, flags: int, passes: bool
) -> None:
    with bench.namespace.entered():
        queue = NetfilterQueue()
        queue.bind(QUEUE, lambda packet: packet.retain(), max_len=1, range=COPY_RANGE)
        ours = QueueSocket(queue.get_fd(), QUEUE, COPY_RANGE)
    ours.configure(COPY_RANGE, flags, BUFFER)
    bench.send(b"fills the queue", b"finds it full")
    if passes:
        assert bench.received(1) == [b"finds it full"]
    assert bench.state().dropped_full == (0 if passes else 1)
    assert bench.state().waiting == 1
    ours.close()
    queue.unbind()
