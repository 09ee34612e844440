"""The corpus: whole conversations in the fuzzer's format, made of scapy's packets.

`python -m tests.fuzz.corpus` writes the files anew; inputs that the fuzzer found stand beside them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6ND_NS,
    ICMPv6ND_Redirect,
    ICMPv6NDOptRedirectedHdr,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import GRE
from scapy.layers.sctp import (
    SCTP,
    SCTPChunkAbort,
    SCTPChunkCookieAck,
    SCTPChunkCookieEcho,
    SCTPChunkData,
    SCTPChunkHeartbeatAck,
    SCTPChunkHeartbeatReq,
    SCTPChunkInit,
    SCTPChunkInitAck,
    SCTPChunkShutdown,
    SCTPChunkShutdownAck,
    SCTPChunkShutdownComplete,
)
from scapy.packet import Packet as Scapy
from scapy.packet import Raw

FILES: Final = Path(__file__).parent / "corpus"
AGAIN: Final = 0x20
SWAPPED: Final = 0x80
SYN_OPTIONS: Final[list[tuple[str, Any]]] = [("MSS", 1460), ("SAckOK", b""), ("WScale", 7)]
BOTH: Final[dict[str, tuple[Scapy, Scapy]]] = {
    "ipv4": (IP(src="10.1.0.5", dst="203.0.113.9"), IP(src="203.0.113.9", dst="10.1.0.5")),
    "ipv6": (IPv6(src="fd00:1::5", dst="fd00:2::9"), IPv6(src="fd00:2::9", dst="fd00:1::5")),
}


@cache
def files() -> dict[str, bytes]:
    """Every input of the corpus by its file's name."""
    return {path.name: path.read_bytes() for path in sorted(FILES.glob("*.bin"))}


def record(packet: Scapy, hook: int = 2, step: int = 1) -> bytes:
    """A packet as a record of play.py's format."""
    octets = bytes(packet)
    return bytes((hook | step << 2,)) + len(octets).to_bytes(2, "big") + octets


def conversation(*packets: Scapy, switches: int = 1, rest: bytes = b"") -> bytes:
    """An input: these packets, and further records as they are."""
    return bytes((switches,)) + b"".join(record(packet) for packet in packets) + rest


def tcp(there: Scapy, back: Scapy) -> dict[str, bytes]:
    """Connections from beginning to end, and some that go wrong."""
    out: dict[str, Any] = {"sport": 4000, "dport": 80}
    into: dict[str, Any] = {"sport": 80, "dport": 4000}
    syn = there / TCP(**out, flags="S", seq=1000, options=SYN_OPTIONS)
    syn_ack = back / TCP(**into, flags="SA", seq=5000, ack=1001, options=SYN_OPTIONS)
    ack = there / TCP(**out, flags="A", seq=1001, ack=5001)
    data = there / TCP(**out, flags="PA", seq=1001, ack=5001) / Raw(b"question")
    sack = back / TCP(**into, flags="A", seq=5001, ack=1009, options=[("SAck", (1100, 1200))])
    fin = there / TCP(**out, flags="FA", seq=1009, ack=5001)
    fin_back = back / TCP(**into, flags="FA", seq=5001, ack=1010)
    last = there / TCP(**out, flags="A", seq=1010, ack=5002)
    reset = back / TCP(**into, flags="RA", seq=5001, ack=1001)
    syn_back = back / TCP(**into, flags="S", seq=7000, options=SYN_OPTIONS)
    full = [packet.copy() for _ in range(5) for packet in (syn, syn_ack, ack)]
    for number, packet in enumerate(full):
        # Each connection from another port of the client.
        packet[TCP].setfieldval("dport" if number % 3 == 1 else "sport", 4001 + number // 3)
    return {
        "tcp-full-table": conversation(*full, syn, there / UDP(sport=4000, dport=7)),
        "tcp": conversation(syn, syn_ack, ack, data, sack, fin, fin_back, last, syn),
        "tcp-reset": conversation(syn, reset, syn, syn_ack, ack, reset),
        "tcp-both-open": conversation(syn, syn_back, syn_ack, ack),
        "tcp-midway": conversation(data, sack, fin, fin_back, last),
        "tcp-strict": conversation(data, syn, syn_ack, data, switches=14),
    }


def datagrams(there: Scapy, back: Scapy) -> dict[str, bytes]:
    """UDP, with answers, errors about it, and NOTRACK for port 9."""
    ask = there / UDP(sport=4000, dport=53) / Raw(b"question")
    answer = back / UDP(sport=53, dport=4000) / Raw(b"answer")
    discard = there / UDP(sport=4000, dport=9)
    error: Scapy = ICMPv6DestUnreach() if there.version == 6 else ICMP(type=3, code=3)
    again = bytes((AGAIN | SWAPPED | 2, 0, 0))
    return {
        "udp": conversation(ask, answer, ask, discard, rest=again),
        "udp-error": conversation(ask, back / error / ask, discard, back / error / discard),
    }


def sctp(there: Scapy, back: Scapy) -> dict[str, bytes]:
    """An association from INIT to SHUTDOWN COMPLETE, and one that is aborted."""
    out, into = SCTP(sport=4000, dport=2905, tag=7), SCTP(sport=2905, dport=4000, tag=5)
    init = there / SCTP(sport=4000, dport=2905, tag=0) / SCTPChunkInit(init_tag=5)
    init_ack = back / into / SCTPChunkInitAck(init_tag=7)
    echo, cookie_ack = there / out / SCTPChunkCookieEcho(), back / into / SCTPChunkCookieAck()
    opening = (init, init_ack, echo, cookie_ack)
    data = there / out / SCTPChunkData(data=b"data")
    closing = (
        there / out / SCTPChunkShutdown(),
        back / into / SCTPChunkShutdownAck(),
        there / out / SCTPChunkShutdownComplete(),
    )
    beat, answer = back / into / SCTPChunkHeartbeatReq(), there / out / SCTPChunkHeartbeatAck()
    stray = there / SCTP(sport=4000, dport=2905, tag=9) / SCTPChunkData(data=b"data")
    return {
        "sctp": conversation(*opening, data, *closing, init),
        "sctp-abort": conversation(*opening, there / out / SCTPChunkAbort(), switches=9),
        "sctp-midway": conversation(beat, stray, answer, data, *closing),
    }


def of_ipv4() -> dict[str, bytes]:
    """What only IPv4 has."""
    there, back = BOTH["ipv4"]
    piece = IP(src="10.1.0.5", dst="203.0.113.9", proto=17, id=7)
    whole = bytes(UDP(sport=4000, dport=53, len=40, chksum=0) / Raw(bytes(32)))
    pieces = [piece.copy() / Raw(whole[at : at + 16]) for at in (0, 16, 32)]
    for number, one in enumerate(pieces):
        one.frag, one.flags = number * 2, "MF" if number < 2 else 0
    overlap = pieces[1].copy()
    overlap.frag = 1
    ping = there / ICMP(type=8, id=7)
    clock = ICMP(type=13, id=7, ts_ori=0, ts_rx=0, ts_tx=0)
    others = [there / ICMP(type=kind, id=7) for kind in (15, 17, 5)]
    options = IP(src="10.1.0.5", dst="203.0.113.9", options=b"\x01" * 8)
    gre = there / GRE(proto=0x880B, key_present=1, seqnum_present=1, version=1)
    late = bytes((AGAIN | 2 | 5 << 2, 2, 0))
    return {
        "fragments-ipv4": conversation(*pieces, pieces[2], pieces[0], pieces[1]),
        "fragments-overlap-ipv4": conversation(pieces[0], overlap, pieces[1], rest=late),
        "icmp": conversation(ping, back / ICMP(type=0, id=7), back / ICMP(type=11) / ping),
        "icmp-kinds": conversation(there / clock, *others),
        "others-ipv4": conversation(
            options / UDP(sport=1, dport=2), gre, there / GRE(), back / GRE(),
            IP(src="10.1.0.5", dst="203.0.113.9", proto=136) / Raw(whole),
            IP(src="10.1.0.5", dst="203.0.113.9", proto=33) / Raw(whole),
            IP(src="10.1.0.5", dst="203.0.113.9", proto=50) / Raw(whole),
        ),
    }  # fmt: skip


def of_ipv6() -> dict[str, bytes]:
    """What only IPv6 has."""
    there, back = BOTH["ipv6"]
    whole = bytes(UDP(sport=4000, dport=53, len=40, chksum=1) / Raw(bytes(32)))
    pieces = [
        there
        / IPv6ExtHdrFragment(nh=17, offset=at // 8, m=at < 32, id=7)
        / Raw(whole[at : at + 16])
        for at in (0, 16, 32)
    ]
    nested = there / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(m=1, id=8) / IPv6ExtHdrDestOpt()
    ask = UDP(sport=4000, dport=53)
    router = IPv6(src="fe80::1", dst="fd00:1::5", hlim=255)
    redirect = router / ICMPv6ND_Redirect() / ICMPv6NDOptRedirectedHdr(pkt=there / ask)
    return {
        "fragments-ipv6": conversation(*pieces, pieces[2], nested / ask, pieces[1], pieces[0]),
        "icmpv6": conversation(
            there / ICMPv6EchoRequest(id=7), there / ICMPv6ND_NS(tgt="fd00:1::1"),
            there / ask, back / ICMPv6PacketTooBig() / there / IPv6ExtHdrDestOpt() / ask, redirect,
        ),
        "extensions": conversation(
            there / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / IPv6ExtHdrDestOpt() / ask,
            there / IPv6ExtHdrDestOpt(nh=59), there / IPv6ExtHdrDestOpt(nh=50) / Raw(bytes(8)),
            there / IPv6ExtHdrDestOpt(nh=51) / Raw(bytes((17, 1, *bytes(10))) + whole),
        ),
    }  # fmt: skip


def made() -> dict[str, bytes]:
    """All that this module makes, by file name."""
    inputs = of_ipv4() | of_ipv6()
    for family, (there, back) in BOTH.items():
        for make in (tcp, datagrams, sctp):
            inputs |= {f"{name}-{family}": data for name, data in make(there, back).items()}
    return {f"{name}.bin": data for name, data in inputs.items()}


def main() -> None:
    """Write the files."""
    FILES.mkdir(exist_ok=True)
    for name, data in made().items():
        (FILES / name).write_bytes(data)


if __name__ == "__main__":
    main()
