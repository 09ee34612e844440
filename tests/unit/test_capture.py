"""Captures of all formats, whole and damaged, made here by scapy or octet by octet."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import PcapWriter, wrpcapng

from firewalld_py.service.capture import Capture, CaptureError, Frame

DATAGRAM = bytes(IP(src="10.1.0.5", dst="192.0.2.1") / UDP(sport=1, dport=2) / Raw(b"hello"))
MAC = bytes.fromhex("020000000001")
ETHERNET = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", type=0x0800)) + DATAGRAM


def frames(path: Path) -> list[Frame]:
    with Capture(str(path)) as capture:
        return list(capture)


def pcap(
    records: list[tuple[int, int, bytes, int]],
    order: str = "<",
    nano: bool = False,
    link_type: int = 1,
) -> bytes:
    """A pcap file of (seconds, fraction, octets, length on the wire)."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    data = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link_type)
    for seconds, fraction, octets, length in records:
        data += struct.pack(order + "IIII", seconds, fraction, len(octets), length) + octets
    return data


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(link_type: int, name: str, resolution: int | None = None, order: str = "<") -> bytes:
    """An interface description block; `resolution` is the option if_tsresol."""
    options = option(2, name.encode(), order)
    if resolution is not None:
        options += option(9, bytes((resolution,)), order)
    body = struct.pack(order + "HHI", link_type, 0, 0) + options + option(0, b"", order)
    return block(1, body, order)


def packet(number: int, ticks: int, data: bytes, order: str = "<", length: int = 0) -> bytes:
    """An enhanced packet block of interface `number`."""
    head = (number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), length or len(data))
    body = struct.pack(order + "5I", *head) + data
    return block(6, body, order)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("nano", "fraction"), [(False, 250_000), (True, 250_000_000)])
@pytest.mark.parametrize("zipped", [False, True])
def test_pcap_in_both_byte_orders_and_resolutions(
    tmp_path: Path, order: str, nano: bool, fraction: int, zipped: bool
) -> None:
    data = pcap([(1700000000, fraction, ETHERNET, len(ETHERNET))] * 2, order, nano)
    path = tmp_path / "a.pcap"
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert frames(path) == [Frame(1700000000.25, DATAGRAM, False, None, MAC)] * 2


def test_what_scapy_writes_is_read_back(tmp_path: Path) -> None:
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    ip = IP(DATAGRAM)
    sent = [ether / ip, ether / Dot1Q(vlan=5) / ip, ether / ARP(), ether / Dot1Q() / Dot1Q() / ip]
    with PcapWriter(str(tmp_path / "a.pcap")) as writer:
        writer.write(sent)
    wrpcapng(str(tmp_path / "a.pcapng"), sent)
    expected = [DATAGRAM, DATAGRAM, None, DATAGRAM]
    assert [frame.data for frame in frames(tmp_path / "a.pcap")] == expected
    assert [frame.data for frame in frames(tmp_path / "a.pcapng")] == expected


def test_padding_is_left_to_the_parser(tmp_path: Path) -> None:
    padded = ETHERNET + bytes(13)
    (tmp_path / "a").write_bytes(pcap([(1, 0, padded, len(padded))]))
    assert frames(tmp_path / "a")[0].data == DATAGRAM + bytes(13)


def test_a_packet_cut_by_the_snapshot_length_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pcap([(1, 0, ETHERNET[:40], len(ETHERNET))]))
    assert frames(tmp_path / "a") == [Frame(1.0, DATAGRAM[:26], True, None, MAC)]


def test_an_unknown_link_type_holds_no_ip_packets(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pcap([(1, 0, ETHERNET, len(ETHERNET))], link_type=105))
    assert frames(tmp_path / "a") == [Frame(1.0, None, False, None)]


def test_the_link_type_is_read_without_its_upper_bits(tmp_path: Path) -> None:
    link_type = 0x24000001  # Ethernet with a frame check sequence of 4 octets
    (tmp_path / "a").write_bytes(pcap([(1, 0, ETHERNET, len(ETHERNET))], link_type=link_type))
    assert frames(tmp_path / "a")[0].data == DATAGRAM


def test_a_super_packet_of_64_kb_is_whole(tmp_path: Path) -> None:
    big = bytes(IP(src="1.1.1.1", dst="2.2.2.2", len=65535)) + bytes(65515)
    data = ETHERNET[:14] + big
    (tmp_path / "a").write_bytes(pcap([(1, 0, data, len(data))]))
    assert frames(tmp_path / "a") == [Frame(1.0, big, False, None, MAC)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_with_several_interfaces_and_resolutions(tmp_path: Path, order: str) -> None:
    data = section(order) + interface(1, "lan0", order=order)
    data += interface(101, "tun0", 9, order) + interface(113, "any", 0x80 | 10, order)
    data += packet(0, 1_700_000_000_250_000, ETHERNET, order)
    data += packet(1, 1_700_000_000_500_000_000, DATAGRAM, order)
    data += block(5, bytes(12), order)  # statistics
    data += packet(2, 1_700_000_000 * 1024 + 768, bytes(14) + b"\x08\x00" + DATAGRAM, order)
    data += packet(1, 1_700_000_001_000_000_000, DATAGRAM[:24], order, len(DATAGRAM))
    data += block(0x0BAD, b"unknown", order)
    (tmp_path / "a").write_bytes(data)
    assert frames(tmp_path / "a") == [
        Frame(1700000000.25, DATAGRAM, False, "lan0", MAC),
        Frame(1700000000.5, DATAGRAM, False, "tun0"),
        Frame(1700000000.75, DATAGRAM, False, "any"),
        Frame(1700000001.0, DATAGRAM[:24], True, "tun0"),
    ]


def test_every_section_numbers_its_interfaces_anew(tmp_path: Path) -> None:
    data = section() + interface(1, "lan0") + packet(0, 1_000_000, ETHERNET)
    data += section(">") + interface(101, "tun0", order=">") + packet(0, 2_000_000, DATAGRAM, ">")
    (tmp_path / "a").write_bytes(data)
    assert frames(tmp_path / "a") == [
        Frame(1.0, DATAGRAM, False, "lan0", MAC),
        Frame(2.0, DATAGRAM, False, "tun0"),
    ]


def test_a_simple_packet_block_has_the_time_of_the_one_before(tmp_path: Path) -> None:
    data = section() + block(1, struct.pack("<HHI", 101, 0, 65535)) + packet(0, 7_000_000, DATAGRAM)
    data += block(3, struct.pack("<I", len(DATAGRAM)) + DATAGRAM)
    (tmp_path / "a").write_bytes(data)
    assert [frame.time for frame in frames(tmp_path / "a")] == [7.0, 7.0]
    assert frames(tmp_path / "a")[1].data == DATAGRAM


def test_a_capture_without_packets_is_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pcap([]))
    (tmp_path / "b").write_bytes(section())
    assert frames(tmp_path / "a") == frames(tmp_path / "b") == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"no capture at all, but words", "neither pcap nor pcapng"),
        (pcap([])[:20], "ends in the middle of a record, after 20 octets"),
        (section()[:15], "ends in the middle of a record, after 15 octets"),
        (gzip.compress(b"words, but zipped"), "neither pcap nor pcapng"),
        (gzip.compress(pcap([]))[:12], "ended before the end-of-stream marker"),
    ],
)
def test_what_is_no_capture_is_an_error(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(CaptureError, match=why):
        Capture(str(tmp_path / "a"))


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"nothing\.pcap: No such file or directory"):
        Capture(str(tmp_path / "nothing.pcap"))
    with pytest.raises(CaptureError, match="Is a directory"):
        Capture(str(tmp_path))


PCAP = pcap([(number, 0, ETHERNET, len(ETHERNET)) for number in range(3)])
PCAPNG = section() + interface(1, "lan0") + packet(0, 1, ETHERNET) * 3


def until_damage(path: Path) -> tuple[int, str]:
    """How many frames could be read, and the error behind them."""
    read = 0
    with Capture(str(path)) as capture, contextlib.suppress(StopIteration):
        try:
            for _ in capture:
                read += 1
        except CaptureError as error:
            return read, str(error)
    return read, ""


@pytest.mark.parametrize(
    ("data", "cut"),
    [
        *((PCAP, cut) for cut in (1, len(ETHERNET), len(ETHERNET) + 5)),
        *((PCAPNG, cut) for cut in (1, 4, 20, len(packet(0, 1, ETHERNET)) - 4)),
    ],
)
def test_a_file_that_breaks_off_gives_what_is_whole_and_then_the_error(
    tmp_path: Path, data: bytes, cut: int
) -> None:
    (tmp_path / "a").write_bytes(data[:-cut])
    read, error = until_damage(tmp_path / "a")
    assert read == 2
    assert "damaged: it ends in the middle of a record, after" in error


def test_a_gzip_stream_that_breaks_off_is_damage(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(PCAP)[:-9])
    assert "damaged: " in until_damage(tmp_path / "a")[1]


def test_a_length_beyond_reason_is_damage_and_costs_no_memory(tmp_path: Path) -> None:
    huge = struct.pack("<II", 6, 0xFFFFFFF0)
    (tmp_path / "a").write_bytes(PCAPNG + huge + bytes(100))
    assert until_damage(tmp_path / "a") == (
        3, f"{tmp_path}/a: damaged: a record claims to have {0xFFFFFFF0 - 12} octets"
    )  # fmt: skip


def test_a_packet_of_an_interface_that_is_not_described_is_damage(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PCAPNG + packet(1, 1, ETHERNET) + packet(0, 1, ETHERNET))
    assert until_damage(tmp_path / "a")[0] == 3
    assert "a record makes no sense" in until_damage(tmp_path / "a")[1]


def test_standard_input_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(PCAP))

    monkeypatch.setattr(sys, "stdin", Stdin)
    with Capture("-") as capture:
        assert len(list(capture)) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from((PCAP, PCAPNG)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damage_of_any_kind_is_read_or_told(
    tmp_path: Path, data: bytes, changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(data)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    (tmp_path / "a").write_bytes(damaged)
    found: Any = None
    try:
        found = until_damage(tmp_path / "a")
    except CaptureError as error:
        found = str(error)
    assert found
