"""Our tracking says of every packet what the kernel's says; and the harness would tell if not.

`make differential` does the same with as many packets as one likes.
"""

from __future__ import annotations

import struct
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Final

import pytest

from tests import wire
from tests.cases.octets import Sender
from tests.cases.run import packets as case_packets
from tests.cases.trace import Case, read_cases
from tests.differential.answer import Answer
from tests.differential.casefile import CaseError, case_text, read_capture, read_case
from tests.differential.compare import compare, history
from tests.differential.departures import DEPARTURES
from tests.differential.describe import describe
from tests.differential.generate import TOPICS, sequence, sequences
from tests.differential.kernel import KernelJudge, renumbered
from tests.differential.minimize import minimize
from tests.differential.ours import OurJudge
from tests.differential.report import Report
from tests.differential.sequence import SWITCH_DEFAULTS, Sent, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SEEDS: Final = range(1, 9)
PACKETS_OF_SEED: Final = 5000

CASES: Final = read_cases()


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelJudge]:
    with KernelJudge() as judge:
        yield judge


def tcp(flags: str, seq: int, ack: int = 0, *, answers: bool = False, hops: int = 64) -> bytes:
    ends = (wire.SERVER4, wire.CLIENT4) if answers else (wire.CLIENT4, wire.SERVER4)
    sport, dport = (80, 40000) if answers else (40000, 80)
    segment = wire.tcp(flags, seq, ack, sport=sport, dport=dport)
    return wire.ip(*ends, wire.TCP, segment, hops)


HANDSHAKE: Final = (tcp("S", 1), tcp("SA", 9, 2, answers=True), tcp("A", 2, 10))


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_kernel_and_we_judge_generated_packets_alike(kernel: KernelJudge, seed: int) -> None:
    report = Report()
    for generated in sequences(seed):
        report.add(compare(kernel, generated))
        if report.judged >= PACKETS_OF_SEED:
            break
    examples = [minimize(kernel, first) for first in islice(report.first.values(), 3)]
    texts = [case_text(example, history(kernel, example)) for example in examples]
    assert not report.differing, "\n\n".join([f"seed {seed}: {report.text()}", *texts])
    assert {"NEW", "ESTABLISHED", "ESTABLISHED reply", "INVALID"} <= set(report.answers)


def is_for_the_kernel(case: Case) -> bool:
    """Whether a trace needs nothing but packets that come at once and are accepted."""
    steps = case_packets(case, CASES)
    plain = not any(step.dropped or step.notrack or step.delay_s for step in steps)
    return plain and set(case.settings) <= set(SWITCH_DEFAULTS)


KERNEL_CASES: Final = [case for case in CASES.values() if is_for_the_kernel(case)]
KERNEL_RUNS: Final = [
    pytest.param(case, family, id=f"{case.title} (IPv{family})")
    for case in KERNEL_CASES
    for family in case.families
]


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize(("case", "family"), KERNEL_RUNS)
def test_the_kernel_judges_a_trace_as_it_says(kernel: KernelJudge, case: Case, family: int) -> None:
    words = {"yes": "1", "no": "0"}
    kernel.use({name: int(words.get(value, value)) for name, value in case.settings.items()})
    kernel.flush()
    sender = Sender(family)
    for step in case_packets(case, CASES):
        data = sender.octets(step)
        if step.expected is None:
            continue
        answer, _ = kernel.judge(data)
        assert answer is None or answer == step.expected[:2], f"{step.place}: {step.text}"


@pytest.mark.needs("conntrack")
def test_the_kernel_judges_each_packet_at_once(kernel: KernelJudge) -> None:
    kernel.use({})
    kernel.flush()
    answers = [kernel.judge(packet) for packet in HANDSHAKE]
    assert answers == [
        (Answer("NEW", "original"), True),
        (Answer("ESTABLISHED", "reply"), True),
        (Answer("ESTABLISHED", "original"), True),
    ]
    assert len(kernel.entries()) == 1
    kernel.flush()
    assert kernel.entries() == []


@pytest.mark.needs("conntrack")
def test_a_packet_that_is_not_forwarded_has_no_connection(kernel: KernelJudge) -> None:
    kernel.use({})
    kernel.flush()
    assert kernel.judge(tcp("S", 1, hops=1)) == (Answer("NEW", "original"), False)
    assert kernel.entries() == []


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize(
    "data", [b"\x45" * 8, HANDSHAKE[0][:11] + b"\0" + HANDSHAKE[0][12:], b"\x10" + bytes(30)]
)
def test_what_is_no_sound_ip_packet_is_not_judged(kernel: KernelJudge, data: bytes) -> None:
    assert kernel.judge(data) == (None, False)


@pytest.mark.needs("conntrack")
def test_a_switch_of_the_kernel_is_turned_and_turned_back(kernel: KernelJudge) -> None:
    middle = tcp("A", 5, 5)
    for switches, state in (({"tcp_loose": 0}, "INVALID"), ({}, "NEW")):
        kernel.use(switches)
        kernel.flush()
        answer, _ = kernel.judge(middle)
        assert answer is not None
        assert answer.state == state


def liberal(switches: Mapping[str, int]) -> OurJudge:
    """A judge that is wrong about windows."""
    return OurJudge({**switches, "tcp_be_liberal": 1})


@pytest.mark.needs("conntrack")
def test_a_judge_that_is_wrong_is_found_out_and_shown_in_few_packets(kernel: KernelJudge) -> None:
    beyond = tcp("A", 900_001, 10)
    noise = [Sent(wire.ip(wire.CLIENT4, wire.SERVER4, wire.UDP, wire.udp(b"x"))) for _ in range(20)]
    packets = [Sent(packet) for packet in HANDSHAKE]
    long = Sequence("long", [*noise, *packets, *noise, Sent(beyond), *noise])
    outcome = compare(kernel, long, liberal)
    assert outcome.differing == 43
    assert outcome.differing_kind == "IPv4 tcp: kernel INVALID, ours ESTABLISHED"
    assert outcome.followed == 0
    assert compare(kernel, long).differing is None
    # The handshake's last packet is not needed.
    shortest = minimize(kernel, long, liberal)
    assert [sent.data for sent in shortest.packets] == [*HANDSHAKE[:2], beyond]


@pytest.mark.needs("conntrack")
def test_a_report_counts_classes_and_keeps_the_first_of_each(kernel: KernelJudge) -> None:
    wrong = Sequence("wrong", [*map(Sent, HANDSHAKE), *[Sent(tcp("A", 900_001, 10))] * 2])
    report = Report()
    for _ in range(3):
        report.add(compare(kernel, wrong, liberal))
    kind = "IPv4 tcp: kernel INVALID, ours ESTABLISHED"
    assert (report.judged, report.differing, report.followed) == (15, 3, 3)
    assert report.kinds == Counter({kind: 3})
    assert report.first == {kind: wrong}
    assert f"3  {kind}" in report.text()


@pytest.mark.needs("conntrack")
def test_a_case_file_holds_all_that_is_needed(kernel: KernelJudge, tmp_path: Path) -> None:
    told = Sequence("told", [*map(Sent, HANDSHAKE)], {"tcp_loose": 0})
    path = tmp_path / "a.case"
    path.write_text(case_text(told, history(kernel, told)))
    read = read_case(path)
    assert [sent.data for sent in read.packets] == list(HANDSHAKE)
    assert read.switches == told.switches


def test_a_capture_is_a_sequence_too(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    raw_ip = 101
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, raw_ip)
    records = [struct.pack("<IIII", 1, 0, len(data), len(data)) + data for data in HANDSHAKE]
    path.write_bytes(header + b"".join(records))
    assert [sent.data for sent in read_capture(path).packets] == list(HANDSHAKE)


@pytest.mark.parametrize("text", ["", "# nothing\n", "packet 4x\n", "with tcp_loose=maybe\n"])
def test_a_case_file_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.case"
    path.write_text(text)
    with pytest.raises(CaseError, match=r"a\.case"):
        read_case(path)


def test_a_seed_makes_the_same_packets_every_time() -> None:
    assert sequence(7, 3) == sequence(7, 3)
    assert sequence(7, 3).packets != sequence(8, 3).packets
    assert [made.name for made in islice(sequences(7), 2)] == [
        "seed 7 sequence 0",
        "seed 7 sequence 1",
    ]


def test_every_state_of_tcp_is_reached() -> None:
    from firewalld_py.conntrack.tcp_states import STATE_NAMES

    states: Counter[str] = Counter()
    for generated in islice(sequences(1, {"tcp"}), 300):
        judge = OurJudge(generated.switches)
        for number, sent in enumerate(generated.packets):
            judge.judge(sent.data, float(number) / 1000, accept=True)
            states[judge.table().split(" ", 1)[0]] += 1
    assert set(STATE_NAMES[1:10]) <= set(states), states


@pytest.mark.parametrize(
    "topic",
    [topic for topic in TOPICS if topic not in ("errors", "headers", "checksums", "fragments")],
)
def test_any_octets_can_be_described(topic: str) -> None:
    for generated in islice(sequences(3, {topic, "headers", "errors", "fragments"}), 20):
        for sent in generated.packets:
            assert describe(sent.data)
            assert describe(sent.data[: len(sent.data) // 2])
    assert describe(b"") == "no packet"


def test_a_fragment_with_another_number_is_the_same_otherwise() -> None:
    whole = wire.ipv4(wire.CLIENT4, wire.SERVER4, wire.UDP, bytes(8))
    piece = wire.ipv4(wire.CLIENT4, wire.SERVER4, wire.UDP, bytes(8), fragment=0x2000)
    wrong = piece[:10] + bytes((piece[10] ^ 1,)) + piece[11:]
    for number in (0, 1, 0xABCD, 0x1FFFF):
        assert renumbered(whole, number) == whole
        other = renumbered(piece, number)
        assert wire.ones_complement(other[:20]) == 0
        assert wire.ones_complement(renumbered(wrong, number)[:20]) != 0
        assert int.from_bytes(other[4:6], "big") == 1 ^ number & 0xFFFF
        assert other[:4] + other[6:10] + other[12:] == piece[:4] + piece[6:10] + piece[12:]
    header = bytes((wire.UDP, 0, 0, 1, 0, 0, 0, 5))
    routing = wire.extension(44)
    behind = wire.ipv6(wire.CLIENT6, wire.SERVER6, 43, routing + header + bytes(8))
    assert renumbered(behind, 3) == behind[:55] + b"\6" + behind[56:]
    assert renumbered(behind[:54], 3) == behind[:54]


def test_known_departures_have_names_and_reasons() -> None:
    assert len({known.name for known in DEPARTURES}) == len(DEPARTURES)
    assert all(known.reason for known in DEPARTURES)


def test_most_traces_can_be_put_to_the_kernel() -> None:
    assert len(KERNEL_CASES) > len(CASES) * 2 // 3
