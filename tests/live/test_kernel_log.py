"""The text of a log line is what the kernel's own LOG prints for the same octets, to the last one.

Packets are written to a TUN device in a private namespace, where an nftables `log` rule prints them
to the kernel's ring; the line is read back from /dev/kmsg. A write to a TUN device runs the receive
path before it returns, so the line is there by then: nothing has to be waited for.
"""

from __future__ import annotations

import fcntl
import os
import random
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.packet import Raw

from firewalld_py.service.kernel_log import kernel_line
from tests.lab.netns import LabError, Namespace, run_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scapy.packet import Packet

ALL_NETNS: Final = Path("/proc/sys/net/netfilter/nf_log_all_netns")
pytestmark = pytest.mark.needs("root", "netns", "nft")

TUNSETIFF: Final = 0x400454CA
IFF_TUN: Final = 0x0001
IFF_NO_PI: Final = 0x1000
MARK: Final = 0x2A
PROBE: Final = "table inet probe {\nchain c {\nlog\n}\n}\n"
GENERATED: Final = 1500


class KernelLog:
    """A namespace with two TUN devices between which it forwards, and whose packets it logs."""

    def __init__(self, namespace: Namespace) -> None:
        """Bring up devices, routes and the log rules."""
        self.prefix = f"fwlog{os.getpid()} "
        self.knows_ae = True
        with namespace.entered():
            self._tun0, self._tun1 = _tun("tun0"), _tun("tun1")
        namespace.ip_batch(
            [
                *("link set tun0 up", "address add 10.9.0.1/24 dev tun0"),
                *("link set tun1 up", "address add 10.9.1.1/24 dev tun1"),
                "address add fd09::1/64 dev tun0 nodad",
                "address add fd09:1::1/64 dev tun1 nodad",
            ]
        )
        for key, value in (
            ("ipv4/ip_forward", 1),
            ("ipv6/conf/all/forwarding", 1),
            ("ipv4/conf/all/rp_filter", 0),
            ("ipv4/conf/tun0/rp_filter", 0),
        ):
            namespace.sysctl(key, value)
        with namespace.entered():
            run_command(["nft", "-f", "-"], self._rules())
        self._kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(self._kmsg, 0, os.SEEK_END)

    def _rules(self) -> str:
        return f"""table inet fwlog {{
            chain early {{
                type filter hook prerouting priority -300;
                iifname "tun0" log prefix "{self.prefix}in "
                iifname "tun0" meta mark set {MARK} log prefix "{self.prefix}marked "
            }}
            chain through {{
                type filter hook forward priority 0;
                iifname "tun0" log prefix "{self.prefix}through "
            }}
        }}"""

    def lines(self, data: bytes) -> dict[str, str]:
        """Hand one packet to the kernel; what it printed about it, by the chain's word."""
        os.write(self._tun0, data)
        found: dict[str, str] = {}
        while True:
            try:
                record = os.read(self._kmsg, 8192)
            except BlockingIOError:
                return found
            text = record.partition(b";")[2].partition(b"\n")[0].decode("ascii")
            if text.startswith(self.prefix):
                word, _, line = text.removeprefix(self.prefix).partition(" ")
                found[word] = line

    def close(self) -> None:
        """Close devices and the ring."""
        for descriptor in (self._tun0, self._tun1, self._kmsg):
            os.close(descriptor)


def _tun(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelLog]:
    if not ALL_NETNS.exists() or not Path("/dev/net/tun").exists():
        pytest.skip("this kernel has no nf_log_all_netns or no TUN devices")
    before = ALL_NETNS.read_text(encoding="ascii")
    namespace = Namespace(f"fwlog-{os.getpid()}")
    try:
        with namespace.entered():
            try:
                run_command(["nft", "-f", "-"], PROBE)
            except LabError as error:
                pytest.skip(f"nftables cannot log here: {str(error).splitlines()[0]}")
        ALL_NETNS.write_text("1", encoding="ascii")
        log = KernelLog(namespace)
        try:
            first = log.lines(bytes(ip4() / TCP(flags="NS")))
            if not first:
                pytest.skip("this kernel prints no LOG lines of namespaces")
            log.knows_ae = " AE " in first["in"]
            yield log
        finally:
            log.close()
    finally:
        ALL_NETNS.write_text(before, encoding="ascii")
        namespace.remove()


def compare(kernel: KernelLog, data: bytes) -> int:
    """Hold ours against every line the kernel printed; returns how many that were."""
    ours = {
        "in": kernel_line(data, len(data), "tun0", "")[0],
        "marked": kernel_line(data, len(data), "tun0", "", MARK)[0],
    }
    printed = kernel.lines(data)
    if "through" in printed:
        # Forwarding took one from the TTL and, in IPv4, put the difference into a checksum.
        ours["through"] = kernel_line(one_hop_later(data), len(data), "tun0", "tun1", MARK)[0]
    if not kernel.knows_ae:
        printed = {word: as_with_ae(line) for word, line in printed.items()}
    assert {word: line.rstrip(" ") for word, line in printed.items()} == {
        word: line for word, line in ours.items() if word in printed
    }
    return len(printed)


def as_with_ae(line: str) -> str:
    """The line of a kernel before 6.16, which counted the flag AE among the reserved bits."""
    found = re.search(r" RES=0x(..) ", line)
    if found is None or not int(found[1], 16) & 0x04:
        return line
    return line.replace(found[0], f" RES=0x{int(found[1], 16) & ~0x04:02x} AE ")


def one_hop_later(data: bytes) -> bytes:
    at = 8 if data[0] >> 4 == 4 else 7
    return data[:at] + bytes((data[at] - 1,)) + data[at + 1 :]


CLIENT4, SERVER4 = "10.9.0.2", "10.9.1.2"
CLIENT6, SERVER6 = "fd09::2", "fd09:1::2"


def ip4(**fields: Any) -> Packet:
    return IP(src=CLIENT4, dst=SERVER4, **fields)


def ip6(**fields: Any) -> Packet:
    return IPv6(src=CLIENT6, dst=SERVER6, **fields)


QUOTED4 = IPerror(src=SERVER4, dst=CLIENT4, id=7, ttl=60)
QUOTED6 = IPv6(src=SERVER6, dst=CLIENT6, fl=0x12345, tc=3)

PACKETS: Final[dict[str, Packet]] = {
    "tcp syn": ip4(flags="DF", id=4711) / TCP(sport=40000, dport=80, flags="S", window=64240),
    "tcp every flag": ip4() / TCP(flags="FSRPAUEC", urgptr=65535, reserved=7),
    "tcp no flag": ip4(tos=0xFF) / TCP(flags=0),
    "tcp ns bit": ip4() / TCP(flags="NS"),
    "tcp short header": ip4(proto=6) / Raw(b"\x12\x34\x00\x50short"),
    "udp": ip4(ttl=1) / UDP(sport=53, dport=5353) / Raw(b"hello"),
    "udp length lies": ip4() / UDP(len=9999) / Raw(b"x"),
    "udp short": ip4(proto=17) / Raw(b"1234567"),
    "udplite": ip4(proto=136) / Raw(b"\0\x35\0\x36\0\x08\0\0"),
    "first fragment": ip4(flags="MF") / UDP(sport=1, dport=2, len=2000) / Raw(b"x" * 64),
    "later fragment": ip4(frag=185, proto=17) / Raw(b"y" * 64),
    "reserved bit": ip4(flags="evil+DF") / UDP(),
    "options": ip4(options=b"\x94\x04\0\0") / TCP(sport=5, dport=6),
    "ping": ip4() / ICMP(type=8, id=77, seq=3),
    "icmp nothing there": ip4(proto=1),
    "icmp timestamp cut": ip4(proto=1) / Raw(b"\x0d\0\0\0\0\0\0\0"),
    "icmp redirect": ip4() / ICMP(type=5, code=1, gw="10.9.0.9") / QUOTED4 / UDPerror(sport=9),
    "icmp parameter": ip4() / ICMP(type=12, ptr=20) / QUOTED4 / UDPerror(),
    "icmp frag needed": ip4() / ICMP(type=3, code=4, nexthopmtu=1400) / QUOTED4 / TCPerror(dport=8),
    "icmp quote of 8 octets": ip4() / ICMP(type=11) / Raw(bytes(QUOTED4 / TCPerror(sport=1))[:28]),
    "icmp quote cut": ip4() / ICMP(type=3) / Raw(bytes(QUOTED4)[:19]),
    "icmp quotes an error": ip4() / ICMP(type=3) / QUOTED4 / ICMP(type=3) / QUOTED4,
    "icmp unknown type": ip4() / ICMP(type=200, code=9) / Raw(b"z" * 20),
    "esp": ip4(proto=50) / Raw(b"\x11\x22\x33\x44\0\0\0\x01"),
    "ah": ip4(proto=51) / Raw(b"\x06\x04\0\0\x11\x22\x33\x44\0\0\0\x01\0\0\0\0"),
    "ah cut": ip4(proto=51) / Raw(b"\x06\x04\0\0"),
    "gre": ip4(proto=47) / Raw(b"\0\0\x08\0" + b"x" * 30),
    "tcp over ipv6": ip6(tc=0xB8, fl=0xABCDE, hlim=3) / TCP(sport=4, dport=5, flags="SA"),
    "udp over ipv6": ip6() / UDP(sport=4, dport=5) / Raw(b"hi"),
    "ping6": ip6() / ICMPv6EchoRequest(id=9, seq=8),
    "neighbour solicitation": ip6(hlim=255) / ICMPv6ND_NS(tgt=SERVER6),
    "unreachable6": ip6() / ICMPv6DestUnreach(code=4) / QUOTED6 / UDP(sport=6, dport=7),
    "too big": ip6() / ICMPv6PacketTooBig(mtu=1280) / QUOTED6 / TCP(sport=6, dport=7),
    "parameter problem": ip6() / ICMPv6ParamProblem(ptr=40) / QUOTED6 / TCP(sport=6),
    "icmpv6 quote cut": ip6() / ICMPv6DestUnreach() / Raw(b"\x60" + bytes(20)),
    "icmpv6 short": ip6(nh=58) / Raw(b"\x80\0\0"),
    "fragment6": ip6() / IPv6ExtHdrFragment(m=1, id=0xABC) / UDP(len=2000) / Raw(b"x" * 64),
    "later fragment6": ip6() / IPv6ExtHdrFragment(offset=9, nh=17) / Raw(b"x" * 64),
    "fragment6 cut": ip6(nh=44) / Raw(b"\x11\0\0"),
    "extension headers": ip6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(dport=99),
    "routing header": ip6() / IPv6ExtHdrRouting(addresses=[], type=4) / UDP(dport=99),
    "options behind a later fragment": ip6()
    / IPv6ExtHdrFragment(offset=9, nh=60)
    / Raw(bytes(IPv6ExtHdrDestOpt(nh=17)) + b"x" * 8),
    "extension runs out": ip6(nh=0) / Raw(b"\x2b\0" + bytes(6)),
    "no next header": ip6(nh=59),
    "esp6": ip6(nh=50) / Raw(b"\0\0\0\x09\0\0\0\x01"),
    "ah6": ip6(nh=51) / Raw(b"\x11\x04\0\0\0\0\0\x09\0\0\0\x01" + bytes(12)) / Raw(bytes(UDP())),
}


@pytest.mark.parametrize("name", PACKETS)
def test_the_line_is_the_kernels_own(kernel: KernelLog, name: str) -> None:
    assert compare(kernel, bytes(PACKETS[name])) >= 2, "the kernel did not log this packet"


def test_a_forwarded_packet_names_both_interfaces_and_its_mark(kernel: KernelLog) -> None:
    printed = kernel.lines(bytes(ip4() / UDP(sport=1, dport=2)))
    assert printed["through"].startswith("IN=tun0 OUT=tun1 MAC= SRC=10.9.0.2 DST=10.9.1.2 ")
    assert printed["through"].rstrip().endswith(f"MARK=0x{MARK:x}")


@pytest.mark.parametrize("seed", range(4))
def test_generated_payloads_read_like_the_kernels(kernel: KernelLog, seed: int) -> None:
    """Headers that pass the kernel's IP layer, anything behind them."""
    dice = random.Random(seed)
    compared = 0
    for _ in range(GENERATED // 4):
        payload = dice.randbytes(dice.choice((0, 3, 7, 8, 11, 19, 20, 27, 28, 40, 47, 60, 90)))
        if dice.random() < 0.5:
            protocol = dice.choice((1, 1, 1, 6, 17, 50, 51, 136, dice.randrange(256)))
            if protocol == 1 and payload:
                payload = bytes((dice.randrange(20), dice.randrange(6))) + payload[2:]
            packet = ip4(
                proto=protocol, id=dice.randrange(1 << 16), flags=dice.randrange(8),
                tos=dice.randrange(256), frag=dice.choice((0, 0, dice.randrange(1 << 13))),
            )  # fmt: skip
        else:
            following = dice.choice((0, 43, 44, 50, 51, 60, 58, 58, 6, 17, 59, dice.randrange(256)))
            if following == 58 and payload:
                payload = bytes((dice.randrange(6),)) + payload[1:]
            elif following in (0, 43, 44, 51, 60) and len(payload) > 2:
                payload = bytes((dice.choice((6, 17, 58, 60, 44)), dice.randrange(3))) + payload[2:]
            packet = ip6(nh=following, fl=dice.randrange(1 << 20), tc=dice.randrange(256))
        compared += compare(kernel, bytes(packet / Raw(payload)))
    # Only broken hop-by-hop options are thrown away before the first rule sees them.
    assert compared > GENERATED // 4
