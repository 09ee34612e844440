"""The octets of packets in words, and how the chain sees them.

A Talk makes one packet after another, so that TCP's numbers go on from packet to packet as they do
on the wire; without that, an exchange would be out of the window that tracking keeps.
"""

from __future__ import annotations

import struct
from typing import Final

from firewalld_py.packet.checksum import CRC32C_TABLE
from firewalld_py.packet.packet import UNKNOWN_INTERFACE, PacketMeta
from firewalld_py.packet.protocols import (
    HOOK_FORWARD,
    HOOK_INPUT,
    HOOK_OUTPUT,
    IPPROTO_DCCP,
    IPPROTO_GRE,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_SCTP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    TCP_ACK,
    TCP_FIN,
    TCP_SYN,
)
from firewalld_py.policy.packet_words import PacketWords

HOOKS: Final = {"input": HOOK_INPUT, "forward": HOOK_FORWARD, "output": HOOK_OUTPUT}
FIRST_SEQ: Final = 1000
WINDOW: Final = 65535
SCTP_TAG: Final = 1
QUOTED: Final = 548  # octets of the datagram in an ICMP error; RFC 1812 section 4.3.2.3

_Flow = tuple[bytes, int, bytes, int]


def meta_of(words: PacketWords, chain: str, indexes: dict[str, int]) -> PacketMeta:
    """What the queue would say of the packet; `indexes` gives interfaces their numbers.

    An interface that nobody named is unknown in forward (rules count it as met, as in a capture);
    elsewhere one of the two is none, and the other one unknown.
    """
    in_index = indexes.get(words.in_interface, UNKNOWN_INTERFACE)
    out_index = indexes.get(words.out_interface, UNKNOWN_INTERFACE)
    if chain == "input":
        out_index = 0
    elif chain == "output":
        in_index = 0
    meta = PacketMeta(HOOKS[chain], in_index, out_index, words.mark)
    meta.source_mac = words.source_mac
    return meta


def interface_indexes(packets: list[PacketWords]) -> dict[str, int]:
    """A number for every interface that the packets name; lo has its own, which is 1."""
    names = {name for words in packets for name in (words.in_interface, words.out_interface)}
    indexes = {name: index for index, name in enumerate(sorted(names - {"", "lo"}), 2)}
    return indexes | ({"lo": 1} if "lo" in names else {})


class Talk:
    """Makes octets; remembers what each side of each TCP connection sends next."""

    def __init__(self) -> None:
        self._next: dict[_Flow, int] = {}
        self._opened: set[_Flow] = set()  # SCTP
        self._tags: dict[_Flow, int] = {}  # SCTP
        self.last = b""

    def go_on(self, words: PacketWords, seq: int, ack: int, tag: int) -> None:
        """The numbers of the next packet: TCP's, and the verification tag of SCTP."""
        flow, back = _flows(words)
        self._next[flow], self._next[back] = seq, ack
        self._tags[flow] = tag

    def octets(self, words: PacketWords) -> bytes:
        """The datagram."""
        self.last = self._datagram(words, self._transport(words))
        return self.last

    def error(self, words: PacketWords) -> bytes:
        """An ICMP error about the datagram before."""
        quoted = self.last[:QUOTED]
        header = struct.pack("!BBHI", words.icmp_type, words.icmp_code, 0, 0)
        return self._datagram(words, _summed(words, header + quoted, 2))

    def _transport(self, words: PacketWords) -> bytes:
        protocol, ports = words.protocol, struct.pack("!HH", words.sport, words.dport)
        if protocol == IPPROTO_TCP:
            return self._tcp(words, ports)
        if protocol in (IPPROTO_UDP, IPPROTO_UDPLITE):
            payload = _filled(words, 8)
            coverage = 8 + len(payload) if protocol == IPPROTO_UDP else 0
            data = ports + struct.pack("!HH", coverage, 0) + payload
            return _summed(words, data, 6, zero_is_none=True)
        if protocol in (IPPROTO_ICMP, IPPROTO_ICMPV6):
            header = struct.pack("!BBHHH", words.icmp_type, words.icmp_code, 0, words.identifier, 1)
            return _summed(words, header + _filled(words, 8), 2)
        if protocol == IPPROTO_SCTP:
            return self._sctp(words, ports)
        if protocol == IPPROTO_DCCP:
            return ports + bytes(12) + _filled(words, 16)
        if protocol == IPPROTO_GRE and not words.payload:
            return b"\x00\x00\x08\x00" + _filled(words, 4)
        return _filled(words, 0)

    def _tcp(self, words: PacketWords, ports: bytes) -> bytes:
        """RFC 9293 section 3.1; SYN and FIN take a number each."""
        flow, back = _flows(words)
        options = struct.pack("!BBH", 2, 4, words.mss) if words.mss else b""
        payload = _filled(words, 20 + len(options))
        seq = self._next.get(flow, FIRST_SEQ)
        ack = self._next.get(back, FIRST_SEQ) if words.flags & TCP_ACK else 0
        taken = len(payload) + sum(1 for flag in (TCP_SYN, TCP_FIN) if words.flags & flag)
        self._next[flow] = (seq + taken) & 0xFFFFFFFF
        offset = (20 + len(options)) << 2  # in units of four octets, in the upper half
        header = struct.pack("!IIBBHHH", seq, ack, offset, words.flags, WINDOW, 0, 0)
        return _summed(words, ports + header + options + payload, 16)

    def _sctp(self, words: PacketWords, ports: bytes) -> bytes:
        """Without a payload, the INIT that opens an association, or the INIT ACK to it."""
        flow, back = _flows(words)
        tag, chunks = self._tags.get(flow, SCTP_TAG), words.payload
        if not chunks:
            answers = back in self._opened
            tag = SCTP_TAG if answers else 0
            chunks = struct.pack("!BBHIIHHI", 2 if answers else 1, 0, 20, SCTP_TAG, WINDOW, 1, 1, 1)
            self._opened.add(flow)
        crc = 0xFFFFFFFF
        for octet in ports + struct.pack("!II", tag, 0) + chunks:
            crc = crc >> 8 ^ CRC32C_TABLE[(crc ^ octet) & 0xFF]
        return ports + struct.pack("!I", tag) + struct.pack("<I", crc ^ 0xFFFFFFFF) + chunks

    def _datagram(self, words: PacketWords, transport: bytes) -> bytes:
        if words.version == 6:
            first = 6 << 28 | words.dscp << 22
            head = struct.pack("!IHBB", first, len(transport), words.protocol, words.ttl)
            return head + words.src + words.dst + transport
        head = struct.pack(
            "!BBHHHBBH4s4s",
            0x45,
            words.dscp << 2,
            20 + len(transport),
            1,
            0,
            words.ttl,
            words.protocol,
            0,
            words.src,
            words.dst,
        )
        return head[:10] + _sum(head).to_bytes(2, "big") + head[12:] + transport


def _flows(words: PacketWords) -> tuple[_Flow, _Flow]:
    """The packet's own flow and that of its answers."""
    one, other = (words.src, words.sport), (words.dst, words.dport)
    return (*one, *other), (*other, *one)


def _filled(words: PacketWords, header: int) -> bytes:
    """The payload, with zeros behind it if the datagram is to be longer."""
    ip_header = 20 if words.version == 4 else 40
    return words.payload.ljust(max(words.length - ip_header - header, 0), b"\0")


def _sum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) & 1:
        data += b"\0"
    return 0xFFFF - int.from_bytes(data, "big") % 0xFFFF


def _summed(words: PacketWords, data: bytes, at: int, *, zero_is_none: bool = False) -> bytes:
    """The same with its checksum at this offset, over the pseudo header but for ICMP."""
    covered = data
    if words.protocol != IPPROTO_ICMP:
        numbers = struct.pack("!II", len(data), words.protocol)
        covered = words.src + words.dst + numbers + data
    found = _sum(covered)
    if found == 0 and zero_is_none:
        found = 0xFFFF  # RFC 768: no checksum is 0, so that 0 itself is sent as all ones
    return data[:at] + found.to_bytes(2, "big") + data[at + 2 :]
