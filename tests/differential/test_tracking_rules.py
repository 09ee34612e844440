"""What raw rules may want of tracking, and filter rules of a connection: as the kernel does it.

Generated packets get one of a few hop limits, by which rules of both sides tell them apart: two
zones with the same addresses and ports in each, timeouts of their own, marks, labels.
"""

from __future__ import annotations

import socket
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from firewalld_py.packet.protocols import IPV4_MIN, IPV6_HEADER
from firewalld_py.rules.build import build_ruleset
from tests import wire
from tests.differential.compare import compare
from tests.differential.generate import TOPICS, sequences
from tests.differential.kernel import KernelJudge, run
from tests.differential.netlink import add_timeouts
from tests.differential.ours import DROP_MARK, OurJudge
from tests.differential.report import Report
from tests.differential.sequence import Sent, Sequence
from tests.plans import plan, rule, template

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKETS: Final = 3000
HOPS: Final = (60, 61, 62)
# A datagram in pieces has the hop limit of one of them; checksums are not for this.
COMPARED: Final = frozenset(TOPICS) - {"fragments", "headers", "checksums"}
TCP_TIMEOUTS: Final = {
    "tcp_timeout_syn_sent": 111, "tcp_timeout_syn_recv": 222, "tcp_timeout_established": 3333,
    "tcp_timeout_fin_wait": 444, "tcp_timeout_close_wait": 555, "tcp_timeout_last_ack": 666,
    "tcp_timeout_time_wait": 77, "tcp_timeout_close": 88, "tcp_timeout_syn_sent2": 99,
    "tcp_timeout_max_retrans": 1234, "tcp_timeout_unacknowledged": 2345,
}  # fmt: skip
UDP_TIMEOUTS: Final = {"udp_timeout": 345, "udp_timeout_stream": 456}
RAW: Final = """
*raw
-A PREROUTING -m ttl --ttl-eq 60 -p tcp -j CT --timeout our-tcp
-A PREROUTING -m ttl --ttl-eq 60 -p udp -j CT --timeout our-udp
-A PREROUTING -m ttl --ttl-eq 61 -j CT --zone 1
-A PREROUTING -m ttl --ttl-eq 62 -j CT --zone 65244
COMMIT
*filter
-A FORWARD -m ttl --ttl-eq 59 -j CONNMARK --set-xmark 0xabcd0000
-A FORWARD -m ttl --ttl-eq 59 -m connlabel --label 127 --set
-A FORWARD -m ttl --ttl-eq 60 -j CONNMARK --set-mark 0x100/0xff00
-A FORWARD -m ttl --ttl-eq 60 -m connlabel --label 5 --set
COMMIT
"""


def set_up() -> None:
    """The kernel's side; FORWARD sees a packet one hop later."""
    for family, command, hop_match in (
        (socket.AF_INET, "iptables-restore", "-m ttl --ttl-eq"),
        (socket.AF_INET6, "ip6tables-restore", "-m hl --hl-eq"),
    ):
        of_family = f"our{family}-"
        add_timeouts(f"{of_family}tcp", family, wire.TCP, list(TCP_TIMEOUTS.values()))
        add_timeouts(f"{of_family}udp", family, wire.UDP, list(UDP_TIMEOUTS.values()))
        rules = RAW.replace("-m ttl --ttl-eq", hop_match).replace("our-", of_family)
        run([command], rules)


def hops_of(data: bytes) -> int:
    return data[8] if data[0] >> 4 == 4 else data[7]


def with_hops(data: bytes, hops: int) -> bytes:
    """The packet with another hop limit; an IPv4 header's checksum stays as right as it was."""
    if data[0] >> 4 == 6:
        return data[:7] + bytes((hops,)) + data[8:]
    old, sum_ = data[8:10], data[10:12]
    new = bytes((hops, data[9]))
    complement = bytes(~octet & 0xFF for octet in sum_ + old)
    sum_ = wire.ones_complement(complement + new).to_bytes(2, "big")  # RFC 1624
    return data[:8] + new + sum_ + data[12:]


def is_whole(data: bytes) -> bool:
    return len(data) >= (IPV4_MIN if data[0] >> 4 == 4 else IPV6_HEADER)


def scattered(sequence: Sequence, rng: Random) -> Sequence:
    """The sequence with one of HOPS in each packet that is not to die on the way."""
    packets = [
        Sent(with_hops(sent.data, rng.choice(HOPS)), sent.note)
        if is_whole(sent.data) and hops_of(sent.data) > 1
        else sent
        for sent in sequence.packets
    ]
    return sequence.with_packets(packets)


def our_rules() -> dict[str, object]:
    """Ours see the hop limit as the packet's mark."""
    for_hops = {hops: ("mark", [[hops, 0xFFFFFFFF]]) for hops in HOPS}
    timeouts = template(timeouts={**TCP_TIMEOUTS, **UDP_TIMEOUTS})
    return plan(
        [
            rule("drop", ("mark", [[DROP_MARK, 0xFFFFFFFF]])),
            rule(
                "continue",
                for_hops[60],
                targets=[("connmark", [0xABCD0000, 0xFFFFFFFF]), ("label", [127])],
            ),
            rule("continue", for_hops[61], targets=[("connmark", [0x100, 0xFF00]), ("label", [5])]),
        ],
        prerouting=[
            rule("continue", for_hops[61], template=template(1)),
            rule("continue", for_hops[62], template=template(0xFEDC)),
            rule("continue", for_hops[60], ("proto", [wire.TCP, wire.UDP]), template=timeouts),
        ],
    )


class MarkingJudge(OurJudge):
    """Ours with rules of its own; each packet comes with its hop limit as its mark."""

    def __init__(self, switches: Mapping[str, int]) -> None:
        super().__init__(switches, build_ruleset(our_rules()))

    def mark(self, data: bytes) -> int:
        return hops_of(data) if is_whole(data) else 0


@pytest.mark.needs("conntrack")
@pytest.mark.parametrize("seed", [31, 32])
def test_zones_timeouts_marks_and_labels_are_the_kernels(seed: int) -> None:
    report = Report()
    rng = Random(seed)
    with KernelJudge(set_up) as kernel:
        for sequence in sequences(seed, COMPARED):
            report.add(compare(kernel, scattered(sequence, rng), MarkingJudge))
            if report.judged >= PACKETS:
                break
        zones = {entry.key[-2:] for entry in kernel.entries()}
    assert not report.differing, report.text()
    assert report.answers["ESTABLISHED reply"] > PACKETS // 20
    assert zones, "the last sequence left nothing in the table"
