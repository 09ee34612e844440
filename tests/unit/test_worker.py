"""A worker from its first message to its last, at a real queue."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from firewalld_py.conntrack.connection import NEW
from firewalld_py.service.channel import Channel, channel_pair
from firewalld_py.service.messages import (
    Bound,
    Failed,
    FaultEvent,
    LogEvent,
    RejectEvent,
    RulesEnd,
    RulesInForce,
    RulesPart,
    RulesRefused,
    Stats,
    StatsRequest,
    Stop,
)
from firewalld_py.service.queue_socket import MAX_COPY_RANGE
from firewalld_py.service.worker import FAULTS_BURST, Worker
from tests.live.queue_bench import QUEUE, QueueBench
from tests.live.worker_bench import CONFIGURE, WorkerBench
from tests.plans import log, plan, rule, template

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("root", "netns", "nfqueue")


@pytest.fixture
def bench() -> Iterator[QueueBench]:
    with QueueBench() as made:
        yield made


@pytest.fixture
def worker(bench: QueueBench) -> Iterator[WorkerBench]:
    with WorkerBench(bench) as made:
        yield made


def fresh_stats(worker: WorkerBench, packets: int) -> Stats:
    """The first figures that know of so many packets."""
    while True:
        worker.say(StatsRequest(1))
        stats = worker.expect(Stats)
        if stats.packets >= packets:
            return stats


def started(worker: WorkerBench) -> WorkerBench:
    """The worker once it judges, by rules that accept everything."""
    worker.configure()
    worker.rules(1, plan())
    assert worker.expect(RulesInForce) == RulesInForce(1)
    assert worker.expect(Bound) == Bound(QUEUE)
    return worker


def test_it_binds_its_queue_when_rules_are_in_force_and_judges(worker: WorkerBench) -> None:
    started(worker)
    worker.bench.send(b"a", b"b")
    assert worker.bench.received(2) == [b"a", b"b"]
    stats = fresh_stats(worker, 2)
    assert (stats.generation, stats.packets, stats.accepted, stats.dropped) == (1, 2, 2, 0)
    assert (stats.octets, stats.connections) == (58, 1)
    assert stats.counters["policy"] == 2
    assert stats.counters["queue_overruns"] == stats.counters["late_verdicts"] == 0


def test_the_kernel_knows_what_was_configured(worker: WorkerBench) -> None:
    started(worker)
    state = worker.bench.state()
    assert (state.copy_range, state.waiting) == (CONFIGURE.copy_range, 0)


def test_whole_packets_are_copied_once_a_rule_assigns_a_helper(worker: WorkerBench) -> None:
    """Without it the kernel's would read on where ours has nothing; connections keep theirs."""
    started(worker)
    worker.rules(2, plan(prerouting=[rule("continue", template=template(helper="ftp"))]))
    assert worker.expect(RulesInForce) == RulesInForce(2)
    assert worker.bench.state().copy_range == MAX_COPY_RANGE
    worker.bench.send(bytes(50_000))
    assert worker.bench.received(1) == [bytes(50_000)]
    worker.rules(3, plan())
    assert worker.expect(RulesInForce) == RulesInForce(3)
    assert worker.bench.state().copy_range == MAX_COPY_RANGE


def test_whole_packets_are_copied_from_the_start_if_a_rule_assigns_a_helper(
    worker: WorkerBench,
) -> None:
    worker.configure()
    worker.rules(1, plan(raw_output=[rule("continue", template=template(helper="ftp"))]))
    worker.expect(Bound)
    assert worker.bench.state().copy_range == MAX_COPY_RANGE


def test_a_rule_reads_payload_beyond_the_configured_copy_range(worker: WorkerBench) -> None:
    started(worker)
    worker.rules(2, plan(output=[rule("drop", ("contains", [0, 65535, [b"secret".hex()]]))]))
    assert worker.expect(RulesInForce) == RulesInForce(2)
    assert worker.bench.state().copy_range == MAX_COPY_RANGE
    harmless = bytes(50_006)
    worker.bench.send(bytes(50_000) + b"secret", harmless)
    assert worker.bench.received(1) == [harmless]


def test_a_packet_that_is_longer_than_any_copy_range_is_judged(worker: WorkerBench) -> None:
    worker.configure(copy_range=65535)
    worker.rules(1, plan(policy="drop", output=[rule("accept", ("state", NEW))]))
    worker.expect(Bound)
    longest = bytes(65507)  # with its headers 65535 octets, of which 65531 fit into a message
    worker.bench.send(longest)
    assert worker.bench.received(1) == [longest]


def test_it_shows_that_it_lives_without_being_asked(worker: WorkerBench) -> None:
    started(worker)
    assert worker.expect(Stats).generation == 1
    assert worker.expect(Stats).packets == 0


def test_a_new_rule_set_takes_the_place_of_the_old_and_connections_stay(
    worker: WorkerBench,
) -> None:
    started(worker)
    worker.bench.send(b"opens a connection")
    assert worker.bench.received(1) == [b"opens a connection"]
    worker.rules(2, plan(output=[rule("accept", ("out", 1))], policy="drop", interfaces=["l*"]))
    assert worker.expect(RulesInForce) == RulesInForce(2)
    worker.bench.send(b"out by lo")
    assert worker.bench.received(1) == [b"out by lo"]
    worker.rules(3, plan(policy="drop"))
    assert worker.expect(RulesInForce) == RulesInForce(3)
    worker.bench.send(b"refused")
    stats = fresh_stats(worker, 3)
    assert (stats.generation, stats.dropped, stats.connections) == (3, 1, 1)


def test_rules_lead_to_chains_that_came_with_them(worker: WorkerBench) -> None:
    started(worker)
    by_lo = rule("accept", ("out", 1))
    worker.rules(
        2,
        plan(
            policy="drop",
            output=[rule("jump", chain="local")],
            chains={"filter/local": [by_lo], "filter/empty": []},
            interfaces=["lo"],
        ),
    )
    assert worker.expect(RulesInForce) == RulesInForce(2)
    worker.bench.send(b"by a chain")
    assert worker.bench.received(1) == [b"by a chain"]


def test_a_rule_set_that_cannot_be_built_is_refused_and_the_old_one_stays(
    worker: WorkerBench,
) -> None:
    started(worker)
    worker.rules(2, plan(output=[rule("accept", ("colour", "blue")), rule("drop")]))
    refusal = worker.expect(RulesRefused)
    assert refusal.generation == 2
    assert "colour" in refusal.error
    worker.bench.send(b"still")
    assert worker.bench.received(1) == [b"still"]
    assert fresh_stats(worker, 1).generation == 1


def test_what_is_left_of_a_rule_set_that_was_overtaken_is_ignored(worker: WorkerBench) -> None:
    started(worker)
    worker.rules(5, plan())
    assert worker.expect(RulesInForce) == RulesInForce(5)
    worker.say(RulesPart(4, "filter/output", [rule("drop")]), RulesEnd(4))
    worker.rules(6, plan())
    assert worker.expect(RulesInForce) == RulesInForce(6)


def test_log_lines_and_answers_are_reported(worker: WorkerBench) -> None:
    worker.configure()
    a_rule = rule("reject", name="no", log=log("no "))
    worker.rules(1, plan(output=[a_rule]))
    worker.expect(Bound)
    worker.bench.send(b"hello")
    line = worker.expect(LogEvent)
    assert (line.action, line.rule, line.chain, line.out_index) == ("reject", "no", "output", 1)
    assert line.head[28:] == b"hello"
    answer = worker.expect(RejectEvent)
    assert (answer.kind, answer.hook, answer.head) == ("port-unreachable", 3, line.head)


def test_stopped_it_judges_what_waits_and_ends_well(worker: WorkerBench) -> None:
    started(worker)
    worker.process.send_signal(signal.SIGSTOP)
    worker.bench.send(b"a", b"b", b"c")
    assert worker.bench.state().waiting == 3
    worker.say(Stop())
    worker.process.send_signal(signal.SIGCONT)
    assert worker.bench.received(3) == [b"a", b"b", b"c"]
    assert worker.ended() == 0


def test_it_ends_when_the_supervisor_has(worker: WorkerBench) -> None:
    started(worker)
    worker.channel.close()
    assert worker.ended() == 0


def test_it_ends_when_the_supervisor_has_before_there_were_rules(worker: WorkerBench) -> None:
    worker.configure()
    worker.channel.close()
    assert worker.ended() == 0


def test_signals_are_the_supervisors_matter(worker: WorkerBench) -> None:
    started(worker)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        worker.process.send_signal(number)
    worker.bench.send(b"still here")
    assert worker.bench.received(1) == [b"still here"]


def test_a_queue_that_another_has_is_a_failure_in_words(
    worker: WorkerBench, bench: QueueBench
) -> None:
    started(worker)
    with WorkerBench(bench) as second:
        second.configure()
        second.rules(1, plan())
        assert second.expect(Failed).error
        assert second.ended() == 1
    bench.send(b"the first goes on")
    assert bench.received(1) == [b"the first goes on"]


def test_whoever_speaks_without_configuring_first_is_refused(worker: WorkerBench) -> None:
    worker.say(Stop())
    assert "Configure" in worker.expect(Failed).error
    assert worker.ended() == 1


def test_a_setting_that_is_missing_is_a_failure_that_names_it(worker: WorkerBench) -> None:
    worker.configure(conntrack={"max": 5})
    assert "tcp_loose" in worker.expect(Failed).error
    assert worker.ended() == 1


def test_faults_are_reported_with_their_traceback_a_few_at_a_time() -> None:
    ours, theirs = channel_pair()
    worker = Worker(Channel(theirs), CONFIGURE)
    for number in range(FAULTS_BURST + 3):
        worker.report_fault(RuntimeError(f"fault {number}"))
    told = list(ours.receive(100))
    assert len(told) == FAULTS_BURST
    worker._fault_bucket.filled_at -= 1.0  # as if a second had passed
    worker.report_fault(RuntimeError("later"))
    (last,) = ours.receive(100)
    assert isinstance(last, FaultEvent)
    assert "RuntimeError: later" in last.traceback
    assert last.suppressed == 3
    ours.close()
    theirs.close()
