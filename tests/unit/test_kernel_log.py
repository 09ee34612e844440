"""The kernel's words for packets no kernel would hand over: cut heads and octets of any kind.

That whole packets read as the kernel prints them is shown by tests/live/test_kernel_log.py.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, UDPerror

from firewalld_py.service.kernel_log import kernel_line

SYN = bytes(IP(src="10.1.0.5", dst="203.0.113.9", id=1, flags="DF") / TCP(sport=40000, dport=80))
ERROR = bytes(
    IP(src="10.1.0.1", dst="10.1.0.5")
    / ICMP(type=3, code=3)
    / IPerror(src="10.1.0.5", dst="203.0.113.9")
    / UDPerror(sport=5, dport=6)
)


def line(head: bytes, length: int = 0) -> str:
    return kernel_line(head, length or len(head), "lan0", "wan0")[0]


def test_a_whole_packet() -> None:
    assert line(SYN) == (
        "IN=lan0 OUT=wan0 MAC= SRC=10.1.0.5 DST=203.0.113.9 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=1 "
        "DF PROTO=TCP SPT=40000 DPT=80 WINDOW=8192 RES=0x00 SYN URGP=0"
    )


def test_the_quoted_packet_of_an_error_stands_in_brackets() -> None:
    text, facts = kernel_line(ERROR, len(ERROR), "", "wan0")
    assert "PROTO=ICMP TYPE=3 CODE=3 [SRC=10.1.0.5 DST=203.0.113.9 LEN=28 " in text
    assert text.endswith("PROTO=UDP SPT=5 DPT=6 LEN=8 ]")
    assert text.startswith("IN= OUT=wan0 SRC=10.1.0.1 ")
    assert facts == {"SRC": "10.1.0.1", "DST": "10.1.0.5", "PROTO": "ICMP"}


@pytest.mark.parametrize(
    ("head", "end"),
    [
        (b"", "LEN=0 TRUNCATED"),
        (b"\x50abc", "LEN=4 NOTIP"),
        (SYN[:19], "MAC= TRUNCATED"),
        (SYN[:39], "PROTO=TCP INCOMPLETE [19 bytes]"),
        (b"\x60" + bytes(38), "MAC= TRUNCATED"),
    ],
)
def test_a_packet_that_is_cut_says_so(head: bytes, end: str) -> None:
    assert line(head).endswith(end)


def test_only_the_head_is_needed_of_a_long_packet() -> None:
    packet = bytes(IP(src="1.1.1.1", dst="2.2.2.2") / UDP(sport=1, dport=2) / bytes(1400))
    assert line(packet[:128], len(packet)) == line(packet)


@given(st.binary(max_size=200), st.integers(0, 1 << 17), st.integers(0, (1 << 32) - 1))
def test_no_octets_make_it_raise(head: bytes, length: int, mark: int) -> None:
    text, _ = kernel_line(head, length, "lan0", "", mark)
    assert text.isprintable()


@given(
    st.sampled_from((0x45, 0x46, 0x4F, 0x60)),
    st.sampled_from((0, 1, 6, 17, 43, 44, 50, 51, 58, 59, 60, 136)),
    st.binary(min_size=60, max_size=150),
    st.integers(1, 150),
)
def test_nor_do_cut_packets_of_every_protocol(
    first: int, protocol: int, rest: bytes, cut: int
) -> None:
    head = bytearray((first,)) + rest
    head[9 if first < 0x60 else 6] = protocol
    for fragment in (0, 3):
        head[6 if first < 0x60 else 7] = fragment
        assert line(bytes(head[:cut])).isprintable()
