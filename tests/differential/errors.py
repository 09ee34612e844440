"""ICMP and ICMPv6 errors about packets that were sent, were not, or cannot be told."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tests import wire
from tests.differential.conversation import payload
from tests.differential.sequence import Sent

if TYPE_CHECKING:
    from random import Random

ERROR_TYPES: Final = {
    4: (3, 3, 3, 11, 11, 12, 4, 5, 0, 1, 2, 19),
    6: (1, 1, 1, 2, 3, 3, 4, 0, 5, 100, 127, 137, 137),
}
REDIRECT6: Final = 137
LINK_LOCAL: Final = bytes.fromhex("fe80000000000000000000000000aa01")


def about(rng: Random, quoted: bytes, bystander: bytes) -> Sent:
    """An error about `quoted`, from its receiver or from a bystander; mostly sound, often not."""
    family = quoted[0] >> 4
    size = 4 if family == 4 else 16
    at = 12 if family == 4 else 8
    src, dst = quoted[at : at + size], quoted[at + size : at + 2 * size]
    note = "error"
    kind = rng.choice(ERROR_TYPES[family])
    code = rng.choice((0, 1, 3, 4, 13))
    if rng.random() < 0.35:
        quoted = _disturbed(rng, quoted)
        note = "error, odd quote"
    if rng.random() < 0.3:
        quoted = quoted[: rng.choice((rng.randrange(len(quoted) + 1), 28, 24, 48, 44))]
        note = "error, cut quote"
    sender, receiver = rng.choice((dst, bystander)), src
    if rng.random() < 0.12:
        receiver = rng.choice((dst, bystander))
        note = "error to somebody else"
    hops = 64
    body = quoted[:1200]
    if family == 6 and kind == REDIRECT6:
        body = _redirect_body(rng, body, dst)
        if rng.random() < 0.8:
            sender, hops = LINK_LOCAL, 255
        note = "redirect"
    message = wire.icmp(kind, code, rng.choice((bytes(4), b"\0\0\5\0")), body)
    protocol = wire.ICMP if family == 4 else wire.ICMPV6
    return Sent(wire.ip(sender, receiver, protocol, message, hops), note)


def _redirect_body(rng: Random, quoted: bytes, destination: bytes) -> bytes:
    """Target, destination, options; the one that quotes the packet last (RFC 4861, 4.5, 4.6.3)."""
    quoted += bytes(-len(quoted) % 8)
    option = struct.pack(">BB6x", 4, (1 + len(quoted) // 8) & 0xFF) + quoted
    before = rng.choice((b"", b"", b"\2\1" + bytes(6), b"\1\2" + bytes(14), b"\2\0" + bytes(6)))
    return LINK_LOCAL + destination + before + option


def _disturbed(rng: Random, quoted: bytes) -> bytes:
    """The quoted packet with something of it changed."""
    data = bytearray(quoted)
    what = rng.randrange(6)
    if what == 0:  # a port, an identifier
        at = (20 if data[0] >> 4 == 4 else 40) + rng.randrange(8)
        if at < len(data):
            data[at] ^= 1
    elif what == 1:  # the version
        data[0] = rng.randrange(16) << 4 | data[0] & 0x0F
    elif what == 2:  # the header's length, or the traffic class
        data[0] = data[0] & 0xF0 | rng.randrange(16)
    elif what == 3:  # the protocol
        data[9 if data[0] >> 4 == 4 else 6] = rng.randrange(256)
    elif what == 4:  # the fragment field, or the flow label
        data[6 if data[0] >> 4 == 4 else 3] = rng.choice((0x20, 0x40, 0x01, 0))
    else:
        data[rng.randrange(len(data))] = rng.getrandbits(8)
    return bytes(data)


def unsolicited(rng: Random, src: bytes, dst: bytes, bystander: bytes) -> Sent:
    """An error about a packet that nobody sent."""
    never = wire.ip(src, dst, wire.UDP, wire.udp(payload(rng, 4), rng.randrange(65536), 53))
    return Sent(about(rng, never, bystander).data, "error about nothing")
