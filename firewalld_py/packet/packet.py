"""One packet as the rest of the core sees it: offsets and numbers, no text."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from firewalld_py.packet.protocols import HOOK_FORWARD
from firewalld_py.packet.reasons import OK

UNKNOWN_INTERFACE: Final = -1


@mypyc_attr(acyclic=True, free_list_len=1)
class PacketMeta:
    """What the queue says of a packet beside its octets.

    `hook` is a netfilter hook number; `in_index` and `out_index` are interface indexes, 0 for none
    and -1 for unknown (a capture has none: a rule's interfaces then count as met). `truncated` says
    that the octets at hand are only the packet's beginning. `token` is the caller's name for the
    packet, by which a Decision speaks of fragments that came before (the queue's packet id).
    `arrived` is the time, in seconds of the packets' clock, at which it is judged; the pipeline
    sets it. `source_mac` is the Ethernet address that sent it, six octets, or b"" where that is not
    known: it has none, or no rule asks for it.
    """

    __slots__ = (
        "arrived",
        "hook",
        "in_index",
        "mark",
        "out_index",
        "source_mac",
        "token",
        "truncated",
    )

    def __init__(
        self,
        hook: int = HOOK_FORWARD,
        in_index: int = 0,
        out_index: int = 0,
        mark: int = 0,
        truncated: bool = False,
        token: int = 0,
        source_mac: bytes = b"",
    ) -> None:
        self.hook = hook
        self.in_index = in_index
        self.out_index = out_index
        self.mark = mark
        self.truncated = truncated
        self.token = token
        self.arrived = 0.0
        self.source_mac = source_mac


@mypyc_attr(acyclic=True, free_list_len=1)
class Packet:
    """An IP packet, taken apart once by `parse`.

    `data` are the octets at hand, `length` the datagram's length by its own header (padding behind
    it does not count; of a truncated packet fewer octets are at hand). `transport` is the offset of
    the transport header. `fault` is OK or the reason that makes the packet INVALID; fields
    of headers behind the fault are 0. `sport` and `dport` are meant only if `has_ports`.
    `fragment` is one that was not put together with others, `was_fragmented` a whole datagram that
    was put together here.
    """

    __slots__ = (
        "ack",
        "data",
        "dport",
        "dst",
        "fault",
        "fragment",
        "has_ports",
        "header_length",
        "icmp_code",
        "icmp_type",
        "length",
        "meta",
        "protocol",
        "seq",
        "sport",
        "src",
        "tcp_flags",
        "transport",
        "version",
        "was_fragmented",
        "window",
    )

    def __init__(self, data: bytes, meta: PacketMeta) -> None:
        self.data = data
        self.meta = meta
        self.version = 0
        self.length = 0
        self.src = b""
        self.dst = b""
        self.protocol = -1  # none known yet; 0 is a protocol number
        self.fragment = False
        self.was_fragmented = False
        self.transport = 0
        self.fault = OK
        self.has_ports = False
        self.sport = 0
        self.dport = 0
        # TCP: `header_length` is the data offset in octets; sequence numbers are 32 bits.
        self.header_length = 0
        self.tcp_flags = 0
        self.seq = 0
        self.ack = 0
        self.window = 0
        # ICMP and ICMPv6.
        self.icmp_type = 0
        self.icmp_code = 0
