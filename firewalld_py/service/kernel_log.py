"""A packet as text, in the words and the order of the kernel's LOG target.

What psad, fail2ban and logstash read in `dmesg` they can read here: same fields, same order, same
spelling, also for packets that are cut, fragmented or quoted by an ICMP error. The reference is
what net/netfilter/nf_log_syslog.c prints without any of its option flags; the test
tests/live/test_kernel_log.py holds the two side by side. Never raises, whatever the octets are.
"""

from __future__ import annotations

from typing import Final

from firewalld_py.packet.protocols import (
    ICMP_DEST_UNREACH,
    ICMP_ECHO,
    ICMP_ECHOREPLY,
    ICMP_HEADER,
    ICMP_PARAMETERPROB,
    ICMP_REDIRECT,
    ICMP_SOURCE_QUENCH,
    ICMP_TIME_EXCEEDED,
    ICMP_TIMESTAMP,
    ICMP_TIMESTAMPREPLY,
    ICMPV6_ECHO_REPLY,
    ICMPV6_ECHO_REQUEST,
    IPPROTO_AH,
    IPPROTO_DSTOPTS,
    IPPROTO_FRAGMENT,
    IPPROTO_HOPOPTS,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_ROUTING,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    IPV4_MIN,
    IPV6_HEADER,
    TCP_MIN,
    UDP_HEADER,
)

IPPROTO_ESP: Final = 50
AH_HEADER: Final = 12
ESP_HEADER: Final = 8
ICMP_FRAG_NEEDED: Final = 4
ICMP_ADDRESS: Final = 17
ICMP_ADDRESSREPLY: Final = 18

# Octets an ICMP message of this type must have, or the kernel prints INCOMPLETE.
ICMP_REQUIRED: Final[dict[int, int]] = {
    ICMP_ECHOREPLY: 4,
    ICMP_DEST_UNREACH: 8 + IPV4_MIN,
    ICMP_SOURCE_QUENCH: 8 + IPV4_MIN,
    ICMP_REDIRECT: 8 + IPV4_MIN,
    ICMP_ECHO: 4,
    ICMP_TIME_EXCEEDED: 8 + IPV4_MIN,
    ICMP_PARAMETERPROB: 8 + IPV4_MIN,
    ICMP_TIMESTAMP: 20,
    ICMP_TIMESTAMPREPLY: 20,
    ICMP_ADDRESS: 12,
    ICMP_ADDRESSREPLY: 12,
}
ICMP_QUOTING: Final = (ICMP_DEST_UNREACH, ICMP_SOURCE_QUENCH, ICMP_REDIRECT, ICMP_TIME_EXCEEDED)

ICMPV6_DEST_UNREACH: Final = 1
ICMPV6_PKT_TOOBIG: Final = 2
ICMPV6_TIME_EXCEED: Final = 3
ICMPV6_PARAMPROB: Final = 4

EXTENSION_HEADERS: Final = (
    IPPROTO_HOPOPTS,
    IPPROTO_ROUTING,
    IPPROTO_FRAGMENT,
    IPPROTO_ESP,
    IPPROTO_AH,
    IPPROTO_DSTOPTS,
)

# The kernel's order, most significant first.
TCP_FLAG_WORDS: Final = (
    (0x80, "CWR"),
    (0x40, "ECE"),
    (0x20, "URG"),
    (0x10, "ACK"),
    (0x08, "PSH"),
    (0x04, "RST"),
    (0x02, "SYN"),
    (0x01, "FIN"),
)

PROTOCOL_WORDS: Final = {IPPROTO_TCP: "TCP", IPPROTO_UDP: "UDP", IPPROTO_UDPLITE: "UDPLITE"}


class PacketText:
    """The words of one packet, and beside them the facts a structured log wants.

    `head` is the packet's beginning, `length` all of it in octets (the kernel's skb->len), `mark`
    its mark. After construction `text` is the line from SRC= on, without the kernel's trailing
    blank; `facts` holds those of SRC, DST, PROTO, SPT and DPT that the outer packet has.
    """

    def __init__(self, head: bytes, length: int, mark: int = 0) -> None:
        self._head = head
        self._length = length
        self._parts: list[str] = []
        self.facts: dict[str, str] = {}
        version = head[0] >> 4 if head else 0
        if version == 4:
            complete = self._ipv4(0, outer=True)
        elif version == 6:
            complete = self._ipv6(0, outer=True)
        else:  # the kernel never logs such a packet; these words are ours
            self._add(f"LEN={length} TRUNCATED" if not head else f"LEN={length} NOTIP")
            complete = True
        if complete and mark:
            self._add(f"MARK=0x{mark:x}")
        self.text = "".join(self._parts).rstrip(" ")

    def _add(self, word: str) -> None:
        # A blank behind every word, as the kernel does it; its TRUNCATED alone has none.
        self._parts.append(word + " ")

    def _u16(self, at: int) -> int:
        return self._head[at] << 8 | self._head[at + 1]

    def _u32(self, at: int) -> int:
        return int.from_bytes(self._head[at : at + 4], "big")

    def _has(self, at: int, octets: int) -> bool:
        return at + octets <= len(self._head)

    def _incomplete(self, at: int) -> None:
        # The kernel prints an unsigned difference, also where a header claims more than there is.
        self._add(f"INCOMPLETE [{(self._length - at) & 0xFFFFFFFF} bytes]")

    def _address(self, at: int, octets: int) -> str:
        raw = self._head[at : at + octets]
        if octets == 4:
            return ".".join(map(str, raw))
        return raw.hex(":", 2)

    def _addresses(self, at: int, octets: int, outer: bool) -> None:
        source, destination = self._address(at, octets), self._address(at + octets, octets)
        self._add(f"SRC={source} DST={destination}")
        if outer:
            self.facts["SRC"], self.facts["DST"] = source, destination

    def _protocol(self, word: str, outer: bool) -> None:
        self._add(f"PROTO={word}")
        if outer:
            self.facts["PROTO"] = word

    def _ipv4(self, start: int, outer: bool) -> bool:
        """Returns whether the mark may follow; False where the kernel leaves off."""
        if not self._has(start, IPV4_MIN):
            self._parts.append("TRUNCATED")
            return False
        head = self._head
        self._addresses(start + 12, 4, outer)
        tos = head[start + 1]
        self._add(
            f"LEN={self._u16(start + 2)} TOS=0x{tos & 0x1E:02X} PREC=0x{tos & 0xE0:02X} "
            f"TTL={head[start + 8]} ID={self._u16(start + 4)}"
        )
        fragment = self._u16(start + 6)
        for bit, word in ((0x8000, "CE"), (0x4000, "DF"), (0x2000, "MF")):
            if fragment & bit:
                self._add(word)
        offset = fragment & 0x1FFF
        if offset:
            self._add(f"FRAG:{offset}")
        at = start + ((head[start] & 0x0F) << 2)
        return self._ipv4_payload(head[start + 9], at, offset != 0, outer)

    def _ipv4_payload(self, protocol: int, at: int, fragment: bool, outer: bool) -> bool:
        if protocol in PROTOCOL_WORDS:
            return self._ports(protocol, at, fragment, outer)
        if protocol == IPPROTO_ICMP:
            self._protocol("ICMP", outer)
            if not fragment:
                self._icmp(at, outer)
        elif protocol == IPPROTO_AH:
            self._ah(at, fragment, outer)
        elif protocol == IPPROTO_ESP:
            self._protocol("ESP", outer)
            if not fragment:
                self._spi(at, at, ESP_HEADER)
        else:
            self._protocol(str(protocol), outer)
        return True

    def _ports(self, protocol: int, at: int, fragment: bool, outer: bool) -> bool:
        """TCP, UDP and UDP-Lite; False if the header is not all there."""
        self._protocol(PROTOCOL_WORDS[protocol], outer)
        if fragment:
            return True
        if not self._has(at, TCP_MIN if protocol == IPPROTO_TCP else UDP_HEADER):
            self._incomplete(at)
            return False
        sport, dport = str(self._u16(at)), str(self._u16(at + 2))
        self._add(f"SPT={sport} DPT={dport}")
        if outer:
            self.facts["SPT"], self.facts["DPT"] = sport, dport
        if protocol == IPPROTO_TCP:
            self._tcp(at)
        else:
            self._add(f"LEN={self._u16(at + 4)}")
        return True

    def _tcp(self, at: int) -> None:
        # The lowest reserved bit became the flag AE (RFC 9768); the kernel prints it so since 6.16.
        reserved = (self._head[at + 12] & 0x0E) << 2
        self._add(f"WINDOW={self._u16(at + 14)} RES=0x{reserved:02x}")
        flags = self._head[at + 13]
        if self._head[at + 12] & 0x01:
            self._add("AE")
        for bit, word in TCP_FLAG_WORDS:
            if flags & bit:
                self._add(word)
        self._add(f"URGP={self._u16(at + 18)}")

    def _ah(self, at: int, fragment: bool, outer: bool) -> None:
        if not fragment:
            self._protocol("AH", outer)
            self._spi(at, at + 4, AH_HEADER)
        elif outer:  # the kernel does not name the protocol of such a fragment; the facts may
            self.facts["PROTO"] = "AH"

    def _spi(self, at: int, where: int, size: int) -> None:
        if self._has(at, size):
            self._add(f"SPI=0x{self._u32(where):x}")
        else:
            self._incomplete(at)

    def _icmp(self, at: int, outer: bool) -> None:
        if not self._has(at, ICMP_HEADER):
            self._incomplete(at)
            return
        kind, code = self._head[at], self._head[at + 1]
        self._add(f"TYPE={kind} CODE={code}")
        if self._length - at < ICMP_REQUIRED.get(kind, 0):
            self._incomplete(at)
            return
        if kind in (ICMP_ECHO, ICMP_ECHOREPLY):
            self._add(f"ID={self._u16(at + 4)} SEQ={self._u16(at + 6)}")
        elif kind == ICMP_PARAMETERPROB:
            self._add(f"PARAMETER={self._head[at + 4]}")
        elif kind == ICMP_REDIRECT:
            self._add(f"GATEWAY={self._address(at + 4, 4)}")
        if kind in ICMP_QUOTING:
            if outer:
                self._quote(at + ICMP_HEADER, 4)
            if kind == ICMP_DEST_UNREACH and code == ICMP_FRAG_NEEDED:
                self._add(f"MTU={self._u16(at + 6)}")

    def _quote(self, at: int, version: int) -> None:
        """The quoted packet in brackets; the kernel looks at no version there."""
        self._parts.append("[")
        if version == 4:
            self._ipv4(at, outer=False)
        else:
            self._ipv6(at, outer=False)
        self._add("]")

    def _ipv6(self, start: int, outer: bool) -> bool:
        """Returns whether the mark may follow; False where the kernel leaves off."""
        if not self._has(start, IPV6_HEADER):
            self._parts.append("TRUNCATED")
            return False
        self._addresses(start + 8, 16, outer)
        word = self._u32(start)
        self._add(
            f"LEN={self._u16(start + 4) + IPV6_HEADER} TC={word >> 20 & 0xFF} "
            f"HOPLIMIT={self._head[start + 7]} FLOWLBL={word & 0xFFFFF}"
        )
        at, following, fragment = start + IPV6_HEADER, self._head[start + 6], False
        while following in EXTENSION_HEADERS:
            if not self._has(at, 2):
                self._parts.append("TRUNCATED")
                return False
            size, fragment = self._extension(following, at, fragment)
            if size == 0:
                return False
            following = self._head[at]
            at += size
        return self._ipv6_payload(following, at, fragment, outer)

    def _extension(self, header: int, at: int, fragment: bool) -> tuple[int, bool]:
        """Length of this extension header (0: the kernel prints no more), and: a later fragment?"""
        if header == IPPROTO_FRAGMENT:
            if not self._has(at, 8):
                self._add("FRAG:TRUNCATED")
                return 0, fragment
            offset = self._u16(at + 2)
            more = " INCOMPLETE" if offset & 1 else ""
            self._add(f"FRAG:{offset & 0xFFF8}{more} ID:{self._u32(at + 4):08x}")
            return 8, fragment or (offset & 0xFFF8) != 0
        if header == IPPROTO_AH:
            return (self._head[at + 1] + 2) << 2, fragment
        if header == IPPROTO_ESP or fragment:
            return 0, fragment
        return (self._head[at + 1] + 1) << 3, fragment

    def _ipv6_payload(self, protocol: int, at: int, fragment: bool, outer: bool) -> bool:
        if protocol in PROTOCOL_WORDS:
            return self._ports(protocol, at, fragment, outer)
        if protocol != IPPROTO_ICMPV6:
            self._protocol(str(protocol), outer)
            return True
        self._protocol("ICMPv6", outer)
        return fragment or self._icmpv6(at, outer)

    def _icmpv6(self, at: int, outer: bool) -> bool:
        if not self._has(at, ICMP_HEADER):
            self._incomplete(at)
            return False
        kind, code = self._head[at], self._head[at + 1]
        self._add(f"TYPE={kind} CODE={code}")
        if kind in (ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY):
            self._add(f"ID={self._u16(at + 4)} SEQ={self._u16(at + 6)}")
        elif kind == ICMPV6_PARAMPROB:
            self._add(f"POINTER={self._u32(at + 4):08x}")
        if ICMPV6_DEST_UNREACH <= kind <= ICMPV6_PARAMPROB:
            if outer:
                self._quote(at + ICMP_HEADER, 6)
            if kind == ICMPV6_PKT_TOOBIG:
                self._add(f"MTU={self._u32(at + 4)}")
        return True


def kernel_line(
    head: bytes, length: int, in_name: str, out_name: str, mark: int = 0
) -> tuple[str, dict[str, str]]:
    """The whole line from IN= on, and the packet's facts (see PacketText).

    The hardware header is not part of what the queue hands on, so MAC= stays empty, as the kernel
    writes it for an interface that has none; as there, it is left out without an input interface.
    """
    packet = PacketText(head, length, mark)
    mac = "MAC= " if in_name else ""
    return f"IN={in_name} OUT={out_name} {mac}{packet.text}", packet.facts
